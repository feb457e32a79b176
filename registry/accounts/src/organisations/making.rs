//! Making an organisation, reading it, and giving it another title. Its name is one of an account: nobody else has it, before or after.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, DomainName, MemberOrigin, NewOrganisation, Organisation, OrganisationRole, OrganisationTitle, Page,
    Paging,
};
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::domains;
use super::members::insert_member;
use crate::actor::Actor;
use crate::audit::record;
use crate::deletions::nobodys_password;
use crate::namespaces::is_reserved;
use crate::principal::AccountRole;
use crate::{Account, Error, people};

/// How many organisations an account may make in an hour and in a day.
const MADE_MAX: [(SignedDuration, i64); 2] =
    [(SignedDuration::from_hours(1), 5), (SignedDuration::from_hours(24), 10)];

/// Makes an organisation, which its maker owns.
pub async fn create(
    db: &Db,
    actor: &Actor,
    maker: &Account,
    new: NewOrganisation,
) -> Result<Organisation, Error> {
    let NewOrganisation { name, title } = new;
    if is_reserved(&name) && !maker.operator {
        return Err(Error::Reserved(name));
    }
    // Before anything that takes long, and again when nobody else can make one.
    may_make(&mut *db.read().acquire().await?, maker).await?;
    let nobodys = nobodys_password().await?;
    let (mut write, now) = (db.write().await?, Timestamp::now());
    may_make(&mut write, maker).await?;
    people::insert(&mut write, &name, &nobodys, AccountRole::Member).await?;
    sqlx::query("insert into organisations (name, title, created_at, created_by) values ($1, $2, $3, $4)")
        .bind(name.as_str())
        .bind(title.as_str())
        .bind(time(now))
        .bind(maker.name.as_str())
        .execute(&mut *write)
        .await?;
    let role = OrganisationRole::Owner;
    insert_member(&mut write, &name, &maker.name, role, MemberOrigin::Invited).await?;
    let after = json!({ "title": title, "owner": maker.name });
    record(&mut write, actor, Act::OrganisationMade, name.as_str(), Value::Null, after).await?;
    write.commit().await?;
    Ok(Organisation { name, title, created_at: now, role, domains: Vec::new() })
}

/// Refuses an account that has made as many organisations as it may for now. Whoever operates the registry may make any number.
async fn may_make(db: &mut AnyConnection, maker: &Account) -> Result<(), Error> {
    if maker.operator {
        return Ok(());
    }
    let now = Timestamp::now();
    for (period, max) in MADE_MAX {
        let earlier: Option<(Text<Timestamp>,)> = sqlx::query_as(
            "select created_at from organisations where created_by = $1 order by created_at desc limit 1 offset $2",
        )
        .bind(maker.name.as_str())
        .bind(max - 1)
        .fetch_optional(&mut *db)
        .await?;
        let left = earlier.map(|(Text(at),)| (period - now.duration_since(at)).as_secs());
        if let Some(left) = left.filter(|left| *left >= 0) {
            let what = format!("'{}' has made {max} organisations in {} h", maker.name, period.as_hours());
            return Err(Error::too_many(what, left.unsigned_abs() + 1));
        }
    }
    Ok(())
}

type Row = (Text<Namespace>, Text<OrganisationTitle>, Text<Timestamp>, Text<OrganisationRole>);

fn organisation(
    (Text(name), Text(title), Text(created_at), Text(role)): Row,
    domains: Vec<DomainName>,
) -> Organisation {
    Organisation { name, title, created_at, role, domains }
}

/// A page of the organisations of an account, by name.
pub async fn of(
    db: &Db,
    account: &Namespace,
    paging: &Paging<Namespace>,
) -> Result<Page<Organisation>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select organisations.name, organisations.title, organisations.created_at, organisation_members.role
         from organisation_members join organisations on organisations.name = organisation_members.organisation
         where organisation_members.account = $1 and organisations.name > $2
         order by organisations.name limit $3",
    )
    .bind(account.as_str())
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(name), ..)| name.clone());
    let mut proved = domains::proved_of_member(db, account).await?;
    Ok(page.map(|row| {
        let domains = proved.remove(&row.0.0).unwrap_or_default();
        organisation(row, domains)
    }))
}

/// An organisation, as one of its members sees it.
pub async fn find(db: &Db, name: &Namespace, member: &Namespace) -> Result<Organisation, Error> {
    let found: Option<Row> = sqlx::query_as(
        "select organisations.name, organisations.title, organisations.created_at, organisation_members.role
         from organisation_members join organisations on organisations.name = organisation_members.organisation
         where organisation_members.account = $1 and organisations.name = $2",
    )
    .bind(member.as_str())
    .bind(name.as_str())
    .fetch_optional(db.read())
    .await?;
    let row = found.ok_or_else(|| Error::NotFound(format!("organisation '{name}'")))?;
    Ok(organisation(row, domains::proved(db, name).await?))
}

/// Gives an organisation another title.
pub(super) async fn rename(
    db: &Db,
    actor: &Actor,
    name: &Namespace,
    title: &OrganisationTitle,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let had: Option<(String,)> = sqlx::query_as("select title from organisations where name = $1")
        .bind(name.as_str())
        .fetch_optional(&mut *write)
        .await?;
    let (had,) = had.ok_or_else(|| Error::NotFound(format!("organisation '{name}'")))?;
    if had == title.as_str() {
        return Ok(());
    }
    sqlx::query("update organisations set title = $1 where name = $2")
        .bind(title.as_str())
        .bind(name.as_str())
        .execute(&mut *write)
        .await?;
    let (before, after) = (json!({ "title": had }), json!({ "title": title }));
    record(&mut write, actor, Act::OrganisationRenamed, name.as_str(), before, after).await?;
    Ok(write.commit().await?)
}
