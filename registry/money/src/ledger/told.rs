//! What the bank has told of before somebody records it by hand.

use chandlery_package::Money;
use sqlx::AnyConnection;

use crate::Error;

/// Refuses to record by hand what a line of the bank's statement of this reference has brought into the books already. What is
/// open of a line may be recorded, where that is what moves (below zero: it leaves): the line is settled by it then.
pub(crate) async fn must_not_be_told(
    db: &mut AnyConnection,
    reference: &str,
    moves: &[Money],
) -> Result<(), Error> {
    let lines: Vec<(String, String, i64, String)> = sqlx::query_as(
        "select id, currency, open_minor, outcome from bank_lines
         where (id in ($1, 'processor:stripe/' || $1) or id in (select name || '/' || $1 from bank_accounts)) and transaction_id is not null order by id",
    )
    .bind(reference)
    .fetch_all(db)
    .await?;
    for (id, currency, open, outcome) in lines {
        let is_it = |moved: &Money| moved.currency().code() == currency && moved.minor() == open;
        if !moves.iter().any(is_it) {
            return Err(Error::Conflict(format!(
                "bank line '{id}' has brought that into the books ({outcome}): say with `chandlery books allot` what it is for"
            )));
        }
    }
    Ok(())
}
