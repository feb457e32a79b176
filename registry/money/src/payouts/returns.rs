//! What comes back of payouts: all of one, or a part, which alone is the partner's again; and transfers as their rail tells of them.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | it comes back after it had arrived | bank, suspense or processor | in transit |
//! | and is the partner's again, by the rate that it was sent at | in transit, withheld tax | what the partner owes, available |

use chandlery_accounts::Actor;
use chandlery_package::Money;
use chandlery_package::wire::{Act, EntryKind, Payout, PayoutState, TransactionKind};
use chandlery_store::{Write, time};
use jiff::Timestamp;

use super::run::{self, find, free_items, paid_from, tell_of, through_exchange, wrong_state};
use super::told;
use crate::ledger::{self, Account, By, Transaction};
use crate::{Error, sharing};

/// Records that the bank could not pay, or has returned what was left of a payout: the money is available again. Whether a processor may
/// have sent it is known by then.
pub(crate) async fn returned(
    write: &mut Write,
    actor: &Actor,
    id: i64,
    now: Timestamp,
) -> Result<Payout, Error> {
    ledger::by(write, By::Actor(actor));
    mark_returned(write, id, now).await?;
    let payout = find(write, id).await?;
    tell_of(write, actor, Act::PayoutReturned, &payout).await?;
    Ok(payout)
}

/// The same again changes nothing.
async fn mark_returned(write: &mut Write, id: i64, now: Timestamp) -> Result<(), Error> {
    let payout = find(write, id).await?;
    match payout.state {
        PayoutState::Returned => Ok(()),
        PayoutState::Approved | PayoutState::Sent => return_whole(write, &payout, now).await,
        PayoutState::Paid | PayoutState::PartlyReturned => {
            come_back(write, id, out(&payout)?, (paid_from(payout.rail), ""), now).await
        }
        PayoutState::Proposed | PayoutState::Cancelled => Err(wrong_state(&payout, "returned")),
    }
}

/// What of a payout that has arrived is still with the partner, in the currency that it was sent in.
pub(crate) fn out(payout: &Payout) -> Result<Money, Error> {
    Ok(payout.sent.minus(payout.returned.unwrap_or(Money::zero(payout.sent.currency())))?)
}

/// Lets a payout follow its transfer: of so much, of which so much was reversed until now. Told again, or of less, it changes nothing.
pub(crate) async fn follow_transfer(
    write: &mut Write,
    id: i64,
    reference: &str,
    amount: Money,
    reversed: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let payout = find(write, id).await?;
    if amount != payout.sent || reversed.minor() > amount.minor() || reversed.minor() < 0 {
        return Err(Error::Conflict(format!(
            "transfer '{reference}' is of {amount}, of which {reversed} came back, but payout {id} is of {}",
            payout.sent
        )));
    }
    let stand = amount.minus(reversed)?;
    if payout.state == PayoutState::Returned {
        return match stand.is_zero() {
            true => Ok(()),
            false => Err(Error::Conflict(format!(
                "payout {id} came back, but {stand} of transfer '{reference}' stand"
            ))),
        };
    }
    run::settle(write, id, reference, None, now).await?;
    let more = out(&payout)?.minus(stand)?;
    match more.is_positive() {
        true => come_back(write, id, more, (paid_from(payout.rail), reference), now).await,
        false => Ok(()),
    }
}

