//! How partners are paid. What an owner writes holds once an operator has approved it, so that nobody who stole a password can send
//! the next payout elsewhere. Where another account was paid before, it waits for three days more, in which an owner may still object: by
//! writing another version, with which one that nobody has approved, or that still waits, is void.

use chandlery_package::column::{Json, Text};
use chandlery_package::wire::{Act, Page, Paging, PayoutProfile, ProfileVersion, Rail, Schedule};
use chandlery_package::{Namespace, Rate};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::bank_account::check_account;
use crate::{Error, documents};
use chandlery_accounts::audit::record;
use chandlery_accounts::organisations::{Power, speaks_for};
use chandlery_accounts::{Account, Actor, Role, must_be_a_namespace, origins, tell_members, tell_operators};
use chandlery_store::{Db, Write, time};

type Row = (i64, Json<PayoutProfile>, Text<Namespace>, Option<Text<Namespace>>, Option<Text<Timestamp>>);

/// How long an approved profile waits that pays elsewhere than before.
pub const WAITS: SignedDuration = SignedDuration::from_hours(72);

fn read((version, Json(profile), Text(changed_by), approved_by, holds_from): Row) -> ProfileVersion {
    ProfileVersion {
        version,
        profile,
        changed_by,
        approved_by: approved_by.map(|Text(name)| name),
        holds_from: holds_from.map(|Text(at)| at),
    }
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select version, body, changed_by, approved_by, holds_from from payout_profiles where partner = $1 and ",
            $condition
        )
    };
}

/// The versions of a partner's profile, the latest first.
pub async fn list(db: &Db, partner: &Namespace, paging: &Paging<i64>) -> Result<Page<ProfileVersion>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!("version < $2 order by version desc limit $3"))
        .bind(partner.as_str())
        .bind(paging.after().copied().unwrap_or(i64::MAX))
        .bind(paging.rows())
        .fetch_all(db.read())
        .await?;
    Ok(paging.cut(rows, |(version, ..)| *version).map(read))
}

/// What waits for an operator of each partner: the versions that are the latest and that nobody has approved, by partner, so many at most.
pub async fn waiting(db: &Db, count: u32) -> Result<Vec<(Namespace, ProfileVersion)>, Error> {
    type OfPartner = (Text<Namespace>, i64, Json<PayoutProfile>, Text<Namespace>);
    let rows: Vec<OfPartner> = sqlx::query_as(
        "select partner, version, body, changed_by from payout_profiles as latest
         where approved_by is null and not exists (
             select 1 from payout_profiles as later
             where later.partner = latest.partner and later.version > latest.version)
         order by partner limit $1",
    )
    .bind(i64::from(count))
    .fetch_all(db.read())
    .await?;
    let of_partner = |(Text(partner), version, profile, changed_by): OfPartner| {
        (partner, read((version, profile, changed_by, None, None)))
    };
    Ok(rows.into_iter().map(of_partner).collect())
}

/// How many partners wait for an operator to approve how they are paid.
pub async fn count_waiting(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from payout_profiles as latest
         where approved_by is null and not exists (
             select 1 from payout_profiles as later
             where later.partner = latest.partner and later.version > latest.version)",
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// The profile that holds at a moment, and its version: by hand, where none was approved yet.
pub async fn in_force(
    db: &mut AnyConnection,
    partner: &Namespace,
    now: Timestamp,
) -> Result<(i64, PayoutProfile), Error> {
    let latest = held(db, partner, now).await?.into_iter().next();
    Ok(latest.unwrap_or_else(|| (0, by_hand())))
}

/// The profiles that hold or have held at a moment, and their versions, the latest first: those that were approved, but for what waits, and
/// what waited when a later one was written.
async fn held(
    db: &mut AnyConnection,
    partner: &Namespace,
    now: Timestamp,
) -> Result<Vec<(i64, PayoutProfile)>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "approved_by is not null and (holds_from is null or (holds_from <= $2 and not exists (
             select 1 from payout_profiles as later
             where later.partner = payout_profiles.partner and later.version > payout_profiles.version
                 and later.changed_at < payout_profiles.holds_from)))
         order by version desc"
    ))
    .bind(partner.as_str())
    .bind(time(now))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(version, Json(profile), ..)| (version, profile)).collect())
}

