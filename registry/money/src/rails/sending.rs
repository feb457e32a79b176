//! Payouts leave: by hand, by a bank file, or through Stripe.

use chandlery_package::wire::{Payout, Rail};
use jiff::Timestamp;

use crate::payouts::run::{self, mark_sent, to_send};
use crate::{Error, Processor};
use chandlery_accounts::Actor;
use chandlery_store::Db;

/// Gives every approved payout, or those of one run, to its rail. One that its rail refuses stays approved; the others go.
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
    // The rail is asked before it is written down: if we die in between, it is asked again and knows the key.
    let remote_id = match &profile.rail {
        // An operator transfers it, or uploads the run's bank file.
        Rail::Manual | Rail::Sepa { .. } => None,
        Rail::Stripe { account } => {
            let none = || Error::Conflict("this registry has no processor of payments to send it by".into());
            Some(processor.ok_or_else(none)?.transfer(payout.id, account, payout.sent).await?)
        }
    };
    mark_sent(db, actor, payout, remote_id.as_deref(), now).await
}
