//! A document for unit tests.

use chandlery_package::wire::{
    Document, DocumentKind, DocumentLine, Party, PrintedAccount, TaxCategory, TaxTerms,
};
use chandlery_package::{Money, Rate};
use jiff::civil::Date;

/// Somebody in a country.
pub(crate) fn party(name: &str, country: &str, tax_number: Option<&str>) -> Party {
    Party {
        name: name.into(),
        street: Some("1 Main Street".into()),
        postcode: Some("20457".into()),
        city: Some("Hamburg".into()),
        country: country.into(),
        tax_number: tax_number.map(Into::into),
        registration: None,
        email: None,
        id: None,
    }
}

/// An invoice to another member state, of which a part was paid from credit.
pub(crate) fn invoice() -> Document {
    let (category, rate) = (TaxCategory::ReverseCharge, Rate::ZERO);
    let eur = |text: &str| format!("{text} EUR").parse::<Money>().unwrap();
    let day = |text: &str| text.parse::<Date>().unwrap();
    Document {
        kind: DocumentKind::Invoice,
        number: "INV-7".into(),
        issued_on: day("2026-11-28"),
        due_on: Some(day("2026-12-12")),
        supplied_from: day("2026-10-01"),
        supplied_to: day("2026-10-31"),
        corrects: None,
        seller: Some(party("Chandlery GmbH", "DE", Some("DE136695976"))),
        buyer: Some(party("Globex <SA>", "FR", Some("FR40303265045"))),
        lines: vec![
            DocumentLine {
                description: "acme:serving, 2026-10".into(),
                quantity: "120.000 gpu-hours".into(),
                net: eur("132.00"),
                category,
                rate,
            },
            DocumentLine {
                description: "what is left".into(),
                quantity: "1".into(),
                net: eur("-33.00"),
                category,
                rate,
            },
        ],
        net: eur("99.00"),
        terms: TaxTerms {
            category,
            rate,
            name: "VAT: reverse charge".into(),
            country: Some("FR".into()),
            rule: None,
            note: Some("Reverse charge: Article 196 of Council Directive 2006/112/EC".into()),
        },
        tax: eur("0.00"),
        total: eur("99.00"),
        paid: eur("10.00"),
        bank: Some(PrintedAccount {
            holder: "Chandlery GmbH".into(),
            iban: "DE89370400440532013000".into(),
            bic: Some("COBADEFFXXX".into()),
        }),
        reference: Some("INVOICE-7".into()),
        notes: vec!["Reverse charge: Article 196 of Council Directive 2006/112/EC".into()],
    }
}
