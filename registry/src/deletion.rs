//! The deletion of an account: what stands against it, in all rooms, and what each forgets when it is done.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::organisations::Power;
use chandlery_accounts::{
    Caller, ask_deletion, delete_account, due_deletions, must_be_owner, nobodys_password, organisations,
    take_deletion_back,
};
use chandlery_edge::{Client, Json, Path};
use chandlery_money::{Finance, billing, budgets};
use chandlery_package::Namespace;
use chandlery_package::wire::{AccountDeletion, DeletionRequest};
use chandlery_store::Write;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;

/// How many things of a kind are named that stand against a deletion.
const NAMED_MAX: usize = 20;
/// What stands against the deletion of an account: what to do about it, and what it is about.
const OBSTACLES: [(&str, &str); 9] = [
    (
        "it operates the registry: another operator runs `chandlery operator demote` first",
        "select name from accounts where name = $1 and role = 'operator'",
    ),
    (
        "it is suspended, or an owner of it is: an operator runs `chandlery operator reinstate` first",
        "select account from suspensions
         where account = $1
            or exists (select 1 from organisation_members
                       where organisation_members.organisation = $1 and organisation_members.role = 'owner'
                         and organisation_members.account = suspensions.account)
         order by account",
    ),
    (
        "nobody else owns a namespace with plugins: make another owner with `chandlery namespace invite`",
        "select mine.namespace from namespace_members mine
         where mine.account = $1 and mine.role = 'owner'
           and exists (select 1 from plugins where plugins.namespace = mine.namespace)
           and not exists (select 1 from namespace_members other where other.namespace = mine.namespace
                           and other.role = 'owner' and other.account <> $1)
         order by mine.namespace",
    ),
    (
        "nobody else owns an organisation: make another owner with `chandlery organisation invite`, or delete it first",
        "select mine.organisation from organisation_members mine
         where mine.account = $1 and mine.role = 'owner'
           and not exists (select 1 from organisation_members other where other.organisation = mine.organisation
                           and other.role = 'owner' and other.account <> $1)
         order by mine.organisation",
    ),
    (
        "an invoice is to be paid: `chandlery invoices list` says how",
        "select cast(number as text) from invoices where account = $1 and state = 'open' order by number",
    ),
    (
        "the books owe it something, or it owes them: ask an operator to settle it",
        "select ledger_balances.account from ledger_balances
         where minor <> 0
           and (ledger_balances.account = 'liabilities:credit:' || $1
                or exists (select 1 from namespace_members mine
                           where mine.account = $1 and mine.role = 'owner'
                             and (ledger_balances.account = 'assets:receivable:partner:' || mine.namespace
                                  or ledger_balances.account like 'liabilities:partner:' || mine.namespace || ':%')
                             and not exists (select 1 from namespace_members other
                                             where other.namespace = mine.namespace and other.role = 'owner'
                                               and other.account <> $1)))
         order by ledger_balances.account",
    ),
    (
        "an order by the month or by use is in force, or its last month is not closed: run `chandlery orders end`",
        "select reference from orders
         where customer = $1 and offer not like '%\"kind\":\"once\"%'
           and (ended_at is null or substr(ended_at, 1, 7) not in (select month from closed_months))
         order by reference",
    ),
    (
        "it is subscribed to a tier: run `chandlery subscription change free`, and wait for the end of what is paid",
        "select tier from subscriptions where account = $1 and tier <> 'free'",
    ),
    (
        "what it has used is not invoiced yet: its month is closed first",
        "select distinct month from usage_events
         where account = $1 and month not in (select month from closed_months) order by month",
    ),
];

/// The routes of this chapter.
pub fn routes<S>(finance: Finance) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(ask, take_back))
        .routes(routes!(delete_organisation))
        .with_state(finance)
}

/// Asks for the deletion of the account that asks, which is done after 14 days.
///
/// It is refused while the account is the only owner of a namespace with plugins, owes or is owed money, or operates the registry.
#[utoipa::path(
    post,
    path = "/api/v1/account/deletion",
    request_body = DeletionRequest,
    responses((status = 201, description = "Done.", body = AccountDeletion))
)]
async fn ask(
    State(finance): State<Finance>,
    client: Client,
    caller: Caller,
    Json(shown): Json<DeletionRequest>,
) -> Result<(StatusCode, Json<AccountDeletion>), Error> {
    must_be_owner(&finance.accounts, client, &caller, &shown).await?;
    let mut write = finance.db.write().await?;
    must_be_free(&mut write, &caller.name).await?;
    let asked = ask_deletion(&mut write, &caller.actor, &caller.name).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(asked)))
}

