//! What a customer is known by beside its invoices, forgotten with its account.

use chandlery_package::Namespace;
use chandlery_store::Write;

use crate::Error;

/// Forgets a customer's hosts, name and addresses. Its country and tax number stay where there are invoices, which are taxed by them;
/// documents stay as they were issued.
pub async fn forget_customer(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    for statement in [
        "delete from hosts where account = $1",
        "update billing_profiles set email = null, name = null, street = null, postcode = null, city = null where account = $1",
        "delete from billing_profiles
         where account = $1 and not exists (select 1 from invoices where invoices.account = $1)",
    ] {
        sqlx::query(statement).bind(account.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}
