//! What a partner has earned: by month, by plugin, by transaction, and its statements.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TransactionKind;
use crate::{Balance, Currency, Digest, Money, Month, Namespace, PluginId};

/// One change of a partner's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Earning {
    /// The ledger's transaction.
    pub transaction: i64,
    /// When it was booked.
    pub at: Timestamp,
    /// What kind of transaction it is.
    pub kind: TransactionKind,
    /// What it was about.
    pub description: String,
    /// The plugin, where it was about one.
    pub plugin: Option<PluginId>,
    /// What the customer pays for a sale of the partner's own, less what was given back of it by now; nothing, where it was never
    /// paid.
    pub gross: Option<Money>,
    /// What the partner gained or, below zero, gave back or was paid out.
    pub net: Money,
    /// When a sale's earning becomes available, once the customer has paid.
    pub available_at: Option<Timestamp>,
}

/// What was earned in a month (UTC), in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthlyEarning {
    /// The month that the sales were made in.
    pub month: Month,
    /// What customers pay, less what was given back and what was never paid; of sales that the partner has only referred, its
    /// own share.
    pub gross: Money,
    /// The partner's share, less what was taken back of it.
    pub net: Money,
    /// How many sales, without those that were never paid.
    pub sales: u64,
}

/// What was earned with a plugin, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginEarning {
    /// The plugin that was sold.
    pub plugin: PluginId,
    /// What customers pay, less what was given back and what was never paid; of sales that the partner has only referred, its
    /// own share.
    pub gross: Money,
    /// The partner's share, less what was taken back of it.
    pub net: Money,
    /// How many sales, without those that were never paid.
    pub sales: u64,
}

/// What a partner's accounts held, in minor units: what is owed to it is above zero.
pub type Held = BTreeMap<String, i64>;

/// A partner's month in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The partner whose month it was.
    pub partner: Namespace,
    /// The month, in UTC.
    pub month: Month,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// What there was at its beginning: the closing of the month before.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub opening: Held,
    /// Every transaction of the month, in order.
    pub lines: Vec<StatementLine>,
    /// What there was at its end.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub closing: Held,
}

/// A transaction of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// The ledger's number of it.
    pub transaction: i64,
    /// When it was booked, to the microsecond: the text is a part of what the statement's digest is of.
    #[serde(with = "micros")]
    pub at: Timestamp,
    /// What kind of transaction it is.
    pub kind: TransactionKind,
    /// What it was about, as people read it.
    pub description: String,
    /// What it changed.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub changes: Held,
}

/// A statement, where it is in the log, and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedStatement {
    /// The statement itself.
    pub statement: Statement,
    /// Of its bytes as they are stored.
    pub digest: Digest,
    /// The entry of the log that says so.
    pub log_index: i64,
}

/// What a beneficiary got of all sales, and what it would have got by another policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayDifference {
    /// The partner; none: the marketplace.
    pub partner: Option<Namespace>,
    /// What it got.
    pub was: Balance,
    /// What it would have got.
    pub would_be: Balance,
    /// The one less the other.
    pub difference: Balance,
}

/// Times that are always as wide.
mod micros {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_written_as_it_was_read() {
        let text = r#"{"partner":"acme","month":"2026-11","currency":"USD","opening":{},"lines":[{"transaction":7,"at":"2026-11-23T10:00:00.000000Z","kind":"sale","description":"x","changes":{"pending":5}}],"closing":{"pending":5}}"#;
        let statement: Statement = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&statement).unwrap(), text);
    }
}
