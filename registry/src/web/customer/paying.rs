//! What check-outs and what is due have in common: who sells to whom and by which tax, and how money comes here.

use chandlery_money::{Finance, billing, documents};
use chandlery_package::wire::{BillingStanding, Invoice, PrintedAccount, Seller, TaxTerms};
use chandlery_package::{Money, Namespace, terms};
use chandlery_pages::{Column, facts, money, table};
use maud::{Markup, html};

use crate::error::Error;

/// Who sells to whom, as documents will name them, and by which rule that is taxed.
pub(super) struct Parties {
    seller: Option<Seller>,
    standing: BillingStanding,
}

impl Parties {
    /// Those of what an account buys now.
    pub(super) async fn of(finance: &Finance, account: &Namespace) -> Result<Self, Error> {
        let now = finance.clock.now();
        let mut db = finance.db.read().acquire().await?;
        let seller = documents::in_force(&mut db, now).await?;
        let standing = billing::billing_standing(&mut db, account, now).await?;
        Ok(Self { seller, standing })
    }

    /// By which rule it is taxed.
    pub(super) fn terms(&self) -> &TaxTerms {
        &self.standing.terms
    }

    /// The account that customers pay to, where the operator has said so.
    pub(super) fn bank(&self) -> Option<&PrintedAccount> {
        self.seller.as_ref()?.bank.as_ref()
    }

    /// Both in a few words.
    pub(super) fn shown(&self) -> Markup {
        let tax = self.terms();
        let seller = match &self.seller {
            Some(Seller { party, .. }) => html! { (party.name) ", " (party.country) },
            None => html! { "the operator of this registry" },
        };
        let buyer = match &self.standing.profile {
            Some(profile) => html! {
                @if let Some(name) = &profile.name { (name) ", " }
                (profile.country) " · " a href="/billing" { "Change" }
            },
            None => html! { "no billing address yet · " a href="/billing" { "Add one" } },
        };
        let tax = html! { (tax.name) @if let Some(note) = &tax.note { p.note { (note) } } };
        facts(&[("Sold by", seller), ("Billed to", buyer), ("Tax", tax)])
    }
}

/// The row of a tax, with its name: none where there is nothing to tax, as of what a coupon takes off whole.
pub(super) fn tax_row(name: &str, net: Money, tax: Money) -> Option<(String, Money)> {
    (net.is_positive() || !tax.is_zero()).then(|| (name.to_owned(), tax))
}

/// Amounts that come to what is to be paid, each with its name; the last one is that.
pub(super) fn amounts(label: &str, rows: &[(String, Money)]) -> Markup {
    let last = rows.len().saturating_sub(1);
    let row = |(index, (name, amount)): (usize, &(String, Money))| {
        let cells = [name.clone(), money(*amount)];
        cells.map(|cell| html! { @if index == last { strong { (cell) } } @else { (cell) } }).to_vec()
    };
    let rows: Vec<Vec<Markup>> = rows.iter().enumerate().map(row).collect();
    table(label, &[Column::Text("What"), Column::Number("Amount")], &rows)
}

/// The lines of an invoice, and what they come to.
pub(super) fn lines(invoice: &Invoice) -> Markup {
    let mut rows: Vec<(String, Money)> =
        invoice.lines.iter().map(|line| (line.description.clone(), line.amount)).collect();
    rows.extend(tax_row(&invoice.tax_name, invoice.net, invoice.tax));
    if !invoice.credit.is_zero() {
        rows.push(("Less, paid from credit".into(), invoice.credit));
    }
    rows.push(("Total".into(), invoice.total));
    amounts("What is invoiced", &rows)
}

/// How something due is paid. `card` is the path of the form that begins a payment by card, where there is one.
pub(super) fn ways(card: Option<&str>, due: Money, reference: &str, bank: Option<&PrintedAccount>) -> Markup {
    let mut transfer =
        vec![("Amount", html! { strong { (money(due)) } }), ("Text", html! { strong { (reference) } })];
    if let Some(bank) = bank {
        transfer.push(("To", html! { (bank.holder) }));
        transfer.push(("IBAN", html! { code { (bank.iban) } }));
        if let Some(bic) = &bank.bic {
            transfer.push(("BIC", html! { code { (bic) } }));
        }
    }
    html! {
        @if let Some(card) = card {
            h2 { "Pay by card" }
            form.card method="post" action=(card) {
                p.note { "On the payment processor's page: no card number reaches this registry." }
                button { "Pay " (money(due)) " by card" }
            }
        }
        h2 { "Pay by transfer" }
        div.card {
            (facts(&transfer))
            @if bank.is_none() { p.note { "Ask the operator of this registry which account to pay to." } }
            p.note { "The payment is matched by this text alone: copy it exactly." }
        }
    }
}

/// By what a form says which terms were shown.
pub(super) fn terms_shown() -> Markup {
    html! {
        input type="hidden" name="terms" value=(terms::VERSION);
        p.note { "On the " a href="/terms" { "terms" } " of " (terms::VERSION) ", with the tax of the day on which it is invoiced." }
    }
}

/// Refuses what was agreed to on other terms than those of now.
pub(super) fn must_be_current(shown: &str) -> Result<(), Error> {
    match shown == terms::VERSION {
        true => Ok(()),
        false => Err(Error::conflict(format!(
            "the terms are those of {} by now, and not those that were shown: look at them again",
            terms::VERSION
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_nothing_has_no_row_of_a_tax() {
        let usd = |text: &str| format!("{text} USD").parse::<Money>().unwrap();
        for (net, tax, is_shown) in [
            ("100.00", "19.00", true),
            // Reverse charge, or a country without a rule: the row says why nothing is charged.
            ("100.00", "0.00", true),
            ("0.00", "0.00", false),
            ("-5.00", "0.00", false),
        ] {
            let row = tax_row("VAT 19%", usd(net), usd(tax));
            assert_eq!(row.is_some(), is_shown, "{net} {tax}");
        }
    }
}
