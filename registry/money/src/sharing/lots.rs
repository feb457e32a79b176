//! A lot: one beneficiary's share of one sale, from the sale until it is paid out or taken back.

use chandlery_package::column::Text;
use chandlery_package::wire::LotRole;
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::Write;

/// A share of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// The lot's own number.
    pub id: i64,
    /// Of which sale.
    pub sale: i64,
    /// Who has earned it.
    pub partner: Namespace,
    /// What the partner has earned it as.
    pub role: LotRole,
    /// What the partner has earned.
    pub share: Money,
    /// What of the share is kept back for a while, in minor units.
    pub reserve_minor: i64,
    /// What of the share was taken back, in minor units.
    pub returned_minor: i64,
    /// What of the reserve was taken back, in minor units: it is part of what was taken back.
    pub reserve_returned_minor: i64,
    /// When its hold ends; none: the customer has not paid.
    pub available_at: Option<Timestamp>,
    /// When its reserve ends.
    pub reserve_until: Option<Timestamp>,
    /// The transaction that ended its hold.
    pub released_by: Option<i64>,
    /// The transaction that ended its reserve.
    pub reserve_released_by: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    sale: i64,
    partner: Text<Namespace>,
    role: Text<LotRole>,
    currency: Text<Currency>,
    share_minor: i64,
    reserve_minor: i64,
    returned_minor: i64,
    reserve_returned_minor: i64,
    available_at: Option<Text<Timestamp>>,
    reserve_until: Option<Text<Timestamp>>,
    released_by: Option<i64>,
    reserve_released_by: Option<i64>,
}

macro_rules! select_lots {
    ($condition:literal) => {
        concat!(
            "select id, sale, partner, role, currency, share_minor, reserve_minor, returned_minor, reserve_returned_minor,
                    available_at, reserve_until, released_by, reserve_released_by
             from lots ",
            $condition
        )
    };
}
pub(super) use select_lots;

impl Lot {
    pub(super) fn read(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            sale: row.sale,
            partner: row.partner.0,
            role: row.role.0,
            share: Money::new(row.share_minor, row.currency.0)?,
            reserve_minor: row.reserve_minor,
            returned_minor: row.returned_minor,
            reserve_returned_minor: row.reserve_returned_minor,
            available_at: row.available_at.map(|Text(at)| at),
            reserve_until: row.reserve_until.map(|Text(at)| at),
            released_by: row.released_by,
            reserve_released_by: row.reserve_released_by,
        })
    }

    /// So much in the lot's currency.
    pub fn money(&self, minor: i64) -> Result<Money, Error> {
        Ok(self.share.with_minor(minor)?)
    }

    /// What is left of the reserve.
    pub fn reserve_left(&self) -> Result<Money, Error> {
        self.money(self.reserve_minor - self.reserve_returned_minor)
    }

    /// What is left of the share beside the reserve.
    pub fn rest_left(&self) -> Result<Money, Error> {
        self.money(self.share.minor() - self.returned_minor - self.reserve_left()?.minor())
    }

    /// Keeps what was taken back.
    pub(super) async fn save_returned(&self, write: &mut Write) -> Result<(), Error> {
        sqlx::query("update lots set returned_minor = $1, reserve_returned_minor = $2 where id = $3")
            .bind(self.returned_minor)
            .bind(self.reserve_returned_minor)
            .bind(self.id)
            .execute(&mut **write)
            .await?;
        Ok(())
    }
}

/// The lots of a sale.
pub async fn of_sale(db: &mut AnyConnection, sale: i64) -> Result<Vec<Lot>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_lots!("where sale = $1 order by id")).bind(sale).fetch_all(db).await?;
    rows.into_iter().map(Lot::read).collect()
}

/// The lot of this number, or that there is none.
pub async fn find(db: &mut AnyConnection, id: i64) -> Result<Lot, Error> {
    let row: Option<Row> = sqlx::query_as(select_lots!("where id = $1")).bind(id).fetch_optional(db).await?;
    Lot::read(row.ok_or_else(|| Error::NotFound(format!("lot {id}")))?)
}
