//! A batch of events: each is taken or refused by itself, and counts once.

use std::collections::{BTreeSet, HashMap};

use chandlery_package::Namespace;
use chandlery_package::wire::{RefusedUsage, UsageEvent, UsageReceipt};
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::bounds::{Bounds, Refusal};
use super::rows::{self, Stored};
use super::{corrections, days, deployments};
use crate::Error;

/// Events that came together, each checked by itself.
pub(super) struct Batch<'a> {
    rows: Vec<Stored<'a>>,
    refused: Vec<RefusedUsage>,
    bounds: Bounds,
    /// The host that has signed them; empty: none has.
    host: &'a str,
}

/// What became of a batch.
pub(super) struct Taken {
    pub receipt: UsageReceipt,
    /// Those whose id is another event's.
    pub others: Vec<uuid::Uuid>,
}

impl<'a> Batch<'a> {
    /// Checks what each event says by itself.
    pub fn of(events: &'a [UsageEvent], bounds: Bounds, host: &'a str) -> Self {
        let mut batch = Self { rows: Vec::with_capacity(events.len()), refused: Vec::new(), bounds, host };
        for event in events {
            match bounds.check(event) {
                Ok(()) => batch.rows.push(Stored::of(event).signed_by(host)),
                Err(refusal) => batch.refused.push(refusal.of(event)),
            }
        }
        batch
    }

    /// Stores those that are taken.
    pub async fn take(self, write: &mut Write, account: &Namespace) -> Result<Taken, Error> {
        let Self { mut rows, refused, bounds, host } = self;
        let now = bounds.now;
        let mut receipt = UsageReceipt { accepted: 0, held: 0, known: 0, refused };
        let opened_at = opened_at(write, account).await?;
        let published = published(write, &rows).await?;
        let signed = match host {
            "" => deployments::signed(write, account, &rows).await?,
            host => {
                deployments::note(write, account, host, &rows).await?;
                HashMap::new()
            }
        };
        rows.retain(|row| {
            let release = published.get(&(row.plugin.clone(), row.version.clone()));
            let refusal = match (release, signed.get(&row.event.deployment)) {
                (None, _) => Some(Refusal::for_good(format!("there is no release {}", row.event.release))),
                // A correction waits for others where it may lower what is owed.
                (_, Some(host)) if row.event.corrects.is_none() => Some(Refusal::for_good(format!(
                    "'{}' is a deployment of host {host}, which signs what it uses",
                    row.event.deployment
                ))),
                (Some(published_at), _) => bounds
                    .must_follow(row.event, "the account", opened_at)
                    .and_then(|()| bounds.must_follow(row.event, "the release", *published_at))
                    .err(),
            };
            let is_taken = refusal.is_none();
            receipt.refused.extend(refusal.map(|refusal| refusal.of(row.event)));
            is_taken
        });
        let (corrections, plain): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.event.corrects.is_some());
        let known = rows::known(write, &plain).await?;
        let (plain, too_much) = days::count(write, account, plain, known).await?;
        receipt.refused.extend(too_much);
        let inserted = rows::insert(write, account, &plain, now).await?;
        for id in &inserted.taken {
            let event = plain.iter().find(|row| row.event.id == *id);
            let refusal = Refusal::for_good("its id was used before for another event");
            receipt.refused.extend(event.map(|row| refusal.of(row.event)));
        }
        let kept = corrections::keep(write, account, &corrections, now).await?;
        corrections::settle(write, account, now).await?;
        receipt.held = corrections::waiting(write, account, &corrections).await?;
        receipt.accepted = inserted.new + kept.new;
        receipt.known = inserted.known + kept.known;
        receipt.refused.extend(kept.refused);
        Ok(Taken { receipt, others: inserted.taken })
    }
}

/// When an account was opened, where that is known.
async fn opened_at(db: &mut AnyConnection, account: &Namespace) -> Result<Option<Timestamp>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select created_at from accounts where name = $1")
        .bind(account.as_str())
        .fetch_optional(db)
        .await?;
    Ok(found.and_then(|(at,)| at.parse().ok()))
}

/// Releases, by plugin and version, and since when they are there, where that is known.
type Published = HashMap<(String, String), Option<Timestamp>>;

/// Which releases of these there are.
async fn published(db: &mut AnyConnection, rows: &[Stored<'_>]) -> Result<Published, Error> {
    let wanted: BTreeSet<_> = rows.iter().map(|row| (&row.plugin, &row.version)).collect();
    let mut found = HashMap::new();
    for (plugin, version) in wanted {
        let release: Option<(String,)> =
            sqlx::query_as("select published_at from releases where plugin = $1 and version = $2")
                .bind(plugin)
                .bind(version)
                .fetch_optional(&mut *db)
                .await?;
        if let Some((at,)) = release {
            found.insert((plugin.clone(), version.clone()), at.parse().ok());
        }
    }
    Ok(found)
}
