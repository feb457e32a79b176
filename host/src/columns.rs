//! Columns that hold a text with a grammar, or JSON. What cannot be read is an error that names the column.

use std::error::Error;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

fn refuse(column: &str, error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.into(), source: Box::new(error) }
}

/// A column's text, parsed.
pub(crate) fn parsed<T: FromStr>(row: &SqliteRow, column: &str) -> sqlx::Result<T>
where
    T::Err: Error + Send + Sync + 'static,
{
    row.try_get::<&str, _>(column)?.parse().map_err(|error| refuse(column, error))
}

/// The same where there may be none.
pub(crate) fn parsed_if_any<T: FromStr>(row: &SqliteRow, column: &str) -> sqlx::Result<Option<T>>
where
    T::Err: Error + Send + Sync + 'static,
{
    let text = row.try_get::<Option<&str>, _>(column)?;
    text.map(|text| text.parse().map_err(|error| refuse(column, error))).transpose()
}

/// A column's JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| refuse(column, error))
}
