//! Domains of organisations. One counts as an organisation's own as long as the domain's DNS has a record with the token that this
//! organisation was given; of several organisations the first that proves it has it, until that lapses.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, DomainAnswer, DomainCheck, DomainName, OrganisationDomain};
use chandlery_package::{Namespace, random_bytes};
use chandlery_store::{Db, Write, time};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::provable::must_be_provable;
use crate::actor::Actor;
use crate::audit::record;
use crate::dns::Dns;
use crate::notices::tell;
use crate::{Accounts, Error};

/// How many domains an organisation may have, proved or not.
const DOMAINS_MAX: i64 = 50;
/// How long the record of a domain may be missing before the domain is the organisation's no more.
const LAPSES_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long after one question the DNS of a proved domain is asked the next time.
const ASKED_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How many domains are asked for in one go, the oldest first, and how many of them at a time.
const ASKED_MAX: i64 = 500;
const ASKED_AT_ONCE: usize = 16;

#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    organisation: Text<Namespace>,
    domain: Text<DomainName>,
    token: String,
    added_at: Text<Timestamp>,
    proved_at: Option<Text<Timestamp>>,
    checked_at: Option<Text<Timestamp>>,
    missing_since: Option<Text<Timestamp>>,
}

impl From<Row> for OrganisationDomain {
    fn from(row: Row) -> Self {
        let at = |at: Option<Text<Timestamp>>| at.map(|Text(at)| at);
        Self {
            record: record_name(&row.domain.0),
            value: record_value(&row.token),
            domain: row.domain.0,
            added_at: row.added_at.0,
            proved_at: at(row.proved_at),
            checked_at: at(row.checked_at),
            missing_since: at(row.missing_since),
        }
    }
}

/// The name of the TXT record that proves a domain.
fn record_name(domain: &DomainName) -> String {
    format!("_chandlery-challenge.{domain}")
}

/// What that record says.
fn record_value(token: &str) -> String {
    format!("chandlery-domain={token}")
}

/// Whether a domain is proved, and since when its record is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    proved_at: Option<Timestamp>,
    missing_since: Option<Timestamp>,
}

impl Standing {
    /// As one answer of the DNS leaves it. A DNS that does not answer takes nothing away.
    fn after(self, answer: DomainAnswer, now: Timestamp) -> Self {
        let since = self.missing_since.unwrap_or(now);
        match (answer, self.proved_at) {
            (DomainAnswer::Found, proved_at) => {
                Self { proved_at: Some(proved_at.unwrap_or(now)), missing_since: None }
            }
            (DomainAnswer::Absent, Some(_)) if now.duration_since(since) >= LAPSES_AFTER => {
                Self { proved_at: None, missing_since: None }
            }
            (DomainAnswer::Absent, Some(_)) => Self { missing_since: Some(since), ..self },
            (DomainAnswer::Absent | DomainAnswer::Failed, _) => self,
        }
    }
}

fn no_such(domain: &DomainName) -> Error {
    Error::NotFound(format!("domain '{domain}' of the organisation"))
}

/// What the audit trail calls a domain.
fn subject(organisation: &Namespace, domain: &DomainName) -> String {
    format!("{organisation}/{domain}")
}

async fn find(
    db: &mut AnyConnection,
    organisation: &Namespace,
    domain: &DomainName,
) -> Result<Option<Row>, Error> {
    let found = sqlx::query_as(
        "select organisation, domain, token, added_at, proved_at, checked_at, missing_since
         from organisation_domains where organisation = $1 and domain = $2",
    )
    .bind(organisation.as_str())
    .bind(domain.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// The domains that each organisation of an account has proved, by name.
pub(super) async fn proved_of_member(
    db: &Db,
    account: &Namespace,
) -> Result<BTreeMap<Namespace, Vec<DomainName>>, Error> {
    let rows: Vec<(Text<Namespace>, Text<DomainName>)> = sqlx::query_as(
        "select organisation_domains.organisation, organisation_domains.domain
         from organisation_members
         join organisation_domains on organisation_domains.organisation = organisation_members.organisation
         where organisation_members.account = $1 and organisation_domains.proved_at is not null
         order by organisation_domains.domain",
    )
    .bind(account.as_str())
    .fetch_all(db.read())
    .await?;
    let mut proved: BTreeMap<Namespace, Vec<DomainName>> = BTreeMap::new();
    for (Text(organisation), Text(domain)) in rows {
        proved.entry(organisation).or_default().push(domain);
    }
    Ok(proved)
}

/// The organisation that has proved a domain; none: it is nobody's.
pub async fn owner_of(db: &mut AnyConnection, domain: &DomainName) -> Result<Option<Namespace>, Error> {
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select organisation from organisation_domains where domain = $1 and proved_at is not null",
    )
    .bind(domain.as_str())
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(organisation),)| organisation))
}

