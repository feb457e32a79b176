//! What an account is in a namespace: by itself, or through an organisation that is a member of it.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{OrganisationRole, Role};
use chandlery_store::Db;
use sqlx::AnyConnection;

use crate::Error;
use crate::powers::in_namespace;

/// Refuses what is about a namespace that nobody has taken.
pub async fn must_be_a_namespace(db: &mut AnyConnection, name: &Namespace) -> Result<(), Error> {
    let known: Option<(String,)> = sqlx::query_as("select name from namespaces where name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    known.map(drop).ok_or_else(|| Error::NotFound(format!("namespace '{name}'")))
}

/// The role of an account in a namespace.
pub async fn role(db: &Db, namespace: &Namespace, account: &Namespace) -> Result<Option<Role>, Error> {
    role_within(&mut *db.read().acquire().await?, namespace, account).await
}

/// The role of an account in a namespace, as a transaction sees it: the best that it has. An organisation that is suspended gives none.
pub async fn role_within(
    db: &mut AnyConnection,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<Option<Role>, Error> {
    // What is an account's own is as much as an owner of it may.
    let rows: Vec<(Text<Role>, Text<OrganisationRole>)> = sqlx::query_as(
        "select role, 'owner' as within from namespace_members where namespace = $1 and account = $2
         union all
         select namespace_members.role, organisation_members.role as within
         from organisation_members
         join namespace_members on namespace_members.account = organisation_members.organisation
         where namespace_members.namespace = $1 and organisation_members.account = $2
           and not exists (select 1 from suspensions where suspensions.account = organisation_members.organisation)",
    )
    .bind(namespace.as_str())
    .bind(account.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Text(role), Text(within))| in_namespace(within, role)).max())
}

/// The people who may publish in a namespace, by themselves or through an organisation that is a member of it, by name.
pub async fn publishers_of(db: &mut AnyConnection, namespace: &Namespace) -> Result<Vec<Namespace>, Error> {
    let members = members_from(db, namespace, Role::Publisher).await?;
    Ok(members.into_iter().filter(|member| !member.is_organisation).map(|member| member.account).collect())
}

/// An account with a role in a namespace.
pub(crate) struct Member {
    /// The name of the account.
    pub(crate) account: Namespace,
    /// Whether it is no person's account.
    pub(crate) is_organisation: bool,
}

/// The members of a namespace who have this role or a greater one, organisations among them, and those who have it through one, by name.
pub(crate) async fn members_from(
    db: &mut AnyConnection,
    namespace: &Namespace,
    least: Role,
) -> Result<Vec<Member>, Error> {
    let rows: Vec<(Text<Namespace>, i64)> = sqlx::query_as(
        "select account, cast((select count(*) from organisations
                               where organisations.name = namespace_members.account) as bigint) as organisations
         from namespace_members where namespace = $1
         union
         select organisation_members.account, cast(0 as bigint) as organisations from namespace_members
         join organisation_members on organisation_members.organisation = namespace_members.account
         where namespace_members.namespace = $1
         order by account",
    )
    .bind(namespace.as_str())
    .fetch_all(&mut *db)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for (Text(account), organisations) in rows {
        if role_within(&mut *db, namespace, &account).await? >= Some(least) {
            found.push(Member { account, is_organisation: organisations > 0 });
        }
    }
    Ok(found)
}

/// The role of an account in a namespace of which it is a member itself.
pub async fn own_role(
    db: &mut AnyConnection,
    namespace: &Namespace,
    account: &Namespace,
) -> Result<Option<Role>, Error> {
    let found: Option<(Text<Role>,)> =
        sqlx::query_as("select role from namespace_members where namespace = $1 and account = $2")
            .bind(namespace.as_str())
            .bind(account.as_str())
            .fetch_optional(db)
            .await?;
    Ok(found.map(|(Text(role),)| role))
}

/// The namespaces in which an account has a role, by name, each with the best that it has.
pub async fn namespaces_of(db: &Db, account: &Namespace) -> Result<Vec<(Namespace, Role)>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select namespace from namespace_members where account = $1
         union
         select namespace_members.namespace from organisation_members
         join namespace_members on namespace_members.account = organisation_members.organisation
         where organisation_members.account = $1
         order by namespace",
    )
    .bind(account.as_str())
    .fetch_all(db.read())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for (Text(namespace),) in rows {
        if let Some(role) = self::role(db, &namespace, account).await? {
            found.push((namespace, role));
        }
    }
    Ok(found)
}
