//! The documents of invoices and credit notes: written when these are, with everything that was true then.

use chandlery_package::wire::{
    Corrected, CreditNote, Document, DocumentKind, DocumentLine, Invoice, InvoiceLine, Party, TaxCategory,
    TaxTerms,
};
use chandlery_package::{Money, Namespace, Rate, TaxNumber};
use chandlery_store::Write;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::AnyConnection;

use super::taxes::Tax;
use super::{profiles, vies};
use crate::{Error, documents};

/// What an invoice is issued with.
pub(super) struct NewDocument<'a> {
    pub number: i64,
    pub account: &'a Namespace,
    pub lines: &'a [InvoiceLine],
    pub net: Money,
    pub tax: &'a Tax,
    pub credit: Money,
    /// Its first and its last moment; none: supplied when it is issued.
    pub period: Option<(Timestamp, Timestamp)>,
    pub due_at: Timestamp,
}

/// The day of a moment, in UTC.
fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn number_of(invoice: i64) -> String {
    format!("{}-{invoice}", documents::INVOICES)
}

fn lines_of(lines: &[InvoiceLine], terms: &TaxTerms) -> Vec<DocumentLine> {
    let line = |line: &InvoiceLine| DocumentLine {
        description: line.description.clone(),
        quantity: line.quantity.clone(),
        net: line.amount,
        category: terms.category,
        rate: terms.rate,
    };
    lines.iter().map(line).collect()
}

/// Writes the document of an invoice that is being issued.
pub(super) async fn keep_invoice(
    write: &mut Write,
    new: &NewDocument<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let seller = documents::in_force(write, now).await?;
    let buyer = profiles::buyer(write, new.account).await?;
    let terms = &new.tax.terms;
    let mut notes: Vec<String> = terms.note.iter().cloned().collect();
    if terms.category == TaxCategory::ReverseCharge {
        notes.extend(proof(write, &buyer.country, buyer.tax_number.as_deref()).await?);
    }
    let (from, to) = new.period.unwrap_or((now, now));
    let document = Document {
        kind: DocumentKind::Invoice,
        number: number_of(new.number),
        issued_on: day(now),
        due_on: Some(day(new.due_at)),
        supplied_from: day(from),
        supplied_to: day(to),
        corrects: None,
        bank: seller.as_ref().and_then(|seller| seller.bank.clone()),
        seller: seller.map(|seller| seller.party),
        buyer: Some(buyer),
        lines: lines_of(new.lines, terms),
        net: new.net,
        terms: terms.clone(),
        tax: new.tax.amount,
        total: new.net.plus(new.tax.amount)?,
        paid: new.credit,
        reference: Some(format!("INVOICE-{}", new.number)),
        notes,
    };
    documents::keep(write, documents::INVOICES, new.number, &document).await
}

/// What proves that a number is valid, in words.
async fn proof(db: &mut AnyConnection, country: &str, number: Option<&str>) -> Result<Option<String>, Error> {
    let number = number.and_then(|number| TaxNumber::read(country, number).ok());
    let Some(number) = number else { return Ok(None) };
    let check = vies::check_of(db, &number).await?.filter(|check| check.valid);
    Ok(check.map(|check| {
        let consultation = check.consultation.map(|id| format!(", consultation {id}")).unwrap_or_default();
        format!("VIES has confirmed {} on {}{consultation}.", check.number, day(check.at))
    }))
}

/// Writes the document of a credit note that is being made of an invoice.
pub(super) async fn keep_credit_note(
    write: &mut Write,
    invoice: &Invoice,
    note: &CreditNote,
) -> Result<(), Error> {
    let of = of_invoice(write, invoice).await?;
    let seller = match of.seller {
        // Whoever sells by now corrects it.
        Some(_) => documents::in_force(write, note.at).await?.map(|seller| seller.party),
        None => None,
    };
    let document = credited(of, seller, note)?;
    documents::keep(write, documents::CREDIT_NOTES, note.number, &document).await
}

/// A credit note of an invoice, taxed as that.
fn credited(of: Document, seller: Option<Party>, note: &CreditNote) -> Result<Document, Error> {
    let line = DocumentLine {
        description: format!("Credit of {}: {}", of.number, note.reason),
        quantity: "1".into(),
        net: note.net,
        category: of.terms.category,
        rate: of.terms.rate,
    };
    Ok(Document {
        kind: DocumentKind::CreditNote,
        number: format!("{}-{}", documents::CREDIT_NOTES, note.number),
        issued_on: day(note.at),
        due_on: None,
        corrects: Some(Corrected { number: of.number, issued_on: of.issued_on }),
        seller,
        lines: vec![line],
        net: note.net,
        tax: note.tax,
        total: note.net.plus(note.tax)?,
        paid: Money::zero(note.net.currency()),
        bank: None,
        reference: None,
        ..of
    })
}

/// The document of an invoice as it was issued; of one that an earlier version issued, what is known of it.
pub(super) async fn of_invoice(db: &mut AnyConnection, invoice: &Invoice) -> Result<Document, Error> {
    if let Some(document) = documents::find(db, documents::INVOICES, invoice.number).await? {
        return Ok(document);
    }
    let rate = invoice.tax_name.rsplit(' ').next().and_then(|rate| rate.parse().ok()).unwrap_or(Rate::ZERO);
    let category = if invoice.tax.is_zero() { TaxCategory::OutOfScope } else { TaxCategory::Standard };
    let name = invoice.tax_name.clone();
    let terms = TaxTerms { category, rate, name, country: None, rule: None, note: None };
    Ok(Document {
        kind: DocumentKind::Invoice,
        number: number_of(invoice.number),
        issued_on: day(invoice.issued_at),
        due_on: Some(day(invoice.due_at)),
        supplied_from: day(invoice.issued_at),
        supplied_to: day(invoice.issued_at),
        corrects: None,
        seller: None,
        buyer: Some(profiles::buyer(db, &invoice.account).await?),
        lines: lines_of(&invoice.lines, &terms),
        net: invoice.net,
        terms,
        tax: invoice.tax,
        total: invoice.net.plus(invoice.tax)?,
        paid: invoice.credit,
        bank: None,
        reference: Some(format!("INVOICE-{}", invoice.number)),
        notes: Vec::new(),
    })
}

/// The document of a credit note of an invoice.
pub(super) async fn of_credit_note(
    db: &mut AnyConnection,
    invoice: &Invoice,
    note: &CreditNote,
) -> Result<Document, Error> {
    match documents::find(db, documents::CREDIT_NOTES, note.number).await? {
        Some(document) => Ok(document),
        None => credited(of_invoice(db, invoice).await?, None, note),
    }
}
