//! An invoice as a table, and what its page says beside its document.

use chandlery_package::wire::{Invoice, InvoiceState};

use crate::Error;
use crate::table::{self, Cell};

/// What has become of an invoice since it was issued, by what that is called on its page.
pub(crate) fn standing(invoice: &Invoice) -> Vec<(&'static str, String)> {
    let state = match invoice.state {
        InvoiceState::Open => "to be paid",
        InvoiceState::Paid => "paid",
        InvoiceState::Uncollectible => "given up",
    };
    let refunded =
        (!invoice.refunded.is_zero()).then(|| ("Credit notes", invoice.refunded.negated().to_string()));
    let paid = invoice.part_paid.map(|paid| ("Paid so far", paid.negated().to_string()));
    [Some(("State", state.to_owned())), refunded, paid].into_iter().flatten().collect()
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
        let standing = standing(&invoice);
        assert_eq!(standing, [("State", "to be paid".to_owned())]);
    }
}
