//! Where every cent of a payout came from: usage → what it cost → the sale and its shares → the hold → the payout → the bank.

use chandlery_package::wire::Payout;
use chandlery_package::{Money, Namespace, PluginId};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::run;
use crate::Error;
use crate::sharing::{self, Lot};
use chandlery_store::Db;

/// How many usage events of a charge are shown by their ids.
const EVENTS_SHOWN: i64 = 100;

/// A payout and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explained {
    /// The payout.
    pub payout: Payout,
    /// What it is made of, in order; they sum to its amount, or to nothing once it came back.
    pub items: Vec<Item>,
    /// The ledger's transactions of it.
    pub transactions: Vec<Step>,
}

/// A transaction of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PayoutStep)]
pub struct Step {
    /// Its number.
    pub transaction: i64,
    /// When.
    pub at: String,
    /// For people.
    pub description: String,
}

/// One change of what was available that a payout took on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PayoutItem)]
pub struct Item {
    /// `earning`, `reserve`, `refund`, …
    pub kind: String,
    /// How much.
    pub amount: Money,
    /// The transaction that changed it.
    pub step: Option<Step>,
    /// The share of a sale that it is of.
    pub lot: Option<ExplainedLot>,
}

/// A share of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExplainedLot {
    /// Its number.
    pub lot: i64,
    /// `seller` or `referrer`.
    pub role: String,
    /// The share.
    pub share: Money,
    /// What of it was kept back for a while.
    pub reserve: Money,
    /// What of it was taken back.
    pub returned: Money,
    /// Until when it was on hold.
    pub available_at: Option<String>,
    /// The sale.
    pub sale: ExplainedSale,
}

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExplainedSale {
    /// Its number.
    pub sale: i64,
    /// By what it was sold.
    pub source: String,
    /// To whom.
    pub customer: Namespace,
    /// What.
    pub plugin: Option<PluginId>,
    /// What the customer pays, without taxes.
    pub gross: Money,
    /// What the marketplace keeps.
    pub commission: Money,
    /// By which version of the policy.
    pub policy: i64,
    /// What the publisher had sold before, in minor units of the policy's currency.
    pub sold_before_minor: i64,
    /// When.
    pub sold_at: String,
    /// The invoice, and the payment that paid it.
    pub invoice: Option<(i64, Option<String>)>,
    /// What was used, where it was sold by use.
    pub rating: Option<Rating>,
}

/// What was used, and what that cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rating {
    /// In which month.
    pub month: String,
    /// How much, in what the unit counts.
    pub used: i64,
    /// What all of it costs.
    pub charged: Money,
    /// How many events said so.
    pub events: i64,
    /// The first of them.
    pub event_ids: Vec<String>,
}

/// Explains a payout.
pub async fn explain(db: &Db, id: i64) -> Result<Explained, Error> {
    let mut db = db.snapshot().await?;
    let payout = run::find(&mut db, id).await?;
    let rows: Vec<(i64, String, Option<i64>, i64)> = sqlx::query_as(
        "select payout_items.minor, kind, lot, transaction_id from payout_items join available_entries on id = entry
         where payout_items.payout = $1 order by line",
    )
    .bind(id)
    .fetch_all(&mut *db)
    .await?;
    let mut items = Vec::new();
    for (minor, kind, lot, transaction) in rows {
        let lot = match lot {
            Some(lot) => {
                let lot = sharing::find_lot(&mut db, lot).await?;
                Some(explain_lot(&mut db, &lot).await?)
            }
            None => None,
        };
        let step = steps(&mut db, transaction, 0).await?.into_iter().next();
        items.push(Item { kind, amount: payout.amount.with_minor(minor)?, step, lot });
    }
    let transactions = steps(&mut db, 0, id).await?;
    Ok(Explained { payout, items, transactions })
}

/// The transaction of this number, and those of the payout of this one.
async fn steps(db: &mut AnyConnection, transaction: i64, payout: i64) -> Result<Vec<Step>, Error> {
    let rows: Vec<(i64, String, String)> = sqlx::query_as(
        "select id, at, description from ledger_transactions
         where id = $1 or key in ('payout:' || $2, 'payout-paid:' || $2, 'payout-bounced:' || $2, 'payout-returned:' || $2)
         order by id",
    )
    .bind(transaction)
    .bind(payout.to_string())
    .fetch_all(db)
    .await?;
    let read = |(transaction, at, description)| Step { transaction, at, description };
    Ok(rows.into_iter().map(read).collect())
}

async fn explain_lot(db: &mut AnyConnection, lot: &Lot) -> Result<ExplainedLot, Error> {
    let sale = sharing::find_sale(db, lot.sale).await?;
    let invoice: Option<(i64, Option<String>)> = sqlx::query_as(
        "select number, payment from invoice_lines join invoices on number = invoice where sale = $1",
    )
    .bind(sale.id)
    .fetch_optional(&mut *db)
    .await?;
    let rating = rating(db, &sale).await?;
    Ok(ExplainedLot {
        lot: lot.id,
        role: lot.role.clone(),
        share: lot.share,
        reserve: lot.money(lot.reserve_minor)?,
        returned: lot.money(lot.returned_minor)?,
        available_at: lot.available_at.clone(),
        sale: ExplainedSale {
            sale: sale.id,
            source: sale.source,
            customer: sale.customer,
            plugin: sale.plugin,
            gross: sale.gross,
            commission: sale.commission,
            policy: sale.policy,
            sold_before_minor: sale.before_minor,
            sold_at: sale.sold_at,
            invoice,
            rating,
        },
    })
}

async fn rating(db: &mut AnyConnection, sale: &sharing::Sale) -> Result<Option<Rating>, Error> {
    let found: Option<(String, i64, i64)> =
        sqlx::query_as("select month, used, charged_minor from ratings where sale = $1")
            .bind(sale.id)
            .fetch_optional(&mut *db)
            .await?;
    let (Some((month, used, charged)), Some(plugin)) = (found, &sale.plugin) else { return Ok(None) };
    let (events,): (i64,) =
        sqlx::query_as("select count(*) from usage_events where month = $1 and account = $2 and plugin = $3")
            .bind(&month)
            .bind(sale.customer.as_str())
            .bind(plugin.to_string())
            .fetch_one(&mut *db)
            .await?;
    let ids: Vec<(String,)> = sqlx::query_as(
        "select id from usage_events where month = $1 and account = $2 and plugin = $3 order by id limit $4",
    )
    .bind(&month)
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
