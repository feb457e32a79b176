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

use super::lines;
use super::statement::Balances;
use crate::Error;
use crate::ledger::{self, Account, Transaction};

/// Keeps what a statement says of its account, once.
pub(super) async fn take(write: &mut Write, all: &[Balances], now: Timestamp) -> Result<(), Error> {
    for said in all {
        let known: Vec<(String, String)> =
            sqlx::query_as("select account, id from bank_statements where currency = $1")
                .bind(said.closing.currency().code())
                .fetch_all(&mut **write)
                .await?;
        if known.iter().any(|(account, id)| *account == said.account && *id == said.id) {
            continue;
        }
        if !known.iter().any(|(account, _)| *account == said.account) {
            open(write, said, known.is_empty(), now).await?;
        }
        sqlx::query(
            "insert into bank_statements (account, currency, id, begins, ends, opening_minor, closing_minor, lines_minor,
                                          imported_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&said.account)
        .bind(said.closing.currency().code())
        .bind(&said.id)
        .bind(said.begins.to_string())
        .bind(said.ends.to_string())
        .bind(said.opening.minor())
        .bind(said.closing.minor())
        .bind(said.lines.minor())
        .bind(time(now))
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

/// Takes what an account held before its first statement into the books. What the books have of the bank from before is part of it,
/// where it is the first account of its currency.
async fn open(write: &mut Write, said: &Balances, is_first: bool, now: Timestamp) -> Result<(), Error> {
    write.flush().await?;
    let currency = said.opening.currency();
    let (before,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from ledger_postings join ledger_transactions on id = transaction_id
         where account = 'assets:bank' and currency = $1 and at < $2",
    )
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
    let key = format!("{}:{currency}", said.account);
    let transaction = Transaction::new(TransactionKind::BankOpening, key, at)
        .about(format!("{} were at the bank before the statement {}", said.opening, said.id))
        .link("day", said.begins)
        .debit(Account::Bank, missing)
        .credit(Account::Opening, missing);
    ledger::post(write, transaction).await.map(drop)
}

/// What the bank and the books say, for each currency that there is a statement in.
pub(super) async fn compare(db: &mut AnyConnection) -> Result<Vec<BankBalance>, Error> {
    type Row = (Text<Currency>, String, Text<Date>, Text<Date>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select currency, account, begins, ends, closing_minor from bank_statements
         order by currency, account, ends, begins, id",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut latest: BTreeMap<Currency, BTreeMap<String, (Date, i64)>> = BTreeMap::new();
    let mut first: BTreeMap<Currency, Date> = BTreeMap::new();
    for (Text(currency), account, Text(begins), Text(ends), closing) in rows {
        latest.entry(currency).or_default().insert(account, (ends, closing));
        let earliest = first.entry(currency).or_insert(begins);
        *earliest = begins.min(*earliest);
    }
    let mut all = Vec::new();
    for (currency, accounts) in latest {
        let closing = accounts.values().map(|(_, minor)| i128::from(*minor)).sum::<i128>();
        let bank = Balance::new(closing, currency)?;
        let day = accounts.values().map(|(ends, _)| *ends).max().unwrap_or_default();
        let begins = first.get(&currency).copied().unwrap_or_default();
        let books = ledger::balance(db, &Account::Bank, currency).await?;
        let unseen = unseen(db, currency, begins).await?;
        all.push(BankBalance {
            currency,
            bank,
            day,
            books,
            unseen,
            suspense: ledger::balance(db, &Account::Suspense, currency).await?.negated(),
            difference: bank.minus(books.minus(unseen)?)?,
        });
    }
    Ok(all)
}

/// What was recorded by hand since a day, and no line has told of.
async fn unseen(db: &mut AnyConnection, currency: Currency, since: Date) -> Result<Balance, Error> {
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(minor), 0) as bigint) from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id
         where account = 'assets:bank' and currency = $1 and at >= $2 and kind not in ($3, $4, $5)
           and not exists (select 1 from bank_allotments where seen = transaction_id and bank_allotments.currency = $1)",
    )
    .bind(currency.code())
    .bind(since.to_string())
    .bind(TransactionKind::BankLine.as_str())
    .bind(TransactionKind::BankSeen.as_str())
    .bind(TransactionKind::BankOpening.as_str())
    .fetch_one(db)
    .await?;
    Ok(Balance::new(minor, currency)?)
}

/// What is wrong with the bank's statements, in words: one whose lines do not lead from its opening to its closing balance, and one
/// that does not begin where the one before it ended.
pub async fn faults(db: &mut AnyConnection) -> Result<Vec<String>, Error> {
    type Row = (String, String, Text<Currency>, Text<Date>, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select account, id, currency, ends, opening_minor, closing_minor, lines_minor from bank_statements
         order by account, currency, ends, begins, id",
    )
    .fetch_all(db)
    .await?;
    let (mut faults, mut before) = (Vec::new(), BTreeMap::new());
    for (account, id, Text(currency), Text(ends), opening, closing, lines) in rows {
        let money = |minor: i64| Money::new(minor, currency);
        let what = format!("the bank's statement {id} of {ends} in {currency}");
        if i128::from(opening) + i128::from(lines) != i128::from(closing) {
            let (opening, lines, closing) = (money(opening)?, money(lines)?, money(closing)?);
            faults.push(format!(
                "{what} begins with {opening} and ends with {closing}, but its lines are {lines}"
            ));
        }
        if let Some(ended) = before.insert((account, currency), closing).filter(|ended| *ended != opening) {
            let (ended, opening) = (money(ended)?, money(opening)?);
            faults.push(format!(
                "{what} begins with {opening}, but the one before ended with {ended}: one is missing between them"
            ));
        }
    }
    Ok(faults)
}
