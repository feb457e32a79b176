//! Payouts leave: by hand, by a bank file, or through Stripe.

use chandlery_package::wire::{Payout, Rail, RequestKind};
use jiff::Timestamp;

use super::{outbox, own_accounts};
use crate::payouts::run::{self, mark_sent, to_send};
use crate::{Error, Processor};
use chandlery_accounts::Actor;
use chandlery_store::Db;

/// Gives every approved payout, or those of one run, to its rail. One that its rail refuses stays approved, and the others go: what a
/// processor was asked for is asked for again by itself, and what has no bank account to leave from is given to its rail again.
pub async fn send(
    db: &Db,
    actor: &Actor,
    processor: Option<&Processor>,
    run: Option<i64>,
    now: Timestamp,
) -> Result<Vec<Payout>, Error> {
    let waiting = to_send(&mut *db.read().acquire().await?, run).await?;
    let (mut sent, mut refused) = (Vec::new(), None);
    for payout in waiting {
        match send_one(db, actor, processor, &payout, now).await {
            Ok(payout) => sent.push(payout),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if sent.is_empty() => Err(error),
        _ => Ok(sent),
    }
}

async fn send_one(
    db: &Db,
    actor: &Actor,
    processor: Option<&Processor>,
    payout: &Payout,
    now: Timestamp,
) -> Result<Payout, Error> {
    let profile = run::profile_of(&mut *db.read().acquire().await?, payout).await?;
    let account = match &profile.rail {
        // An operator transfers it.
        Rail::Manual => return mark_sent(db, actor, payout, None, now).await,
        // It leaves by the run's bank file, which names the account that it leaves from.
        Rail::Sepa { .. } => {
            let own = own_accounts::all(&mut *db.read().acquire().await?).await?;
            own_accounts::paying(&own, payout.sent.currency())?;
            return mark_sent(db, actor, payout, None, now).await;
        }
        Rail::Stripe { account } => account,
    };
    let none = || Error::Conflict("this registry has no processor of payments to send it by".into());
    let processor = processor.ok_or_else(none)?;
    let mut write = db.write().await?;
    let key = outbox::owe_transfer(&mut write, payout.id, account, payout.sent, now).await?;
    write.commit().await?;
    outbox::send_one(db, actor, processor, RequestKind::Transfer, &key, now).await?;
    run::find(&mut *db.read().acquire().await?, payout.id).await
}
