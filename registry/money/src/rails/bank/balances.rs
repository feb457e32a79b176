//! What the bank says that it holds, beside what the books say.
//!
//! | what happens | debit | credit |
//! | --- | --- | --- |
//! | the first statement of an account: what was there before it, and is in no other transaction | bank | opening balances |

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{BankBalance, TransactionKind};
use chandlery_package::{Balance, Currency, Money};
use chandlery_store::{Write, time};
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::AnyConnection;

use super::super::own_accounts::{MAIN, in_ledger};
use super::lines::{self, Taken};
use super::statement::{Balances, NewLine};
use crate::Error;
use crate::ledger::{self, Account, Transaction};

/// A statement as it is stored.
#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    name: String,
    id: String,
    begins: Text<Date>,
    ends: Text<Date>,
    opening_minor: i64,
    closing_minor: i64,
    lines_minor: i64,
}

/// Keeps what statements say of their accounts, once, and gives those that were not brought before. Lines that are known by their
/// places keep these when a statement comes again under another name.
pub(super) async fn take(
    write: &mut Write,
    all: Vec<Balances>,
    lines: &mut [NewLine],
    now: Timestamp,
) -> Result<Vec<Balances>, Error> {
    let mut new = Vec::new();
    for said in all {
        let known: Vec<Row> = sqlx::query_as(
            "select account, name, id, begins, ends, opening_minor, closing_minor, lines_minor from bank_statements
             where currency = $1",
        )
        .bind(said.closing.currency().code())
        .fetch_all(&mut **write)
        .await?;
        let of_it: Vec<&Row> = known
            .iter()
            .filter(|row| row.name == said.owner.name && row.account == said.owner.number)
            .collect();
        if of_it.iter().any(|row| row.id == said.id) {
            continue;
        }
        if let Some(row) = of_it.iter().find(|row| is_same(row, &said)) {
            rename(&mut lines[said.places.clone()], &said.id, &row.id);
            continue;
        }
        if of_it.is_empty() {
            let is_first = !known.iter().any(|row| row.name == said.owner.name);
            open(write, &said, is_first, now).await?;
        }
        insert(write, &said, now).await?;
        new.push(said);
    }
    Ok(new)
}

/// Whether a statement tells the same of the same days.
fn is_same(row: &Row, said: &Balances) -> bool {
    (row.begins.0, row.ends.0) == (said.begins, said.ends)
        && [row.opening_minor, row.closing_minor, row.lines_minor]
            == [said.opening.minor(), said.closing.minor(), said.lines.minor()]
}

/// Lets lines that are known by their places in one statement be those of another.
fn rename(lines: &mut [NewLine], from: &str, to: &str) {
    for line in lines.iter_mut().filter(|line| line.is_placed) {
        let behind = match line.owner.name.as_str() {
            MAIN => String::new(),
            name => format!("{name}/"),
        };
        if let Some(place) = line.id.strip_prefix(&format!("{behind}{from}/")) {
            line.id = format!("{behind}{to}/{place}");
        }
    }
}

async fn insert(write: &mut Write, said: &Balances, now: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "insert into bank_statements (account, currency, id, begins, ends, opening_minor, closing_minor, lines_minor,
                                      imported_at, name)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&said.owner.number)
    .bind(said.closing.currency().code())
    .bind(&said.id)
    .bind(said.begins.to_string())
    .bind(said.ends.to_string())
    .bind(said.opening.minor())
    .bind(said.closing.minor())
    .bind(said.lines.minor())
    .bind(time(now))
    .bind(&said.owner.name)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Keeps what each statement has brought that no other one had: one may tell of the same days as another.
