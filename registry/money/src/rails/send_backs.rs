//! What customers get back by the bank: refunds of what transfers have paid, and lines that are sent back. Each is written down with its
//! cause, leaves in one bank file at most, has left when the bank's line tells of it, and is credit again when it comes back.

pub(super) mod desk;
pub(super) mod routes;

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_package::column::Text;
use chandlery_package::wire::{
    Act, Allotment, CreditNote, Page, Paging, Payee, SendBack, SendBackFile, SendBackState, TransactionKind,
};
use chandlery_package::{Balance, Currency, Money, Namespace};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use super::bank_file::{Asked, bank_file};
use super::own_accounts;
use crate::{Error, payouts};

/// How many letters the name of an account's holder has at most.
const HOLDER_MAX: usize = 70;

#[derive(sqlx::FromRow)]
struct Row {
    transaction_id: i64,
    reference: String,
    currency: Text<Currency>,
    minor: i64,
    customer: Option<Text<Namespace>>,
    holder: String,
    iban: String,
    bic: String,
    file: Option<i64>,
    returned_minor: i64,
    /// What its transaction says of it.
    cause: String,
    state: Text<SendBackState>,
}

macro_rules! transfers {
    () => {
        "(select transaction_id, reference, currency, minor, customer, holder, iban, bic, file, returned_minor,
                        description as cause,
                        case when returned_minor = minor then 'returned'
                             when exists (select 1 from bank_allotments where bank_allotments.seen = send_backs.transaction_id
                                          and bank_allotments.currency = send_backs.currency) then 'left'
                             when file is not null then 'filed' else 'open' end as state
                 from send_backs join ledger_transactions on ledger_transactions.id = transaction_id) as transfers "
    };
}

macro_rules! select {
    ($condition:literal) => {
        concat!("select * from ", transfers!(), $condition)
    };
}

impl Row {
    fn amount(&self) -> Result<Money, Error> {
        Ok(Money::new(self.minor, self.currency.0)?)
    }

    fn shown(self) -> Result<SendBack, Error> {
        let (amount, returned) = (self.amount()?, Money::new(self.returned_minor, self.currency.0)?);
        let bic = Some(self.bic).filter(|bic| !bic.is_empty());
        let to = (!self.iban.is_empty()).then_some(Payee { holder: self.holder, iban: self.iban, bic });
        let customer = self.customer.map(|Text(customer)| customer);
        Ok(SendBack {
            reference: self.reference,
            amount,
            customer,
            to,
            file: self.file,
            state: self.state.0,
            returned,
            cause: self.cause,
            transaction: self.transaction_id,
        })
    }

    /// Whether a line of the bank has told that it left.
    fn is_seen(&self) -> bool {
        matches!(self.state, Text(SendBackState::Left | SendBackState::Returned))
    }

    fn asked(&self) -> Result<Asked, Error> {
        Ok(Asked {
            reference: self.reference.clone(),
            amount: self.amount()?,
            holder: self.holder.clone(),
            iban: self.iban.clone(),
            bic: Some(self.bic.clone()).filter(|bic| !bic.is_empty()),
            text: self.reference.clone(),
        })
    }
}

async fn find(db: &mut AnyConnection, reference: &str) -> Result<Option<Row>, Error> {
    let row = sqlx::query_as(select!("where reference = $1")).bind(reference).fetch_optional(db).await?;
    Ok(row)
}

fn none(reference: &str) -> Error {
    Error::NotFound(format!("transfer '{reference}' that goes back to a customer"))
}

/// The ledger's key of what a transfer of this reference is for.
pub(super) fn key(reference: &str) -> Option<String> {
    let (word, number) = reference.split_once('-')?;
    let number: i64 = number.parse().ok()?;
    match word {
        "REFUND" => Some(format!("{}:{number}", TransactionKind::Refund)),
        "BACK" => Some(format!("{}:{number}", TransactionKind::BankSentBack)),
        "OWED" => Some(format!("{}:{}", TransactionKind::BankSentBack, owed_key(number))),
        _ => None,
    }
}

/// By what the ledger knows what goes back that a processor has refused, beside its kind.
pub(super) fn owed_key(number: i64) -> String {
    format!("owed-{number}")
}

