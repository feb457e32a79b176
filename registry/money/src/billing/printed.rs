//! An invoice for people: a page made for print, and CSV.

use chandlery_package::wire::{Invoice, InvoiceState};
use maud::{DOCTYPE, Markup, html};

use crate::Error;
use crate::table::{self, Cell};

/// How the page looks. It is a file of its own, since no page may bring rules of its own.
pub(crate) const STYLE: &str = include_str!("invoice.css");

/// The invoice as a page of its own.
pub(crate) fn page(invoice: &Invoice) -> Markup {
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let state = match invoice.state {
        InvoiceState::Open => "to be paid",
        InvoiceState::Paid => "paid",
        InvoiceState::Uncollectible => "given up",
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Invoice " (invoice.number) }
                link rel="stylesheet" href="/invoice.css";
            }
            body {
                h1 { "Invoice " (invoice.number) }
                dl {
                    dt { "To" } dd { (invoice.account) }
                    dt { "Issued" } dd { (day(invoice.issued_at)) }
                    dt { "Due" } dd { (day(invoice.due_at)) }
                    dt { "State" } dd { (state) }
                    @if invoice.state == InvoiceState::Open {
                        dt { "Transfer text" } dd { strong { "INVOICE-" (invoice.number) } }
                    }
                }
                table {
                    thead { tr { th { "What" } th { "How much" } th.number { "Amount" } } }
                    tbody {
                        @for line in &invoice.lines {
                            tr { td { (line.description) } td { (line.quantity) } td.number { (line.amount) } }
                        }
                    }
                    tfoot {
                        tr { td {} td { "Net" } td.number { (invoice.net) } }
                        tr { td {} td { (invoice.tax_name) } td.number { (invoice.tax) } }
                        @if invoice.credit.minor() != 0 {
                            tr { td {} td { "Paid from your credit" } td.number { (invoice.credit.negated()) } }
                        }
                        tr.total { td {} td { "Total" } td.number { (invoice.total) } }
                        @if invoice.refunded.minor() != 0 {
                            tr { td {} td { "Credit notes" } td.number { (invoice.refunded.negated()) } }
                        }
                        @if let Some(paid) = invoice.part_paid {
                            tr { td {} td { "Paid so far" } td.number { (paid.negated()) } }
                        }
                    }
                }
            }
        }
    }
}

const COLUMNS: [&str; 6] = ["invoice", "kind", "description", "quantity", "currency", "minor"];

/// A row for each line of the invoice, its tax, its credit and its total.
pub(crate) fn csv(invoice: &Invoice) -> Result<String, Error> {
    let lines = invoice.lines.iter().map(|line| {
        (line.kind.as_str(), line.description.as_str(), line.quantity.as_str(), line.amount.minor())
    });
    let rest = [
        ("tax", invoice.tax_name.as_str(), "", invoice.tax.minor()),
        ("credit", "", "", -invoice.credit.minor()),
        ("total", "", "", invoice.total.minor()),
    ];
    let rows = table::rows(lines.chain(rest), |(kind, description, quantity, minor)| {
        vec![
            Cell::own(invoice.number),
            Cell::own(kind),
            Cell::Text(description),
            Cell::Text(quantity),
            Cell::own(invoice.net.currency()),
            Cell::own(minor),
        ]
    })?;
    Ok(table::head(&COLUMNS)? + &rows)
}

#[cfg(test)]
mod tests {
    use chandlery_package::Money;
    use chandlery_package::wire::{InvoiceLine, InvoiceLineKind};

    use super::*;

    #[test]
    fn a_hostile_description_is_no_formula() {
        let usd = |text: &str| text.parse::<Money>().unwrap();
        let line = InvoiceLine {
            kind: InvoiceLineKind::Service,
            description: "=cmd|' /C calc'!A0".into(),
            quantity: "1; \"2\"".into(),
            amount: usd("5.00 USD"),
            sale: None,
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let invoice = Invoice {
            number: 7,
            account: "acme".parse().unwrap(),
            lines: vec![line],
            net: usd("5.00 USD"),
            tax: usd("0.00 USD"),
            tax_name: "no tax".into(),
            credit: usd("1.00 USD"),
            total: usd("4.00 USD"),
            refunded: usd("0.00 USD"),
            part_paid: None,
            issued_at: at,
            due_at: at,
            state: InvoiceState::Open,
        };
        let lines = [
            "invoice,kind,description,quantity,currency,minor",
            "7,service,'=cmd|' /C calc'!A0,\"1; \"\"2\"\"\",USD,500",
            "7,tax,no tax,,USD,0",
            "7,credit,,,USD,-100",
            "7,total,,,USD,400",
            "",
        ];
        assert_eq!(csv(&invoice).unwrap(), lines.join("\r\n"));
        assert!(!page(&invoice).into_string().contains("<style"), "the policy of pages forbids it");
    }
}
