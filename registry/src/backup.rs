//! Backups: every table as lines of JSON, every blob by its digest, and the log's key, in one folder. A backup can be
//! restored into either kind of database and store, so it is also how a registry moves from one to the other.

use std::path::Path;

use chandlery_package::log::Checkpoint;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};

use tokio::fs::{self, File};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};

use crate::error::Error;
use crate::machine::must_be_there;
use crate::settings::Settings;
use chandlery_store::Storage;
use chandlery_store::content::ContentDigest;
use chandlery_store::files::{self, create_private_dir, read, write_atomic};

/// The tables, each after those that it refers to. Uploads at hand, drafts and challenges to passkeys are not kept: their clients will
/// begin again. Answers to writes with a key are of a day, and of what the backup may not have. Replicas are those that serve now.
const TABLES: [&str; 134] = [
    "facts",
    "accounts",
    "organisations",
    "organisation_members",
    "organisation_invitations",
    "tokens",
    "suspensions",
    "namespaces",
    "volume_groups",
    "namespace_members",
    "invitations",
    "audit",
    "audit_heads",
    "audit_exports",
    "password_resets",
    "email_verifications",
    "second_factors",
    "recovery_codes",
    "passkeys",
    "factor_demands",
    "account_deletions",
    "operator_proposals",
    "scim_users",
    "scim_groups",
    "scim_group_members",
    "approval_rules",
    "approval_requests",
    "approval_votes",
    "deeds_alone",
    "namespace_keys",
    "key_requests",
    "oidc_issuers",
    "trusted_publishers",
    "exchanged_tokens",
    "used_tokens",
    "two_people",
    "staged_releases",
    "repository_blobs",
    "manifests",
    "tags",
    "plugins",
    "listings",
    "listing_images",
    "releases",
    "quarantines",
    "advisories",
    "abuse_reports",
    "reviews",
    "counters",
    "log_entries",
    "log_hashes",
    "log_checkpoints",
    "usage_events",
    "usage_corrections",
    "reopened_usage",
    "held_corrections",
    "set_aside",
    "subscriptions",
    "hosts",
    "host_chains",
    "host_incidents",
    "usage_segments",
    "signed_deployments",
    "deployment_days",
    "usage_roots",
    "notices",
    "prices",
    "coupons",
    "billing_profiles",
    "budgets",
    "cost_teams",
    "tax_rules",
    "tax_checks",
    "sellers",
    "fx_rates",
    "orders",
    "invoices",
    "invoice_lines",
    "part_payments",
    "processor_parts",
    "invoice_credits",
    "opening_differences",
    "plan_periods",
    "plan_successions",
    "plan_rests",
    "ratings",
    "rating_sales",
    "unlicensed_use",
    "ledger_transactions",
    "ledger_postings",
    "ledger_balances",
    "closed_months",
    "share_policies",
    "sales",
    "lots",
    "available_entries",
    "refunds",
    "disputes",
    "dispute_parts",
    "payout_profiles",
    "payout_runs",
    "payouts",
    "payout_items",
    "payout_returns",
    "partner_notice_choices",
    "partner_notices",
    "webhooks",
    "webhook_deliveries",
    "partner_exits",
    "partner_offsets",
    "debt_write_offs",
    "statements",
    "documents",
    "processor_events",
    "processor_payments",
    "processor_refunds",
    "processor_disputes",
    "processor_payouts",
    "processor_outbox",
    "processor_exchanges",
    "bank_accounts",
    "bank_lines",
    "bank_allotments",
    "bank_statements",
    "send_backs",
    "consultants",
    "services",
    "milestones",
    "figure_targets",
    "organisation_domains",
    "identity_providers",
    "identities",
    "sign_ins",
    "device_log_ins",
];

/// What refers to a row of a table that comes later: a table, its key, and the column, which is written when all rows are there.
const LATER: (&str, &str, &str) = ("accounts", "name", "managed_by");

