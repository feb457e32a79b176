//! What a registry keeps of an account, for its owner: a line of JSON for each thing, with what it is.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, header};
use chandlery_accounts::{Accounts, Caller};
use chandlery_package::Namespace;
use chandlery_store::Db;
use futures::{Stream, stream};
use serde_json::json;
use sqlx::AssertSqlSafe;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::backup::to_json;
use crate::error::Error;

/// How many rows are read at a time: what an account has done may be more than fits into memory.
const ROWS: i64 = 500;
/// What a thing is called, and how those of an account are read, in an order in which each has one place. No secret, nor a digest of
/// one, is among them.
const PARTS: [(&str, &str); 44] = [
    ("account", "select name, role, created_at, email, managed_by, ended_at from accounts where name = $1"),
    ("pending-email", "select email, expires_at from email_verifications where account = $1"),
    ("password-reset", "select expires_at from password_resets where account = $1 order by expires_at, hash"),
    ("second-factor", "select made_at, confirmed_at from second_factors where account = $1"),
    ("passkey", "select id, name, created_at, used_at from passkeys where account = $1 order by created_at, id"),
    ("second-factor-demand", "select since from factor_demands where account = $1"),
    (
        "identity",
        "select organisation, issuer, subject, linked_at, seen_at from identities where account = $1 order by issuer, subject",
    ),
    ("deletion", "select asked_at, due_at from account_deletions where account = $1"),
    (
        "token",
        "select substr(hash, 1, 12) as id, kind, scope, note, opened_by, created_at, expires_at, used_at, address, acts_for
         from tokens where account = $1 order by created_at, hash",
    ),
    ("organisation", "select name, title, created_at from organisations where name = $1 or created_by = $1 order by name"),
    (
        "organisation-membership",
        "select organisation, account, role, origin, since from organisation_members
         where account = $1 or organisation = $1 order by organisation, account",
    ),
    (
        "organisation-invitation",
        "select organisation, account, role, invited_by, invited_at from organisation_invitations
         where account = $1 or invited_by = $1 or organisation = $1 order by organisation, account",
    ),
    (
        "organisation-domain",
        "select domain, added_at, proved_at, checked_at, missing_since from organisation_domains
         where organisation = $1 order by domain",
    ),
    (
        "identity-provider",
        "select issuer, client_id, role, enforced, set_at from identity_providers where organisation = $1",
    ),
    (
        "directory-group",
        "select id, display_name, external_id, role, created_at, changed_at from scim_groups where organisation = $1 order by id",
    ),
    ("membership", "select namespace, role from namespace_members where account = $1 order by namespace"),
    (
        "invitation",
        "select namespace, account, role, invited_by, invited_at from invitations
         where account = $1 or invited_by = $1 order by namespace, account",
    ),
    (
        "operator-proposal",
        "select account, proposed_by, proposed_at from operator_proposals
         where account = $1 or proposed_by = $1 order by account",
    ),
    (
        "notice",
        "select made_at, subject, body, sent_at, email, refused from notices
         where account = $1 and secret = 0 order by made_at, key",
    ),
    (
        "billing-profile",
        "select country, email, tax_id, name, street, postcode, city from billing_profiles where account = $1",
    ),
    ("budget", "select currency, minor, set_at from budgets where account = $1"),
    ("webhook", "select id, partner, kinds, made_at from webhooks where made_by = $1 order by made_at, id"),
    ("cost-team", "select deployment, team from cost_teams where account = $1 order by deployment"),
    (
        "subscription",
        "select tier, billed, anchor_at, next_tier, next_billed, limited_to, price_minor, price_currency, trial_tier, trial_until
         from subscriptions where account = $1",
    ),
    ("host", "select host, deployments, seen_at from hosts where account = $1 order by host"),
    (
        "host-chain",
        "select host, pem, sequence, registered_at, heard_at, forgotten_at from host_chains where account = $1 order by host",
    ),
    (
        "host-incident",
        "select host, kind, times, first_at, last_at from host_incidents where account = $1 order by host, kind, first_at",
    ),
    (
        "transfer-back",
        "select reference, currency, minor, holder, iban, bic, filed_at from send_backs where customer = $1 order by reference",
    ),
    ("own-price", "select plugin, since, offer from prices where customer = $1 order by plugin, version"),
    (
        "order",
        "select reference, plugin, offer, discount, ordered_at, ended_at, paid_at, invoice from orders
         where customer = $1 order by ordered_at, reference",
    ),
    (
        "service-order",
        "select reference, number, namespace, service, title, price_minor, currency, ordered_at, accepted_at, invoice
         from milestones where customer = $1 order by reference, number",
    ),
    (
        "invoice",
        "select number, currency, net_minor, tax_minor, tax_name, issued_at, due_at, state, paid_at from invoices
         where account = $1 order by number",
    ),
    (
        "use",
        "select month, plugin, count(*) as reports from usage_events where account = $1
         group by month, plugin order by month, plugin",
    ),
    (
        "approval-request",
        "select id, kind, about, asked_at, state, reason from approval_requests where asked_by = $1 order by id",
    ),
    ("abuse-report", "select subject, why, reported_at, outcome, note from abuse_reports where reported_by = $1 order by id"),
    (
        "review",
        "select plugin, version, asked_at, note, cases, verdict, reason, decided_at from reviews
         where asked_by = $1 or decided_by = $1 order by id",
    ),
    ("draft", "select id, namespace, file, digest, bytes, uploaded_at, lapses_at from drafts where account = $1 order by id"),
    ("suspension", "select reason, since from suspensions where account = $1"),
    (
        "directory-entry",
        "select organisation, user_name, external_id, display_name, given_name, family_name, email, active, created_at, changed_at
         from scim_users where account = $1 or organisation = $1 order by organisation, id",
    ),
    ("trusted-publisher", "select plugin, publisher, added_at from trusted_publishers where added_by = $1 order by id"),
    ("key-request", "select namespace, pem, asked_at, lapses_at from key_requests where asked_by = $1 order by namespace"),
    ("staged-release", "select plugin, version, asked_at, lapses_at from staged_releases where asked_by = $1 order by plugin, version"),
    ("approval", "select request, at from approval_votes where account = $1 order by request"),
    (
        "act",
        "select number, at, credential, address, act, subject, was, became from audit where actor = $1 order by number",
    ),
];

