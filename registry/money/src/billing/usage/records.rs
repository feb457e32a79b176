//! The records of an account's month, and what hosts have signed of them, for those who check what was charged: the account itself,
//! whoever has sold to it, and operators.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_accounts::Account;
use chandlery_accounts::organisations::Power;
use chandlery_package::chain::EventText;
use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging, UsageEvent, UsageRecord, UsageSegment};
use chandlery_package::{Digest, Month, Namespace};
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use crate::Error;

/// How long before it ended use may have come: the clocks of hosts are not this one.
const SKEW: SignedDuration = SignedDuration::from_hours(1);
/// How many digits a digest has.
const DIGITS: usize = 64;

/// Selects what the digests of events are of.
macro_rules! select_digested {
    ($more:literal, $condition:literal) => {
        concat!(
            "select event.account as account, event.id as id, event.deployment as deployment, event.plugin as plugin,
                    event.version as version, event.from_at as from_at, event.to_at as to_at,
                    event.replica_millis as replica_millis, event.gpu_millis as gpu_millis, event.units as units,
                    event.received_at as received_at, mine.corrects as corrects",
            $more,
            " where ",
            $condition
        )
    };
    ($condition:literal) => {
        select_digested!(
            " from usage_events as event
              left join usage_corrections as mine on mine.id = event.id and mine.account = event.account",
            $condition
        )
    };
}
pub(super) use select_digested;

/// What the digest of an event is of, as it is stored.
#[derive(sqlx::FromRow)]
pub(super) struct Digested {
    pub account: String,
    id: String,
    deployment: String,
    plugin: String,
    version: String,
    from_at: String,
    to_at: String,
    replica_millis: i64,
    gpu_millis: i64,
    units: String,
    pub received_at: String,
    corrects: Option<String>,
}

/// An event as it is stored, with who has signed it, and what counts instead since when.
#[derive(sqlx::FromRow)]
struct Recorded {
    #[sqlx(flatten)]
    said: Digested,
    host: String,
    corrected_by: Option<String>,
    corrected_at: Option<String>,
}

impl Digested {
    /// The digest of what is stored.
    pub fn digest(&self) -> Digest {
        let text = EventText {
            account: &self.account,
            id: &self.id,
            deployment: &self.deployment,
            release: &format!("{}@{}", self.plugin, self.version),
            from: &self.from_at,
            to: &self.to_at,
            replica_millis: self.replica_millis.unsigned_abs(),
            gpu_millis: self.gpu_millis.unsigned_abs(),
            units: &self.units,
            corrects: self.corrects.as_deref(),
        };
        text.digest()
    }

    fn event(&self) -> Result<UsageEvent, Error> {
        let damaged = || Error::Damaged(format!("the event {} cannot be read", self.id));
        let units = match self.units.is_empty() {
            true => BTreeMap::new(),
            false => serde_json::from_str(&self.units).map_err(|_| damaged())?,
        };
        Ok(UsageEvent {
            id: self.id.parse().map_err(|_| damaged())?,
            deployment: self.deployment.clone(),
            release: format!("{}@{}", self.plugin, self.version).parse()?,
            from: self.from_at.parse().map_err(|_| damaged())?,
            to: self.to_at.parse().map_err(|_| damaged())?,
            replica_millis: self.replica_millis.unsigned_abs(),
            gpu_millis: self.gpu_millis.unsigned_abs(),
            units,
            corrects: self.corrects.as_deref().map(str::parse).transpose().map_err(|_| damaged())?,
        })
    }
}

impl Recorded {
    /// What somebody reads of it who sells plugins of these namespaces, or may read everything. `closed_at` is until when what came
    /// is in the last root.
    fn read(&self, sold: Option<&BTreeSet<String>>, closed_at: Option<&str>) -> Result<UsageRecord, Error> {
        let said = &self.said;
        let namespace = said.plugin.split(':').next().unwrap_or_default();
        let is_late = |came: &str| closed_at.is_none_or(|closed| came > closed);
        let (digest, late) = (said.digest(), is_late(&said.received_at));
        if sold.is_some_and(|sold| !sold.contains(namespace)) {
            return Ok(UsageRecord { digest, event: None, host: None, corrected_by: None, late });
        }
        let damaged = |_| Error::Damaged(format!("the correction of event {} cannot be read", said.id));
        let corrected_by = self.corrected_by.as_deref();
        let corrected_by = corrected_by.filter(|_| !self.corrected_at.as_deref().is_none_or(is_late));
        Ok(UsageRecord {
            digest,
            event: Some(said.event()?),
            host: Some(self.host.clone()).filter(|host| !host.is_empty()),
            corrected_by: corrected_by.map(str::parse).transpose().map_err(damaged)?,
            late,
        })
    }
}