/// The payee, as far as a bank can know it; without an IBAN, where it cannot.
fn possible(holder: &str, iban: &str, bic: &str, customer: Option<&Namespace>) -> Payee {
    let mut holder: String = holder.trim().chars().take(HOLDER_MAX).collect();
    if holder.is_empty() {
        holder = customer.map_or_else(|| "customer".to_owned(), ToString::to_string);
    }
    let is = |bic| payouts::check_account(&holder, iban, bic).is_ok();
    let (iban, bic) = match (is(None), is(Some(bic))) {
        (_, true) => (iban.to_owned(), Some(bic.to_owned())),
        (true, false) => (iban.to_owned(), None),
        (false, false) => (String::new(), None),
    };
    Payee { holder, iban, bic }
}

/// Owes the transfer of this reference, once, where the books have one at the bank that no line has told of. Says whether it does.
async fn owe(
    write: &mut Write,
    reference: &str,
    customer: Option<&Namespace>,
    to: &Payee,
) -> Result<bool, Error> {
    write.flush().await?;
    let Some(key) = key(reference) else { return Ok(false) };
    let booked: Option<(i64, String, i64)> = sqlx::query_as(
        "select transaction_id, currency, minor from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id
         where key = $1 and (account = 'assets:bank' or account like 'assets:bank:%') and minor < 0
           and not exists (select 1 from bank_allotments where seen = ledger_transactions.id)",
    )
    .bind(key)
    .fetch_optional(&mut **write)
    .await?;
    let Some((transaction, currency, minor)) = booked else { return Ok(false) };
    sqlx::query(
        "insert into send_backs (transaction_id, reference, currency, minor, customer, holder, iban, bic, returned_minor)
         values ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, 0) on conflict do nothing",
    )
    .bind(transaction)
    .bind(reference)
    .bind(currency)
    .bind(-minor)
    .bind(customer.map_or("", Namespace::as_str))
    .bind(&to.holder)
    .bind(&to.iban)
    .bind(to.bic.as_deref().unwrap_or(""))
    .execute(&mut **write)
    .await?;
    Ok(true)
}

/// Owes what a credit note gives back by the bank, if it does, to where the payment came from.
pub(super) async fn owe_refund(write: &mut Write, note: &CreditNote) -> Result<(), Error> {
    let (Text(customer), payment): (Text<Namespace>, Option<String>) =
        sqlx::query_as("select account, payment from invoices where number = $1")
            .bind(note.invoice)
            .fetch_one(&mut **write)
            .await?;
    let payment = payment.unwrap_or_default();
    let line = payment.strip_suffix(&format!(" for INVOICE-{}", note.invoice)).unwrap_or(&payment);
    // A line that paid it, or that told of what was recorded by hand.
    let from: Option<(String, String, String)> = sqlx::query_as(
        "select other_holder, other_iban, other_bic from bank_lines
         where other_iban <> '' and (id = $1 or id in (
             select line from bank_allotments join ledger_transactions on ledger_transactions.id = seen where key = $2))
         order by id limit 1",
    )
    .bind(line)
    .bind(format!("{}:{}", TransactionKind::InvoicePaid, note.invoice))
    .fetch_optional(&mut **write)
    .await?;
    let (holder, iban, bic) = from.unwrap_or_default();
    let to = possible(&holder, &iban, &bic, Some(&customer));
    owe(write, &format!("REFUND-{}", note.number), Some(&customer), &to).await.map(drop)
}

/// Owes what of a line is sent back, to where it came from.
pub(super) async fn owe_line(
    write: &mut Write,
    number: i64,
    customer: Option<&Namespace>,
    [holder, iban, bic]: [&str; 3],
) -> Result<(), Error> {
    let to = possible(holder, iban, bic, customer);
    owe(write, &format!("BACK-{number}"), customer, &to).await.map(drop)
}

/// The number of the next transfer of something that a processor has refused to give back.
pub(super) async fn next_owed(write: &mut Write) -> Result<i64, Error> {
    let (known,): (i64,) = sqlx::query_as("select count(*) from send_backs where reference like 'OWED-%'")
        .fetch_one(&mut **write)
        .await?;
    Ok(known + 1)
}

/// Owes a customer what a processor has refused to give back, to an account that an operator says. Gives the reference.
pub(super) async fn owe_customer(
    write: &mut Write,
    number: i64,
    customer: &Namespace,
) -> Result<String, Error> {
    let reference = format!("OWED-{number}");
    owe(write, &reference, Some(customer), &possible("", "", "", Some(customer))).await?;
    Ok(reference)
}

