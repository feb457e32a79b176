//! Messages to webhooks go out: each until it is taken or, after three days, given up, with its webhook.

use chandlery_accounts::organisations::{Power, speaks_for};
use chandlery_accounts::{Role, is_suspended, tell_members};
use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::DeliveryState;
use chandlery_store::{Db, Write, time};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::deliveries::{Due, forget_old, note, take_on};
use super::sending::{Message, Outcome, Target, Way, send};
use super::webhooks::secret;
use crate::{Error, Finance};

/// How long a message waits that was not taken, after each attempt: longer each time, as the specification advises. After the last one it
/// is given up.
const WAITS: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// Sends what is due, by the real time. Whatever comes of one message, the others are sent.
pub async fn deliver(finance: &Finance) -> Result<(), Error> {
    let due = take_on(&finance.db, Timestamp::now()).await?;
    join_all(due.iter().map(|due| async move {
        if let Err(error) = deliver_one(finance, due).await {
            tracing::error!(%error, notice = due.notice, "it is not written down what came of a webhook: it is sent again");
        }
    }))
    .await;
    Ok(())
}

/// Forgets what was told long ago.
pub async fn forget_told(finance: &Finance) -> Result<(), Error> {
    forget_old(&finance.db, Timestamp::now()).await
}

async fn deliver_one(finance: &Finance, due: &Due) -> Result<(), Error> {
    match standing(&finance.db, due).await? {
        Standing::Told => {}
        Standing::Gone => return Ok(()),
        Standing::Lapsed(made_by) => {
            let why = format!("'{made_by}', who answers for it, speaks for '{}' no more", due.partner.0);
            let mut write = finance.db.write().await?;
            disable(&mut write, finance, due, &why, Timestamp::now()).await?;
            return Ok(write.commit().await?);
        }
    }
    let secret = secret(&finance.log, &due.salt);
    let message = Message { id: &due.notice, body: &due.data, secret: &secret };
    let outcome = send(&due.url, Way { private: finance.private_webhooks }, &message).await;
    let now = Timestamp::now();
    let mut write = finance.db.write().await?;
    match outcome {
        Outcome::Taken(answer) => note(&mut write, due, DeliveryState::Taken, &answer, now, now).await?,
        Outcome::Gone(answer) => {
            note(&mut write, due, DeliveryState::GivenUp, &answer, now, now).await?;
            disable(&mut write, finance, due, "it answers that it is gone", now).await?;
        }
        Outcome::Failed(why) => match next(due.attempts, now) {
            Some(next_at) => note(&mut write, due, DeliveryState::Waiting, &why, now, next_at).await?,
            None => {
                note(&mut write, due, DeliveryState::GivenUp, &why, now, now).await?;
                let why = format!("it took no message for three days: {why}");
                disable(&mut write, finance, due, &why, now).await?;
            }
        },
    }
    write.commit().await?;
    Ok(())
}

/// Whether a webhook may be told, at this moment.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Told,
    /// It was removed or disabled since.
    Gone,
    /// Whoever answers for it may not know any more what its partner earns.
    Lapsed(Namespace),
}

async fn standing(db: &Db, due: &Due) -> Result<Standing, Error> {
    let mut db = db.read().acquire().await?;
    let made_by: Option<(Text<Namespace>,)> =
        sqlx::query_as("select made_by from webhooks where id = $1 and disabled is null")
            .bind(&due.webhook)
            .fetch_optional(&mut *db)
            .await?;
    let Some((Text(made_by),)) = made_by else { return Ok(Standing::Gone) };
    let speaks = speaks_for(&mut db, &due.partner.0, &made_by, Power::Pay).await?;
    Ok(match speaks && !is_suspended(&mut db, &made_by).await? {
        true => Standing::Told,
        false => Standing::Lapsed(made_by),
    })
}

/// When a message is sent again that was sent so often before, and just now; none: it is given up.
fn next(attempts: i64, now: Timestamp) -> Option<Timestamp> {
    let wait = usize::try_from(attempts).ok().and_then(|attempts| WAITS.get(attempts))?;
    Some(now.checked_add(*wait).unwrap_or(now))
}

/// Sends a webhook nothing any more, and writes to its partner why. What waits for it is sent once it is enabled again, and forgotten after
/// 30 days.
async fn disable(
    write: &mut Write,
    finance: &Finance,
    due: &Due,
    why: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let Text(partner) = &due.partner;
    let changed =
        sqlx::query("update webhooks set disabled = $1, disabled_at = $2 where id = $3 and disabled is null")
            .bind(why)
            .bind(time(now))
            .bind(&due.webhook)
            .execute(&mut **write)
            .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    let host = Target::host_of(&due.url).unwrap_or_default();
    let subject = format!("The webhook of '{partner}' at {host} is disabled");
    let body = format!(
        "The webhook at {host} is sent nothing any more: {why}.\n\nWhat waits for it is kept for 30 days. An owner enables it again {}, and \
         answers for it then.\n",
        finance.accounts.on_page(&format!("/dashboard/{partner}/notices"))
    );
    let key = format!("webhook:{}:{}", due.webhook, due.notice);
    Ok(tell_members(write, partner, Role::Owner, &key, &subject, &body, finance.clock.now()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_waits_longer_each_time_and_is_given_up_after_three_days() {
        let mut now = Timestamp::UNIX_EPOCH;
        let (mut waits, mut attempts) = (Vec::new(), 0);
        while let Some(next) = next(attempts, now) {
            waits.push(next.duration_since(now));
            (now, attempts) = (next, attempts + 1);
        }
        assert!(waits.is_sorted() && attempts == 9, "{waits:?}");
        let days = now.duration_since(Timestamp::UNIX_EPOCH).as_hours() / 24;
        assert_eq!(days, 3);
    }
}