/// The namespaces whose plugins an account's records are shown of; none: of all. Whoever has not sold to it sees nothing of it.
pub(crate) async fn seen_by(
    db: &Db,
    reader: &Account,
    account: &Namespace,
) -> Result<Option<BTreeSet<String>>, Error> {
    if reader.operator || reader.name == *account {
        return Ok(None);
    }
    // What an organisation's customers use and pay is seen by those of its people who see what it earns.
    if let Some(organisation) = reader.organisation() {
        reader.must_have(db, organisation, Power::Pay, "see the customers of").await?;
    }
    let sold: Vec<(String,)> = sqlx::query_as(
        "select distinct seller from sales
         where customer = $1 and seller in (select namespace from namespace_members where account = $2 and role = 'owner')",
    )
    .bind(account.as_str())
    .bind(reader.name.as_str())
    .fetch_all(db.read())
    .await?;
    match sold.is_empty() {
        true => Err(Error::forbidden(&reader.name, "see what this account has used")),
        false => Ok(Some(sold.into_iter().map(|(seller,)| seller).collect())),
    }
}

/// The records of an account's month in the order of their ids. A record's place is its number, since an id would tell more than its
/// digest.
pub(crate) async fn records(
    db: &mut AnyConnection,
    account: &Namespace,
    month: Month,
    sold: Option<&BTreeSet<String>>,
    paging: &Paging<u64>,
) -> Result<Page<UsageRecord>, Error> {
    let before = paging.after().copied().unwrap_or_default();
    let closed: Option<(String,)> = sqlx::query_as(
        "select closed_at from usage_roots where account = $1 and month = $2 order by log_index desc limit 1",
    )
    .bind(account.as_str())
    .bind(month.to_string())
    .fetch_optional(&mut *db)
    .await?;
    let closed_at = closed.as_ref().map(|(at,)| at.as_str());
    let rows: Vec<Recorded> = sqlx::query_as(select_digested!(
        ", event.host as host, correction.id as corrected_by, correction.received_at as corrected_at
          from usage_events as event
          left join usage_corrections as mine on mine.id = event.id and mine.account = event.account
          left join usage_corrections as other on other.corrects = event.id and other.account = event.account
                                              and other.plugin = event.plugin
          left join usage_events as correction on correction.id = other.id",
        "event.month = $1 and event.account = $2 order by event.id limit $3 offset $4"
    ))
    .bind(month.to_string())
    .bind(account.as_str())
    .bind(paging.rows())
    .bind(i64::try_from(before).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let shown = rows.len().saturating_sub(1) as u64;
    let page = paging.cut(rows, |_| before.saturating_add(shown));
    page.try_map(|row| row.read(sold, closed_at))
}

#[derive(sqlx::FromRow)]
struct Row {
    host: String,
    last: i64,
    first: i64,
    before: Text<Digest>,
    digests: String,
    heard_at: Text<Timestamp>,
    signature: String,
}

impl Row {
    fn read(self) -> Result<UsageSegment, Error> {
        let damaged =
            || Error::Damaged(format!("records to {} of host {} cannot be read", self.last, self.host));
        let digest = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).map_err(|_| damaged())?;
            format!("sha256:{digits}").parse::<Digest>().map_err(|_| damaged())
        };
        let digests = self.digests.as_bytes().chunks(DIGITS).map(digest).collect::<Result<_, Error>>()?;
        Ok(UsageSegment {
            first: self.first.unsigned_abs(),
            before: self.before.0,
            digests,
            heard_at: self.heard_at.0,
            signature: self.signature,
            host: self.host,
        })
    }
}

/// What is known of a host's records, from the first to the last one of a report.
pub(super) async fn segments_from(
    db: &mut AnyConnection,
    account: &Namespace,
    report: &UsageSegment,
) -> Result<Vec<UsageSegment>, Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let rows: Vec<Row> = sqlx::query_as(
        "select host, last, first, before, digests, heard_at, signature from usage_segments
         where account = $1 and host = $2 and last >= $3 and first <= $4 order by last",
    )
    .bind(account.as_str())
    .bind(&report.host)
    .bind(number(report.first))
    .bind(number(report.head().sequence.max(report.first)))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// A segment's place among its account's: its host, and the number of its last record.
pub(crate) type Place = (String, i64);

/// What hosts have signed since a month began, in the order of their records.
pub(crate) async fn segments(
    db: &mut AnyConnection,
    account: &Namespace,
    month: Month,
    paging: &Paging<Place>,
) -> Result<Page<UsageSegment>, Error> {
    let (host, last) = paging.after().cloned().unwrap_or_default();
    let rows: Vec<Row> = sqlx::query_as(
        "select host, last, first, before, digests, heard_at, signature from usage_segments
         where account = $1 and received_at >= $2 and (host > $3 or host = $3 and last > $4)
         order by host, last limit $5",
    )
    .bind(account.as_str())
    .bind(time(month.first_moment() - SKEW))
    .bind(host)
    .bind(last)
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    paging.cut(rows, |row| (row.host.clone(), row.last)).try_map(Row::read)
}
