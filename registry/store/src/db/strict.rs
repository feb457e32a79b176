//! SQLite keeps in each column what it is declared to hold.
//!
//! The migrations are one text for both databases, and PostgreSQL has no STRICT. So they are read here as if they said it, and
//! whatever tables a database has from before that are rebuilt, with their rows, indices and triggers: a whole number that overflows
//! is then an error and never becomes a float.

use sqlx::migrate::{Migration, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};

use crate::Error;

/// The tables of ours that are not strict.
const LAX: &str = "select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0
                   and name not like 'sqlite_%' and name <> '_sqlx_migrations' order by name";

/// Runs the migrations, and leaves every table strict.
pub(super) async fn migrate(pool: &AnyPool, migrations: Migrator) -> Result<(), Error> {
    let is_new = is_new(pool).await?;
    in_its_words(migrations).run(pool).await?;
    let rebuilt = make_strict(pool).await?;
    if rebuilt > 0 && !is_new {
        tracing::info!(tables = rebuilt, "tables are strict from now on");
    }
    Ok(())
}

/// The migrations with strict tables, and the types that those know. The checksums stay those of the text.
fn in_its_words(migrations: Migrator) -> Migrator {
    let reworded = migrations.migrations.iter().cloned().map(|migration| {
        let sql = AssertSqlSafe(strictly(migration.sql.as_str())).into_sql_str();
        Migration { sql, ..migration }
    });
    Migrator { migrations: reworded.collect(), ..migrations }
}

