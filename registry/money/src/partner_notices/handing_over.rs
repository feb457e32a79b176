//! A namespace that goes to somebody else: what its former owners wanted to be told is told nobody any more.

use chandlery_accounts::Actor;
use chandlery_package::Namespace;
use chandlery_package::wire::Act;
use chandlery_store::Write;

use super::webhooks::{list, tell};
use crate::Error;

/// Ends what a partner is told, in the transaction that gives it to somebody else: its webhooks with what they were to be sent, what it has
/// chosen, and what waits to go out by mail.
pub async fn hand_over(write: &mut Write, actor: &Actor, partner: &Namespace) -> Result<(), Error> {
    for webhook in list(write, partner).await?.items {
        tell(write, actor, Act::WebhookRemoved, partner, &webhook).await?;
    }
    for statement in [
        "delete from webhook_deliveries where webhook in (select id from webhooks where partner = $1)",
        "delete from webhooks where partner = $1",
        "delete from partner_notice_choices where partner = $1",
        "update partner_notices set mail = 'none' where partner = $1 and mail = 'waiting'",
    ] {
        sqlx::query(statement).bind(partner.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}
