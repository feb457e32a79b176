//! The bank file of a run of payouts.

use chandlery_package::column::Text;
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::bank_file::{bank_file, of_run};
use super::own_accounts;
use crate::Error;
use crate::payouts::run;

/// The bank file (pain.001) of the transfers of a run that are approved, as it is made at any time again.
pub async fn run_file(db: &mut AnyConnection, run: i64) -> Result<String, Error> {
    let own = own_accounts::all(db).await?;
    let payouts = run::of_run(db, run).await?;
    let proposed: Option<(Text<Timestamp>,)> =
        sqlx::query_as("select proposed_at from payout_runs where id = $1")
            .bind(run)
            .fetch_optional(&mut *db)
            .await?;
    let (Text(at),) = proposed.ok_or_else(|| Error::NotFound(format!("payout run {run}")))?;
    bank_file(&format!("CHANDLERY-RUN-{run}"), &own, &of_run(payouts), at)
}
