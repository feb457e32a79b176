//! What an open line may be for, as far as it can be guessed: an operator decides.

use std::collections::BTreeSet;

use chandlery_package::column::Text;
use chandlery_package::wire::{Allotment, Suggestion, TransactionKind};
use chandlery_package::{Money, Namespace};
use sqlx::AnyConnection;

use super::super::Subject;
use super::lines::Line;
use crate::Error;
use crate::billing::{find_invoice, orders};

/// How many of a kind are suggested.
const EACH_MAX: i64 = 5;
/// How many orders that are not paid are compared with a reference that is mistyped.
const ORDERS_MAX: i64 = 1000;
/// How many letters of a reference may be wrong.
const WRONG_MAX: usize = 2;
/// How many letters a customer's name has at least, for its being in a text to tell something.
const NAME_MIN: i64 = 4;

/// What speaks for what, the likeliest first.
pub(super) async fn suggestions(db: &mut AnyConnection, line: &Line) -> Result<Vec<Suggestion>, Error> {
    let Some(open) = line.open()? else { return Ok(Vec::new()) };
    let mut found = recorded(db, open).await?;
    if open.is_positive() {
        found.extend(mistyped_orders(db, line, open).await?);
        let mut customers = customers_in(db, &line.text).await?;
        if let Some(customer) = named_customer(db, &line.text).await?
            && !customers.contains(&customer)
        {
            customers.insert(0, customer);
        }
        found.extend(invoices(db, open, &customers).await?);
        for customer in customers {
            let why = format!("the text names {customer}");
            found.push(Suggestion { to: Allotment::Credit { customer, amount: open }, why });
        }
    } else {
        found.extend(payouts(db, open.negated()).await?);
    }
    Ok(found)
}

/// What was recorded by hand with the same amount.
async fn recorded(db: &mut AnyConnection, open: Money) -> Result<Vec<Suggestion>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select ledger_transactions.id, description from ledger_postings
         join ledger_transactions on ledger_transactions.id = transaction_id
         where (account = 'assets:bank' or account like 'assets:bank:%') and currency = $1 and minor = $2 and kind not in ($3, $4, $5)
           and not exists (select 1 from bank_allotments where seen = transaction_id and bank_allotments.currency = $1)
         order by ledger_transactions.id desc limit $6",
    )
    .bind(open.currency().code())
    .bind(open.minor())
    .bind(TransactionKind::BankLine.as_str())
    .bind(TransactionKind::BankSeen.as_str())
    .bind(TransactionKind::BankOpening.as_str())
    .bind(EACH_MAX)
    .fetch_all(db)
    .await?;
    let suggest = |(transaction, description): (i64, String)| Suggestion {
        to: Allotment::Recorded { transaction },
        why: format!("recorded by hand with the same amount: {description}"),
    };
    Ok(rows.into_iter().map(suggest).collect())
}

/// Orders whose reference differs in few letters from one in the text.
async fn mistyped_orders(db: &mut AnyConnection, line: &Line, open: Money) -> Result<Vec<Suggestion>, Error> {
    let written = codes(&line.text);
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let references: Vec<(String,)> = sqlx::query_as(
        "select reference from orders where paid_at is null order by ordered_at desc, reference limit $1",
    )
    .bind(ORDERS_MAX)
    .fetch_all(&mut *db)
    .await?;
    let mut found = Vec::new();
    for (reference,) in references {
        let code = reference.trim_start_matches("CH-");
        if !written.iter().any(|written| wrong_letters(written, code) <= WRONG_MAX) {
            continue;
        }
        let Some(due) = orders::find(db, &reference).await?.due else { continue };
        if due.currency() == open.currency() && due.minor() <= open.minor() {
            let why = format!("the text nearly names {reference}");
            found.push(Suggestion { to: Allotment::Order { reference, amount: due }, why });
        }
    }
    Ok(found)
}

