//! Where every cent of a payout came from: usage → what it cost → the sale and its shares → the hold → the payout → the bank.

use chandlery_package::column::Text;
use chandlery_package::wire::{
    EntryKind, ExplainedLot, ExplainedPayout, ExplainedSale, LotRole, Payout, PayoutItem, PayoutStep, Rating,
    Recovery, TransactionKind,
};
use chandlery_package::{Month, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::run;
use crate::Error;
use crate::ledger::Account;
use crate::sharing::{self, Lot};
use chandlery_store::Db;

/// How many usage events of a charge are shown by their ids.
const EVENTS_SHOWN: i64 = 100;

/// Explains a payout.
pub async fn explain(db: &Db, id: i64) -> Result<ExplainedPayout, Error> {
    let mut db = db.snapshot().await?;
    let payout = run::find(&mut db, id).await?;
    let rows: Vec<(i64, Text<EntryKind>, Option<i64>, i64)> = sqlx::query_as(
        "select payout_items.minor, kind, lot, transaction_id from payout_items join available_entries on id = entry
         where payout_items.payout = $1 order by line",
    )
    .bind(id)
    .fetch_all(&mut *db)
    .await?;
    let mut items = Vec::new();
    for (minor, Text(kind), lot, transaction) in rows {
        let lot = match lot {
            Some(lot) => {
                let lot = sharing::find_lot(&mut db, lot).await?;
                Some(explain_lot(&mut db, &lot).await?)
            }
            None => None,
        };
        let step = steps(&mut db, transaction, 0).await?.into_iter().next();
        items.push(PayoutItem { kind, amount: payout.amount.with_minor(minor)?, step, lot });
    }
    let transactions = steps(&mut db, 0, id).await?;
    let recoveries = recoveries(&mut db, &payout).await?;
    Ok(ExplainedPayout { payout, items, transactions, recoveries })
}

/// The same where it is a payout to this partner; otherwise there is none.
pub async fn explain_own(db: &Db, partner: &Namespace, id: i64) -> Result<ExplainedPayout, Error> {
    let explained = explain(db, id).await?;
    match explained.payout.partner == *partner {
        true => Ok(explained),
        false => Err(Error::NotFound(format!("payout {id}"))),
    }
}

/// What was taken for a debt of the partner's in the payout's currency, after the payout before was proposed and by when this one was.
async fn recoveries(db: &mut AnyConnection, payout: &Payout) -> Result<Vec<Recovery>, Error> {
    type Row = (i64, Text<Timestamp>, String, String, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "select ledger_transactions.id, at, description, made_by, cast(sum(ledger_postings.minor) as bigint)
         from ledger_postings join ledger_transactions on ledger_transactions.id = transaction_id
         join payouts on payouts.id = $1
         where account = $2 and ledger_postings.currency = $3 and kind <> $4 and at <= proposed_at
           and at > (select coalesce(max(earlier.proposed_at), '') from payouts earlier
                     where earlier.partner = payouts.partner and earlier.currency = payouts.currency and earlier.id < $1
                       and earlier.state <> 'cancelled')
         group by ledger_transactions.id, at, description, made_by having sum(ledger_postings.minor) < 0
         order by ledger_transactions.id",
    )
    .bind(payout.id)
    .bind(Account::OwedBy(payout.partner.clone()).to_string())
    .bind(payout.amount.currency().code())
    .bind(TransactionKind::DebtWrittenOff.as_str())
    .fetch_all(db)
    .await?;
    let read = |(transaction, Text(at), description, by, minor): Row| {
        let step = PayoutStep { transaction, at, description, by };
        Ok(Recovery { step, amount: payout.amount.with_minor(-minor)? })
    };
    rows.into_iter().map(read).collect()
}

/// The transaction of this number, and those of the payout of this one.
async fn steps(db: &mut AnyConnection, transaction: i64, payout: i64) -> Result<Vec<PayoutStep>, Error> {
    let rows: Vec<(i64, Text<Timestamp>, String, String)> = sqlx::query_as(
        "select id, at, description, made_by from ledger_transactions
         where id = $1 or key in ('payout:' || $2, 'payout-paid:' || $2, 'payout-bounced:' || $2, 'payout-returned:' || $2)
            or key like 'payout-bounced:' || $2 || ':%' or key like 'payout-returned:' || $2 || ':%'
         order by id",
    )
    .bind(transaction)
    .bind(payout.to_string())
    .fetch_all(db)
    .await?;
    let read = |(transaction, Text(at), description, by)| PayoutStep { transaction, at, description, by };
    Ok(rows.into_iter().map(read).collect())
}

/// A share of a sale, the sale and what was used, as whoever has the share sees them.
pub(crate) async fn explain_lot(db: &mut AnyConnection, lot: &Lot) -> Result<ExplainedLot, Error> {
    let sale = sharing::find_sale(db, lot.sale).await?;
    let invoice: Option<(i64, Option<String>)> = sqlx::query_as(
        "select number, payment from invoice_lines join invoices on number = invoice where sale = $1",
    )
    .bind(sale.id)
    .fetch_optional(&mut *db)
    .await?;
    // Whoever has only referred the customer sees its own share, and neither the price nor what others get of it.
    let is_own = lot.role == LotRole::Seller;
    let rating = if is_own { rating(db, &sale).await? } else { None };
    Ok(ExplainedLot {
        lot: lot.id,
        role: lot.role,
        share: lot.share,
        reserve: lot.money(lot.reserve_minor)?,
        returned: lot.money(lot.returned_minor)?,
        available_at: lot.available_at,
        sale: ExplainedSale {
            sale: sale.id,
            source: sale.source,
            customer: sale.customer,
            plugin: sale.plugin,
            gross: Some(sale.gross).filter(|_| is_own),
            commission: Some(sale.commission).filter(|_| is_own),
            policy: sale.policy,
            sold_before_minor: Some(sale.before_minor).filter(|_| is_own),
            sold_at: sale.sold_at,
            invoice,
            rating,
        },
    })
}

async fn rating(db: &mut AnyConnection, sale: &sharing::Sale) -> Result<Option<Rating>, Error> {
    let found: Option<(Text<Month>, i64, i64)> = sqlx::query_as(
        "select ratings.month, used, charged_minor from rating_sales
             join ratings on ratings.reference = rating_sales.reference and ratings.month = rating_sales.month
                         and ratings.invoiced_in = rating_sales.invoiced_in
             where rating_sales.sale = $1",
    )
    .bind(sale.id)
    .fetch_optional(&mut *db)
    .await?;
    let (Some((Text(month), used, charged)), Some(plugin)) = (found, &sale.plugin) else { return Ok(None) };
    let (events,): (i64,) =
        sqlx::query_as("select count(*) from usage_events where month = $1 and account = $2 and plugin = $3")
            .bind(month.to_string())
            .bind(sale.customer.as_str())
            .bind(plugin.to_string())
            .fetch_one(&mut *db)
            .await?;
    let ids: Vec<(String,)> = sqlx::query_as(
        "select id from usage_events where month = $1 and account = $2 and plugin = $3 order by id limit $4",
    )
    .bind(month.to_string())
    .bind(sale.customer.as_str())
    .bind(plugin.to_string())
    .bind(EVENTS_SHOWN)
    .fetch_all(db)
    .await?;
    Ok(Some(Rating {
        month,
        used,
        charged: sale.gross.with_minor(charged)?,
        events,
        event_ids: ids.into_iter().map(|(id,)| id).collect(),
    }))
}
