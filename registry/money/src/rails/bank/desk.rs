//! What operators work through: the lines that are open with what they may be for, and what each was allotted to so far.

use chandlery_accounts::Caller;
use chandlery_package::column::Text;
use chandlery_package::wire::{BankBalance, BankLine, BankLineState, NewAllotment, Page, Paging};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::lines::Line;
use super::settling::Rules;
use super::{allotting, balances, lines, suggestions};
use crate::approvals::{self, Approved, Ask, Wanted};
use crate::{Error, Finance};

/// Where a part of a line went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankPart {
    /// How much: below zero, where it left or was taken back.
    pub amount: Money,
    /// What became of it, in words.
    pub target: String,
    /// Whose credit it is, or is no more.
    pub credit_of: Option<Namespace>,
    /// When that was said.
    pub at: Timestamp,
}

/// The lines of the bank's statements in one state or in any, and what those that are open may be for.
pub async fn list(
    db: &mut AnyConnection,
    state: Option<BankLineState>,
    paging: &Paging<String>,
) -> Result<Page<BankLine>, Error> {
    let page = lines::list(db, state, paging).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for line in page.items {
        items.push(suggested(db, line).await?);
    }
    Ok(Page { items, next: page.next })
}

/// How many lines are open.
pub async fn count_open(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from bank_lines where state <> 'settled'").fetch_one(db).await?;
    Ok(count)
}

/// A line with what it may be for, and where its parts went, the first one first.
pub async fn find(db: &mut AnyConnection, id: &str) -> Result<(BankLine, Vec<BankPart>), Error> {
    let none = || {
        Error::NotFound(format!("bank line '{id}': the list of the bank's lines has those that there are"))
    };
    let line = lines::find(db, id).await?.ok_or_else(none)?;
    type Row = (Text<Currency>, i64, String, Option<Text<Namespace>>, Text<Timestamp>);
    let rows: Vec<Row> = sqlx::query_as(
        "select currency, minor, target, customer, at from bank_allotments where line = $1 order by id",
    )
    .bind(id)
    .fetch_all(&mut *db)
    .await?;
    let part = |(Text(currency), minor, target, customer, Text(at)): Row| {
        let (amount, credit_of) = (Money::new(minor, currency)?, customer.map(|Text(customer)| customer));
        Ok::<_, Error>(BankPart { amount, target, credit_of, at })
    };
    let parts = rows.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok((suggested(db, line).await?, parts))
}

async fn suggested(db: &mut AnyConnection, line: Line) -> Result<BankLine, Error> {
    let suggestions = suggestions::suggestions(db, &line).await?;
    Ok(BankLine { suggestions, ..line.shown()? })
}

/// What the bank says that it holds beside what the books say, by account and currency.
pub async fn compare(db: &mut AnyConnection) -> Result<Vec<BankBalance>, Error> {
    balances::compare(db).await
}

/// Takes the lines of a statement into the books (camt.053 or CSV), of the own account of this name where it does not say so itself, and
/// gives what became of each.
pub async fn bring(
    finance: &Finance,
    caller: &Caller,
    account: Option<&str>,
    statement: &str,
) -> Result<Vec<BankLine>, Error> {
    let rules = rules(finance).await?;
    super::reconcile(&finance.db, &caller.actor, &rules, account, statement).await
}

/// Lets a line be what an operator says, or asks others where something of it is sent back. `parts` is how many parts of it had been
/// allotted when the operator looked at it, so that a form that is sent twice is done once; none: nobody has looked.
pub async fn allot(
    finance: &Finance,
    caller: &Caller,
    new: &NewAllotment,
    parts: Option<usize>,
) -> Result<Approved<BankLine>, Error> {
    let sent_back = allotting::sent_back(&mut *finance.db.read().acquire().await?, new).await?;
    let rules = rules(finance).await?;
    let seen = allotting::Seen { sent_back, parts };
    let allots = allotting::allot(&finance.db, &caller.actor, &rules, new, seen);
    if sent_back.is_none() {
        return Ok(Approved::Done(allots.await?));
    }
    let wanted = Wanted::Allotment { allotment: new.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount: sent_back };
    approvals::ask_or_do(finance, &caller.actor, &asked, allots).await
}

async fn rules(finance: &Finance) -> Result<Rules, Error> {
    Rules::of(&mut *finance.db.read().acquire().await?, finance).await
}
