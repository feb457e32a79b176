//! That a part of a budget is spent, told once: at half of it, at 80 % and when all of it is.

use chandlery_accounts::tell;
use chandlery_package::wire::Spending;
use chandlery_package::{Money, Namespace};
use chandlery_store::Db;
use jiff::Timestamp;

use super::kept;
use super::spending::spending;
use crate::Error;

/// At how many percent an account is told, the most first.
const TOLD_AT: [u64; 3] = [100, 80, 50];

/// Tells everybody who has a budget when a part of it is spent: once for each part of each budget in a month, and no smaller one after a
/// larger one. Of an account whose spending cannot be told the others are not kept waiting.
pub async fn warn(db: &Db, now: Timestamp) -> Result<(), Error> {
    for account in kept::accounts(db).await? {
        if let Err(error) = warn_one(db, &account, now).await {
            tracing::error!(%error, %account, "a budget could not be compared with what is spent");
        }
    }
    Ok(())
}

async fn warn_one(db: &Db, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    let mut read = db.read().acquire().await?;
    let spending = spending(&mut read, account, None, now).await?;
    let Some((budget, percent)) = spending.budget.zip(spending.percent) else { return Ok(()) };
    for reached in TOLD_AT {
        let key = format!("budget:{account}:{}:{budget}:{reached}", spending.month);
        let (told,): (i64,) = sqlx::query_as("select count(*) from notices where key = $1")
            .bind(&key)
            .fetch_one(&mut *read)
            .await?;
        if told > 0 {
            return Ok(());
        }
        if percent >= reached {
            drop(read);
            let (subject, body) = letter(&spending, budget, reached);
            let mut write = db.write().await?;
            tell(&mut write, account, &key, &subject, &body, now).await?;
            write.commit().await?;
            return Ok(());
        }
    }
    Ok(())
}

/// What is told at so many percent of a budget.
fn letter(spending: &Spending, budget: Money, reached: u64) -> (String, String) {
    let Spending { month, spent, forecast, .. } = spending;
    let subject = match reached {
        100 => format!("The budget of {budget} for {month} is spent"),
        _ => format!("{reached} % of the budget of {budget} for {month} is spent"),
    };
    let rest = match forecast {
        Some(forecast) => format!("If use goes on as it did so far, the month comes to {forecast}. "),
        None => String::new(),
    };
    let body = format!(
        "{spent} of {budget} are spent in {month}, without taxes. {rest}Nothing stops at the end of a budget. On what it was spent:\n\n    \
         chandlery spend\n"
    );
    (subject, body)
}
