//! Who buys here: everybody who has subscribed to something, ordered something, or was invoiced.

use std::collections::BTreeMap;

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Balance, Currency, Namespace, Tier};
use chandlery_store::time;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use crate::ledger::Account;

/// Somebody who buys here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Who it is, by the name of the account.
    pub account: Namespace,
    /// What it pays for; a trial does not count.
    pub tier: Tier,
    /// How many invoices it was issued.
    pub invoices: i64,
    /// When it was issued the latest of them; none: it was issued none.
    pub invoiced_at: Option<Timestamp>,
    /// What it owes by currency, and what of that is overdue.
    pub owed: Vec<(Balance, Balance)>,
}

type Row = (Text<Namespace>, Option<Text<Tier>>, i64, Option<Text<Timestamp>>);

/// Those whose names have these letters in them, in the order of their names; all, where there are none.
pub async fn customers(
    db: &mut AnyConnection,
    letters: &str,
    now: Timestamp,
    paging: &Paging<Namespace>,
) -> Result<Page<Customer>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select name, (select tier from subscriptions where subscriptions.account = name),
                (select count(*) from invoices where invoices.account = name),
                (select max(issued_at) from invoices where invoices.account = name)
         from accounts
         where name > $1 and ($2 = '' or name like $2)
           and (exists (select 1 from invoices where invoices.account = name)
                or exists (select 1 from orders where orders.customer = name)
                or exists (select 1 from subscriptions where subscriptions.account = name and tier <> 'free'))
         order by name limit $3",
    )
    .bind(paging.after().map_or("", Namespace::as_str).to_owned())
    .bind(within(letters))
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |(Text(name), ..)| name.clone());
    let [first, last] = [page.items.first(), page.items.last()].map(|row| row.map(|(Text(name), ..)| name));
    let mut owed = match first.zip(last) {
        Some((first, last)) => owed(db, first, last, now).await?,
        None => BTreeMap::new(),
    };
    Ok(page.map(|(Text(account), tier, invoices, invoiced_at)| Customer {
        owed: owed.remove(&account).unwrap_or_default(),
        account,
        tier: tier.map_or(Tier::Free, |Text(tier)| tier),
        invoices,
        invoiced_at: invoiced_at.map(|Text(at)| at),
    }))
}

/// A pattern of the names that have these letters in them. Names have small letters, digits and strokes alone, so that nothing else can
/// be found.
fn within(letters: &str) -> String {
    let letters = letters.trim().to_lowercase();
    match letters.contains(['%', '_', '\\']) {
        _ if letters.is_empty() => String::new(),
        true => "?".into(),
        false => format!("%{letters}%"),
    }
}

/// What those from one name to another owe, and what of it is overdue.
async fn owed(
    db: &mut AnyConnection,
    first: &Namespace,
    last: &Namespace,
    now: Timestamp,
) -> Result<BTreeMap<Namespace, Vec<(Balance, Balance)>>, Error> {
    let rows: Vec<(Text<Namespace>, Text<Currency>, i64, i64)> = sqlx::query_as(
        "select account, currency, cast(sum(left_minor) as bigint),
                cast(sum(case when due_at < $3 then left_minor else 0 end) as bigint)
         from (select account, currency, due_at,
                      net_minor + tax_minor - credit_minor - refunded_minor - coalesce(minor, 0) as left_minor
               from invoices left join part_payments on invoice = number where state = 'open') as open_invoices
         where account >= $1 and account <= $2 group by account, currency order by account, currency",
    )
    .bind(first.as_str())
    .bind(last.as_str())
    .bind(time(now))
    .fetch_all(db)
    .await?;
    let mut all: BTreeMap<Namespace, Vec<(Balance, Balance)>> = BTreeMap::new();
    for (Text(account), Text(currency), left, overdue) in rows {
        let sums = (Balance::new(left, currency)?, Balance::new(overdue, currency)?);
        all.entry(account).or_default().push(sums);
    }
    Ok(all)
}

/// What a customer has as credit, by currency: it pays for its next invoices.
pub async fn credit(db: &mut AnyConnection, account: &Namespace) -> Result<Vec<Balance>, Error> {
    let rows: Vec<(Text<Currency>, i64)> = sqlx::query_as(
        "select currency, minor from ledger_balances where account = $1 and minor <> 0 order by currency",
    )
    .bind(Account::Credit(account.clone()).to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(Text(currency), minor)| Ok(Balance::new(-i128::from(minor), currency)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_name_has_finds_nobody() {
        for (letters, pattern) in
            [("", ""), ("  ", ""), (" Glob ", "%glob%"), ("%", "?"), ("a_b", "?"), ("\\", "?")]
        {
            assert_eq!(within(letters), pattern, "{letters}");
        }
    }
}
