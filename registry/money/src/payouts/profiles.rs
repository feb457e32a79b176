//! How partners are paid. What an owner writes holds once an operator has approved it, so that nobody who stole a password can send
//! the next payout elsewhere.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, Page, Paging, PayoutProfile, ProfileVersion, Rail, Schedule};
use chandlery_package::{Namespace, Rate};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::bank_account::check_account;
use crate::{Error, documents};
use chandlery_accounts::audit::record;
use chandlery_accounts::organisations::{Power, speaks_for};
use chandlery_accounts::{Account, Actor, must_be_a_namespace, origins};
use chandlery_store::{Db, Write, time};

type Row = (i64, Json<PayoutProfile>, Text<Namespace>, Option<Text<Namespace>>);

fn read((version, Json(profile), Text(changed_by), approved_by): Row) -> ProfileVersion {
    ProfileVersion { version, profile, changed_by, approved_by: approved_by.map(|Text(name)| name) }
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select version, body, changed_by, approved_by from payout_profiles where partner = $1 and ",
            $condition
        )
    };
}

/// The versions of a partner's profile, the latest first.
pub(crate) async fn list(
    db: &Db,
    partner: &Namespace,
    paging: &Paging<i64>,
) -> Result<Page<ProfileVersion>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("version < $2 order by version desc limit $3"))
        .bind(partner.as_str())
        .bind(paging.after().copied().unwrap_or(i64::MAX))
        .bind(paging.rows())
        .fetch_all(db.read())
        .await?;
    Ok(paging.cut(rows, |(version, ..)| *version).map(read))
}

/// The profile that holds, and its version: by hand, where none was approved yet.
pub(super) async fn in_force(
    db: &mut AnyConnection,
    partner: &Namespace,
) -> Result<(i64, PayoutProfile), Error> {
    let approved: Option<Row> =
        sqlx::query_as(select!("approved_by is not null order by version desc limit 1"))
            .bind(partner.as_str())
            .fetch_optional(db)
            .await?;
    Ok(approved.map_or_else(|| (0, by_hand()), |(version, Json(profile), ..)| (version, profile)))
}

/// How those are paid who have not said how.
pub(super) fn by_hand() -> PayoutProfile {
    PayoutProfile {
        rail: Rail::Manual,
        currency: None,
        minimum: None,
        schedule: Schedule::EveryRun,
        withheld: Rate::ZERO,
        legal: None,
    }
}

/// A version, where there is one of this number.
pub(super) async fn find(
    db: &mut AnyConnection,
    partner: &Namespace,
    version: i64,
) -> Result<Option<ProfileVersion>, Error> {
    let row: Option<Row> = sqlx::query_as(select!("version = $2"))
        .bind(partner.as_str())
        .bind(version)
        .fetch_optional(db)
        .await?;
    Ok(row.map(read))
}

/// Writes a profile. What is withheld is an operator's to say; an owner's profile keeps what holds.
pub(super) async fn write(
    db: &Db,
    actor: &Actor,
    caller: &Account,
    partner: &Namespace,
    mut profile: PayoutProfile,
    now: Timestamp,
) -> Result<ProfileVersion, Error> {
    if let Rail::Sepa { holder, iban, bic } = &profile.rail {
        check_account(holder, iban, bic.as_deref())?;
    }
    if let Some(legal) = &mut profile.legal {
        legal.tax_number = documents::check_party(legal)?;
        legal.id = None;
    }
    let mut write = db.write().await?;
    must_be_a_namespace(&mut write, partner).await?;
    if !caller.operator {
        profile.withheld = in_force(&mut write, partner).await?.1.withheld;
    }
    let body = json!(profile).to_string();
    let (version,): (i64,) = sqlx::query_as(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at)
         select $1, coalesce(max(version), 0) + 1, $2, $3, $4 from payout_profiles where partner = $1
         returning version",
    )
    .bind(partner.as_str())
    .bind(body)
    .bind(caller.person().as_str())
    .bind(time(now))
    .fetch_one(&mut *write)
    .await?;
    let after = json!({ "version": version, "rail": profile.rail.kind() });
    record(&mut write, actor, Act::PayoutProfileWritten, partner.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(ProfileVersion { version, profile, changed_by: caller.person().clone(), approved_by: None })
}