/// The routes of this chapter.
pub fn routes<S>(accounts: Accounts) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(export)).with_state(accounts)
}

/// Exports what the registry keeps of the account that asks, as lines of JSON: `{"what": …, "is": {…}}`.
#[utoipa::path(
    get,
    path = "/api/v1/account/export",
    responses((status = 200, description = "Done.", content_type = "application/jsonl", body = String))
)]
async fn export(State(accounts): State<Accounts>, caller: Caller) -> ([(HeaderName, &'static str); 2], Body) {
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"account.jsonl\""),
    ];
    (headers, Body::from_stream(lines(accounts.db, caller.name.clone())))
}

fn lines(db: Db, account: Namespace) -> impl Stream<Item = Result<String, Error>> {
    stream::try_unfold((0_usize, 0_i64), move |(kind, begun)| {
        let (db, account) = (db.clone(), account.clone());
        async move {
            let Some((what, select)) = PARTS.get(kind).copied() else { return Ok(None) };
            let (lines, count) = some_of(&db, &account, what, select, begun).await?;
            let next = if count < ROWS { (kind + 1, 0) } else { (kind, begun + ROWS) };
            Ok(Some((lines, next)))
        }
    })
}

/// Some of what there is of one kind, a line each, from the row of this number on, and how many they are.
async fn some_of(
    db: &Db,
    account: &Namespace,
    what: &str,
    select: &str,
    begun: i64,
) -> Result<(String, i64), Error> {
    let rows = sqlx::query(AssertSqlSafe(format!("{select} limit $2 offset $3")))
        .bind(account.as_str())
        .bind(ROWS)
        .bind(begun)
        .fetch_all(db.read())
        .await?;
    let mut lines = String::new();
    for row in &rows {
        lines.push_str(&format!("{}\n", json!({ "what": what, "is": to_json(row)? })));
    }
    Ok((lines, rows.len() as i64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::TryStreamExt as _;
    use serde_json::Value;

    use super::*;
    use crate::testing::{registry, write};

    /// What names accounts and is no person's: the books' own of what orders, invoices and use say, decisions, digests, and what is sealed.
    const LEFT_OUT: [&str; 19] = [
        "bank_allotments",
        "closed_months",
        "debt_write_offs",
        "device_log_ins",
        "held_corrections",
        "idempotent_answers",
        "partner_exits",
        "partner_offsets",
        "payout_profiles",
        "payout_runs",
        "payouts",
        "recovery_codes",
        "sales",
        "set_aside",
        "sign_ins",
        "signed_deployments",
        "unlicensed_use",
        "usage_roots",
        "usage_segments",
    ];

    #[tokio::test]
    async fn every_table_that_names_an_account_is_exported_or_left_out_for_a_reason() {
        let (_folder, registry) = registry().await;
        let naming: Vec<(String,)> = sqlx::query_as(
            "select distinct tables.name from pragma_table_list tables, pragma_foreign_key_list(tables.name) keys
             where tables.schema = 'main' and keys.\"table\" = 'accounts' order by tables.name",
        )
        .fetch_all(registry.db.read())
        .await
        .unwrap();
        assert!(naming.len() > 20, "{naming:?}");
        for (table,) in naming {
            let exported = PARTS.iter().any(|(_, select)| {
                select
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .windows(2)
                    .any(|two| two == ["from", table.as_str()])
            });
            assert!(exported != LEFT_OUT.contains(&table.as_str()), "{table}");
        }
    }

    #[tokio::test]
    async fn an_export_has_what_is_ones_own_and_no_secret() {
        let (folder, registry) = registry().await;
        let token = std::fs::read_to_string(folder.path().join("operator.token")).unwrap();
        let other: Namespace = "other".parse().unwrap();
        chandlery_accounts::register(&registry.db, &other, "correct horse battery").await.unwrap();
        let export = async |account: &Namespace| {
            let text: String = lines(registry.db.clone(), account.clone()).try_collect().await.unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        };
        let operators = export(&"operator".parse().unwrap()).await;
        let whats: Vec<_> = operators.iter().map(|line| line["what"].as_str().unwrap()).collect();
        assert_eq!(whats, ["account", "token"]);
        assert_eq!(operators[1]["is"]["note"], "operator.token");
        let kept: Vec<(String,)> =
            sqlx::query_as("select hash from tokens").fetch_all(registry.db.read()).await.unwrap();
        let text = format!("{operators:?}");
        assert!(!text.contains(&token) && !text.contains(&kept[0].0) && !text.contains("argon2"), "{text}");
        assert_eq!(export(&other).await.len(), 1, "what is others' is not in it");
        let told = |number: i64| {
            format!(
                "insert into notices (key, account, subject, body, made_at) values ('{number}', 'other', '{number}', '', '')"
            )
        };
        write(&registry, &(0..2 * ROWS + 3).map(told).collect::<Vec<_>>()).await;
        let exported = export(&other).await;
        let subjects: BTreeSet<_> = exported.iter().map(|line| line["is"]["subject"].to_string()).collect();
        assert_eq!(
            (exported.len() as i64, subjects.len() as i64),
            (2 * ROWS + 4, 2 * ROWS + 4),
            "each is there once"
        );
    }
}