/// The domains that an organisation has proved, by their names: 50 at most.
pub async fn proved(db: &Db, organisation: &Namespace) -> Result<Vec<DomainName>, Error> {
    let rows: Vec<(Text<DomainName>,)> = sqlx::query_as(
        "select domain from organisation_domains where organisation = $1 and proved_at is not null order by domain",
    )
    .bind(organisation.as_str())
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|(Text(domain),)| domain).collect())
}

/// The domains that the organisations which own a namespace have proved, by their names. One that is suspended speaks for nobody.
pub async fn proved_of_namespace(db: &Db, namespace: &Namespace) -> Result<Vec<DomainName>, Error> {
    let rows: Vec<(Text<DomainName>,)> = sqlx::query_as(
        "select organisation_domains.domain from namespace_members
         join organisation_domains on organisation_domains.organisation = namespace_members.account
         where namespace_members.namespace = $1 and namespace_members.role = 'owner'
               and organisation_domains.proved_at is not null
               and not exists (select 1 from suspensions
                               where suspensions.account = organisation_domains.organisation)
         order by organisation_domains.domain",
    )
    .bind(namespace.as_str())
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(|(Text(domain),)| domain).collect())
}

/// The domains of an organisation, by their names: 50 at most.
pub async fn list(db: &Db, organisation: &Namespace) -> Result<Vec<OrganisationDomain>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select organisation, domain, token, added_at, proved_at, checked_at, missing_since
         from organisation_domains where organisation = $1 order by domain",
    )
    .bind(organisation.as_str())
    .fetch_all(db.read())
    .await?;
    Ok(rows.into_iter().map(OrganisationDomain::from).collect())
}

/// Says that a domain is an organisation's, and gives the record that proves it. One that was added stays as it is.
pub async fn add(
    db: &Db,
    actor: &Actor,
    organisation: &Namespace,
    domain: &DomainName,
) -> Result<OrganisationDomain, Error> {
    must_be_provable(domain)?;
    let mut write = db.write().await?;
    if let Some(row) = find(&mut write, organisation, domain).await? {
        return Ok(row.into());
    }
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from organisation_domains where organisation = $1")
            .bind(organisation.as_str())
            .fetch_one(&mut *write)
            .await?;
    if count >= DOMAINS_MAX {
        return Err(Error::Conflict(format!("'{organisation}' has {count} domains: remove one first")));
    }
    let row = Row {
        organisation: Text(organisation.clone()),
        domain: Text(domain.clone()),
        token: BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<24>()),
        added_at: Text(Timestamp::now()),
        proved_at: None,
        checked_at: None,
        missing_since: None,
    };
    sqlx::query(
        "insert into organisation_domains (organisation, domain, token, added_at) values ($1, $2, $3, $4)",
    )
    .bind(organisation.as_str())
    .bind(domain.as_str())
    .bind(&row.token)
    .bind(time(row.added_at.0))
    .execute(&mut *write)
    .await?;
    let subject = subject(organisation, domain);
    record(&mut write, actor, Act::DomainAdded, &subject, Value::Null, Value::Null).await?;
    write.commit().await?;
    Ok(row.into())
}

/// Takes back that a domain is an organisation's, proved or not.
pub async fn remove(
    db: &Db,
    actor: &Actor,
    organisation: &Namespace,
    domain: &DomainName,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let row = find(&mut write, organisation, domain).await?.ok_or_else(|| no_such(domain))?;
    sqlx::query("delete from organisation_domains where organisation = $1 and domain = $2")
        .bind(organisation.as_str())
        .bind(domain.as_str())
        .execute(&mut *write)
        .await?;
    let before = json!({ "proved_at": row.proved_at.map(|Text(at)| at) });
    let subject = subject(organisation, domain);
    record(&mut write, actor, Act::DomainRemoved, &subject, before, Value::Null).await?;
    write.commit().await?;
    Ok(())
}

/// Asks the DNS for the record of a domain now, and keeps what follows from the answer.
pub async fn check(
    accounts: &Accounts,
    actor: &Actor,
    organisation: &Namespace,
    domain: &DomainName,
) -> Result<DomainCheck, Error> {
    let mut db = accounts.db.read().acquire().await?;
    let row = find(&mut db, organisation, domain).await?.ok_or_else(|| no_such(domain))?;
    drop(db);
    accounts.count_domain_check(organisation)?;
    let (row, answer, reason) = ask(accounts.dns, row).await;
    let domain = note(&accounts.db, actor, &row, answer, Timestamp::now()).await?;
    Ok(DomainCheck { answer, reason, domain })
}

