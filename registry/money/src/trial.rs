//! What closing a month would do, before it is done: it is closed as it would be, looked at, and taken back. So nothing is computed twice,
//! and what is shown is what the close does, unless something is booked in between.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use chandlery_accounts::{Actor, Caller};
use chandlery_edge::{Json, Path};
use chandlery_package::column::{Json as Stored, Text};
use chandlery_package::wire::{
    Held, MonthClose, MonthResult, MonthTrial, PAGE_ITEMS_MAX, Statement, StatementLine, TransactionKind,
    TrialInvoice, TrialInvoices, TrialPartner, TrialResult,
};
use chandlery_package::{Balance, Currency, Money, Month, Namespace};
use chandlery_store::Write;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::billing::periods;
use crate::partners::{self, Range, RangeName};
use crate::{Error, Finance, books, reports};

/// How long a trial may take: nobody else writes meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes of this room.
pub fn routes() -> OpenApiRouter<Finance> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Shows what closing a month would do; for operators.
///
/// It is refused as the close would be, and where it takes longer than ten seconds: nobody else can write meanwhile.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/months/{month}/trial",
    params(("month" = Month, Path)),
    responses((status = 200, description = "Done.", body = MonthTrial))
)]
async fn show(
    State(finance): State<Finance>,
    caller: Caller,
    Path(month): Path<Month>,
) -> Result<Json<MonthTrial>, Error> {
    caller.must_operate("try the close of months")?;
    Ok(Json(trial(&finance, &caller.actor, &caller.name, month).await?))
}

/// What closing a month would do now; refused as that would be, or where it takes too long. Nothing is changed.
pub async fn trial(
    finance: &Finance,
    actor: &Actor,
    operator: &Namespace,
    month: Month,
) -> Result<MonthTrial, Error> {
    trial_within(PATIENCE, finance, actor, operator, month).await
}

async fn trial_within(
    patience: Duration,
    finance: &Finance,
    actor: &Actor,
    operator: &Namespace,
    month: Month,
) -> Result<MonthTrial, Error> {
    let now = finance.clock.now();
    books::must_be_due(&finance.db, month, now).await?;
    let write = finance.db.write().await?;
    let tries = try_out(write, actor, finance.hold_days, month, operator, now);
    tokio::time::timeout(patience, tries).await.unwrap_or_else(|_| {
        Err(Error::Conflict(format!(
            "the trial of {month} was given up after {} s, since nobody else can write meanwhile: nothing has changed, and the close \
             itself may take as long as it needs",
            patience.as_secs()
        )))
    })
}

/// Closes a month in a transaction that is never committed, and says what that has come to.
async fn try_out(
    mut write: Write,
    actor: &Actor,
    hold_days: u32,
    month: Month,
    operator: &Namespace,
    now: Timestamp,
) -> Result<MonthTrial, Error> {
    let before = reports::results(&mut write, month, month).await?;
    let mut earned = Some(0);
    while let Some(last) = earned {
        earned = periods::recognise_next(&mut write, last, month.last_moment()).await?;
    }
    let MonthClose { invoices, statements, left_out, .. } =
        books::close_within(&mut write, actor, hold_days, month, operator, now).await?;
    write.flush().await?;
    let after = reports::results(&mut write, month, month).await?;
    // The numbers follow each other, and nobody else issues one meanwhile.
    let first = invoices.first().copied().unwrap_or(i64::MAX);
    Ok(MonthTrial {
        month,
        invoiced: invoiced(&mut write, first).await?,
        invoices: issued(&mut write, first).await?,
        statements,
        partners: of_partners(&mut write, month).await?,
        results: results(&before, &after)?,
        left_out,
    })
}

async fn invoiced(db: &mut AnyConnection, first: i64) -> Result<Vec<TrialInvoices>, Error> {
    let rows: Vec<(Text<Currency>, i64, i64, i64, i64)> = sqlx::query_as(
        "select currency, count(*), cast(sum(net_minor) as bigint), cast(sum(tax_minor) as bigint),
                cast(sum(credit_minor) as bigint)
         from invoices where number >= $1 group by currency order by currency",
    )
    .bind(first)
    .fetch_all(db)
    .await?;
    let read = |(Text(currency), count, net, tax, credit): (Text<Currency>, i64, i64, i64, i64)| {
        let of = |minor| Balance::new(minor, currency);
        let (net, tax, credit) = (of(net)?, of(tax)?, of(credit)?);
        Ok(TrialInvoices { count, net, tax, credit, total: net.plus(tax)?.minus(credit)? })
    };
    rows.into_iter().map(read).collect()
}

