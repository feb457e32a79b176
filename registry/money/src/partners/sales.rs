//! The sales of a time, a page at a time, in the order that somebody wants to see them in.

use chandlery_package::column::Text;
use chandlery_package::wire::{LotRole, Page, Paging};
use chandlery_package::{Currency, Money, Namespace, PluginId};
use chandlery_store::time;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::Range;
use crate::Error;

chandlery_package::words! {
    /// In which order sales are listed.
    #[derive(Default)]
    pub enum Order: "order of sales" {
        /// The latest first.
        #[default]
        Newest = "newest",
        /// The earliest first.
        Oldest = "oldest",
        /// That of the highest price first; of what was only referred, of the largest share.
        Largest = "largest",
        /// That of the lowest price first; of what was only referred, of the smallest share.
        Smallest = "smallest",
    }

    /// How a sale stands for one who shares it.
    pub enum SaleState: "state of a sale" {
        /// The customer has not paid.
        Invoiced = "unpaid",
        /// The customer has paid, and the hold is not over.
        OnHold = "on-hold",
        /// The hold is over.
        Available = "available",
        /// The customer's bank has taken the payment back, and has not decided.
        Disputed = "disputed",
        /// All of it was given back.
        GivenBack = "given-back",
        /// The customer never paid.
        GivenUp = "never-paid",
    }
}

/// A sale's place among all: when it was made, its price or share in minor units, and its number.
pub type SaleKey = (Timestamp, i64, i64);

/// Which sales are listed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Those in this currency.
    pub currency: Currency,
    /// Those of this time.
    pub range: Range,
    /// The partner's own, or those whose customers it has referred.
    pub role: LotRole,
    /// In this order.
    pub order: Order,
}

/// A sale as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRow {
    /// Its number, which is its transaction's.
    pub sale: i64,
    /// When it was made.
    pub sold_at: Timestamp,
    /// What was sold; none: a service.
    pub plugin: Option<PluginId>,
    /// The account that bought.
    pub customer: Namespace,
    /// Its price, without taxes; none: the partner has only referred the customer.
    pub price: Option<Money>,
    /// What the customer pays, less what was given back or never paid; none: see there.
    pub paid: Option<Money>,
    /// What is left to the partner.
    pub share: Money,
    /// How it stands.
    pub state: SaleState,
    /// When its hold ends; none: the customer has not paid.
    pub available_at: Option<Timestamp>,
    /// What it is listed by, where that is not when it was made.
    amount_minor: i64,
}

impl SaleRow {
    pub(super) fn key(&self) -> SaleKey {
        (self.sold_at, self.amount_minor, self.sale)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    sold_at: Text<Timestamp>,
    plugin: Option<Text<PluginId>>,
    customer: Text<Namespace>,
    gross_minor: i64,
    refunded_minor: i64,
    disputed_minor: i64,
    collected_at: Option<String>,
    void_at: Option<String>,
    currency: Text<Currency>,
    share_minor: i64,
    returned_minor: i64,
    available_at: Option<Text<Timestamp>>,
    released_by: Option<i64>,
}

/// Selects a page of sales of which the first value has a lot: `$by` is what they are listed by, `$than` how what follows compares
/// with what was before, and `$way` the direction. The other values are the currency, the first moment and the one after the last,
/// the two parts of the key, and how many.
macro_rules! select_sales {
    ($whose:literal, $by:literal, $than:literal, $way:literal) => {
        concat!(
            "select sales.id, sold_at, plugin, customer, gross_minor, refunded_minor, disputed_minor, collected_at, void_at,
                    sales.currency, share_minor, returned_minor, available_at, released_by
             from sales join lots on lots.sale = sales.id
             where ",
            $whose,
            " and sales.currency = $2 and sold_at >= $3 and sold_at < $4 and (",
            $by,
            $than,
            " $5 or ",
            $by,
            " = $5 and sales.id",
            $than,
            " $6) order by ",
            $by,
            $way,
            ", sales.id",
            $way,
            " limit $7"
        )
    };
}

macro_rules! in_order {
    ($whose:literal, $amount:literal, $order:expr) => {
        match $order {
            Order::Newest => select_sales!($whose, "sold_at", " <", " desc"),
            Order::Oldest => select_sales!($whose, "sold_at", " >", " asc"),
            Order::Largest => select_sales!($whose, $amount, " <", " desc"),
            Order::Smallest => select_sales!($whose, $amount, " >", " asc"),
        }
    };
}

/// The partner's own sales of a time in one currency; or those of others whose customers it has referred.
pub async fn sales(
    db: &mut AnyConnection,
    partner: &Namespace,
    wanted: &Wanted,
    paging: &Paging<SaleKey>,
) -> Result<Page<SaleRow>, Error> {
    let rows = sales_after(db, partner, wanted, paging.after(), paging.rows()).await?;
    Ok(paging.cut(rows, SaleRow::key))
}

pub(super) async fn sales_after(
    db: &mut AnyConnection,
    partner: &Namespace,
    wanted: &Wanted,
    after: Option<&SaleKey>,
    limit: i64,
) -> Result<Vec<SaleRow>, Error> {
    let Wanted { currency, range, role, order } = wanted;
    let sql = match role {
        LotRole::Seller => in_order!("seller = $1 and role = 'seller'", "gross_minor", order),
        LotRole::Referrer => in_order!("partner = $1 and role = 'referrer'", "share_minor", order),
    };
    let query = sqlx::query_as(sql)
        .bind(partner.as_str())
        .bind(currency.code())
        .bind(range.since())
        .bind(range.until());
    let (at, amount, id) = match (after, order) {
        (Some((at, amount, id)), _) => (time(*at), *amount, *id),
        (None, Order::Newest | Order::Largest) => (range.until(), i64::MAX, i64::MAX),
        (None, Order::Oldest | Order::Smallest) => (String::new(), i64::MIN, i64::MIN),
    };
    let query = match order {
        Order::Newest | Order::Oldest => query.bind(at),
        Order::Largest | Order::Smallest => query.bind(amount),
    };
    let rows: Vec<Row> = query.bind(id).bind(limit).fetch_all(db).await?;
    rows.into_iter().map(|row| read(row, *role)).collect()
}

fn read(row: Row, role: LotRole) -> Result<SaleRow, Error> {
    let Text(currency) = row.currency;
    let left = match row.void_at {
        Some(_) => 0,
        None => row.gross_minor - row.refunded_minor - row.disputed_minor,
    };
    let is_own = role == LotRole::Seller;
    Ok(SaleRow {
        sale: row.id,
        sold_at: row.sold_at.0,
        price: Some(Money::new(row.gross_minor, currency)?).filter(|_| is_own),
        paid: Some(Money::new(left, currency)?).filter(|_| is_own),
        share: Money::new(row.share_minor - row.returned_minor, currency)?,
        state: state(&row),
        amount_minor: if is_own { row.gross_minor } else { row.share_minor },
        plugin: row.plugin.map(|Text(plugin)| plugin),
        customer: row.customer.0,
        available_at: row.available_at.map(|Text(at)| at),
    })
}

fn state(row: &Row) -> SaleState {
    match (row.void_at.is_some(), row.collected_at.is_some(), row.released_by.is_some()) {
        (true, ..) => SaleState::GivenUp,
        _ if row.disputed_minor > 0 => SaleState::Disputed,
        _ if row.gross_minor > 0 && row.refunded_minor == row.gross_minor => SaleState::GivenBack,
        (_, false, _) => SaleState::Invoiced,
        (_, true, false) => SaleState::OnHold,
        (_, true, true) => SaleState::Available,
    }
}
