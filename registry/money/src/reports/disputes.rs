//! Disputes as operators answer them: a payment that its customer's bank has taken back as a whole, whatever sales it was for, or what an
//! operator has recorded of a sale. Each ties to the transactions that the ledger has of it.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{
    self, AccountBalance, DisputeState, Page, Paging, ProcessorEvent, TransactionKind,
};
use chandlery_package::{Balance, Currency, Money, Namespace, PluginId};
use chandlery_store::time;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::rails::ToldDispute;
use crate::{Error, rails};

/// What the ledger calls what happens to a dispute.
const KINDS: [TransactionKind; 6] = [
    TransactionKind::DisputeOpened,
    TransactionKind::DisputeHeld,
    TransactionKind::DisputeFee,
    TransactionKind::DisputeWon,
    TransactionKind::DisputeFreed,
    TransactionKind::DisputeLost,
];

/// A payment, or a part of one, that its customer's bank has taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// As the processor or whoever recorded it calls it.
    pub id: String,
    /// The processor's payment that it is about; none: an operator has recorded it.
    pub payment: Option<String>,
    /// Who has paid.
    pub customer: Option<Namespace>,
    /// How much was taken back.
    pub amount: Money,
    /// How it stands.
    pub state: DisputeState,
    /// When it was in the books first.
    pub opened_at: Timestamp,
    /// What the processor has last told of it.
    pub told: Option<ToldDispute>,
    /// How often it was held again, after something else was taken of the payment.
    round: i64,
}

impl Dispute {
    /// What its transactions and parts are called that hold it now.
    fn handle(&self) -> String {
        match self.round {
            0 => self.id.clone(),
            round => format!("{}.{round}", self.id),
        }
    }

    /// What of it is told by the API.
    pub(super) fn shown(self) -> wire::Dispute {
        let (answer_by, reason) = self.told.map_or((None, None), |told| (told.answer_by, told.reason));
        wire::Dispute {
            id: self.id,
            payment: self.payment,
            customer: self.customer,
            amount: self.amount,
            state: self.state,
            opened_at: self.opened_at,
            answer_by,
            reason,
        }
    }

    fn key(&self) -> Place {
        (self.opened_at, self.id.clone())
    }
}

/// A dispute's place among all.
pub type Place = (Timestamp, String);

/// The part of a dispute that a sale bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputedSale {
    /// The sale's number.
    pub sale: i64,
    /// Who has sold it.
    pub seller: Namespace,
    /// What was sold; none: a service.
    pub plugin: Option<PluginId>,
    /// How much of its price.
    pub amount: Money,
    /// How this part stands.
    pub state: DisputeState,
}

/// Something that has happened to a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeStep {
    /// When the registry came to know of it.
    pub at: Timestamp,
    /// The ledger's number of the transaction; none: the processor has told something.
    pub transaction: Option<i64>,
    /// What it was, as people read it.
    pub what: String,
    /// Who has made the transaction, or the id of what was told.
    pub by: String,
    /// What it has changed of each account, debits less credits.
    pub postings: Vec<AccountBalance>,
}

/// A dispute with all that the books have of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeDetails {
    /// What it is about.
    pub dispute: Dispute,
    /// What sales bear of it; what they do not is the marketplace's.
    pub sales: Vec<DisputedSale>,
    /// What each account holds for it by now, debits less credits.
    pub held: Vec<AccountBalance>,
    /// What has happened, in order.
    pub steps: Vec<DisputeStep>,
}