async fn issued(db: &mut AnyConnection, first: i64) -> Result<Vec<TrialInvoice>, Error> {
    type Row = (i64, Text<Namespace>, Text<Currency>, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select number, account, currency, net_minor, tax_minor, credit_minor from invoices
         where number >= $1 order by number limit $2",
    )
    .bind(first)
    .bind(i64::from(PAGE_ITEMS_MAX))
    .fetch_all(db)
    .await?;
    let read = |(number, Text(customer), Text(currency), net, tax, credit): Row| {
        let of = |minor| Money::new(minor, currency);
        let (net, tax, credit) = (of(net)?, of(tax)?, of(credit)?);
        Ok(TrialInvoice { number, customer, net, tax, credit, total: net.plus(tax)?.minus(credit)? })
    };
    rows.into_iter().map(read).collect()
}

/// What the partners have of a month that have a statement of it.
async fn of_partners(db: &mut AnyConnection, month: Month) -> Result<Vec<TrialPartner>, Error> {
    let rows: Vec<(Stored<Statement>,)> =
        sqlx::query_as("select body from statements where month = $1 order by partner, currency limit $2")
            .bind(month.to_string())
            .bind(i64::from(PAGE_ITEMS_MAX))
            .fetch_all(&mut *db)
            .await?;
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let (first, end) = (day(month.first_moment()), day(month.next().first_moment()));
    let range = Range { name: RangeName::Free, first, end };
    let mut all = Vec::with_capacity(rows.len());
    for (Stored(statement),) in rows {
        all.push(of_partner(db, statement, &range).await?);
    }
    Ok(all)
}

async fn of_partner(
    db: &mut AnyConnection,
    statement: Statement,
    range: &Range,
) -> Result<TrialPartner, Error> {
    let Statement { partner, currency, opening, closing, lines: booked, .. } = statement;
    let earned = partners::earned(db, &partner, currency, range).await?;
    let lines = partners::waterfall(db, &partner, &earned, range).await?;
    let line = |word: &str| {
        let found = lines.iter().find(|line| line.word == word);
        found.map(|line| line.now).ok_or_else(|| Error::Damaged(format!("the way to net has no '{word}'")))
    };
    let all =
        |held: &Held| Balance::new(held.values().map(|minor| i128::from(*minor)).sum::<i128>(), currency);
    Ok(TrialPartner {
        gross: line("gross")?,
        paid: line("paid")?,
        share: line("share")?,
        net: line("net")?,
        opening: all(&opening)?,
        paid_out: Balance::new(paid_out(&booked), currency)?,
        closing: all(&closing)?,
        partner,
    })
}

/// What payouts have taken of a partner's money by the lines of its statement, less what came back of them, in minor units.
fn paid_out(booked: &[StatementLine]) -> i128 {
    let of_payouts = booked
        .iter()
        .filter(|line| matches!(line.kind, TransactionKind::Payout | TransactionKind::PayoutReturned));
    of_payouts.flat_map(|line| line.changes.values()).map(|minor| -i128::from(*minor)).sum()
}

