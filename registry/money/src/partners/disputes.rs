//! The disputes of what a partner has sold: what each holds, how it stands, and until when it is answered.

use chandlery_package::column::Text;
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::{Error, rails};

/// A dispute of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// As the processor calls it, and the part of it that this sale bears.
    pub id: String,
    /// The sale's number.
    pub sale: i64,
    /// How much of its price; none: the partner has only referred the customer.
    pub amount: Option<Money>,
    /// What it holds of the partner's share.
    pub held: Money,
    /// `open`, `won` or `lost`.
    pub state: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the customer's bank has decided.
    pub closed_at: Option<Timestamp>,
    /// Until when the marketplace may answer it, where it is open and the processor has said so.
    pub answer_by: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    sale: i64,
    currency: Text<Currency>,
    minor: i64,
    held_minor: i64,
    role: String,
    state: String,
    opened_at: Text<Timestamp>,
    closed_at: Option<Text<Timestamp>>,
}

macro_rules! select_disputes {
    ($condition:literal) => {
        concat!(
            "select disputes.id, disputes.sale, disputes.currency, disputes.minor, dispute_parts.minor as held_minor, role, state,
                    opened_at, closed_at
             from dispute_parts join lots on lots.id = dispute_parts.lot join disputes on disputes.id = dispute_parts.dispute
             where lots.partner = $1 and ",
            $condition
        )
    };
}

/// The disputes of what a partner shares, the latest first.
pub async fn disputes(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    paging: &Paging<(Timestamp, String)>,
) -> Result<Page<Disputed>, Error> {
    let (before, id) = match paging.after() {
        None => ("9999".to_owned(), ""),
        Some((at, id)) => (chandlery_store::time(*at), id.as_str()),
    };
    let rows: Vec<Row> = sqlx::query_as(select_disputes!(
        "disputes.currency = $2 and (opened_at < $3 or opened_at = $3 and disputes.id > $4)
         order by opened_at desc, disputes.id limit $5"
    ))
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(before)
    .bind(id)
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let rows = read_all(db, rows).await?;
    Ok(paging.cut(rows, |dispute| (dispute.opened_at, dispute.id.clone())))
}

/// The disputes of one sale, in order.
pub(super) async fn of_sale(
    db: &mut AnyConnection,
    partner: &Namespace,
    sale: i64,
) -> Result<Vec<Disputed>, Error> {
    let rows: Vec<Row> =
        sqlx::query_as(select_disputes!("disputes.sale = $2 order by opened_at, disputes.id"))
            .bind(partner.as_str())
            .bind(sale)
            .fetch_all(&mut *db)
            .await?;
    read_all(db, rows).await
}

async fn read_all(db: &mut AnyConnection, rows: Vec<Row>) -> Result<Vec<Disputed>, Error> {
    let mut all = Vec::new();
    for row in rows {
        let answer_by = match row.closed_at {
            None => rails::answer_by(db, &row.id).await?,
            Some(_) => None,
        };
        let money = |minor| Money::new(minor, row.currency.0);
        all.push(Disputed {
            amount: Some(money(row.minor)?).filter(|_| row.role == "seller"),
            held: money(row.held_minor)?,
            sale: row.sale,
            opened_at: row.opened_at.0,
            closed_at: row.closed_at.map(|Text(at)| at),
            id: row.id,
            state: row.state,
            answer_by,
        });
    }
    Ok(all)
}
