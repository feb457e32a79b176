//! What ties every row about money to the ledger: each invariant recomputes what an account must hold from what was sold, invoiced,
//! refunded and paid out, and compares it with what it holds.

use std::collections::BTreeMap;

use chandlery_package::wire::BooksCheck;
use chandlery_package::{Balance, Currency};
use sqlx::AnyConnection;

use crate::billing::rating::aside;
use crate::billing::usage::roots;
use crate::{Error, documents, ledger, payouts, rails};

/// The accounts that an invariant is about, by a pattern, and what they must hold: account, currency, debits less credits.
type Invariant = (&'static str, &'static str);

const INVARIANTS: [Invariant; 13] = [
    // The books have of the bank what its lines say, and what was recorded by hand and no line has told of yet.
    (
        "assets:bank",
        "select 'assets:bank', currency, cast(sum(minor) as bigint)
         from (select currency, minor from bank_lines where transaction_id is not null
               union all select ledger_postings.currency, ledger_postings.minor from ledger_postings
                         join ledger_transactions on ledger_transactions.id = ledger_postings.transaction_id
                         where account = 'assets:bank' and kind not in ('bank-line', 'bank-seen')
                           and not exists (select 1 from bank_allotments where seen = ledger_transactions.id
                                           and bank_allotments.currency = ledger_postings.currency)) as moved group by 1, 2",
    ),
    (
        "liabilities:suspense",
        "select 'liabilities:suspense', currency, cast(-sum(open_minor) as bigint)
         from bank_lines where open_minor <> 0 group by 1, 2",
    ),
    (
        "liabilities:partner:%:accrued",
        "select 'liabilities:partner:' || partner || ':accrued', lots.currency,
                cast(-sum(share_minor - returned_minor) as bigint)
         from lots join sales on sales.id = sale where collected_at is null and void_at is null group by 1, 2",
    ),
    (
        "liabilities:partner:%:pending",
        "select 'liabilities:partner:' || partner || ':pending', lots.currency,
                cast(-sum(share_minor - returned_minor - reserve_minor + reserve_returned_minor) as bigint)
         from lots join sales on sales.id = sale where collected_at is not null and released_by is null group by 1, 2",
    ),
    (
        "liabilities:partner:%:reserve",
        "select 'liabilities:partner:' || partner || ':reserve', lots.currency,
                cast(-sum(reserve_minor - reserve_returned_minor) as bigint)
         from lots join sales on sales.id = sale where collected_at is not null and reserve_released_by is null group by 1, 2",
    ),
    (
        "liabilities:partner:%:available",
        "select 'liabilities:partner:' || available_entries.partner || ':available', available_entries.currency,
                cast(-sum(available_entries.minor) as bigint)
         from available_entries left join payouts on payouts.id = payout
         where payout is null or state = 'proposed' group by 1, 2",
    ),
    (
        "liabilities:partner:%:in transit",
        "select 'liabilities:partner:' || partner || ':in transit', sent_currency, cast(-sum(sent_minor) as bigint)
         from payouts where state in ('approved', 'sent') group by 1, 2",
    ),
    (
        "liabilities:partner:%:disputed",
        "select 'liabilities:partner:' || partner || ':disputed', lots.currency, cast(-sum(dispute_parts.minor) as bigint)
         from dispute_parts join lots on lots.id = lot join disputes on disputes.id = dispute
         where state = 'open' group by 1, 2",
    ),
    (
        "assets:receivable:customers",
        "select 'assets:receivable:customers', currency,
                cast(sum(net_minor + tax_minor - credit_minor - refunded_minor - coalesce(minor, 0)) as bigint)
         from invoices left join part_payments on invoice = number where state = 'open' group by 1, 2",
    ),
    // What is used is invoiced in the transaction that charges it.
    ("assets:receivable:unbilled", "select account, currency, minor from ledger_balances where 1 = 0"),
    (
        "liabilities:deferred:plans",
        "select 'liabilities:deferred:plans', currency, cast(-sum(price_minor - plan_periods.refunded_minor - recognised_minor) as bigint)
         from plan_periods join invoices on number = invoice
         where ended_at is null and state <> 'uncollectible' group by 1, 2",
    ),
    (
        "liabilities:tax:withheld",
        "select 'liabilities:tax:withheld', currency, cast(-sum(minor) as bigint)
         from (select currency, withheld_minor as minor from payouts where state in ('approved', 'sent', 'paid', 'partly-returned')
               union all select currency, -payout_returns.withheld_minor from payout_returns
                         join payouts on payouts.id = payout where state = 'partly-returned') as withheld group by 1, 2",
    ),
    (
        "liabilities:tax:sales",
        "select 'liabilities:tax:sales', currency, cast(-sum(minor) as bigint)
         from (select currency, tax_minor as minor from invoices where state <> 'uncollectible'
               union all select refunds.currency, -refunds.tax_minor from refunds
                         join invoices on invoices.number = invoice where state <> 'uncollectible') as taxes group by 1, 2",
    ),
];