/// The transfer that may go to another account still. One that was booked before transfers were written down is from now on.
async fn addressable(write: &mut Write, reference: &str, to: &Payee) -> Result<Row, Error> {
    payouts::check_account(&to.holder, &to.iban, to.bic.as_deref())?;
    let mut known = find(write, reference).await?;
    if known.is_none() && owe(write, reference, None, &possible("", "", "", None)).await? {
        known = find(write, reference).await?;
    }
    let known = known.ok_or_else(|| none(reference))?;
    if let Some(file) = known.file {
        return Err(Error::Conflict(format!("{reference} is in bank file {file} already")));
    }
    if known.is_seen() {
        return Err(Error::Conflict(format!("{reference} has left already")));
    }
    Ok(known)
}

/// How much would go to another account than it does; none: it goes there already.
pub(super) async fn would_move(db: &Db, reference: &str, to: &Payee) -> Result<Option<Money>, Error> {
    let mut write = db.write().await?;
    let known = addressable(&mut write, reference, to).await?;
    let now = [known.holder.as_str(), known.iban.as_str(), known.bic.as_str()];
    let then = [to.holder.as_str(), to.iban.as_str(), to.bic.as_deref().unwrap_or("")];
    (now != then).then(|| known.amount()).transpose()
}

/// Says where a transfer goes that is in no bank file yet.
pub(super) async fn send_to(db: &Db, actor: &Actor, reference: &str, to: &Payee) -> Result<SendBack, Error> {
    let mut write = db.write().await?;
    let sent = send_to_within(&mut write, actor, reference, to).await?;
    write.commit().await?;
    Ok(sent)
}

/// The same within a transaction.
pub(crate) async fn send_to_within(
    write: &mut Write,
    actor: &Actor,
    reference: &str,
    to: &Payee,
) -> Result<SendBack, Error> {
    addressable(write, reference, to).await?;
    sqlx::query("update send_backs set holder = $1, iban = $2, bic = $3 where reference = $4")
        .bind(&to.holder)
        .bind(&to.iban)
        .bind(to.bic.as_deref().unwrap_or(""))
        .bind(reference)
        .execute(&mut **write)
        .await?;
    // The trail goes to others: it does not say whose account it is.
    record(write, actor, Act::SendBackAddressed, reference, Value::Null, Value::Null).await?;
    find(write, reference).await?.ok_or_else(|| none(reference))?.shown()
}

/// What waits for a bank file: that whose payee is known, and that of which nobody has said where it goes.
async fn waiting(db: &mut AnyConnection) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select!("where state = 'open' order by transaction_id")).fetch_all(db).await?;
    Ok(rows.into_iter().partition(|row| !row.iban.is_empty()))
}

/// Makes a bank file of all that waits and whose payee is known. What is in a file is in no other one. `seen` are the references of what
/// whoever makes it has looked at: where another transfer waits by now, no file is made. None: nobody has looked.
pub(super) async fn make_file(
    db: &Db,
    actor: &Actor,
    seen: Option<&[String]>,
    now: Timestamp,
) -> Result<SendBackFile, Error> {
    let mut write = db.write().await?;
    let (ready, left_out) = waiting(&mut write).await?;
    if ready.is_empty() {
        return Err(Error::Conflict("nothing waits to be sent back whose payee is known".into()));
    }
    if seen.is_some_and(|seen| !ready.iter().map(|row| &row.reference).eq(seen)) {
        return Err(Error::Conflict(
            "other transfers wait by now than were shown: look at them again".into(),
        ));
    }
    let (number,): (i64,) =
        sqlx::query_as("select cast(coalesce(max(file), 0) + 1 as bigint) from send_backs")
            .fetch_one(&mut *write)
            .await?;
    // One that cannot be written is not kept.
    written(&mut write, number, &ready, now).await?;
    for row in &ready {
        sqlx::query(
            "update send_backs set file = $1, filed_at = $2 where transaction_id = $3 and file is null",
        )
        .bind(number)
        .bind(time(now))
        .bind(row.transaction_id)
        .execute(&mut *write)
        .await?;
    }
    let names = |rows: Vec<Row>| rows.into_iter().map(|row| row.reference).collect::<Vec<_>>();
    let file = SendBackFile { number, transfers: names(ready), left_out: names(left_out) };
    let subject = format!("bank file {number}");
    record(&mut write, actor, Act::SendBackFiled, &subject, Value::Null, json!(file)).await?;
    write.commit().await?;
    Ok(file)
}

