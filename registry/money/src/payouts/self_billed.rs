//! Self-billed invoices: what a partner has earned in a month, invoiced to the marketplace in the partner's name (Article 224 of
//! Directive 2006/112/EC). A share is all that a partner gets: a tax that the partner owes on it is a part of it.

use std::collections::BTreeMap;

use chandlery_package::tax_number::is_member_state;
use chandlery_package::wire::{
    Document, DocumentKind, DocumentLine, Party, Seller, Statement, TaxCategory, TaxTerms, TransactionKind,
};
use chandlery_package::{Money, Rate, TaxNumber};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::profiles;
use crate::{Error, billing, documents};
use chandlery_store::Write;

/// What the law wants such a document to say.
const NOTE: &str = "Self-billing (Gutschrift im umsatzsteuerlichen Sinn): issued by the customer in the name of the supplier";
const REVERSE_CHARGE: &str =
    "Reverse charge: the customer accounts for the tax (Article 196 of Council Directive 2006/112/EC)";

/// Bills what a partner has earned or given back in the month of a statement, where the partner has said who it is, and the operator
/// who sells here.
pub(super) async fn bill(write: &mut Write, statement: &Statement, now: Timestamp) -> Result<(), Error> {
    let (_, profile) = profiles::in_force(write, &statement.partner, now).await?;
    let Some(partner) = profile.legal else { return Ok(()) };
    let month_end = statement.month.last_moment();
    let Some(seller) = documents::in_force(write, month_end).await? else { return Ok(()) };
    let earned = earned(statement);
    let gross: i64 = earned.values().sum();
    if gross == 0 {
        return Ok(());
    }
    let at_home = billing::tax_rule(write, &partner.country, month_end).await?;
    let terms = terms(&partner, &seller.party, at_home);
    let series = documents::self_billed_series(&statement.partner);
    let number = documents::next_number(write, &series).await?;
    let document = document(statement, partner, seller, &earned, terms, format!("{series}-{number}"), now)?;
    documents::keep(write, &series, number, &document).await
}

/// What a partner has earned or, below zero, given back in a month, in minor units, by what it is for.
fn earned(statement: &Statement) -> BTreeMap<&'static str, i64> {
    let mut earned = BTreeMap::new();
    for line in &statement.lines {
        let what = match line.kind {
            TransactionKind::Sale => "Shares of sales",
            TransactionKind::Refund => "Given back with credit notes",
            TransactionKind::DisputeLost => "Given back with disputes",
            TransactionKind::WrittenOff => "Of invoices that are given up",
            TransactionKind::InvoiceRevived => "Of invoices that were given up and are paid",
            _ => continue,
        };
        *earned.entry(what).or_insert(0) += line.changes.values().sum::<i64>();
    }
    earned.retain(|_, minor| *minor != 0);
    earned
}

/// How a partner's supply to the marketplace is taxed. Whoever has no number for value added tax charges none.
fn terms(partner: &Party, seller: &Party, at_home: Option<TaxTerms>) -> TaxTerms {
    let number = partner.tax_number.as_deref().and_then(|text| TaxNumber::read(&partner.country, text).ok());
    let is_at_home = partner.country == seller.country;
    let none = |category, name: &str, note: Option<&str>| TaxTerms {
        category,
        rate: Rate::ZERO,
        name: name.into(),
        country: None,
        rule: None,
        note: note.map(Into::into),
    };
    match (number, at_home) {
        (Some(number), Some(rule)) if is_at_home && number.is_for_value_added_tax() => rule,
        (Some(_), _) if !is_at_home && is_member_state(&seller.country) => {
            none(TaxCategory::ReverseCharge, "VAT: reverse charge", Some(REVERSE_CHARGE))
        }
        _ => none(TaxCategory::OutOfScope, "no tax", None),
    }
}

fn document(
    statement: &Statement,
    partner: Party,
    seller: Seller,
    earned: &BTreeMap<&'static str, i64>,
    terms: TaxTerms,
    number: String,
    now: Timestamp,
) -> Result<Document, Error> {
    let gross: i64 = earned.values().sum();
    let sign = gross.signum();
    let total = Money::new(gross * sign, statement.currency)?;
    let net = without(total, terms.rate)?;
    let mut lines = Vec::new();
    let mut rest = net;
    for (index, (what, minor)) in earned.iter().enumerate() {
        let part = match index + 1 == earned.len() {
            true => rest,
            false => without(total.with_minor(minor * sign)?, terms.rate)?,
        };
        rest = rest.minus(part)?;
        lines.push(DocumentLine {
            description: format!("{what}, {}", statement.month),
            quantity: "1".into(),
            net: part,
            category: terms.category,
            rate: terms.rate,
        });
    }
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let notes = [NOTE.to_owned()].into_iter().chain(terms.note.clone());
    Ok(Document {
        kind: if sign > 0 { DocumentKind::SelfBilled } else { DocumentKind::SelfBilledCredit },
        number,
        issued_on: day(now),
        due_on: None,
        supplied_from: day(statement.month.first_moment()),
        supplied_to: day(statement.month.last_moment()),
        corrects: None,
        seller: Some(Party { id: Some(statement.partner.to_string()), ..partner }),
        buyer: Some(seller.party),
        lines,
        net,
        tax: total.minus(net)?,
        total,
        paid: Money::zero(statement.currency),
        bank: None,
        reference: None,
        notes: notes.collect(),
        terms,
    })
}