/// That a row of `disputes` is no part of a dispute that the processor has told of: `ID/SALE`, or `ID.ROUND/SALE`.
macro_rules! by_hand {
    () => {
        "not exists (select 1 from processor_disputes whole where disputes.id like '%/%' and whole.id in (
             rtrim(rtrim(disputes.id, '0123456789'), '/'),
             rtrim(rtrim(rtrim(rtrim(disputes.id, '0123456789'), '/'), '0123456789'), '.')))"
    };
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select id, payment, currency, minor, state, round, opened_at from (
                 select id, payment, currency, minor, state, round,
                        coalesce((select min(part.opened_at) from disputes part
                                  where part.id >= processor_disputes.id || '.' and part.id < processor_disputes.id || '0'),
                                 (select at from ledger_transactions where key = 'dispute-opened:' || processor_disputes.id),
                                 '1970-01-01T00:00:00.000000Z') as opened_at
                 from processor_disputes
                 union all
                 select id, '' as payment, currency, minor, state, 0 as round, opened_at from disputes where ",
            by_hand!(),
            ") as known ",
            $condition
        )
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    payment: String,
    currency: Text<Currency>,
    minor: i64,
    state: Text<DisputeState>,
    round: i64,
    opened_at: Text<Timestamp>,
}

async fn read(db: &mut AnyConnection, row: Row) -> Result<Dispute, Error> {
    let payment = Some(row.payment).filter(|payment| !payment.is_empty());
    let customer = match &payment {
        Some(payment) => rails::payer_of(db, payment).await?,
        None => customer_of(db, &row.id).await?,
    };
    let told = match &payment {
        Some(_) => rails::told_dispute(db, &row.id).await?,
        None => None,
    };
    let amount = Money::new(row.minor, row.currency.0)?;
    let (state, opened_at) = (row.state.0, row.opened_at.0);
    Ok(Dispute { id: row.id, payment, customer, amount, state, opened_at, told, round: row.round })
}

/// Who has bought what a dispute is of that an operator has recorded.
async fn customer_of(db: &mut AnyConnection, id: &str) -> Result<Option<Namespace>, Error> {
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select customer from disputes join sales on sales.id = disputes.sale where disputes.id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(Text(customer),)| customer))
}