async fn written(db: &mut AnyConnection, number: i64, rows: &[Row], at: Timestamp) -> Result<String, Error> {
    let own = own_accounts::all(db).await?;
    let asked: Vec<Asked> = rows.iter().map(Row::asked).collect::<Result<_, Error>>()?;
    bank_file(&format!("CHANDLERY-BACK-{number}"), &own, &asked, at)
}

/// The bank file of this number, as it was made.
pub(super) async fn print_file(db: &mut AnyConnection, number: i64) -> Result<String, Error> {
    let none = || Error::NotFound(format!("bank file {number}"));
    let rows: Vec<Row> = sqlx::query_as(select!("where file = $1 order by transaction_id"))
        .bind(number)
        .fetch_all(&mut *db)
        .await?;
    let (at,): (Option<Text<Timestamp>>,) =
        sqlx::query_as("select min(filed_at) from send_backs where file = $1")
            .bind(number)
            .fetch_one(&mut *db)
            .await?;
    let Text(at) = at.ok_or_else(none)?;
    written(db, number, &rows, at).await
}

/// What goes or went back in one state or in any, the oldest first.
pub(super) async fn list(
    db: &mut AnyConnection,
    state: Option<SendBackState>,
    paging: &Paging<i64>,
) -> Result<Page<SendBack>, Error> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "where transaction_id > $1 and ($2 = '' or state = $2) order by transaction_id limit $3"
    ))
    .bind(paging.after().copied().unwrap_or(0))
    .bind(state.map_or("", SendBackState::as_str))
    .bind(paging.rows())
    .fetch_all(db)
    .await?;
    paging.cut(rows, |row| row.transaction_id).try_map(Row::shown)
}

/// Transfers of one currency together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendBackTotal {
    /// How many transfers there are.
    pub count: i64,
    /// What they come to.
    pub amount: Balance,
}

/// How many transfers are in one state or in any, and in one bank file or wherever, and what they come to in each currency.
pub(super) async fn totals(
    db: &mut AnyConnection,
    state: Option<SendBackState>,
    file: Option<i64>,
) -> Result<Vec<SendBackTotal>, Error> {
    let rows: Vec<(Text<Currency>, i64, i64)> = sqlx::query_as(concat!(
        "select currency, count(*), cast(sum(minor) as bigint) from ",
        transfers!(),
        "where ($1 = '' or state = $1) and ($2 = 0 or file = $2) group by currency order by currency"
    ))
    .bind(state.map_or("", SendBackState::as_str))
    .bind(file.unwrap_or(0))
    .fetch_all(db)
    .await?;
    let read = |(Text(currency), count, minor): (Text<Currency>, i64, i64)| {
        Ok(SendBackTotal { count, amount: Balance::new(minor, currency)? })
    };
    rows.into_iter().map(read).collect()
}

/// The first transfer that a text names.
pub(super) fn named(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(|word| key(word).is_some())
}

/// What came back of a transfer that a text names; none: it names none.
pub(super) async fn came_back(
    db: &mut AnyConnection,
    text: &str,
    back: Money,
) -> Result<Option<Allotment>, Error> {
    let Some(reference) = named(text) else { return Ok(None) };
    let row = find(db, reference).await?.ok_or_else(|| none(reference))?;
    must_be_out(&row, back)?;
    Ok(Some(Allotment::CameBack { reference: reference.to_owned(), amount: back }))
}

fn must_be_out(row: &Row, back: Money) -> Result<(), Error> {
    if !row.is_seen() {
        return Err(Error::Conflict(format!("no line told that {} left", row.reference)));
    }
    let out = row.amount()?.minus(Money::new(row.returned_minor, row.currency.0)?)?;
    match back.is_positive() && out.minus(back)?.minor() >= 0 {
        true => Ok(()),
        false => Err(Error::Conflict(format!("{back} came back, but {out} of {} are out", row.reference))),
    }
}

/// Takes what came back of a transfer down, and gives whose it is.
pub(super) async fn take_back(write: &mut Write, reference: &str, back: Money) -> Result<Namespace, Error> {
    let row = find(write, reference).await?.ok_or_else(|| none(reference))?;
    must_be_out(&row, back)?;
    let unknown = || Error::Conflict(format!("nobody knows whose {reference} was: say whose credit it is"));
    let Text(customer) = row.customer.ok_or_else(unknown)?;
    sqlx::query("update send_backs set returned_minor = returned_minor + $1 where reference = $2")
        .bind(back.minor())
        .bind(reference)
        .execute(&mut **write)
        .await?;
    Ok(customer)
}