/// What of an amount is not the tax in it, rounded half to even.
fn without(gross: Money, rate: Rate) -> Result<Money, Error> {
    Ok(gross.times(1_000_000, 1_000_000 + i64::from(rate.ppm()))?)
}

#[cfg(test)]
mod tests {
    use chandlery_package::Currency;
    use chandlery_package::wire::{Held, StatementLine};
    use proptest::prelude::*;

    use super::*;
    use crate::documents::sample::party;

    fn statement(changes: &[(TransactionKind, i64)]) -> Statement {
        let line = |(transaction, (kind, minor)): (i64, &(TransactionKind, i64))| StatementLine {
            transaction,
            at: Timestamp::UNIX_EPOCH,
            kind: *kind,
            description: String::new(),
            changes: Held::from([("accrued".to_owned(), *minor)]),
        };
        Statement {
            partner: "acme".parse().unwrap(),
            month: "2026-11".parse().unwrap(),
            currency: Currency::Eur,
            opening: Held::new(),
            lines: (1..).zip(changes).map(line).collect(),
            closing: Held::new(),
        }
    }

    fn vat() -> TaxTerms {
        TaxTerms {
            category: TaxCategory::Standard,
            rate: "19%".parse().unwrap(),
            name: "VAT 19%".into(),
            country: Some("DE".into()),
            rule: Some("DE 2026-01-01".into()),
            note: None,
        }
    }

    #[test]
    fn a_partner_is_taxed_by_its_country_and_its_number() {
        let german = party("Chandlery GmbH", "DE", Some("DE136695976"));
        let american = party("Chandlery Inc.", "US", Some("12-3456789"));
        for (country, number, seller, category) in [
            ("DE", Some("DE136695976"), &german, "S"),
            ("DE", None, &german, "O"),
            ("FR", Some("FR40303265045"), &german, "AE"),
            ("FR", None, &german, "O"),
            ("US", Some("12-3456789"), &german, "AE"),
            ("US", Some("12-3456789"), &american, "O"),
            ("FR", Some("FR40303265045"), &american, "O"),
        ] {
            let found = terms(&party("Acme", country, number), seller, (country == "DE").then(vat));
            assert_eq!(found.category.as_str(), category, "{country} {number:?} to {}", seller.country);
        }
    }

    #[test]
    fn a_share_is_all_that_a_partner_gets() {
        let changes = [
            (TransactionKind::Sale, 12_000),
            (TransactionKind::Refund, -2_000),
            (TransactionKind::Payout, -9_000),
        ];
        let statement = statement(&changes);
        let seller = Seller { party: party("Chandlery GmbH", "DE", Some("DE136695976")), bank: None };
        let partner = party("Acme GmbH", "DE", Some("DE129273398"));
        let at = Timestamp::UNIX_EPOCH;
        let made = document(&statement, partner, seller, &earned(&statement), vat(), "SB-acme-1".into(), at)
            .unwrap();
        let minor = [made.net, made.tax, made.total].map(Money::minor);
        assert_eq!((made.kind, minor), (DocumentKind::SelfBilled, [8403, 1597, 10_000]));
        assert_eq!(made.seller.unwrap().id.as_deref(), Some("acme"));
    }

    proptest! {
        #[test]
        fn lines_sum_to_the_net_amount_and_the_tax_is_the_rate_of_it(
            sale in 0i64..1_000_000_000, refund in 0i64..1_000_000_000, lost in 0i64..1_000_000_000, ppm in 0u32..300_000,
        ) {
            let changes = [
                (TransactionKind::Sale, sale),
                (TransactionKind::Refund, -refund),
                (TransactionKind::DisputeLost, -lost),
            ];
            let statement = statement(&changes);
            let earned = earned(&statement);
            prop_assume!(sale != refund + lost);
            let rate = Rate::from_ppm(ppm);
            let seller = Seller { party: party("Us", "DE", Some("DE136695976")), bank: None };
            let terms = TaxTerms { rate, ..vat() };
            let made = document(&statement, party("Acme", "DE", None), seller, &earned, terms, "SB-acme-1".into(), Timestamp::UNIX_EPOCH);
            let made = made.unwrap();
            let lines = Money::sum(Currency::Eur, made.lines.iter().map(|line| line.net)).unwrap();
            prop_assert_eq!(lines, made.net);
            prop_assert_eq!(made.net.plus(made.tax).unwrap(), made.total);
            prop_assert_eq!(made.total.minor(), (sale - refund - lost).abs());
            // The net amount is whole, so the tax of it may be one minor unit less or more than what is left.
            prop_assert!((made.net.at(rate).unwrap().minor() - made.tax.minor()).abs() <= 1);
        }
    }
}
