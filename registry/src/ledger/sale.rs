//! A sale: what the customer paid, shared between the partner and the marketplace by the policy in force.

use chandlery_package::{Money, PluginId};
use jiff::{Timestamp, ToSpan as _};

use super::{Account, Posting, Transaction, post};
use crate::{Error, Write, time};

/// A payment for a plugin.
pub struct Sale<'a> {
    /// The order that it pays.
    pub order: &'a str,
    /// What was sold.
    pub plugin: &'a PluginId,
    /// What was paid.
    pub gross: Money,
    /// When.
    pub at: Timestamp,
}

/// Posts a sale; the partner's share becomes a lot that is on hold for so many days. Posting the same order again
/// changes nothing.
pub async fn post_sale(write: &mut Write, sale: &Sale<'_>, hold_days: u32) -> Result<(), Error> {
    let (policy, partner_weight, marketplace_weight): (i64, i64, i64) = sqlx::query_as(
        "select version, partner_weight, marketplace_weight from share_policies
         where since <= $1 order by since desc, version desc limit 1",
    )
    .bind(time(sale.at))
    .fetch_one(&mut **write)
    .await?;
    let shares = sale.gross.split(&[partner_weight as u32, marketplace_weight as u32])?;
    let (partners, marketplaces) = (shares[0], shares[1]);
    let partner = &sale.plugin.namespace;
    let transaction = post(
        write,
        &Transaction {
            key: format!("sale:{}", sale.order),
            kind: "sale",
            description: format!("{} sold, order {}, policy {policy}", sale.plugin, sale.order),
            at: sale.at,
            postings: vec![
                Posting::debit(Account::Bank, sale.gross),
                Posting::credit(Account::Pending(partner.clone()), partners),
                Posting::credit(Account::Commission, marketplaces),
            ],
        },
    )
    .await?;
    let held = i64::from(hold_days).checked_mul(24).unwrap_or(i64::MAX);
    let available_at = sale
        .at
        .checked_add(held.hours())
        .map_err(|error| Error::Invalid(format!("the hold of {hold_days} days: {error}")))?;
    sqlx::query(
        "insert into lots (transaction_id, partner, plugin, currency, gross_minor, net_minor, policy, available_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind(transaction)
    .bind(partner.as_str())
    .bind(sale.plugin.to_string())
    .bind(sale.gross.currency.code())
    .bind(sale.gross.minor)
    .bind(partners.minor)
    .bind(policy)
    .bind(time(available_at))
    .execute(&mut **write)
    .await?;
    Ok(())
}