/// The profile that was written last, whether it holds or not, and its version: by hand, where none was written yet.
pub async fn latest(db: &mut AnyConnection, partner: &Namespace) -> Result<(i64, PayoutProfile), Error> {
    let row: Option<Row> = sqlx::query_as(select!("version > 0 order by version desc limit 1"))
        .bind(partner.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.map_or_else(|| (0, by_hand()), |(version, Json(profile), ..)| (version, profile)))
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

/// Writes a profile, of which all owners and the operators hear. What is withheld is an operator's to say; an owner's profile keeps what
/// was written last.
pub async fn write(
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
        profile.withheld = latest(&mut write, partner).await?.1.withheld;
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
    let written = ProfileVersion {
        version,
        profile,
        changed_by: caller.person().clone(),
        approved_by: None,
        holds_from: None,
    };
    announce(&mut write, partner, &written, now).await?;
    write.commit().await?;
    Ok(written)
}

async fn announce(
    write: &mut Write,
    partner: &Namespace,
    written: &ProfileVersion,
    now: Timestamp,
) -> Result<(), Error> {
    let ProfileVersion { version, changed_by, .. } = written;
    let key = format!("payout-profile:{partner}:{version}");
    let title = format!("'{changed_by}' has changed how '{partner}' is paid");
    let to_owners = format!(
        "It holds once an operator has approved it. If that is not what the owners of '{partner}' want, write another version on the page \
         /dashboard/{partner}/bank, and tell an operator.\n"
    );
    tell_members(write, partner, Role::Owner, &key, &title, &to_owners, now).await?;
    let to_operators =
        format!("It waits for an operator, on the page /operator/payouts/profiles/{partner}/{version}.\n");
    tell_operators(write, &format!("{key}:operators"), &title, &to_operators, now).await?;
    Ok(())
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
    let (before, _) = in_force(write, partner, now).await?;
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
pub async fn existing(
    db: &mut AnyConnection,
    partner: &Namespace,
    version: i64,
) -> Result<ProfileVersion, Error> {
    let found = find(db, partner, version).await?;
    found.ok_or_else(|| Error::NotFound(format!("payout profile {version} of '{partner}'")))
}

/// Refuses a version after which another one was written.
pub(super) async fn must_be_latest(
    db: &mut AnyConnection,
    partner: &Namespace,
    version: i64,
) -> Result<(), Error> {
    match latest(db, partner).await? {
        (latest, _) if latest > version => Err(Error::Conflict(format!(
            "version {latest} of how '{partner}' is paid was written since: look at that one"
        ))),
        _ => Ok(()),
    }
}

/// Whether a profile pays into an account, and another one was paid into last, however often it was paid by hand since. What is paid by
/// hand is paid to whom an operator knows.
fn pays_elsewhere(held: &[(i64, PayoutProfile)], after: &Rail) -> bool {
    let last = held.iter().map(|(_, profile)| &profile.rail).find(|rail| **rail != Rail::Manual);
    *after != Rail::Manual && last.is_some_and(|last| last != after)
}

/// Lets the latest version hold, which was approved: at once or, where another account was paid before, after a while.
pub(crate) async fn approve(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    partner: &Namespace,
    version: i64,
    now: Timestamp,
) -> Result<ProfileVersion, Error> {
    let found = existing(write, partner, version).await?;
    if found.approved_by.is_some() {
        return Ok(found);
    }
    must_be_latest(write, partner, version).await?;
    must_speak_still(write, partner, &found.changed_by).await?;
    let held = held(write, partner, now).await?;
    let before = held.first().map_or(0, |(version, _)| *version);
    let holds_from = pays_elsewhere(&held, &found.profile.rail).then(|| now + WAITS);
    sqlx::query(
        "update payout_profiles set approved_by = $1, holds_from = $2
         where partner = $3 and version = $4 and approved_by is null",
    )
    .bind(operator.as_str())
    .bind(holds_from.map(time))
    .bind(partner.as_str())
    .bind(version)
    .execute(&mut **write)
    .await?;
    let (before, after) =
        (json!({ "version": before }), json!({ "version": version, "holds_from": holds_from }));
    record(write, actor, Act::PayoutProfileApproved, partner.as_str(), before, after).await?;
    Ok(ProfileVersion { approved_by: Some(operator.clone()), holds_from, ..found })
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
    use super::*;
    use crate::testing::at;

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
            let now = Timestamp::UNIX_EPOCH;
            let done = approve(&mut transaction, &machine, &operator, &acme, written.version, now).await;
            assert_eq!(done.is_ok(), is_approved, "{by} {role}: {done:?}");
        }
    }

    #[tokio::test]
    async fn another_account_is_paid_three_days_after_it_was_approved() {
        let (_folder, finance) = crate::testing::market(&[], "").await;
        let acme = "acme".parse::<Namespace>().unwrap();
        let (db, machine, operator) = (&finance.db, Actor::machine(), crate::testing::operator());
        let caller = Account { name: operator.clone(), operator: true, owes_factor: false, person: None };
        let account = |iban: &str| Rail::Sepa { holder: "Acme".into(), iban: iban.into(), bic: None };
        let [first, second] = ["DE89370400440532013000", "GB29NWBK60161331926819"].map(account);
        let [begin, waiting, later] =
            ["2026-01-01T00:00:00Z", "2026-01-03T23:59:59Z", "2026-01-04T00:00:00Z"].map(at);
        for (rail, holds_at) in [
            (first.clone(), begin),
            (first.clone(), begin),
            (second.clone(), later),
            // By hand in between, it waits as long.
            (Rail::Manual, begin),
            (second, later),
        ] {
            let profile = PayoutProfile { rail, ..by_hand() };
            let version = write(db, &machine, &caller, &acme, profile, begin).await.unwrap().version;
            let mut writing = db.write().await.unwrap();
            approve(&mut writing, &machine, &operator, &acme, version, begin).await.unwrap();
            for now in [begin, waiting, later] {
                let (holds, _) = in_force(&mut writing, &acme, now).await.unwrap();
                assert_eq!(holds == version, now >= holds_at, "{version} at {now}");
            }
            writing.commit().await.unwrap();
        }
        let waiting = waiting_of(db, &caller, &acme, begin).await;
        assert_eq!(waiting, [(acme, 6)], "the latest alone");
    }

    /// Writes a version, and tells what waits then.
    async fn waiting_of(
        db: &Db,
        caller: &Account,
        acme: &Namespace,
        now: Timestamp,
    ) -> Vec<(Namespace, i64)> {
        assert_eq!(waiting(db, 10).await.unwrap(), []);
        write(db, &Actor::machine(), caller, acme, by_hand(), now).await.unwrap();
        waiting(db, 10).await.unwrap().into_iter().map(|(of, written)| (of, written.version)).collect()
    }

    #[tokio::test]
    async fn what_was_written_over_before_it_held_never_holds() {
        let (_folder, finance) = crate::testing::market(&[], "").await;
        let acme = "acme".parse::<Namespace>().unwrap();
        let (db, machine, operator) = (&finance.db, Actor::machine(), crate::testing::operator());
        let caller = Account { name: operator.clone(), operator: true, owes_factor: false, person: None };
        let wrote = async |account: &str, now: Timestamp| {
            let profile = PayoutProfile { rail: Rail::Stripe { account: account.into() }, ..by_hand() };
            write(db, &machine, &caller, &acme, profile, now).await.unwrap().version
        };
        let approved = async |version: i64, now: Timestamp| {
            let mut writing = db.write().await.unwrap();
            let done = approve(&mut writing, &machine, &operator, &acme, version, now).await;
            writing.commit().await.unwrap();
            done.map(|version| version.holds_from).map_err(|error| error.to_string())
        };
        let holds = async |now: Timestamp| {
            in_force(&mut db.read().acquire().await.unwrap(), &acme, now).await.unwrap().0
        };
        let begin = at("2026-01-01T00:00:00Z");
        let (objected, after) = (begin + WAITS - SignedDuration::from_secs(1), begin + WAITS);
        assert_eq!((wrote("acct_own", begin).await, approved(1, begin).await), (1, Ok(None)));
        assert_eq!((wrote("acct_thief", begin).await, approved(2, begin).await), (2, Ok(Some(after))));
        assert_eq!((wrote("acct_thief", objected).await, wrote("acct_own", objected).await), (3, 4));
        assert_eq!(holds(after).await, 1, "the second was written over while it waited");
        let refused = approved(3, after).await.unwrap_err();
        assert!(refused.contains("version 4 of how 'acme' is paid was written since"), "{refused}");
        assert_eq!((approved(4, after).await, holds(after).await), (Ok(None), 4));

        // What has waited holds on, whatever is written then.
        assert_eq!((wrote("acct_new", after).await, approved(5, after).await), (5, Ok(Some(after + WAITS))));
        assert_eq!((wrote("acct_thief", after + WAITS).await, holds(after + WAITS).await), (6, 5));
    }

    #[tokio::test]
    async fn an_owner_keeps_what_an_operator_withholds() {
        let (_folder, finance) = crate::testing::market(&["globex"], "").await;
        let [acme, globex] = ["acme", "globex"].map(|name| name.parse::<Namespace>().unwrap());
        let (operator, now) = (crate::testing::operator(), Timestamp::UNIX_EPOCH);
        // Nobody has approved either.
        for (name, operator, says, is_withheld) in [
            (operator, true, "15%", "15%"),
            (globex.clone(), false, "0%", "15%"),
            (globex, false, "90%", "15%"),
        ] {
            let caller = Account { name, operator, owes_factor: false, person: None };
            let profile = PayoutProfile { withheld: says.parse().unwrap(), ..by_hand() };
            let written = write(&finance.db, &Actor::machine(), &caller, &acme, profile, now).await.unwrap();
            assert_eq!(written.profile.withheld.to_string(), is_withheld);
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