/// Records that so much of what was sent came back after it had arrived, where it is now, and by which line or transfer, if one told
/// of it. What is more than what is still out is refused.
pub async fn come_back(
    write: &mut Write,
    id: i64,
    part: Money,
    (into, told): (Account, &str),
    now: Timestamp,
) -> Result<(), Error> {
    let payout = find(write, id).await?;
    if !matches!(payout.state, PayoutState::Paid | PayoutState::PartlyReturned) {
        return Err(wrong_state(&payout, "returned: it has not left yet"));
    }
    let out = out(&payout)?;
    if !part.is_positive() || out.minus(part)?.minor() < 0 {
        return Err(Error::Conflict(format!("{part} came back, but {out} of payout {id} are out")));
    }
    let whole = part == payout.sent;
    let by_then = payout.sent.minus(out)?.plus(part)?;
    let key = if whole { id.to_string() } else { format!("{id}:{}", by_then.minor()) };
    let bounced = Transaction::new(TransactionKind::PayoutBounced, &key, now)
        .about(format!("{part} of payout {id} to {} came back after it had arrived", payout.partner))
        .link("payout", id)
        .debit(into, part)
        .credit(Account::InTransit(payout.partner.clone()), part);
    let bounced = if told.is_empty() { bounced } else { bounced.link("payment", told) };
    ledger::post(write, bounced).await?;
    match whole {
        true => return_whole(write, &payout, now).await,
        false => return_part(write, &payout, part, by_then, &key, now).await,
    }
}

/// Gives all of a payout back to the partner: what it was made of is free again.
async fn return_whole(write: &mut Write, payout: &Payout, now: Timestamp) -> Result<(), Error> {
    let id = payout.id;
    let net = payout.amount.minus(payout.withheld)?;
    let transaction = Transaction::new(TransactionKind::PayoutReturned, id, now)
        .about(format!("payout {id} to {} came back", payout.partner))
        .link("payout", id)
        .debit(Account::InTransit(payout.partner.clone()), payout.sent)
        .debit(Account::WithheldTax, payout.withheld);
    let transaction = through_exchange(transaction, payout.sent, net)
        .credit(Account::Available(payout.partner.clone()), payout.amount);
    ledger::post(write, transaction).await?;
    free_items(write, id).await?;
    sqlx::query("update payouts set state = 'returned', settled_at = $1 where id = $2")
        .bind(time(now))
        .bind(id)
        .execute(&mut **write)
        .await?;
    told::returned(write, payout, payout.sent, payout.sent, now).await
}

/// Gives a part back to the partner, with what was withheld of it: what the payout was made of stays with it, and the next one
/// takes on this part alone. Each part is in proportion to all that came back by then, so that the last lands on zero.
async fn return_part(
    write: &mut Write,
    payout: &Payout,
    part: Money,
    by_then: Money,
    key: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let id = payout.id;
    let (before, withheld_before): (i64, i64) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint), cast(coalesce(sum(withheld_minor), 0) as bigint)
         from payout_returns where payout = $1",
    )
    .bind(id)
    .fetch_one(&mut **write)
    .await?;
    let so_far = |whole: Money| whole.times(by_then.minor(), payout.sent.minor());
    let amount = so_far(payout.amount)?.minus(payout.amount.with_minor(before)?)?;
    // In one currency the parts sum to the last unit; between two, the exchange account has what is left.
    let withheld = match amount.currency() == part.currency() {
        true => amount.minus(part)?,
        false => so_far(payout.withheld)?.minus(payout.withheld.with_minor(withheld_before)?)?,
    };
    let transaction = Transaction::new(TransactionKind::PayoutReturned, key, now)
        .about(format!("{part} of payout {id} to {} are its own again", payout.partner))
        .link("payout", id)
        .debit(Account::InTransit(payout.partner.clone()), part)
        .debit(Account::WithheldTax, withheld);
    let transaction = through_exchange(transaction, part, amount.minus(withheld)?);
    let (transaction, entry) =
        sharing::credit_entry(write, transaction, &payout.partner, amount, EntryKind::Returned, None).await?;
    let posted = ledger::post(write, transaction).await?;
    sharing::add_entry(write, &entry, posted).await?;
    let state = if by_then == payout.sent { PayoutState::Returned } else { PayoutState::PartlyReturned };
    sqlx::query(
        "insert into payout_returns (payout, transaction_id, sent_minor, minor, withheld_minor)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(posted)
    .bind(part.minor())
    .bind(amount.minor())
    .bind(withheld.minor())
    .execute(&mut **write)
    .await?;
    sqlx::query("update payouts set state = $1 where id = $2")
        .bind(state.as_str())
        .bind(id)
        .execute(&mut **write)
        .await?;
    told::returned(write, payout, part, by_then, now).await
}