pub(super) async fn count(write: &mut Write, new: &[Balances], taken: &[Taken]) -> Result<(), Error> {
    for said in new {
        let currency = said.closing.currency();
        let of_it = taken[said.places.clone()].iter().filter_map(|taken| taken.new);
        let sum = Money::sum(currency, of_it.filter(|amount| amount.currency() == currency))?;
        sqlx::query(
            "update bank_statements set new_minor = $1 where account = $2 and currency = $3 and id = $4 and name = $5",
        )
        .bind(sum.minor())
        .bind(&said.owner.number)
        .bind(currency.code())
        .bind(&said.id)
        .bind(&said.owner.name)
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// Takes what an account held before its first statement into the books. What the books have of it from before is part of that, where
/// it is the first statement of what is called so.
async fn open(write: &mut Write, said: &Balances, is_first: bool, now: Timestamp) -> Result<(), Error> {
    write.flush().await?;
    let currency = said.opening.currency();
    let bank = in_ledger(&said.owner.name);
    let (before,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from ledger_postings join ledger_transactions on id = transaction_id
         where account = $1 and currency = $2 and at < $3",
    )
    .bind(bank.to_string())
    .bind(currency.code())
    .bind(said.begins.to_string())
    .fetch_one(&mut **write)
    .await?;
    let before = if is_first { before } else { 0 };
    let missing = said.opening.minus(said.opening.with_minor(before)?)?;
    if missing.is_zero() {
        return Ok(());
    }
    let at = lines::moment(write, Some(said.begins), now).await?;
    let number = &said.owner.number;
    let key = match said.owner.name.as_str() {
        MAIN => format!("{number}:{currency}"),
        name => format!("{name}:{number}:{currency}"),
    };
    let transaction = Transaction::new(TransactionKind::BankOpening, key, at)
        .about(format!("{} were at the bank before the statement {}", said.opening, said.id))
        .link("day", said.begins)
        .debit(bank, missing)
        .credit(Account::Opening, missing);
    ledger::post(write, transaction).await.map(drop)
}

/// What the bank and the books say, for each account and currency that there is a statement in.
pub(super) async fn compare(db: &mut AnyConnection) -> Result<Vec<BankBalance>, Error> {
    type Row = (Text<Currency>, String, String, Text<Date>, Text<Date>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select currency, name, account, begins, ends, closing_minor from bank_statements
         order by currency, name, account, ends, begins, id",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut latest: BTreeMap<(Currency, String), BTreeMap<String, (Date, i64)>> = BTreeMap::new();
    let mut first: BTreeMap<(Currency, String), Date> = BTreeMap::new();
    for (Text(currency), name, number, Text(begins), Text(ends), closing) in rows {
        latest.entry((currency, name.clone())).or_default().insert(number, (ends, closing));
        let earliest = first.entry((currency, name)).or_insert(begins);
        *earliest = begins.min(*earliest);
    }
    let mut all = Vec::new();
    for ((currency, account), numbers) in latest {
        let closing = numbers.values().map(|(_, minor)| i128::from(*minor)).sum::<i128>();
        let bank = Balance::new(closing, currency)?;
        let day = numbers.values().map(|(ends, _)| *ends).max().unwrap_or_default();
        let begins = first.get(&(currency, account.clone())).copied().unwrap_or_default();
        let in_books = in_ledger(&account);
        let books = ledger::balance(db, &in_books, currency).await?;
        let unseen = unseen(db, &in_books, currency, begins).await?;
        let suspense = suspense(db, &account, currency).await?;
        let difference = bank.minus(books.minus(unseen)?)?;
        all.push(BankBalance { account, currency, bank, day, books, unseen, suspense, difference });
    }
    Ok(all)
}

/// What was recorded by hand in an account since a day, and no line has told of.
async fn unseen(
    db: &mut AnyConnection,
    account: &Account,
    currency: Currency,
    since: Date,
) -> Result<Balance, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id
         where account = $1 and currency = $2 and at >= $3 and kind not in ($4, $5, $6)
           and not exists (select 1 from bank_allotments where seen = transaction_id and bank_allotments.currency = $2)",
    )
    .bind(account.to_string())
    .bind(currency.code())
    .bind(since.to_string())
    .bind(TransactionKind::BankLine.as_str())
    .bind(TransactionKind::BankSeen.as_str())
    .bind(TransactionKind::BankOpening.as_str())
    .fetch_one(db)
    .await?;
    Ok(Balance::new(minor, currency)?)
}

/// What of an account's lines is open.
async fn suspense(db: &mut AnyConnection, account: &str, currency: Currency) -> Result<Balance, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(open_minor), 0) as bigint) from bank_lines where account = $1 and currency = $2",
    )
    .bind(account)
    .bind(currency.code())
    .fetch_one(db)
    .await?;
    Ok(Balance::new(minor, currency)?)
}
