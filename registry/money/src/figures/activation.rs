//! How many of those who open an account deploy something, by the use that hosts have reported: nothing is kept beside it.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::Ratio;
use chandlery_package::{Month, Namespace};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::known::{Known, ratio};
use crate::Error;
use crate::billing;
use chandlery_store::time;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
const THIRTY_DAYS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The accounts that were opened in a month, and those of them that have deployed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SignUps {
    pub accounts: i64,
    pub in_7_days: i64,
    pub in_30_days: i64,
}

impl SignUps {
    fn count(&mut self, opened: Timestamp, deployed: Option<Timestamp>) {
        let within = |span: SignedDuration| {
            i64::from(deployed.is_some_and(|deployed| deployed.duration_since(opened) <= span))
        };
        self.accounts += 1;
        self.in_7_days += within(WEEK);
        self.in_30_days += within(THIRTY_DAYS);
    }

    /// Of all, so many.
    pub fn part(&self, of_them: i64) -> Known<Ratio> {
        ratio(of_them.into(), self.accounts.into(), "no account was opened in it")
    }
}

/// Who was opened until now and has deployed, by the month of the opening.
pub(super) async fn sign_ups(
    db: &mut AnyConnection,
    now: Timestamp,
) -> Result<BTreeMap<Month, SignUps>, Error> {
    // The events of an account are found by an index, and all of them are looked at for the first one.
    let rows: Vec<(String, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select created_at, (select min(from_at) from usage_events where usage_events.account = accounts.name)
         from accounts where role <> 'operator' and created_at <> '' and created_at <= $1",
    )
    .bind(time(now))
    .fetch_all(db)
    .await?;
    let mut months: BTreeMap<Month, SignUps> = BTreeMap::new();
    for (opened, deployed) in rows {
        // Of accounts of the first version it is not known.
        let Ok(opened) = opened.parse::<Timestamp>() else { continue };
        months.entry(Month::of(opened)).or_default().count(opened, deployed.map(|Text(at)| at));
    }
    Ok(months)
}

/// Whether an account has deployed: a host has reported use of it, or says that it has deployments now.
pub async fn has_deployed(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let used: Option<(String,)> = sqlx::query_as("select id from usage_events where account = $1 limit 1")
        .bind(account.as_str())
        .fetch_optional(&mut *db)
        .await?;
    Ok(used.is_some() || billing::deployments(db, account).await? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, finance};

    #[tokio::test]
    async fn who_deploys_in_time_is_counted_in_the_month_of_the_sign_up() {
        let (_folder, finance) = finance().await;
        for (account, role, opened, deployed) in [
            ("operator-2", "operator", "2026-01-02T00:00:00.000000Z", Some("2026-01-02T01:00:00.000000Z")),
            ("ann", "member", "2026-01-02T00:00:00.000000Z", Some("2026-01-09T00:00:00.000000Z")),
            ("bob", "member", "2026-01-02T00:00:00.000000Z", Some("2026-01-09T00:00:01.000000Z")),
            ("cat", "member", "2026-01-31T00:00:00.000000Z", Some("2026-03-02T00:00:01.000000Z")),
            ("dan", "member", "2026-01-31T00:00:00.000000Z", None),
            ("eve", "member", "2026-02-01T00:00:00.000000Z", None),
            ("fay", "member", "2026-04-01T00:00:00.000000Z", None),
        ] {
            sqlx::query(
                "insert into accounts (name, password_hash, role, created_at) values ($1, '', $2, $3)",
            )
            .bind(account)
            .bind(role)
            .bind(opened)
            .execute(finance.db.read())
            .await
            .unwrap();
            let Some(deployed) = deployed else { continue };
            // Twice: the first use counts.
            for (number, from) in [(1, deployed), (2, "2026-03-05T00:00:00.000000Z")] {
                sqlx::query(
                    "insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis,
                                               gpu_millis, units, received_at)
                     values ($1, $2, '2026-01', 'web', 'acme:serving', '1.0.0', $3, $3, 0, 0, '', $3)",
                )
                .bind(format!("{account}-{number}"))
                .bind(account)
                .bind(from)
                .execute(finance.db.read())
                .await
                .unwrap();
            }
        }
        let mut db = finance.db.snapshot().await.unwrap();
        let months = sign_ups(&mut db, at("2026-03-10T00:00:00Z")).await.unwrap();
        let of = |month: &str| months.get(&month.parse::<Month>().unwrap()).copied().unwrap_or_default();
        assert_eq!(of("2026-01"), SignUps { accounts: 4, in_7_days: 1, in_30_days: 2 });
        assert_eq!(of("2026-02"), SignUps { accounts: 1, in_7_days: 0, in_30_days: 0 });
        assert_eq!(of("2026-04"), SignUps::default(), "nobody has come from the future");
        assert_eq!(of("2026-01").part(1).unwrap().percent(), "25.0 %");
        assert!(SignUps::default().part(0).is_err());
        for (account, has) in [("ann", true), ("dan", false)] {
            assert_eq!(has_deployed(&mut db, &account.parse().unwrap()).await.unwrap(), has, "{account}");
        }
    }
}