/// What must not be there, and how to say it: each query gives one text for each fault.
const NEVER: [(&str, &str); 11] = [
    (
        "what is booked of it is not what it says",
        "select 'bank line ' || bank_lines.id from bank_lines
         left join ledger_postings on ledger_postings.transaction_id = bank_lines.transaction_id and account = 'assets:bank'
         where bank_lines.transaction_id is not null and coalesce(ledger_postings.minor, 0) <> bank_lines.minor",
    ),
    (
        "what is open of it is not what was not allotted",
        "select 'bank line ' || bank_lines.id from bank_lines left join bank_allotments on line = bank_lines.id
         where bank_lines.transaction_id is not null group by bank_lines.id, bank_lines.minor, open_minor
         having bank_lines.minor - open_minor <> coalesce(sum(bank_allotments.minor), 0)",
    ),
    (
        "more came back of it than was sent",
        "select 'payout ' || id from payouts join payout_returns on payout = id
         group by id, payouts.sent_minor, payouts.minor, payouts.withheld_minor
         having sum(payout_returns.sent_minor) > payouts.sent_minor or sum(payout_returns.minor) > payouts.minor
             or sum(payout_returns.withheld_minor) > payouts.withheld_minor",
    ),
    (
        "the parts of a sale do not sum to it",
        "select 'sale ' || sales.id from sales left join lots on sale = sales.id
         group by sales.id, gross_minor, commission_minor
         having gross_minor <> commission_minor + coalesce(sum(share_minor), 0)",
    ),
    (
        "more was given back than was paid",
        "select 'sale ' || id from sales where refunded_minor + disputed_minor > gross_minor
            or commission_returned_minor > commission_minor
         union all select 'lot ' || id from lots where returned_minor > share_minor or returned_minor < 0
            or reserve_returned_minor > reserve_minor
         union all select 'the period of invoice ' || invoice from plan_periods where refunded_minor > price_minor
            or ended_at is null and recognised_minor > price_minor - refunded_minor",
    ),
    (
        "what was given back of a sale is not what was taken from its shares",
        "select 'sale ' || sales.id from sales join lots on sale = sales.id where void_at is null
         group by sales.id, refunded_minor, disputed_minor, commission_returned_minor
         having sum(returned_minor) + commission_returned_minor > refunded_minor + disputed_minor
             or sum(returned_minor) + commission_returned_minor < refunded_minor",
    ),
    (
        "the items of a payout do not sum to it",
        "select 'payout ' || id from payouts join payout_items on payout = id
         group by id, payouts.minor, state
         having sum(payout_items.minor) <> case when state = 'cancelled' then 0
             when state = 'returned' and not exists (select 1 from payout_returns where payout_returns.payout = payouts.id) then 0
             else payouts.minor end",
    ),
    (
        "it is in two payouts",
        "select 'change ' || entry from payout_items join payouts on payouts.id = payout_items.payout
         where state not in ('cancelled', 'returned') group by entry having count(distinct payouts.id) > 1",
    ),
    (
        "the numbers have gaps",
        "select what from (
             select 'invoices' as what, count(*) as count, coalesce(max(number), 0) as last from invoices
             union all select 'credit notes', count(*), coalesce(max(number), 0) from refunds) as numbers
         where last <> count",
    ),
    (
        "the lines of an invoice do not sum to it",
        "select 'invoice ' || number from invoices left join invoice_lines on invoice = number
         group by number, net_minor having coalesce(sum(amount_minor), 0) <> net_minor",
    ),
    (
        "it is below zero, which it never is",
        "select account || ' in ' || currency from ledger_balances
         where minor > 0 and (account like 'liabilities:partner:%' or account like 'liabilities:credit:%')
            or minor < 0 and account like 'assets:receivable:%'",
    ),
];

type Held = BTreeMap<(String, String), i64>;

/// Recomputes the books: the ledger's own, what ties the rows to it, the closed months and the statements.
pub async fn check(db: &mut AnyConnection) -> Result<BooksCheck, Error> {
    let mut found = ledger::check(db).await?;
    for (pattern, expected) in INVARIANTS {
        let expected = held(db, expected).await?;
        let stored: Vec<(String, String, i64)> =
            sqlx::query_as("select account, currency, minor from ledger_balances where account like $1")
                .bind(pattern)
                .fetch_all(&mut *db)
                .await?;
        let stored: Held =
            stored.into_iter().map(|(account, currency, minor)| ((account, currency), minor)).collect();
        for key in expected.keys().chain(stored.keys().filter(|key| !expected.contains_key(*key))) {
            let (must, is) = (expected.get(key).unwrap_or(&0), stored.get(key).unwrap_or(&0));
            if must != is {
                let currency: Currency = key.1.parse()?;
                let money = |minor: i64| Balance::new(minor, currency);
                found.faults.push(format!(
                    "{} holds {}, but {} follow from its rows",
                    key.0,
                    money(*is)?,
                    money(*must)?
                ));
            }
        }
    }
    for (what, query) in NEVER {
        let faults: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut *db).await?;
        found.faults.extend(faults.into_iter().map(|(which,)| format!("{which}: {what}")));
    }
    found.faults.extend(payouts::statement_faults(db).await?);
    found.faults.extend(roots::faults(db).await?);
    found.faults.extend(rails::bank_faults(db).await?);
    found.faults.extend(documents::faults(db).await?);
    found.set_aside = aside::in_words(db).await?;
    Ok(found)
}

async fn held(db: &mut AnyConnection, query: &'static str) -> Result<Held, Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(query).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(account, currency, minor)| ((account, currency), minor)).collect())
}
