//! The lines that the bank's statements had: each is in the books from when it was seen, against suspense, and is known by its id
//! for ever.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | a line is seen, by its value date where that is open | bank | suspense |

use chandlery_package::column::Text;
use chandlery_package::wire::{BankLine, BankLineState, Page, Paging, TransactionKind};
use chandlery_package::{Currency, Money, Namespace};
use chandlery_store::{Write, time};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::super::own_accounts::{MAIN, PROCESSOR, in_ledger};
use super::statement::{Counterparty, NewLine, Stated};
use crate::Error;
use crate::ledger::{self, Account, By, Transaction};

/// How long ago a line may be posted, where no month was ever closed.
const POSTED_WITHIN: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);
/// How many open lines are looked at with each statement: as many as one has at most.
const OPEN_MAX: i64 = 100_000;

/// A line as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub id: String,
    /// The name of the account that it is of.
    pub account: String,
    pub other: Counterparty,
    /// When it was seen first.
    pub seen_at: Timestamp,
    /// None: it is not in the books, since they do not have its currency.
    pub amount: Option<Money>,
    pub day: Option<Date>,
    pub text: String,
    pub returned: bool,
    pub open_minor: i64,
    /// Whether what it is for is to be looked for.
    pub waits: bool,
    pub outcome: String,
}

impl Line {
    /// What of it is in suspense still.
    pub fn open(&self) -> Result<Option<Money>, Error> {
        let open = self.amount.map(|amount| amount.with_minor(self.open_minor)).transpose()?;
        Ok(open.filter(|open| !open.is_zero()))
    }

    /// The bank's own reference.
    pub fn reference(&self) -> &str {
        let behind = self.id.strip_prefix(&self.account).and_then(|rest| rest.strip_prefix('/'));
        behind.filter(|_| self.account != MAIN).unwrap_or(&self.id)
    }

    /// What the ledger leads back to: the line itself or, where the processor has told of it, the payment.
    pub fn told_as(&self) -> &str {
        if self.account == PROCESSOR { self.reference() } else { &self.id }
    }

    pub fn shown(self) -> Result<BankLine, Error> {
        let open = self.open()?;
        let Self { id, account, other, amount, day, text, returned, outcome, .. } = self;
        let other_iban = Some(other.iban).filter(|iban| !iban.is_empty());
        let suggestions = Vec::new();
        Ok(BankLine { id, account, day, amount, other_iban, text, returned, outcome, open, suggestions })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    account: String,
    other_holder: String,
    other_iban: String,
    other_bic: String,
    at: Text<Timestamp>,
    day: Option<Text<Date>>,
    currency: String,
    minor: i64,
    text: String,
    returned: i64,
    outcome: String,
    state: String,
    open_minor: i64,
}

macro_rules! select_lines {
    ($condition:literal) => {
        concat!(
            "select id, account, other_holder, other_iban, other_bic, at, day, currency, minor, text, returned, outcome, state,
                    open_minor
             from bank_lines ",
            $condition
        )
    };
}

fn read(row: Row) -> Result<Line, Error> {
    let currency: Option<Currency> = row.currency.parse().ok();
    Ok(Line {
        id: row.id,
        account: row.account,
        other: Counterparty { holder: row.other_holder, iban: row.other_iban, bic: row.other_bic },
        seen_at: row.at.0,
        amount: currency.map(|currency| Money::new(row.minor, currency)).transpose()?,
        day: row.day.map(|Text(day)| day),
        text: row.text,
        returned: row.returned != 0,
        open_minor: row.open_minor,
        waits: row.state == "open" && row.open_minor == row.minor,
        outcome: row.outcome,
    })
}

/// The line of this id, if it was seen.
pub(super) async fn find(db: &mut AnyConnection, id: &str) -> Result<Option<Line>, Error> {
    let row: Option<Row> = sqlx::query_as(select_lines!("where id = $1")).bind(id).fetch_optional(db).await?;
    row.map(read).transpose()
}

/// The lines of one state or of all, in the order of their ids.
pub(super) async fn list(
    db: &mut AnyConnection,
    state: Option<BankLineState>,
    paging: &Paging<String>,
) -> Result<Page<Line>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select_lines!(
        "where id > $1 and ($2 = '' or $2 = 'settled' and state = 'settled' or $2 = 'open' and state <> 'settled')
         order by id limit $3"
    ))
    .bind(paging.after().map_or("", String::as_str))
    .bind(state.map_or("", BankLineState::as_str))
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    paging.cut(rows, |row| row.id.clone()).try_map(read)
}

