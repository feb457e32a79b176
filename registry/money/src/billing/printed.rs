//! An invoice for people: a page made for print, and CSV.

use std::fmt::Write as _;

use chandlery_package::wire::{Invoice, InvoiceState};
use maud::{DOCTYPE, Markup, html};

const STYLE: &str = "
  body { font: 11pt/1.5 system-ui, sans-serif; color: #16202a; max-width: 46rem; margin: 2rem auto; padding: 0 1.5rem; }
  h1 { font-size: 1.5rem; margin: 0 0 .2rem; } dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem 1.2rem; }
  dt { color: #5b6875; } dd { margin: 0; } table { width: 100%; border-collapse: collapse; margin: 1.5rem 0; }
  th { text-align: left; color: #5b6875; font-weight: 500; } th, td { padding: .45rem .4rem; border-bottom: 1px solid #d9dfe5; }
  .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } tfoot td { border: 0; }
  .total td { font-weight: 650; border-top: 2px solid #16202a; } @page { margin: 2cm; } @media print { body { margin: 0; } }
";

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
            head { meta charset="utf-8"; title { "Invoice " (invoice.number) } style { (maud::PreEscaped(STYLE)) } }
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
                    }
                }
            }
        }
    }
}

/// A line of CSV (RFC 4180) for each line of the invoice, its tax and its total.
pub(crate) fn csv(invoice: &Invoice) -> String {
    let mut csv = String::from("invoice,kind,description,quantity,currency,minor\r\n");
    let mut line = |kind: &str, description: &str, quantity: &str, minor: i64| {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let (number, currency) = (invoice.number, invoice.net.currency());
        let _ =
            write!(csv, "{number},{kind},{},{},{currency},{minor}\r\n", quote(description), quote(quantity));
    };
    for sold in &invoice.lines {
        line(&sold.kind, &sold.description, &sold.quantity, sold.amount.minor());
    }
    line("tax", &invoice.tax_name, "", invoice.tax.minor());
    line("credit", "", "", -invoice.credit.minor());
    line("total", "", "", invoice.total.minor());
    csv
}
