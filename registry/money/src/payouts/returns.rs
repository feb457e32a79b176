//! Transfers as their rail tells of them: compared with what was sent, and returned by as much as came back.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a part comes back | processor; in transit, withheld tax | in transit; available |

use chandlery_package::Money;
use chandlery_package::wire::{EntryKind, Payout, PayoutState, TransactionKind};
use jiff::Timestamp;

use super::run::{self, paid_from, through_exchange};
use crate::ledger::{self, Account, Transaction};
use crate::{Error, sharing};
use chandlery_store::Write;

/// Lets a payout follow its transfer: of so much, of which so much was reversed until now. Told again, or of less, it changes nothing.
pub(crate) async fn follow_transfer(
    write: &mut Write,
    id: i64,
    reference: &str,
    amount: Money,
    reversed: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let payout = run::find(write, id).await?;
    if amount != payout.sent || reversed.minor() > amount.minor() || reversed.minor() < 0 {
        return Err(Error::Conflict(format!(
            "transfer '{reference}' is of {amount}, of which {reversed} came back, but payout {id} is of {}",
            payout.sent
        )));
    }
    if payout.state == PayoutState::Returned {
        return match reversed == amount {
            true => Ok(()),
            false => Err(Error::Conflict(format!(
                "payout {id} came back, but {} of transfer '{reference}' stand",
                amount.minus(reversed)?
            ))),
        };
    }
    run::settle(write, id, reference, None, now).await?;
    if reversed.minor() > 0 {
        return_until(write, &payout, reversed, now).await?;
    }
    Ok(())
}

/// Returns what came back until now, less what was returned before. Of several parts each gets `round(whole × so far ÷ sent)` less
/// what was given before.
async fn return_until(
    write: &mut Write,
    payout: &Payout,
    reversed: Money,
    now: Timestamp,
) -> Result<(), Error> {
    let Payout { id, partner, sent, .. } = payout;
    let before: (i64, i64, i64) = sqlx::query_as(
        "select cast(coalesce(sum(sent_minor), 0) as bigint), cast(coalesce(sum(minor), 0) as bigint),
                cast(coalesce(sum(withheld_minor), 0) as bigint)
         from payout_returns where payout = $1",
    )
    .bind(*id)
    .fetch_one(&mut **write)
    .await?;
    if before.0 == 0 && reversed == *sent {
        return run::mark_returned(write, *id, now).await;
    }
    let part = reversed.minus(reversed.with_minor(before.0)?)?;
    if part.minor() <= 0 {
        return Ok(());
    }
    let more = |whole: Money, before: i64| -> Result<Money, Error> {
        let by_then = whole.times(reversed.minor(), sent.minor())?;
        Ok(by_then.minus(whole.with_minor(before)?)?)
    };
    let gross = more(payout.amount, before.1)?;
    // In one currency the parts sum to the last unit; between two, the exchange account has what is left.
    let withheld = match gross.currency() == part.currency() {
        true => gross.minus(part)?,
        false => more(payout.withheld, before.2)?,
    };
    let step = format!("{id}/{}", reversed.minor());
    let bounced = Transaction::new(TransactionKind::PayoutBounced, &step, now)
        .about(format!("{part} of payout {id} to {partner} came back after it had arrived"))
        .link("payout", id)
        .debit(paid_from(payout.rail), part)
        .credit(Account::InTransit(partner.clone()), part);
    ledger::post(write, bounced).await?;
    let returned = Transaction::new(TransactionKind::PayoutReturned, &step, now)
        .about(format!("{part} of payout {id} to {partner} came back"))
        .link("payout", id)
        .debit(Account::InTransit(partner.clone()), part)
        .debit(Account::WithheldTax, withheld);
    let returned = through_exchange(returned, part, gross.minus(withheld)?);
    let (returned, entry) =
        sharing::credit_entry(write, returned, partner, gross, EntryKind::Returned, None).await?;
    let posted = ledger::post(write, returned).await?;
    sharing::add_entry(write, &entry, posted).await?;
    sqlx::query(
        "insert into payout_returns (payout, sent_minor, minor, withheld_minor, transaction_id)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(*id)
    .bind(part.minor())
    .bind(gross.minor())
    .bind(withheld.minor())
    .bind(posted)
    .execute(&mut **write)
    .await?;
    Ok(())
}