/// Lets nothing hold any more of how a partner was paid, which is by hand from then on. That sends nothing anywhere, and needs no
/// approval.
pub(super) async fn forget(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    partner: &Namespace,
    now: Timestamp,
) -> Result<(), Error> {
    let (before, _) = in_force(write, partner).await?;
    let (version,): (i64,) = sqlx::query_as(
        "insert into payout_profiles (partner, version, body, changed_by, changed_at, approved_by)
         select $1, coalesce(max(version), 0) + 1, $2, $3, $4, $3 from payout_profiles where partner = $1
         returning version",
    )
    .bind(partner.as_str())
    .bind(json!(by_hand()).to_string())
    .bind(operator.as_str())
    .bind(time(now))
    .fetch_one(&mut **write)
    .await?;
    let (before, after) =
        (json!({ "version": before }), json!({ "version": version, "rail": Rail::Manual.kind() }));
    record(write, actor, Act::PayoutProfileWritten, partner.as_str(), before, after).await?;
    Ok(())
}

/// A version, or that there is none of this number.
pub(super) async fn existing(
    db: &mut AnyConnection,
    partner: &Namespace,
    version: i64,
) -> Result<ProfileVersion, Error> {
    let found = find(db, partner, version).await?;
    found.ok_or_else(|| Error::NotFound(format!("payout profile {version} of '{partner}'")))
}

/// Lets a version hold that was approved.
pub(crate) async fn approve(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    partner: &Namespace,
    version: i64,
) -> Result<ProfileVersion, Error> {
    let found = existing(write, partner, version).await?;
    if found.approved_by.is_some() {
        return Ok(found);
    }
    must_speak_still(write, partner, &found.changed_by).await?;
    let (before, _) = in_force(write, partner).await?;
    sqlx::query(
        "update payout_profiles set approved_by = $1 where partner = $2 and version = $3 and approved_by is null",
    )
    .bind(operator.as_str())
    .bind(partner.as_str())
    .bind(version)
    .execute(&mut **write)
    .await?;
    let (before, after) = (json!({ "version": before }), json!({ "version": version }));
    record(write, actor, Act::PayoutProfileApproved, partner.as_str(), before, after).await?;
    Ok(ProfileVersion { approved_by: Some(operator.clone()), ..found })
}

/// Refuses what somebody wrote who neither owns the namespace, nor pays for an organisation that does, nor operates the registry any more:
/// it would be paid what is others'.
async fn must_speak_still(write: &mut Write, partner: &Namespace, by: &Namespace) -> Result<(), Error> {
    let speaks = speaks_for(write, partner, by, Power::Pay).await?;
    match speaks || origins::operators(write).await?.contains(by) {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "'{by}', who wrote this profile, does not own '{partner}' any more: an owner writes another one"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use chandlery_accounts::Role;

    use super::*;

    #[tokio::test]
    async fn what_somebody_wrote_is_approved_while_they_may_write_it() {
        let (_folder, finance) = crate::testing::market(&["globex"], "").await;
        let [acme, globex] = ["acme", "globex"].map(|name| name.parse::<Namespace>().unwrap());
        let (db, machine, operator) = (&finance.db, Actor::machine(), crate::testing::operator());
        for (by, role, is_approved) in [
            (&globex, Role::Owner, true),
            (&globex, Role::Publisher, false),
            (&globex, Role::Viewer, false),
            (&operator, Role::Viewer, true),
        ] {
            let caller =
                Account { name: by.clone(), operator: *by == operator, owes_factor: false, person: None };
            let written =
                write(db, &machine, &caller, &acme, by_hand(), Timestamp::UNIX_EPOCH).await.unwrap();
            let mut transaction = db.write().await.unwrap();
            chandlery_accounts::join(&mut transaction, &acme, by, role).await.unwrap();
            let done = approve(&mut transaction, &machine, &operator, &acme, written.version).await;
            assert_eq!(done.is_ok(), is_approved, "{by} {role}: {done:?}");
        }
    }

    #[tokio::test]
    async fn nobody_writes_how_a_namespace_is_paid_that_is_not_there() {
        let (_folder, finance) = crate::testing::finance().await;
        let operator =
            Account { name: "operator".parse().unwrap(), operator: true, owes_factor: false, person: None };
        let nobody = "nobody".parse().unwrap();
        let refused =
            write(&finance.db, &Actor::machine(), &operator, &nobody, by_hand(), Timestamp::UNIX_EPOCH)
                .await
                .unwrap_err();
        assert_eq!(refused.to_string(), "there is no namespace 'nobody'");
    }
}
