//! PostgreSQL sorts text by its bytes, as SQLite does, whatever the language of its cluster.
//!
//! A page of a list begins after the last item of the page before, so both databases must agree on what comes after what; and an
//! index gives rows in that order only where its columns have it. The migrations are one text for both databases, and SQLite has no
//! collation of this name.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe, Executor as _};

use crate::Error;

/// The columns of ours that sort in another order.
const OTHERWISE: &str = "select cast(columns.table_name as text), cast(columns.column_name as text)
    from information_schema.columns
    join information_schema.tables on tables.table_schema = columns.table_schema and tables.table_name = columns.table_name
    where columns.table_schema = current_schema() and columns.data_type = 'text'
          and coalesce(columns.collation_name, '') <> 'C'
          and tables.table_type = 'BASE TABLE' and columns.table_name <> '_sqlx_migrations'";

/// Makes every column of text sort by its bytes, and so every index of one.
pub(super) async fn sort_by_bytes(db: &mut AnyConnection) -> Result<(), Error> {
    let columns: Vec<(String, String)> = sqlx::query_as(OTHERWISE).fetch_all(&mut *db).await?;
    let mut changes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in columns {
        changes.entry(table).or_default().push(format!("alter column \"{column}\" type text collate \"C\""));
    }
    for (table, changes) in changes {
        db.execute(AssertSqlSafe(format!("alter table \"{table}\" {}", changes.join(", ")))).await?;
    }
    Ok(())
}