/// Asks the DNS again for the domains that are proved and were not asked for within a day.
pub async fn check_due(accounts: &Accounts) -> Result<(), Error> {
    let mut due: Vec<Row> = sqlx::query_as(
        "select organisation, domain, token, added_at, proved_at, checked_at, missing_since
         from organisation_domains where proved_at is not null and checked_at <= $1 order by checked_at limit $2",
    )
    .bind(time(Timestamp::now() - ASKED_AFTER))
    .bind(ASKED_MAX)
    .fetch_all(accounts.db.read())
    .await?;
    while !due.is_empty() {
        let later = due.split_off(due.len().min(ASKED_AT_ONCE));
        let dns = accounts.dns;
        for (row, answer, _) in join_all(due.into_iter().map(|row| ask(dns, row))).await {
            match note(&accounts.db, &Actor::machine(), &row, answer, Timestamp::now()).await {
                // Somebody has removed it meanwhile.
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        due = later;
    }
    Ok(())
}

/// What the DNS says of a domain's record and, where it fails, why.
async fn ask(dns: Dns, row: Row) -> (Row, DomainAnswer, Option<String>) {
    match dns.texts(&record_name(&row.domain.0)).await {
        Ok(texts) if texts.contains(&record_value(&row.token)) => (row, DomainAnswer::Found, None),
        Ok(_) => (row, DomainAnswer::Absent, None),
        Err(reason) => (row, DomainAnswer::Failed, Some(reason)),
    }
}

/// Keeps what follows from an answer to what was asked for a domain.
async fn note(
    db: &Db,
    actor: &Actor,
    asked: &Row,
    answer: DomainAnswer,
    now: Timestamp,
) -> Result<OrganisationDomain, Error> {
    let (Text(organisation), Text(domain)) = (&asked.organisation, &asked.domain);
    let mut write = db.write().await?;
    let found = find(&mut write, organisation, domain).await?;
    // One that was removed and added again has another token.
    let mut row = found.filter(|row| row.token == asked.token).ok_or_else(|| no_such(domain))?;
    let at = |at: Option<Text<Timestamp>>| at.map(|Text(at)| at);
    let before = Standing { proved_at: at(row.proved_at), missing_since: at(row.missing_since) };
    let after = before.after(answer, now);
    if before.proved_at.is_none() && after.proved_at.is_some() {
        must_be_nobodys(&mut write, domain).await?;
    }
    sqlx::query(
        "update organisation_domains set proved_at = $1, missing_since = $2, checked_at = $3
         where organisation = $4 and domain = $5",
    )
    .bind(after.proved_at.map(time))
    .bind(after.missing_since.map(time))
    .bind(time(now))
    .bind(organisation.as_str())
    .bind(domain.as_str())
    .execute(&mut *write)
    .await?;
    tell_of_it(&mut write, actor, asked, (before, after), now).await?;
    write.commit().await?;
    row.proved_at = after.proved_at.map(Text);
    row.missing_since = after.missing_since.map(Text);
    row.checked_at = Some(Text(now));
    Ok(row.into())
}

async fn must_be_nobodys(write: &mut Write, domain: &DomainName) -> Result<(), Error> {
    match owner_of(write, domain).await? {
        Some(_) => Err(Error::Conflict(format!(
            "another organisation has proved '{domain}': it has it until its own record was missing for {} days",
            LAPSES_AFTER.as_hours() / 24
        ))),
        None => Ok(()),
    }
}

/// Records what has changed by an answer, and tells those who can do something about it.
async fn tell_of_it(
    write: &mut Write,
    actor: &Actor,
    row: &Row,
    (before, after): (Standing, Standing),
    now: Timestamp,
) -> Result<(), Error> {
    let (Text(organisation), Text(domain)) = (&row.organisation, &row.domain);
    let (name, value) = (record_name(domain), record_value(&row.token));
    let about = subject(organisation, domain);
    let since = json!({ "proved_at": before.proved_at });
    let (title, body) = match (before.proved_at, after.proved_at) {
        (None, Some(_)) => {
            let after = json!({ "proved_at": after.proved_at });
            return record(write, actor, Act::DomainProved, &about, Value::Null, after).await;
        }
        (Some(_), None) => {
            record(write, actor, Act::DomainLapsed, &about, since, Value::Null).await?;
            let title = format!("'{domain}' is not a domain of '{organisation}' any more");
            let body = format!(
                "Its TXT record {name} was missing for {} days, and nobody signs in by it. Let it say {value} again, and run \
                 `chandlery organisation domain check {organisation} {domain}`.\n",
                LAPSES_AFTER.as_hours() / 24
            );
            (title, body)
        }
        (Some(_), Some(_)) if before.missing_since.is_none() && after.missing_since.is_some() => {
            let title = format!("The record of '{domain}' is missing, a domain of '{organisation}'");
            let body = format!(
                "The TXT record {name} is not there, or does not say {value}. The domain is the organisation's until {} UTC, and longer \
                 if the record is there again by then.\n",
                (now + LAPSES_AFTER).strftime("%Y-%m-%d %H:%M")
            );
            (title, body)
        }
        _ => return Ok(()),
    };
    let managers: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select account from organisation_members where organisation = $1 and role in ('admin', 'owner') order by account",
    )
    .bind(organisation.as_str())
    .fetch_all(&mut **write)
    .await?;
    for (Text(account),) in managers {
        let key = format!("domain:{about}:{}:{account}", time(now));
        tell(write, &account, &key, &title, &body, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