/// The ids of lines of which nothing was matched so far: what left first, since what comes back of it follows it, in whatever
/// order the bank writes them.
pub(super) async fn waiting(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select id from bank_lines where state = 'open' and open_minor = minor
         order by case when minor < 0 then 0 else 1 end, coalesce(day, ''), id limit $1",
    )
    .bind(OPEN_MAX)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// When what the bank did on a day is posted: at its noon, or now, where that is in a closed month, long past or to come.
pub(super) async fn moment(
    db: &mut AnyConnection,
    day: Option<Date>,
    now: Timestamp,
) -> Result<Timestamp, Error> {
    let noon = day.and_then(|day| day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).ok());
    let Some(noon) = noon.map(|noon| noon.timestamp()) else { return Ok(now) };
    let open = ledger::open_from(db).await?;
    let first = now.checked_sub(POSTED_WITHIN).unwrap_or(now);
    let is_open = first <= noon && noon <= now && open.is_none_or(|open| open <= noon);
    Ok(if is_open { noon } else { now })
}

/// What became of a line that a statement has.
pub(super) struct Taken {
    pub id: String,
    /// What it adds to what was brought before; nothing, where it was brought before.
    pub new: Option<Money>,
}

/// Takes the lines of a statement into the books, each once.
pub(super) async fn take(
    write: &mut Write,
    lines: Vec<NewLine>,
    now: Timestamp,
) -> Result<Vec<Taken>, Error> {
    take_earlier(write, now).await?;
    let mut taken = Vec::with_capacity(lines.len());
    for line in lines {
        taken.push(take_one(write, line, now).await?);
    }
    Ok(taken)
}

/// Takes what an earlier version has seen and not matched into the books.
async fn take_earlier(write: &mut Write, now: Timestamp) -> Result<(), Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_lines!("where state = 'unbooked' order by id")).fetch_all(&mut **write).await?;
    for row in rows {
        let line = read(row)?;
        let Some(amount) = line.amount else { continue };
        let posted = post(write, &line.id, &line.account, line.day, amount, &line.text, now).await?;
        sqlx::query(
            "update bank_lines set state = 'open', open_minor = minor, transaction_id = $1 where id = $2",
        )
        .bind(posted)
        .bind(&line.id)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// A line that came before with another amount is another line, which somebody must look at.
async fn take_one(write: &mut Write, mut line: NewLine, now: Timestamp) -> Result<Taken, Error> {
    let (mut state, mut outcome) = ("open", "unmatched: it was not looked at yet".to_owned());
    // An earlier version took it with its charges as one.
    if let Some((id, whole)) = &line.part_of
        && find(write, id).await?.is_some_and(|known| known.amount == Some(*whole))
    {
        return Ok(Taken { id: id.clone(), new: None });
    }
    if let Some(known) = find(write, &line.id).await? {
        let same = match (&line.amount, known.amount) {
            (Stated::Known(amount), Some(known)) => *amount == known,
            (Stated::Foreign(_), None) => true,
            (Stated::Known(_), None) | (Stated::Foreign(_), Some(_)) => false,
        };
        if same {
            return Ok(Taken { id: line.id, new: None });
        }
        outcome = format!("parked: line {} came before with another amount", line.id);
        state = "parked";
        line.id = match &line.amount {
            Stated::Known(amount) => format!("{}~{amount}", line.id),
            Stated::Foreign(amount) => format!("{}~{amount}", line.id),
        };
        if find(write, &line.id).await?.is_some() {
            return Ok(Taken { id: line.id, new: None });
        }
    }
    let kept = match &line.amount {
        Stated::Known(amount) if amount.is_zero() => {
            let currency = amount.currency().code();
            Kept { currency, minor: 0, posted: None, state: "settled", outcome: "it is of nothing" }
        }
        Stated::Known(amount) => {
            let account = &line.owner.name;
            let posted = Some(post(write, &line.id, account, line.day, *amount, &line.text, now).await?);
            let (currency, minor) = (amount.currency().code(), amount.minor());
            Kept { currency, minor, posted, state, outcome: &outcome }
        }
        Stated::Foreign(amount) => {
            outcome = format!("parked: {amount} are of a currency that the books do not have");
            let currency = amount.rsplit(' ').next().unwrap_or_default();
            Kept { currency, minor: 0, posted: None, state: "parked", outcome: &outcome }
        }
    };
    insert(write, &line, &kept, now).await?;
    Ok(Taken { new: line.amount.known(), id: line.id })
}

async fn post(
    write: &mut Write,
    id: &str,
    account: &str,
    day: Option<Date>,
    amount: Money,
    text: &str,
    now: Timestamp,
) -> Result<i64, Error> {
    let at = moment(write, day, now).await?;
    ledger::by(write, By::Line(id));
    let mut transaction = Transaction::new(TransactionKind::BankLine, id, at)
        .about(format!("bank line {id}: {text}"))
        .link("payment", id)
        .debit(in_ledger(account), amount)
        .credit(Account::Suspense, amount);
    if let Some(day) = day {
        transaction = transaction.link("day", day);
    }
    ledger::post(write, transaction).await
}

/// What a new line is kept as.
pub(super) struct Kept<'a> {
    pub currency: &'a str,
    pub minor: i64,
    /// The transaction that booked it.
    pub posted: Option<i64>,
    pub state: &'a str,
    pub outcome: &'a str,
}

