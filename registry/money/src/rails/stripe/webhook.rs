//! Webhooks: what Stripe has signed is kept, answered, and followed; what cannot be followed yet is parked and tried again.
//!
//! <https://docs.stripe.com/webhooks#verify-manually>

use chandlery_package::problem::Explain as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::event::{Event, Topic};
use super::object::Object;
use super::{disputes, events, payments, refunds, transfers};
use crate::ledger::{self, By};
use crate::{Error, Processor};
use chandlery_store::Db;

/// How old a signature may be, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// Checks a webhook's signature: HMAC-SHA256 over `timestamp.body`, by one of the secrets, not too long ago.
fn check(processor: &Processor, signature: &str, body: &[u8], now: Timestamp) -> Result<(), Error> {
    let refused = |why: &str| Error::Invalid(format!("the webhook is refused: {why}"));
    let fields = || signature.split(',').filter_map(|field| field.trim().split_once('='));
    let at = fields().find_map(|(name, value)| (name == "t").then(|| value.parse::<i64>().ok())?);
    let at = at.ok_or_else(|| refused("its signature has no time"))?;
    if now.as_second().abs_diff(at) > TOLERANCE_SECONDS {
        return Err(refused("its signature is too old"));
    }
    // Strangers may send a header full of signatures: the body is hashed once for a secret, not once for each of them.
    let hashed = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        Some(mac)
    };
    let given: Vec<_> =
        fields().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| hex::decode(hex).ok()).collect();
    let mut ours = processor.webhook_secret.split(',').map(str::trim).filter_map(hashed);
    match ours.any(|mac| given.iter().any(|given| mac.clone().verify_slice(given).is_ok())) {
        true => Ok(()),
        false => Err(refused("none of its signatures is by a secret of ours")),
    }
}

/// Takes an event in, once, and lets the books follow it and what had waited for it. What cannot be followed yet is no error.
pub async fn receive(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    signature: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    check(processor, signature, body, Timestamp::now())?;
    let event = Event::read(body)?;
    take(db, processor, hold_days, event, now).await
}

/// The same for what was signed.
pub(super) async fn take(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    event: Event,
    now: Timestamp,
) -> Result<(), Error> {
    let kept = event.clone();
    let to_follow =
        db.group_commit(move |write| Box::pin(async move { events::keep(write, &kept, now).await })).await?;
    match to_follow {
        true => follow_with_others(db, processor, hold_days, event, now).await,
        false => Ok(()),
    }
}

/// Tries the first of what is parked and due again, and says whether there was anything.
pub async fn retry(db: &Db, processor: &Processor, hold_days: u32, now: Timestamp) -> Result<bool, Error> {
    let due = events::due(db, now).await?;
    let is_any = !due.is_empty();
    for event in due {
        follow_with_others(db, processor, hold_days, event, now).await?;
    }
    Ok(is_any)
}

/// Lets the books follow an event, and then what had waited for the same.
async fn follow_with_others(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    event: Event,
    now: Timestamp,
) -> Result<(), Error> {
    let about = event.about();
    if follow(db, processor, hold_days, event, now).await? && !about.is_empty() {
        for waiting in events::parked_about(db, &about).await? {
            follow(db, processor, hold_days, waiting, now).await?;
        }
    }
    Ok(())
}

/// Lets the books follow an event, or parks it; says whether they follow it.
async fn follow(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    event: Event,
    now: Timestamp,
) -> Result<bool, Error> {
    let id = event.id.clone();
    match try_to_follow(db, processor, hold_days, event, now).await {
        Ok(()) => Ok(true),
        Err(error) => {
            if error.kind().status >= 500 {
                tracing::error!(%error, event_id = %id, "an event of the processor is parked");
            }
            events::park(db, &id, &error.to_string(), now).await?;
            Ok(false)
        }
    }
}

async fn try_to_follow(
    db: &Db,
    processor: &Processor,
    hold_days: u32,
    event: Event,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(topic) = event.topic else { return Ok(()) };
    // What has to be asked is asked before anything is written.
    let object = current(processor, topic, &event.object).await?;
    let movement = match topic {
        Topic::Payment => payments::movement(processor, &object).await?,
        _ => None,
    };
    let charge = match topic {
        Topic::Dispute => payments::charge(processor, &object).await?,
        _ => None,
    };
    db.group_commit(move |write| {
        Box::pin(async move {
            if !events::is_parked(write, &event.id).await? {
                return Ok(());
            }
            ledger::by(write, By::Processor(&event.id));
            let state = match topic {
                Topic::Payment => {
                    payments::succeeded(write, &object, movement.as_ref(), hold_days, now).await?
                }
                Topic::Charge => refunds::told(write, &object, hold_days, now).await?,
                Topic::Refund => refunds::follow(write, &object, hold_days, now).await?,
                Topic::Dispute => {
                    if let Some(charge) = charge {
                        refunds::told(write, &charge, hold_days, now).await?;
                    }
                    disputes::follow(write, &object, now).await?
                }
                Topic::Transfer => transfers::follow(write, &object, now).await?,
                Topic::Payout => transfers::arrive(write, &object, now).await?,
            };
            events::settle(write, &event.id, state).await
        })
    })
    .await
}

/// The object as it is now, where that can be asked for; else as the event has it. A payment that has succeeded stays so.
async fn current(processor: &Processor, topic: Topic, told: &Object) -> Result<Object, Error> {
    if topic == Topic::Payment || !processor.can_be_asked() {
        return Ok(told.clone());
    }
    let found = processor.get(&format!("{topic}/{}{}", told.id()?, topic.written_out())).await?;
    Ok(found.unwrap_or_else(|| told.clone()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const SECRET: &str = "whsec_test";

    fn processor() -> Processor {
        Processor { url: String::new(), key: String::new(), webhook_secret: format!("whsec_old, {SECRET}") }
    }

    fn signature(at: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    #[test]
    fn whatever_a_stranger_signs_is_refused() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let valid = signature(now.as_second(), b"{}");
        let checked = |header: &str| check(&processor(), header, b"{}", now);
        assert!(checked(&format!("t={},v1={valid}", now.as_second())).is_ok());
        assert!(checked(&format!("t={}, v1=00, v0=x, v1={valid}", now.as_second())).is_ok());
        for at in [i64::MIN, i64::MIN + now.as_second(), -1, 0, i64::MAX] {
            assert!(checked(&format!("t={at},v1={}", signature(at, b"{}"))).is_err(), "{at}");
        }
        for header in
            ["", "t", "t=", "t=1e9", "v1=", "t=1800000000", "t=1800000000,v1=0", "t=1800000000,v1=zz"]
        {
            assert!(checked(header).is_err(), "{header}");
        }
    }

    #[test]
    fn many_signatures_cost_hardly_more_than_one() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let header = format!("t={}{}", now.as_second(), ",v1=00".repeat(50_000));
        // As large as a request may be.
        let body = vec![b'x'; 1 << 20];
        let started = Instant::now();
        assert!(check(&processor(), &header, &body, now).is_err());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
