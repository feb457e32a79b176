//! Which months are closed.

use chandlery_package::column::Text;
use chandlery_package::wire::ClosedMonth;
use chandlery_package::{Digest, Month, Namespace};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::Error;

/// The months that were closed, the latest first: twelve in a year.
pub async fn closed_months(db: &mut AnyConnection) -> Result<Vec<ClosedMonth>, Error> {
    type Row = (Text<Month>, Text<Timestamp>, Text<Namespace>, i64, Text<Digest>);
    let rows: Vec<Row> = sqlx::query_as(
        "select month, closed_at, closed_by, last, balances_digest from closed_months order by month desc",
    )
    .fetch_all(db)
    .await?;
    let read = |(Text(month), Text(closed_at), Text(closed_by), last, Text(balances_digest)): Row| {
        ClosedMonth { month, closed_at, closed_by, last, balances_digest }
    };
    Ok(rows.into_iter().map(read).collect())
}

/// From when on months are open; none: no month was ever closed.
pub async fn open_from(db: &mut AnyConnection) -> Result<Option<Timestamp>, Error> {
    let (latest,): (Option<Text<Month>>,) =
        sqlx::query_as("select max(month) from closed_months").fetch_one(db).await?;
    Ok(latest.map(|Text(month)| month.next().first_moment()))
}
