//! Columns that hold a text with a grammar, or JSON, in whatever database. What cannot be read is an error that names it.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

/// A column of text that is read and written as a `T`: a word, a name, a digest, a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<T>(pub T);

/// A column of text that is read and written as the JSON of a `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A text that no version of this program writes.
#[derive(Debug, thiserror::Error)]
#[error("'{text}' cannot be read: {reason}")]
struct Unreadable {
    text: String,
    reason: BoxDynError,
}

fn unreadable(text: &str, reason: impl Into<BoxDynError>) -> BoxDynError {
    Unreadable { text: text.into(), reason: reason.into() }.into()
}

impl<DB: Database, T> Type<DB> for Text<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(found: &DB::TypeInfo) -> bool {
        String::compatible(found)
    }
}

impl<'r, DB: Database, T: FromStr> Decode<'r, DB> for Text<T>
where
    &'r str: Decode<'r, DB>,
    T::Err: Into<BoxDynError>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = <&str>::decode(value)?;
        text.parse().map(Self).map_err(|error| unreadable(text, error))
    }
}

impl<'q, DB: Database, T: Display> Encode<'q, DB> for Text<T>
where
    String: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.0.to_string().encode(buffer)
    }
}

impl<DB: Database, T> Type<DB> for Json<T>
where
    String: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        String::type_info()
    }

    fn compatible(found: &DB::TypeInfo) -> bool {
        String::compatible(found)
    }
}

impl<'r, DB: Database, T: DeserializeOwned> Decode<'r, DB> for Json<T>
where
    &'r str: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = <&str>::decode(value)?;
        serde_json::from_str(text).map(Self).map_err(|error| unreadable(text, error))
    }
}

impl<'q, DB: Database, T: Serialize> Encode<'q, DB> for Json<T>
where
    String: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        serde_json::to_string(&self.0)?.encode(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use semver::Version;
    use sqlx::any::{AnyPoolOptions, install_default_drivers};
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;
    use crate::{Digest, Kind, Namespace};

    type Row = (
        Text<Namespace>,
        Text<Kind>,
        Option<Text<Timestamp>>,
        Option<Text<Version>>,
        Text<Digest>,
        Json<BTreeMap<String, u8>>,
    );

    fn row() -> Row {
        (
            Text("acme".parse().unwrap()),
            Text(Kind::Policy),
            Some(Text("2026-11-28T09:00:00.123456Z".parse().unwrap())),
            None,
            Text(Digest::of("")),
            Json([("a".into(), 1)].into()),
        )
    }

    macro_rules! reads_back {
        ($pool:expr) => {{
            let pool = $pool.max_connections(1).connect("sqlite::memory:").await.unwrap();
            let table = "create table t (a text, b text, c text, d text, e text, f text) strict";
            sqlx::query(table).execute(&pool).await.unwrap();
            let (a, b, c, d, e, f) = row();
            let insert = sqlx::query("insert into t values ($1, $2, $3, $4, $5, $6)");
            insert.bind(a).bind(b).bind(c).bind(d).bind(e).bind(f).execute(&pool).await.unwrap();
            let read: Row = sqlx::query_as("select * from t").fetch_one(&pool).await.unwrap();
            assert_eq!(read, row());
            sqlx::query("update t set b = 'poem'").execute(&pool).await.unwrap();
            let refused = sqlx::query_as::<_, Row>("select * from t").fetch_one(&pool).await.unwrap_err();
            assert!(refused.to_string().contains("'poem' is no kind of plugin: write template"), "{refused}");
        }};
    }

    #[test]
    fn both_databases_read_what_was_written_and_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            install_default_drivers();
            reads_back!(AnyPoolOptions::new());
            reads_back!(SqlitePoolOptions::new());
        });
    }
}