/// Keeps a new line.
pub(super) async fn insert(
    write: &mut Write,
    line: &NewLine,
    kept: &Kept<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into bank_lines (id, at, day, currency, minor, text, returned, outcome, state, open_minor, transaction_id, account,
                                 other_holder, other_iban, other_bic)
         values ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10, nullif($11, 0), $12, $13, $14, $15)",
    )
    .bind(&line.id)
    .bind(time(now))
    .bind(line.day.map(|day| day.to_string()).unwrap_or_default())
    .bind(kept.currency)
    .bind(kept.minor)
    .bind(&line.text)
    .bind(i64::from(line.returned))
    .bind(kept.outcome)
    .bind(kept.state)
    .bind(kept.minor)
    .bind(kept.posted.unwrap_or(0))
    .bind(&line.owner.name)
    .bind(&line.other.holder)
    .bind(&line.other.iban)
    .bind(&line.other.bic)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Says why nothing became of a line of which nothing was matched; of any other, what became of it stays.
pub(super) async fn explain(write: &mut Write, id: &str, why: &str) -> Result<(), Error> {
    sqlx::query(
        "update bank_lines set outcome = $1 where id = $2 and state = 'open' and open_minor = minor and outcome <> $1",
    )
    .bind(why)
    .bind(id)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What a part of a line is tied to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tie<'a> {
    /// What is said of it says all.
    Nothing,
    /// The transaction that had recorded it by hand.
    Recorded(i64),
    /// The customer whose credit it becomes or, where it is below zero, was.
    Credit(&'a Namespace),
    /// Another bank account of the marketplace's own.
    Own,
}

/// Where a part of a line went: in minor units, below zero where it left.
pub(super) async fn allot(
    write: &mut Write,
    line: &mut Line,
    part: Money,
    target: &str,
    tie: Tie<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let (seen, customer, own) = match tie {
        Tie::Nothing => (0, "", 0),
        Tie::Recorded(transaction) => (transaction, "", 0),
        Tie::Credit(customer) => (0, customer.as_str(), 0),
        Tie::Own => (0, "", 1_i64),
    };
    let left = part.with_minor(line.open_minor)?.minus(part)?;
    sqlx::query(
        "insert into bank_allotments (id, line, target, customer, currency, minor, seen, at, own)
         select coalesce(max(id), 0) + 1, $1, $2, nullif($3, ''), $4, $5, nullif($6, 0), $7, $8 from bank_allotments",
    )
    .bind(&line.id)
    .bind(target)
    .bind(customer)
    .bind(part.currency().code())
    .bind(part.minor())
    .bind(seen)
    .bind(time(now))
    .bind(own)
    .execute(&mut **write)
    .await?;
    let before = if line.waits || line.outcome.starts_with("parked") {
        String::new()
    } else {
        let said = line.outcome.split("; ").next().unwrap_or_default();
        format!("{said}, ")
    };
    let open = if left.is_zero() { String::new() } else { format!("; {left} are open") };
    line.outcome = format!("{before}{target}{open}");
    line.open_minor = left.minor();
    line.waits = false;
    let state = if left.is_zero() { "settled" } else { "open" };
    sqlx::query("update bank_lines set open_minor = $1, outcome = $2, state = $3 where id = $4")
        .bind(line.open_minor)
        .bind(&line.outcome)
        .bind(state)
        .bind(&line.id)
        .execute(&mut **write)
        .await?;
    Ok(())
}