/// What a backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contents {
    /// The log's checkpoint at the moment of the backup.
    pub checkpoint: String,
    /// How many rows all tables have together.
    pub rows: u64,
    /// How many contents, each counted once however many repositories have it.
    pub blobs: u64,
}

/// Writes a backup of a registry, which may go on serving meanwhile. Blobs that the folder has already are not copied
/// again.
pub async fn back_up(settings: &Settings, folder: &Path) -> Result<Contents, Error> {
    must_be_there(settings)?;
    let db = settings.open_database().await?;
    let storage = settings.open_storage()?;
    let log = settings.open_log(&db).await?;
    create_private_dir(&folder.join("tables"))?;
    // Content that nothing names any more may be collected while it is copied; what the tables name is there.
    let mut snapshot = db.snapshot().await?;
    let checkpoint = log.checkpoint_of(&mut snapshot).await?;
    let mut rows = 0;
    for table in TABLES {
        rows += write_table(&mut snapshot, table, &folder.join(format!("tables/{table}.jsonl"))).await?;
    }
    let digests: Vec<(String,)> =
        sqlx::query_as("select digest from repository_blobs union select digest from listing_images")
            .fetch_all(&mut *snapshot)
            .await?;
    let copies = Storage::folder(&folder.join("blobs"))?;
    for (digest,) in &digests {
        let digest = digest.parse().map_err(chandlery_store::Error::from)?;
        copy(&storage, &copies, &digest).await?;
    }
    let key = settings.log_key();
    write_atomic(&folder.join("log.key"), &read(&key)?)?;
    let contents = Contents { checkpoint, rows, blobs: digests.len() as u64 };
    // Written last: a folder without it is no whole backup.
    write_atomic(&folder.join("backup.json"), &serde_json::json!(contents).to_string())?;
    Ok(contents)
}

async fn copy(from: &Storage, to: &Storage, digest: &ContentDigest) -> Result<(), Error> {
    if to.holds(digest).await? {
        return Ok(());
    }
    let bytes = from.get(digest).await?;
    match ContentDigest::of(digest.algorithm(), &bytes) {
        found if found == *digest => Ok(to.put(digest, bytes).await?),
        found => Err(chandlery_store::Error::ContentMismatch { expected: digest.clone(), found }.into()),
    }
}

async fn write_table(db: &mut sqlx::AnyConnection, table: &str, path: &Path) -> Result<u64, Error> {
    let failed = files::failed(path);
    let mut file = BufWriter::new(File::create(path).await.map_err(&failed)?);
    let mut rows = 0;
    let mut found = sqlx::query(AssertSqlSafe(format!("select * from {table}"))).fetch(db);
    while let Some(row) = found.try_next().await? {
        file.write_all(format!("{}\n", to_json(&row)?).as_bytes()).await.map_err(&failed)?;
        rows += 1;
    }
    file.flush().await.map_err(&failed)?;
    file.get_ref().sync_all().await.map_err(&failed)?;
    Ok(rows)
}

/// A row by its columns' names. All columns are texts or whole numbers.
pub(crate) fn to_json(row: &AnyRow) -> Result<Value, Error> {
    let mut object = Map::new();
    for column in row.columns() {
        let name = column.name();
        let value = row.try_get_raw(name)?;
        let value = match value.type_info().kind() {
            _ if value.is_null() => Value::Null,
            AnyTypeInfoKind::BigInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::SmallInt => {
                row.try_get::<i64, _>(name)?.into()
            }
            AnyTypeInfoKind::Text => row.try_get::<String, _>(name)?.into(),
            _ => return Err(Error::damaged(format!("column {name} is a {}", column.type_info().name()))),
        };
        object.insert(name.into(), value);
    }
    Ok(Value::Object(object))
}

