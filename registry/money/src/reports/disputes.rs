//! The disputes that are open: what each is of, and until when it is answered.

use chandlery_package::column::Text;
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::{Error, rails};

/// A payment that its customer's bank has taken back and not decided about, or the part of it that one sale bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDispute {
    /// As the processor calls it, and the part of it.
    pub id: String,
    /// The sale's number.
    pub sale: i64,
    /// Who has sold it.
    pub seller: Namespace,
    /// How much of its price.
    pub amount: Money,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Until when the marketplace may answer it, where the processor has said so.
    pub answer_by: Option<Timestamp>,
}

/// How many are open.
pub async fn count_disputes(db: &mut AnyConnection) -> Result<i64, Error> {
    let (count,): (i64,) =
        sqlx::query_as("select count(*) from disputes where state = 'open'").fetch_one(db).await?;
    Ok(count)
}

/// So many of them, the one that was opened first before all others.
pub async fn open_disputes(db: &mut AnyConnection, most: i64) -> Result<Vec<OpenDispute>, Error> {
    let rows: Vec<(String, i64, Text<Namespace>, Text<Currency>, i64, Text<Timestamp>)> = sqlx::query_as(
        "select disputes.id, disputes.sale, sales.seller, disputes.currency, disputes.minor, opened_at
         from disputes join sales on sales.id = disputes.sale where disputes.state = 'open'
         order by opened_at, disputes.id limit $1",
    )
    .bind(most)
    .fetch_all(&mut *db)
    .await?;
    let mut open = Vec::with_capacity(rows.len());
    for (id, sale, Text(seller), Text(currency), minor, Text(opened_at)) in rows {
        let answer_by = rails::answer_by(db, &id).await?;
        let amount = Money::new(minor, currency)?;
        open.push(OpenDispute { id, sale, seller, amount, opened_at, answer_by });
    }
    Ok(open)
}