/// Lets the account that asks stay.
#[utoipa::path(
    delete,
    path = "/api/v1/account/deletion",
    responses((status = 204, description = "Done."))
)]
async fn take_back(State(finance): State<Finance>, caller: Caller) -> Result<StatusCode, Error> {
    take_deletion_back(&finance.accounts, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an organisation at once, with the memberships of everybody who belongs to it; for its owners.
///
/// It is refused while the organisation is the only owner of a namespace with plugins, or owes or is owed money.
#[utoipa::path(
    delete,
    path = "/api/v1/organisations/{organisation}",
    params(("organisation" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn delete_organisation(
    State(finance): State<Finance>,
    caller: Caller,
    Path(organisation): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_have(&finance.db, &organisation, Power::Own, "delete").await?;
    let mut write = finance.db.write().await?;
    must_be_free(&mut write, &organisation).await?;
    organisations::delete(&mut write, &caller, &organisation).await?;
    billing::forget_customer(&mut write, &organisation).await?;
    budgets::forget(&mut write, &organisation).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses to delete an account while something stands against it.
async fn must_be_free(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    let found = obstacles(write, account).await?;
    match found.is_empty() {
        true => Ok(()),
        false => Err(Error::conflict(format!("'{account}' cannot be deleted yet: {}", found.join("; ")))),
    }
}

/// What stands against the deletion of an account, in words.
async fn obstacles(write: &mut Write, account: &Namespace) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for (what, select) in OBSTACLES {
        let about: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(format!("{select} limit $2")))
            .bind(account.as_str())
            .bind(NAMED_MAX as i64 + 1)
            .fetch_all(&mut **write)
            .await?;
        if !about.is_empty() {
            let more = if about.len() > NAMED_MAX { ", and more" } else { "" };
            let about: Vec<String> = about.into_iter().take(NAMED_MAX).map(|(about,)| about).collect();
            found.push(format!("{what} ({}{more})", about.join(", ")));
        }
    }
    Ok(found)
}

/// Deletes the accounts whose owners have waited for it. What has come to stand against one meanwhile makes it wait on.
pub async fn delete_due(finance: &Finance) -> Result<(), Error> {
    for account in due_deletions(&finance.db, Timestamp::now()).await? {
        let nobodys = nobodys_password().await?;
        let mut write = finance.db.write().await?;
        let found = obstacles(&mut write, &account).await?;
        if !found.is_empty() {
            tracing::info!(%account, obstacles = found.join("; "), "an account cannot be deleted yet");
            continue;
        }
        if delete_account(&mut write, &account, &nobodys).await? {
            billing::forget_customer(&mut write, &account).await?;
            budgets::forget(&mut write, &account).await?;
        }
        write.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn whoever_is_suspended_does_not_get_away_by_a_deletion() {
        let (_folder, registry) = testing::registry().await;
        let bob: Namespace = "bob".parse().unwrap();
        chandlery_accounts::register(&registry.db, &bob, "correct horse battery").await.unwrap();
        let against = async || obstacles(&mut registry.db.write().await.unwrap(), &bob).await.unwrap();
        assert_eq!(against().await, Vec::<String>::new());
        let suspend = "insert into suspensions (account, reason, since) values ('bob', 'looked into', '')";
        testing::write(&registry, &[suspend.to_owned()]).await;
        let found = against().await;
        assert!(found.len() == 1 && found[0].contains("it is suspended"), "{found:?}");
    }

    #[tokio::test]
    async fn a_refusal_names_some_of_what_is_many() {
        let (_folder, registry) = testing::registry().await;
        let bob: Namespace = "bob".parse().unwrap();
        chandlery_accounts::register(&registry.db, &bob, "correct horse battery").await.unwrap();
        let mut rows = Vec::new();
        for number in 10..10 + NAMED_MAX + 5 {
            rows.push(format!("insert into namespaces (name, created_at) values ('space-{number}', '')"));
            rows.push(format!(
                "insert into namespace_members (namespace, account, role) values ('space-{number}', 'bob', 'owner')"
            ));
            rows.push(format!(
                "insert into plugins (id, namespace) values ('space-{number}:a', 'space-{number}')"
            ));
        }
        testing::write(&registry, &rows).await;
        let found = obstacles(&mut registry.db.write().await.unwrap(), &bob).await.unwrap();
        assert!(found.len() == 1 && found[0].contains("space-10, "), "{found:?}");
        assert!(found[0].ends_with("space-29, and more)"), "{found:?}");
    }
}