/// A migration whose tables are strict from the beginning, which is much sooner done than to rebuild them. Every table of a migration
/// begins with a line `create table NAME (` and ends with a line `);`.
fn strictly(sql: &str) -> String {
    let mut in_table = false;
    let lines = sql.lines().map(|line| {
        in_table |= line.starts_with("create table ");
        match in_table && line == ");" {
            true => {
                in_table = false;
                ") strict;".to_owned()
            }
            false => with_ints(line),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether nobody has kept anything in this database yet.
async fn is_new(pool: &AnyPool) -> Result<bool, Error> {
    let (tables,): (i64,) = sqlx::query_as("select count(*) from sqlite_schema").fetch_one(pool).await?;
    Ok(tables == 0)
}

/// Rebuilds every table that is not strict, all of them or none, and says how many that were.
async fn make_strict(pool: &AnyPool) -> Result<usize, Error> {
    let mut db = pool.acquire().await?;
    let lax: Vec<(String,)> = sqlx::query_as(LAX).fetch_all(&mut *db).await?;
    if lax.is_empty() {
        return Ok(0);
    }
    // Otherwise dropping a table would delete what refers to it. It cannot be changed within a transaction.
    db.execute("pragma foreign_keys = off").await?;
    let mut transaction = db.begin().await?;
    // A trigger may name any table, so none stands while one of them is away.
    let triggers: Vec<(String, String)> =
        sqlx::query_as("select name, sql from sqlite_schema where type = 'trigger' order by rowid")
            .fetch_all(&mut *transaction)
            .await?;
    for (name, _) in &triggers {
        transaction.execute(AssertSqlSafe(format!("drop trigger \"{name}\""))).await?;
    }
    for (table,) in &lax {
        rebuild(&mut transaction, table).await?;
    }
    for (_, sql) in triggers {
        transaction.execute(AssertSqlSafe(sql)).await?;
    }
    let dangling: Vec<(String,)> =
        sqlx::query_as("select \"table\" from pragma_foreign_key_check").fetch_all(&mut *transaction).await?;
    if let Some((table,)) = dangling.first() {
        let why = format!("rows of '{table}' refer to rows that are not there");
        return Err(sqlx::Error::Configuration(why.into()).into());
    }
    transaction.commit().await?;
    db.execute("pragma foreign_keys = on").await?;
    Ok(lax.len())
}

async fn rebuild(db: &mut AnyConnection, table: &str) -> Result<(), Error> {
    let (sql,): (String,) =
        sqlx::query_as("select sql from sqlite_schema where type = 'table' and name = $1")
            .bind(table)
            .fetch_one(&mut *db)
            .await?;
    // Dropped with the table; those that SQLite makes by itself have no text.
    let indices: Vec<(String,)> = sqlx::query_as(
        "select sql from sqlite_schema where type = 'index' and tbl_name = $1 and sql is not null",
    )
    .bind(table)
    .fetch_all(&mut *db)
    .await?;
    let columns = sql.find('(').map_or("", |begin| &sql[begin..]);
    for statement in [
        format!("create table \"{table} rebuilt\" {} strict", with_ints(columns)),
        format!("insert into \"{table} rebuilt\" select * from \"{table}\""),
        format!("drop table \"{table}\""),
        format!("alter table \"{table} rebuilt\" rename to \"{table}\""),
    ] {
        db.execute(AssertSqlSafe(statement)).await?;
    }
    for (sql,) in indices {
        db.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

/// Strict tables know no `bigint`. It becomes `int`, which is the same, and not `integer`, which as a primary key would be the row's
/// own number and fill itself in.
fn with_ints(columns: &str) -> String {
    columns.replace("bigint", "int").replace("BIGINT", "int")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sqlx::Row as _;
    use sqlx::any::install_default_drivers;

    use super::*;
    use crate::Db;

    async fn tables(db: &AnyPool) -> Vec<String> {
        let all = "select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite_%'
                   and name <> '_sqlx_migrations' order by name";
        let rows: Vec<(String,)> = sqlx::query_as(all).fetch_all(db).await.unwrap();
        rows.into_iter().map(|(name,)| name).collect()
    }

    /// Every row of every table, and every index and trigger.
    async fn contents(db: &AnyPool) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for table in tables(db).await {
            let info = format!("select name from pragma_table_info('{table}') order by cid");
            let columns: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(info)).fetch_all(db).await.unwrap();
            let quoted: Vec<_> = columns.iter().map(|(name,)| format!("quote(\"{name}\")")).collect();
            let select = format!("select {} as row from \"{table}\" order by 1", quoted.join(" || ', ' || "));
            let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(db).await.unwrap();
            all.insert(table, rows.iter().map(|row| row.get::<String, _>(0)).collect());
        }
        let others = "select type || ' ' || name || ' ' || coalesce(sql, '') from sqlite_schema
                      where type in ('index', 'trigger') order by 1";
        let rows: Vec<(String,)> = sqlx::query_as(others).fetch_all(db).await.unwrap();
        all.insert("indices and triggers".into(), rows.into_iter().map(|(text,)| text).collect());
        all
    }

    /// A database as the migrations alone leave it, with a row more in every table.
    async fn filled(url: &str) -> AnyPool {
        install_default_drivers();
        let db = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(url).await.unwrap();
        sqlx::migrate!("../../migrations/registry").run(&db).await.unwrap();
        db.execute("pragma foreign_keys = off").await.unwrap();
        for table in tables(&db).await {
            let info = format!("select name, lower(type) from pragma_table_info('{table}') order by cid");
            let columns: Vec<(String, String)> =
                sqlx::query_as(AssertSqlSafe(info)).fetch_all(&db).await.unwrap();
            let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            // The same text everywhere, so that what refers to something finds it.
            let values: Vec<_> = columns
                .iter()
                .map(|(_, of)| if of == "text" { "'acme'" } else { "9000000000000000001" })
                .collect();
            let insert =
                format!("insert into \"{table}\" ({}) values ({})", names.join(", "), values.join(", "));
            db.execute(AssertSqlSafe(insert)).await.unwrap();
        }
        db.execute(
            "create trigger kept after delete on hosts begin delete from notices where key = old.host; end",
        )
        .await
        .unwrap();
        db
    }

    /// Every column of every table, and every index and trigger.
    async fn schema(db: &AnyPool) -> Vec<String> {
        let all = "select t.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || coalesce(c.dflt_value, '') || t.strict
                   from pragma_table_list t, pragma_table_info(t.name) c where t.schema = 'main' and t.type = 'table'
                   and t.name not like 'sqlite_%' and t.name <> '_sqlx_migrations'
                   union select type || ' ' || name from sqlite_schema where type in ('index', 'trigger') order by 1";
        let rows: Vec<(String,)> = sqlx::query_as(all).fetch_all(db).await.unwrap();
        rows.into_iter().map(|(line,)| line).collect()
    }

    #[tokio::test]
    async fn a_database_of_any_version_before_is_brought_up_to_date() {
        install_default_drivers();
        let migrations = || sqlx::migrate!("../../migrations/registry");
        let opened_at = async |version: i64| {
            let one = sqlx::any::AnyPoolOptions::new().max_connections(1);
            let db = one.connect("sqlite::memory:").await.unwrap();
            in_its_words(migrations()).run_to(version, &db).await.unwrap();
            make_strict(&db).await.unwrap();
            migrate(&db, migrations()).await.unwrap();
            schema(&db).await
        };
        let versions: Vec<_> = migrations().iter().map(|migration| migration.version).collect();
        let newest = opened_at(versions[versions.len() - 1]).await;
        assert!(newest.len() > 500, "{newest:?}");
        for version in versions {
            assert_eq!(opened_at(version).await, newest, "from version {version}");
        }
    }

    #[tokio::test]
    async fn no_table_of_a_migration_is_left_to_be_rebuilt() {
        install_default_drivers();
        let one = sqlx::any::AnyPoolOptions::new().max_connections(1);
        let db = one.connect("sqlite::memory:").await.unwrap();
        in_its_words(sqlx::migrate!("../../migrations/registry")).run(&db).await.unwrap();
        let lax: Vec<(String,)> = sqlx::query_as(LAX).fetch_all(&db).await.unwrap();
        assert_eq!(lax, []);
    }

    #[tokio::test]
    async fn tables_of_before_become_strict_and_keep_everything() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let before = filled(&url).await;
        let then = contents(&before).await;
        assert!(then.values().all(|rows| !rows.is_empty()), "{then:?}");
        let lax: Vec<(String,)> = sqlx::query_as(LAX).fetch_all(&before).await.unwrap();
        assert!(lax.len() > 40);
        before.close().await;

        let db = Db::open(&url).await.unwrap();
        assert_eq!(contents(db.read()).await, then);
        let lax: Vec<(String,)> = sqlx::query_as(LAX).fetch_all(db.read()).await.unwrap();
        assert_eq!(lax, []);
        let (on,): (i64,) = sqlx::query_as("select foreign_keys from pragma_foreign_keys")
            .fetch_one(db.read())
            .await
            .unwrap();
        assert_eq!(on, 1);
        // Twice changes nothing.
        drop(db);
        assert_eq!(contents(Db::open(&url).await.unwrap().read()).await, then);
    }

    #[tokio::test]
    async fn no_sum_becomes_a_float() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let lax: Vec<(String,)> = sqlx::query_as(LAX).fetch_all(db.read()).await.unwrap();
        assert_eq!(lax, []);
        let insert = "insert into ledger_balances (account, currency, minor) values ('a', 'USD', 9223372036854775807)
                      on conflict (account, currency) do update set minor = ledger_balances.minor + excluded.minor";
        db.read().execute(insert).await.unwrap();
        let refused = db.read().execute(insert).await.unwrap_err().to_string();
        assert!(refused.contains("REAL"), "{refused}");
        let (minor,): (i64,) =
            sqlx::query_as("select minor from ledger_balances").fetch_one(db.read()).await.unwrap();
        assert_eq!(minor, i64::MAX);
    }
}