/// What accounts of revenue and expenses came to before and come to after it.
fn results(before: &[MonthResult], after: &[MonthResult]) -> Result<Vec<TrialResult>, Error> {
    let mut accounts: BTreeMap<(&str, Currency), [i64; 2]> = BTreeMap::new();
    for (index, months) in [before, after].into_iter().enumerate() {
        for held in months.iter().flat_map(|month| month.revenue.iter().chain(&month.expenses)) {
            let key = (held.account.as_str(), held.balance.currency());
            accounts.entry(key).or_default()[index] = held.balance.minor();
        }
    }
    let read = |((account, currency), [before, after]): ((&str, Currency), [i64; 2])| {
        let of = |minor| Balance::new(minor, currency);
        Ok(TrialResult { account: account.to_owned(), before: of(before)?, after: of(after)? })
    };
    accounts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, market, operator};
    use crate::{billing, ledger};

    const BY_MONTH: &str = r#"{"price": {"kind": "monthly", "amount": {"minor": 3100, "currency": "USD"},
        "per": "organisation"}, "trial_days": 0}"#;

    /// A market in which January is over, for half of which a customer owes something.
    async fn over() -> (tempfile::TempDir, Finance, Month) {
        let (folder, finance) = market(&["globex"], BY_MONTH).await;
        let new = serde_json::from_str(r#"{"plugin": "acme:serving"}"#).unwrap();
        let globex: Namespace = "globex".parse().unwrap();
        let ordered = at("2026-01-17T00:00:00Z");
        billing::order(&finance.db, &Actor::machine(), &globex, &new, ordered).await.unwrap();
        finance.clock.set(&finance.db, at("2026-02-02T00:00:00Z")).await.unwrap();
        (folder, finance, "2026-01".parse().unwrap())
    }

    #[tokio::test]
    async fn a_trial_comes_to_what_the_close_does_and_changes_nothing() {
        let (_folder, finance, month) = over().await;
        let (db, machine, me) = (&finance.db, Actor::machine(), operator());
        let tried = trial(&finance, &machine, &me, month).await.unwrap();
        assert_eq!(trial(&finance, &machine, &me, month).await.unwrap(), tried, "it was taken back");
        for sql in [
            "select count(*) from invoices",
            "select count(*) from statements",
            "select count(*) from ledger_transactions",
            "select count(*) from closed_months",
            "select count(*) from usage_roots",
        ] {
            let (count,): (i64,) = sqlx::query_as(sql).fetch_one(db.read()).await.unwrap();
            assert_eq!(count, 0, "{sql}");
        }
        let [invoice] = &tried.invoices[..] else { panic!("{tried:?}") };
        // 15 of 31 days at 31.00.
        assert_eq!((invoice.customer.as_str(), invoice.net.minor()), ("globex", 1500));
        let [partner] = &tried.partners[..] else { panic!("{tried:?}") };
        assert_eq!((partner.gross.minor(), partner.opening.minor(), partner.paid_out.minor()), (1500, 0, 0));
        assert_eq!((partner.share, partner.net), (partner.closing, partner.closing));

        let closed = books::close(db, &machine, 30, month, &me, finance.clock.now()).await.unwrap();
        assert_eq!((closed.invoices, closed.statements), (vec![invoice.number], tried.statements));
        let mut read = db.snapshot().await.unwrap();
        let commission = &tried.results[0];
        let held = ledger::balance(&mut read, &ledger::Account::Commission, Currency::Usd).await.unwrap();
        assert_eq!((commission.account.as_str(), commission.before.minor()), ("revenue:commission", 0));
        assert_eq!(commission.after, held.negated());
        assert_eq!(partner.gross, partner.share.plus(commission.after).unwrap());
        drop(read);
        let refused = trial(&finance, &machine, &me, month).await.unwrap_err().to_string();
        assert!(refused.contains("is closed already"), "{refused}");
    }

    #[test]
    fn what_is_paid_out_is_what_payouts_took_less_what_came_back() {
        let line = |kind, minor| StatementLine {
            transaction: 1,
            at: at("2026-01-05T00:00:00Z"),
            kind,
            description: String::new(),
            changes: Held::from([("available".into(), minor)]),
        };
        let booked = [
            line(TransactionKind::Payout, -9_000),
            line(TransactionKind::Refund, -500),
            line(TransactionKind::PayoutReturned, 4_000),
        ];
        assert_eq!(paid_out(&booked), 5_000);
    }

    #[tokio::test]
    async fn a_trial_that_takes_too_long_is_given_up_and_stops_nobody() {
        let (_folder, finance, month) = over().await;
        let (db, machine, me) = (&finance.db, Actor::machine(), operator());
        let tried = trial_within(Duration::ZERO, &finance, &machine, &me, month).await;
        let refused = tried.unwrap_err().to_string();
        assert!(refused.contains("was given up after 0 s"), "{refused}");
        let closed = books::close(db, &machine, 30, month, &me, finance.clock.now()).await.unwrap();
        assert_eq!(closed.invoices, [1]);
    }
}
