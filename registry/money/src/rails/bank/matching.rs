//! What a bank line is for, by what it names and by its amount. What does not fit waits for somebody who looks at it.

use chandlery_package::Money;
use chandlery_package::wire::{Allotment, PayoutState};
use chandlery_store::Write;
use jiff::Timestamp;

use super::super::{Subject, own_accounts, send_backs};
use super::lines::Line;
use super::recorded;
use super::settling::Rules;
use super::statement::CHARGES;
use crate::Error;
use crate::billing::{find_invoice, orders};
use crate::payouts::{self, reference, returns, run};

/// What a line is, by what it names.
pub(super) async fn named(
    write: &mut Write,
    rules: &Rules,
    line: &Line,
    open: Money,
) -> Result<Vec<Allotment>, Error> {
    if let Some(transaction) = recorded::named(write, line, open).await? {
        return Ok(vec![Allotment::Recorded { transaction }]);
    }
    if line.account == own_accounts::PROCESSOR {
        return paid(write, line, open).await;
    }
    if let Some(moved) = between_own(write, line, open).await? {
        return Ok(vec![moved]);
    }
    if !open.is_positive() && line.text == CHARGES {
        return Ok(vec![Allotment::Charges { amount: open.negated() }]);
    }
    if open.is_positive()
        && line.returned
        && let Some(back) = send_backs::came_back(write, &line.text, open).await?
    {
        return Ok(vec![back]);
    }
    let payouts: Vec<i64> = payouts::numbers_in(&line.text).into_iter().collect();
    match (payouts.is_empty(), open.is_positive()) {
        (true, false) => Err(Error::NotFound("payout that it names".into())),
        (false, false) => left(write, rules, &payouts, open.negated()).await,
        (false, true) if line.returned => came_back(write, &payouts, open).await,
        // It is no payment, whatever it names beside.
        (true, true) if line.returned => Err(Error::NotFound("transfer of ours that it names".into())),
        (_, true) => paid(write, line, open).await,
    }
}

/// A move between own accounts, where the bank says that the other one is ours, too. Between two currencies it is an exchange, which
/// is recorded before.
async fn between_own(write: &mut Write, line: &Line, open: Money) -> Result<Option<Allotment>, Error> {
    let own = own_accounts::all(write).await?;
    let Some(other) = own.iter().find(|own| own.iban == line.other.iban && own.name != line.account) else {
        return Ok(None);
    };
    if other.currency.is_some_and(|currency| currency != open.currency()) {
        return Err(Error::Conflict(format!(
            "{open} move between own accounts of two currencies: record with `chandlery books exchange` what was exchanged"
        )));
    }
    let amount = if open.is_positive() { open } else { open.negated() };
    Ok(Some(Allotment::Own { amount }))
}

/// What left for one or several payouts: what was sent, and no more beyond it than a fee.
async fn left(
    write: &mut Write,
    rules: &Rules,
    payouts: &[i64],
    left: Money,
) -> Result<Vec<Allotment>, Error> {
    let mut sent = Vec::new();
    for id in payouts {
        let payout = run::find(write, *id).await?;
        if !matches!(payout.state, PayoutState::Approved | PayoutState::Sent) {
            return Err(Error::Conflict(format!("{} is {}", reference(*id), payout.state)));
        }
        sent.push((*id, payout.sent));
    }
    let all = Money::sum(left.currency(), sent.iter().map(|(_, sent)| *sent))?;
    let mut fee = left.minus(all)?;
    rules.must_be_fee(fee, &format!("{all}, which was sent"))?;
    let mut parts = Vec::with_capacity(sent.len());
    for (id, sent) in sent {
        parts.push(Allotment::Payout { id, amount: sent.plus(fee)? });
        fee = Money::zero(left.currency());
    }
    Ok(parts)
}

/// What came back of one payout, or of several, where that is all of each.
async fn came_back(write: &mut Write, payouts: &[i64], back: Money) -> Result<Vec<Allotment>, Error> {
    let mut out = Vec::new();
    for id in payouts {
        let payout = run::find(write, *id).await?;
        if !matches!(payout.state, PayoutState::Paid | PayoutState::PartlyReturned) {
            return Err(Error::Conflict(format!(
                "{} is {}: no line told that it left",
                reference(*id),
                payout.state
            )));
        }
        out.push((*id, returns::out(&payout)?));
    }
    let all = Money::sum(back.currency(), out.iter().map(|(_, out)| *out))?;
    let rest = all.minus(back)?;
    match (out.as_slice(), rest.minor()) {
        (_, 0) => Ok(out.into_iter().map(|(id, amount)| Allotment::Payout { id, amount }).collect()),
        ([(id, _)], 1..) => Ok(vec![Allotment::Payout { id: *id, amount: back }]),
        _ => Err(Error::Conflict(format!("{back} came back, but {all} are out"))),
    }
}

/// The invoice or order that a line names. One that it names exactly it may pay in part; what is more than is due of it, is the
/// customer's credit, as it is where a processor brings it. One that it nearly names it pays only where that is exactly what is due.
async fn paid(write: &mut Write, line: &Line, open: Money) -> Result<Vec<Allotment>, Error> {
    let none = || Error::NotFound("invoice or order that it names".into());
    let exact = Subject::find(&line.text);
    let may_differ = exact.is_some();
    let subject = exact.or_else(|| Subject::near(&line.text)).ok_or_else(none)?;
    let number = match &subject {
        Subject::Invoice(number) => Some(*number),
        Subject::Order(reference) => orders::find(write, reference).await?.invoice,
    };
    if let Some(number) = number {
        must_be_older(write, number, line.seen_at).await?;
    }
    let due = subject.due(write).await?.filter(|due| due.is_positive());
    let Some(due) = due else {
        let nothing = || Error::Conflict(format!("nothing is due for '{subject}'"));
        let customer = may_differ.then_some(subject.customer(write).await?).ok_or_else(nothing)?;
        return Ok(vec![Allotment::Credit { customer, amount: open }]);
    };
    let differs = || Error::Invalid(format!("{open} arrived, but {due} is due"));
    if open.currency() != due.currency() || !may_differ && open != due {
        return Err(differs());
    }
    let (amount, customer) = (open.at_most(due)?, subject.customer(write).await?);
    let mut parts = vec![match (number, subject) {
        (Some(number), _) => Allotment::Invoice { number, amount },
        (None, Subject::Order(reference)) if amount == due => Allotment::Order { reference, amount },
        (None, _) => return Err(differs()),
    }];
    let more = open.minus(amount)?;
    if more.is_positive() {
        parts.push(Allotment::Credit { customer, amount: more });
    }
    Ok(parts)
}

/// Refuses an invoice that was not there when a line that names it was seen: who pays cannot have meant a later one.
async fn must_be_older(write: &mut Write, number: i64, seen_at: Timestamp) -> Result<(), Error> {
    match find_invoice(write, number).await?.issued_at > seen_at {
        true => Err(Error::Conflict(format!("invoice {number} was issued after it was paid"))),
        false => Ok(()),
    }
}
