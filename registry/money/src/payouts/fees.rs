//! What the bank takes for a transfer: at most what is set for its currency. Anything else is no fee, whoever says so.

use chandlery_package::Money;
use chandlery_package::column::Json;
use chandlery_package::wire::BankAccount;
use sqlx::AnyConnection;

use crate::Error;

/// The most that the bank takes where nothing is set, in minor units.
const FEE_MAX_MINOR: i64 = 500;

/// The most that the banks of the marketplace's own accounts take, by currency.
pub(crate) async fn most(db: &mut AnyConnection) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Json<BankAccount>,)> =
        sqlx::query_as("select body from bank_accounts order by name").fetch_all(db).await?;
    Ok(rows.into_iter().flat_map(|(Json(account),)| account.fees_max).collect())
}

/// Refuses what is more than a fee, or less than none. `of` is what it differs from.
pub(crate) fn must_be_fee(most: &[Money], fee: Money, of: &str) -> Result<(), Error> {
    let set = most.iter().find(|most| most.currency() == fee.currency());
    let most = set.map_or_else(|| fee.with_minor(FEE_MAX_MINOR), |most| Ok(*most))?;
    match (0..=most.minor()).contains(&fee.minor()) {
        true => Ok(()),
        false => Err(Error::Conflict(format!(
            "it differs by {fee} from {of}: more than nothing, and at most {most}, is a fee; where the bank takes more, \
             `chandlery payouts from --fee-max` says so"
        ))),
    }
}