/// The words of a text that are as long as an order's code, with or without the letters before it.
fn codes(text: &str) -> BTreeSet<String> {
    let text = text.to_ascii_uppercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let codes =
        words.map(|word| if word.len() == 12 { word.strip_prefix("CH").unwrap_or(word) } else { word });
    codes.filter(|word| word.len() == 10).map(str::to_owned).collect()
}

/// How many letters of two words of one length differ.
fn wrong_letters(one: &str, other: &str) -> usize {
    match one.len() == other.len() {
        true => one.bytes().zip(other.bytes()).filter(|(one, other)| one != other).count(),
        false => usize::MAX,
    }
}

/// Whose the invoice or order is that the text names.
async fn named_customer(db: &mut AnyConnection, text: &str) -> Result<Option<Namespace>, Error> {
    let found = match Subject::find(text).or_else(|| Subject::near(text)) {
        Some(Subject::Invoice(number)) => find_invoice(db, number).await.map(|invoice| invoice.account),
        Some(Subject::Order(reference)) => orders::find(db, &reference).await.map(|order| order.customer),
        None => return Ok(None),
    };
    match found {
        Ok(customer) => Ok(Some(customer)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Customers with open invoices whose names are in the text.
async fn customers_in(db: &mut AnyConnection, text: &str) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select distinct account from invoices
         where state <> 'paid' and length(account) >= $1 and $2 like '%' || account || '%' order by account limit $3",
    )
    .bind(NAME_MIN)
    .bind(text.to_lowercase())
    .bind(EACH_MAX)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(Text(account),)| account).collect())
}

/// Open invoices of as much, and of customers whose names are in the text.
async fn invoices(
    db: &mut AnyConnection,
    open: Money,
    customers: &[Namespace],
) -> Result<Vec<Suggestion>, Error> {
    let as_much: Vec<(i64,)> = sqlx::query_as(
        "select number from invoices left join part_payments on invoice = number
         where state <> 'paid' and currency = $1
           and net_minor + tax_minor - credit_minor - refunded_minor - coalesce(minor, 0) = $2
         order by number desc limit $3",
    )
    .bind(open.currency().code())
    .bind(open.minor())
    .bind(EACH_MAX)
    .fetch_all(&mut *db)
    .await?;
    let mut numbers: Vec<i64> = as_much.into_iter().map(|(number,)| number).collect();
    for customer in customers {
        let theirs: Vec<(i64,)> = sqlx::query_as(
            "select number from invoices where account = $1 and state = 'open' and currency = $2 order by number limit $3",
        )
        .bind(customer.as_str())
        .bind(open.currency().code())
        .bind(EACH_MAX)
        .fetch_all(&mut *db)
        .await?;
        numbers.extend(theirs.into_iter().map(|(number,)| number));
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for number in numbers.into_iter().filter(|number| seen.insert(*number)) {
        let invoice = find_invoice(db, number).await?;
        let due = invoice.due()?;
        let amount = due.at_most(open)?;
        if amount.is_positive() {
            let why = format!("invoice {number} of {due} to {} is {}", invoice.account, invoice.state);
            found.push(Suggestion { to: Allotment::Invoice { number, amount }, why });
        }
    }
    Ok(found)
}

/// Payouts of as much that are on their way.
async fn payouts(db: &mut AnyConnection, left: Money) -> Result<Vec<Suggestion>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select id, partner from payouts where state in ('approved', 'sent') and rail <> 'stripe'
           and sent_currency = $1 and sent_minor = $2 order by id limit $3",
    )
    .bind(left.currency().code())
    .bind(left.minor())
    .bind(EACH_MAX)
    .fetch_all(db)
    .await?;
    let suggest = |(id, partner): (i64, String)| Suggestion {
        to: Allotment::Payout { id, amount: left },
        why: format!("payout {id} to {partner} is of the same amount"),
    };
    Ok(rows.into_iter().map(suggest).collect())
}
