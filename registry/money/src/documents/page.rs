//! A document for people: a page made for print.

use chandlery_package::wire::{Document, DocumentKind, Party};
use maud::{DOCTYPE, Markup, html};

/// How the page looks. It is a file of its own, since no page may bring rules of its own.
pub(super) const STYLE: &str = include_str!("document.css");

/// The document as a page of its own. `standing` is what has become of it since, by what that is called.
pub(crate) fn page(document: &Document, standing: &[(&str, String)]) -> Markup {
    let title = format!("{} {}", title(document.kind), document.number);
    let supplied = match document.supplied_from == document.supplied_to {
        true => document.supplied_from.to_string(),
        false => format!("{} to {}", document.supplied_from, document.supplied_to),
    };
    let minus = |amount: chandlery_package::Money| amount.negated().to_string();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/invoice.css";
                // None, so that browsers do not ask for one.
                link rel="icon" href="data:,";
            }
            body {
                main {
                    h1 { (title) }
                    div.parties {
                        @if let Some(seller) = &document.seller { (party("From", seller)) }
                        @if let Some(buyer) = &document.buyer { (party("To", buyer)) }
                    }
                    dl {
                        dt { "Issued" } dd { (document.issued_on) }
                        dt { "Supplied" } dd { (supplied) }
                        @if let Some(corrected) = &document.corrects {
                            dt { "Corrects" } dd { (corrected.number) " of " (corrected.issued_on) }
                        }
                        @if let Some(due) = document.due_on { dt { "Due" } dd { (due) } }
                        @for (what, how) in standing { dt { (what) } dd { (how) } }
                    }
                    table {
                        thead {
                            tr {
                                th scope="col" { "What" } th scope="col" { "How much" } th scope="col" { "Tax" }
                                th.number scope="col" { "Net" }
                            }
                        }
                        tbody {
                            @for line in &document.lines {
                                tr {
                                    td { (line.description) } td { (line.quantity) } td { (line.category) " " (line.rate) }
                                    td.number { (line.net) }
                                }
                            }
                        }
                        tfoot {
                            tr { td colspan="3" { "Net" } td.number { (document.net) } }
                            tr { td colspan="3" { (document.terms.name) } td.number { (document.tax) } }
                            @if !document.paid.is_zero() {
                                tr { td colspan="3" { "Paid from credit" } td.number { (minus(document.paid)) } }
                            }
                            tr.total { td colspan="3" { "Total" } td.number { (due(document)) } }
                        }
                    }
                    @for note in &document.notes { p { (note) } }
                    @if let Some(bank) = &document.bank {
                        p {
                            "To " (bank.holder) ", IBAN " (bank.iban)
                            @if let Some(bic) = &bank.bic { ", BIC " (bic) }
                            @if let Some(reference) = &document.reference { ", for " strong { (reference) } }
                        }
                    } @else if let Some(reference) = &document.reference {
                        p { "Name " strong { (reference) } " in your transfer." }
                    }
                }
            }
        }
    }
}

fn title(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "Invoice",
        DocumentKind::CreditNote => "Credit note",
        DocumentKind::SelfBilled => "Self-billed invoice",
        DocumentKind::SelfBilledCredit => "Self-billed credit note",
    }
}

/// What is left to be paid when it is issued; what is too large to be an amount was never issued.
fn due(document: &Document) -> String {
    document.total.minus(document.paid).map_or_else(|error| error.to_string(), |due| due.to_string())
}

fn party(role: &str, party: &Party) -> Markup {
    let town = [&party.postcode, &party.city].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    let numbers = [&party.tax_number, &party.registration, &party.email, &party.id];
    html! {
        address {
            b { (role) }
            p { (party.name) }
            @if let Some(street) = &party.street { p { (street) } }
            @if !town.is_empty() { p { (town) } }
            p { (party.country) }
            @for number in numbers.into_iter().flatten() { p.small { (number) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::sample;

    #[test]
    fn a_page_says_what_the_law_asks_for() {
        let document = sample::invoice();
        let text = page(&document, &[("State", "to be paid".into())]).into_string();
        for wanted in [
            "Invoice INV-7",
            "2026-11-28",
            "2026-10-01 to 2026-10-31",
            "Chandlery GmbH",
            "DE136695976",
            "Globex &lt;SA&gt;",
            "FR40303265045",
            "120.000 gpu-hours",
            "AE 0%",
            "VAT: reverse charge",
            "Article 196",
            "99.00 EUR",
            "89.00 EUR",
            "to be paid",
            "INVOICE-7",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(!text.contains("<style"), "the policy of pages forbids it");
    }
}
