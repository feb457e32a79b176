//! Who an account is at a provider: its issuer, and the subject that it never gives to anybody else.

use chandlery_oidc::Person;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, LinkedIdentity};
use chandlery_package::{Issuer, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Error;
use crate::actor::Actor;
use crate::audit::record;
use crate::notices::tell_owner;

/// How many of an account's identities are shown: one for each of its organisations.
const SHOWN_MAX: i64 = 100;

/// Whose somebody is.
pub(super) struct Known {
    pub(super) account: Namespace,
    pub(super) organisation: Namespace,
}

/// Which account a person of a provider is; none: the registry does not know them.
pub(super) async fn find(write: &mut Write, person: &Person) -> Result<Option<Known>, Error> {
    let found: Option<(Text<Namespace>, Text<Namespace>)> =
        sqlx::query_as("select account, organisation from identities where issuer = $1 and subject = $2")
            .bind(&person.issuer)
            .bind(&person.subject)
            .fetch_optional(&mut **write)
            .await?;
    Ok(found.map(|(Text(account), Text(organisation))| Known { account, organisation }))
}

/// Lets a person of an organisation's provider be an account, and tells its owner.
pub(super) async fn link(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    account: &Namespace,
    person: &Person,
) -> Result<(), Error> {
    let now = Timestamp::now();
    sqlx::query(
        "insert into identities (issuer, subject, account, organisation, linked_at, seen_at)
         values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(&person.issuer)
    .bind(&person.subject)
    .bind(account.as_str())
    .bind(organisation.as_str())
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    let after = json!({ "organisation": organisation, "issuer": person.issuer });
    record(write, actor, Act::IdentityLinked, account.as_str(), Value::Null, after).await?;
    let body = format!(
        "Whoever '{organisation}' vouches for at {} as you signs in as '{account}' since {} UTC. If that is wrong, tell an admin of \
         '{organisation}', and an operator of the registry.\n",
        person.issuer,
        now.strftime("%Y-%m-%d %H:%M")
    );
    let key = format!("identity:{account}:{}", time(now));
    tell_owner(write, account, &key, "Your account signs in with an organisation", &body, now).await
}

/// Notes that somebody has signed in.
pub(super) async fn note(write: &mut Write, person: &Person) -> Result<(), Error> {
    sqlx::query("update identities set seen_at = $1 where issuer = $2 and subject = $3")
        .bind(time(Timestamp::now()))
        .bind(&person.issuer)
        .bind(&person.subject)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Who an account is at providers.
pub async fn linked(db: &Db, account: &Namespace) -> Result<Vec<LinkedIdentity>, Error> {
    type Row = (Text<Namespace>, Text<Issuer>, Text<Timestamp>, Text<Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(
        "select organisation, issuer, linked_at, seen_at from identities where account = $1
         order by organisation, linked_at limit $2",
    )
    .bind(account.as_str())
    .bind(SHOWN_MAX)
    .fetch_all(db.read())
    .await?;
    let read = |(Text(organisation), Text(issuer), Text(linked_at), Text(seen_at)): Row| LinkedIdentity {
        organisation,
        issuer,
        linked_at,
        seen_at,
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The organisations of an account with a provider at which it is not known.
pub async fn linkable(db: &Db, account: &Namespace) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select organisation_members.organisation from organisation_members
         join identity_providers on identity_providers.organisation = organisation_members.organisation
         where organisation_members.account = $1 and not exists (
             select 1 from identities
             where identities.organisation = organisation_members.organisation
               and identities.account = organisation_members.account)
         order by organisation_members.organisation limit $2",
    )
    .bind(account.as_str())
    .bind(SHOWN_MAX)
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|(Text(organisation),)| organisation).collect())
}