/// How many are open.
pub async fn count_disputes(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) = sqlx::query_as(concat!(
        "select (select count(*) from processor_disputes where state = 'open')
              + (select count(*) from disputes where state = 'open' and ",
        by_hand!(),
        ")"
    ))
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Those in one state or in any, the one that was opened first before all others.
pub async fn disputes(
    db: &mut AnyConnection,
    state: Option<DisputeState>,
    paging: &Paging<Place>,
) -> Result<Page<Dispute>, Error> {
    let (after, id) = paging.after().map_or((String::new(), ""), |(at, id)| (time(*at), id.as_str()));
    let rows: Vec<Row> = sqlx::query_as(select!(
        "where ($1 = '' or state = $1) and (opened_at > $2 or opened_at = $2 and id > $3)
         order by opened_at, id limit $4"
    ))
    .bind(state.map_or("", DisputeState::as_str))
    .bind(after)
    .bind(id)
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let mut read_rows = Vec::with_capacity(rows.len());
    for row in rows {
        read_rows.push(read(db, row).await?);
    }
    Ok(paging.cut(read_rows, Dispute::key))
}

/// The dispute of this id with all that the books have of it, or that there is none.
pub async fn dispute(db: &mut AnyConnection, id: &str) -> Result<DisputeDetails, Error> {
    let row: Option<Row> = sqlx::query_as(select!("where id = $1")).bind(id).fetch_optional(&mut *db).await?;
    let dispute = read(db, row.ok_or_else(|| Error::NotFound(format!("dispute '{id}'")))?).await?;
    let mut steps = booked(db, &dispute).await?;
    let held = sums(&steps)?;
    if let Some(payment) = &dispute.payment {
        steps.extend(rails::events_of(db, payment, id).await?.into_iter().map(told));
    }
    // What was told comes before what was booked for it.
    steps.sort_by_key(|step| (step.at, step.transaction));
    Ok(DisputeDetails { sales: sales_of(db, &dispute).await?, held, steps, dispute })
}

async fn sales_of(db: &mut AnyConnection, dispute: &Dispute) -> Result<Vec<DisputedSale>, Error> {
    let handle = dispute.handle();
    let (alone, parts) = match dispute.payment {
        None => (handle.as_str(), [String::new(), String::new()]),
        // `0` is the character after `/`.
        Some(_) => ("", [format!("{handle}/"), format!("{handle}0")]),
    };
    type Row = (i64, Text<Namespace>, Option<Text<PluginId>>, Text<Currency>, i64, Text<DisputeState>);
    let rows: Vec<Row> = sqlx::query_as(
        "select sales.id, seller, plugin, disputes.currency, disputes.minor, state
         from disputes join sales on sales.id = disputes.sale
         where disputes.id = $1 or disputes.id >= $2 and disputes.id < $3 order by sales.id",
    )
    .bind(alone)
    .bind(&parts[0])
    .bind(&parts[1])
    .fetch_all(db)
    .await?;
    let read = |(sale, Text(seller), plugin, Text(currency), minor, Text(state)): Row| {
        let (plugin, amount) = (plugin.map(|Text(plugin)| plugin), Money::new(minor, currency)?);
        Ok(DisputedSale { sale, seller, plugin, amount, state })
    };
    rows.into_iter().map(read).collect()
}

#[derive(sqlx::FromRow)]
struct Posted {
    id: i64,
    key: String,
    at: Text<Timestamp>,
    description: String,
    made_by: String,
    account: String,
    currency: Text<Currency>,
    minor: i64,
}

/// The transactions of a dispute, in order.
async fn booked(db: &mut AnyConnection, dispute: &Dispute) -> Result<Vec<DisputeStep>, Error> {
    let mut steps: BTreeMap<i64, DisputeStep> = BTreeMap::new();
    for kind in KINDS {
        let key = format!("{kind}:{}", dispute.id);
        // `;` comes after every character that may follow the id.
        let rows: Vec<Posted> = sqlx::query_as(
            "select id, key, at, description, made_by, account, currency, minor
             from ledger_transactions join ledger_postings on transaction_id = id
             where key >= $1 and key < $2 order by id, line",
        )
        .bind(&key)
        .bind(format!("{key};"))
        .fetch_all(&mut *db)
        .await?;
        for row in rows {
            if !row.key.strip_prefix(&key).is_some_and(|rest| is_of(dispute, rest)) {
                continue;
            }
            let balance = Balance::new(row.minor, row.currency.0)?;
            let step = steps.entry(row.id).or_insert_with(|| DisputeStep {
                at: row.at.0,
                transaction: Some(row.id),
                what: row.description,
                by: row.made_by,
                postings: Vec::new(),
            });
            step.postings.push(AccountBalance { account: row.account, balance });
        }
    }
    Ok(steps.into_values().collect())
}

/// Whether what follows a dispute's id in a transaction's key is of that dispute: a round, a sale or a lot of it.
fn is_of(dispute: &Dispute, rest: &str) -> bool {
    let marks: &[char] = if dispute.payment.is_some() { &['.', '/', ':'] } else { &[':'] };
    rest.is_empty() || rest.starts_with(marks)
}

fn sums(steps: &[DisputeStep]) -> Result<Vec<AccountBalance>, Error> {
    let mut sums: BTreeMap<(&str, Currency), i128> = BTreeMap::new();
    for AccountBalance { account, balance } in steps.iter().flat_map(|step| &step.postings) {
        *sums.entry((account, balance.currency())).or_default() += i128::from(balance.minor());
    }
    let held = sums.into_iter().filter(|(_, minor)| *minor != 0);
    held.map(|((account, currency), minor)| {
        Ok(AccountBalance { account: account.to_owned(), balance: Balance::new(minor, currency)? })
    })
    .collect()
}

fn told(event: ProcessorEvent) -> DisputeStep {
    let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
    DisputeStep {
        at: event.received_at,
        transaction: None,
        what: format!("the processor tells of {}, which is {}{reason}", event.kind, event.state),
        by: event.id,
        postings: Vec::new(),
    }
}