/// Fills an empty registry from a backup. Nothing is kept of a restore that fails.
pub async fn restore(settings: &Settings, folder: &Path) -> Result<Contents, Error> {
    let contents: Contents = serde_json::from_str(&read(&folder.join("backup.json"))?)
        .map_err(|error| Error::invalid(format!("{} is no whole backup: {error}", folder.display())))?;
    create_private_dir(&settings.data)?;
    let key = settings.log_key();
    if settings.is_there() {
        return Err(Error::conflict(format!(
            "{} is in use: restore into an empty folder",
            settings.data.display()
        )));
    }
    let db = settings.open_database().await?;
    let storage = settings.open_storage()?;
    let copies = Storage::folder(&folder.join("blobs"))?;
    let mut blobs = copies.blobs();
    while let Some((digest, _)) = blobs.try_next().await? {
        copy(&copies, &storage, &digest).await?;
    }
    let mut write = db.write().await?;
    let (accounts,): (i64,) = sqlx::query_as("select count(*) from accounts").fetch_one(&mut *write).await?;
    if accounts > 0 {
        return Err(Error::conflict("the database is in use: restore into an empty one"));
    }
    for table in ["share_policies", "counters", "approval_rules"] {
        sqlx::query(AssertSqlSafe(format!("delete from {table}"))).execute(&mut *write).await?;
    }
    let mut later = Vec::new();
    for table in TABLES {
        later.extend(read_table(&mut write, table, &folder.join(format!("tables/{table}.jsonl"))).await?);
    }
    let (table, by, column) = LATER;
    for (row, value) in later {
        let sql = format!("update {table} set {column} = $1 where {by} = $2");
        sqlx::query(AssertSqlSafe(sql)).bind(value).bind(row).execute(&mut *write).await?;
    }
    // The key comes last but for the commit: a key without a database is noticed at the next try.
    write_atomic(&key, &read(&folder.join("log.key"))?)?;
    if let Err(error) = write.commit().await {
        let _ = fs::remove_file(&key).await;
        return Err(error.into());
    }
    let log = settings.open_log(&db).await?;
    let mut snapshot = db.snapshot().await?;
    let restored = log.checkpoint_of(&mut snapshot).await?;
    let verifier = log.verifier_key();
    let (was, is) =
        (Checkpoint::open(&contents.checkpoint, verifier)?, Checkpoint::open(&restored, verifier)?);
    match was.body() == is.body() {
        true => Ok(contents),
        false => Err(Error::damaged("the restored log is not the one that was backed up")),
    }
}

/// Puts the rows of a table back, and gives what of them is written later: the key of a row, and the value.
async fn read_table(
    write: &mut sqlx::AnyConnection,
    table: &str,
    path: &Path,
) -> Result<Vec<(String, String)>, Error> {
    let mut later = Vec::new();
    let failed = files::failed(path);
    let malformed = |what: String| Error::invalid(format!("{}: {what}", path.display()));
    let mut lines = BufReader::new(File::open(path).await.map_err(&failed)?).lines();
    while let Some(line) = lines.next_line().await.map_err(&failed)? {
        let mut row: Map<String, Value> =
            serde_json::from_str(&line).map_err(|error| malformed(error.to_string()))?;
        if table == LATER.0
            && let Some(Value::String(value)) = row.remove(LATER.2)
            && let Some(Value::String(key)) = row.get(LATER.1)
        {
            later.push((key.clone(), value));
        }
        let known =
            |name: &&String| name.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
        if let Some(name) = row.keys().find(|name| !known(name)) {
            return Err(malformed(format!("'{name}' is no column")));
        }
        let columns: Vec<_> = row.keys().cloned().collect();
        // Which numbers stand for nothing is said in the text, since a bare null has no type of its own.
        let mut places = Vec::new();
        let mut values = Vec::new();
        for value in row.values() {
            if value.is_null() {
                places.push("null".to_owned());
            } else {
                values.push(value);
                places.push(format!("${}", values.len()));
            }
        }
        let sql = format!("insert into {table} ({}) values ({})", columns.join(", "), places.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = match (value.as_i64(), value.as_str()) {
                (Some(number), _) => query.bind(number),
                (_, Some(text)) => query.bind(text.to_owned()),
                _ => return Err(malformed(format!("{value} is neither a text nor a whole number"))),
            };
        }
        query.execute(&mut *write).await?;
    }
    Ok(later)
}
