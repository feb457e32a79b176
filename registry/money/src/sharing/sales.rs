//! Sales: shared when they are made, held when they are paid, undone when they never are.

use chandlery_package::column::Text;
use chandlery_package::policy::Sold;
use chandlery_package::policy::Volume;
use chandlery_package::wire::{LotRole, TransactionKind};
use chandlery_package::{Balance, Currency, Money, Namespace, PluginId, RevenueSharePolicy};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

use super::lots;
use super::policies::in_force;
use super::told::{self, Told};
use crate::ledger::{self, Account, Transaction};
use crate::{Error, exchange};
use chandlery_store::{Write, time};

chandlery_package::words! {
    /// What a customer has paid by.
    pub enum PaidThrough: "way to pay" {
        /// A transfer to the marketplace's bank.
        Bank = "bank",
        /// A payment at the processor of payments.
        Processor = "processor",
        /// What the customer had paid or was credited before.
        Credit = "credit",
    }
}

/// What was sold.
#[derive(Debug, Clone)]
pub struct NewSale<'a> {
    /// What it was sold by, unique for ever: `order CH-2345` or `order CH-2345, 2026-11`.
    pub source: String,
    /// The account that buys.
    pub customer: &'a Namespace,
    /// The namespace whose sale it is.
    pub seller: &'a Namespace,
    /// What; none: a consultant's service.
    pub plugin: Option<&'a PluginId>,
    /// What is to be paid, without taxes.
    pub gross: Money,
    /// Who referred the customer.
    pub referrer: Option<&'a Namespace>,
    /// When it is sold.
    pub at: Timestamp,
    /// The moment whose policy shares it: when what is sold was bought or used.
    pub shared_by: Timestamp,
}

/// A sale as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// Its number: that of the transaction that shared it.
    pub id: i64,
    /// What it was sold by: see [`NewSale::source`].
    pub source: String,
    /// The account that bought.
    pub customer: Namespace,
    /// The namespace whose sale it was.
    pub seller: Namespace,
    /// What was sold; none: a consultant's service.
    pub plugin: Option<PluginId>,
    /// What is to be paid, without taxes.
    pub gross: Money,
    /// What the marketplace keeps of it.
    pub commission: Money,
    /// The version of the policy that it was shared by.
    pub policy: i64,
    /// What the publisher had sold before, in minor units of the policy's currency.
    pub before_minor: i64,
    /// When it was made.
    pub sold_at: Timestamp,
    /// When the customer paid.
    pub collected_at: Option<Timestamp>,
    /// When it was given up.
    pub void_at: Option<Timestamp>,
    /// What of the gross was given back.
    pub refunded: Money,
    /// What of the commission was given back.
    pub commission_returned: Money,
    /// What of the gross is disputed.
    pub disputed: Money,
}

impl Sale {
    /// What can still be given back of it: neither was given back before, nor is disputed.
    pub fn left(&self) -> Result<Money, Error> {
        Ok(self.gross.minus(self.refunded)?.minus(self.disputed)?)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    source: String,
    customer: Text<Namespace>,
    seller: Text<Namespace>,
    plugin: Option<Text<PluginId>>,
    currency: Text<Currency>,
    gross_minor: i64,
    commission_minor: i64,
    policy: i64,
    before_minor: i64,
    sold_at: Text<Timestamp>,
    collected_at: Option<Text<Timestamp>>,
    void_at: Option<Text<Timestamp>>,
    refunded_minor: i64,
    commission_returned_minor: i64,
    disputed_minor: i64,
}

/// The sale of this number, or that there is none.
pub async fn find(db: &mut AnyConnection, id: i64) -> Result<Sale, Error> {
    let row: Option<Row> = sqlx::query_as(
        "select id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor, sold_at,
                collected_at, void_at, refunded_minor, commission_returned_minor, disputed_minor
         from sales where id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    let row = row.ok_or_else(|| {
        Error::NotFound(format!(
            "sale {id}: the dashboard of its seller (/dashboard/NAMESPACE/sales) has the numbers"
        ))
    })?;
    let money = |minor| Money::new(minor, row.currency.0);
    Ok(Sale {
        id: row.id,
        source: row.source,
        customer: row.customer.0,
        seller: row.seller.0,
        plugin: row.plugin.map(|Text(plugin)| plugin),
        gross: money(row.gross_minor)?,
        commission: money(row.commission_minor)?,
        policy: row.policy,
        before_minor: row.before_minor,
        sold_at: row.sold_at.0,
        collected_at: row.collected_at.map(|Text(at)| at),
        void_at: row.void_at.map(|Text(at)| at),
        refunded: money(row.refunded_minor)?,
        commission_returned: money(row.commission_returned_minor)?,
        disputed: money(row.disputed_minor)?,
    })
}

/// What a publisher, and those that belong with it, had sold before a moment, in a policy's currency.
async fn volume_before(
    db: &mut AnyConnection,
    seller: &Namespace,
    policy: &RevenueSharePolicy,
    at: Timestamp,
) -> Result<Balance, Error> {
    let since = match policy.volume {
        Volume::Lifetime => Timestamp::UNIX_EPOCH,
        Volume::TrailingYear => {
            at.checked_sub(SignedDuration::from_hours(365 * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
        }
    };
    let (minor,): (i64,) = sqlx::query_as(
        "select cast(coalesce(sum(volume_minor), 0) as bigint) from sales
         where sold_at >= $1 and void_at is null and volume_currency = $2
           and seller in (
               select $3 union select others.namespace from volume_groups others
               join volume_groups own on own.volume_group = others.volume_group where own.namespace = $3)",
    )
    .bind(time(since))
    .bind(policy.currency().code())
    .bind(seller.as_str())
    .fetch_one(db)
    .await?;
    Ok(Balance::new(minor, policy.currency())?)
}

/// Shares a sale by its policy, and gives its number. What the customer pays is still to be invoiced. The same source
/// again gives the first sale's number; with another amount it is refused.
pub async fn accrue(write: &mut Write, new: &NewSale<'_>) -> Result<i64, Error> {
    let NewSale { source, customer, seller, plugin, gross, referrer, at, shared_by } = new;
    let known: Option<(i64, String, i64)> =
        sqlx::query_as("select id, currency, gross_minor from sales where source = $1")
            .bind(source)
            .fetch_optional(&mut **write)
            .await?;
    match known {
        Some((id, currency, minor))
            if (currency.as_str(), minor) == (gross.currency().code(), gross.minor()) =>
        {
            return Ok(id);
        }
        Some(_) => return Err(Error::KeyReused { key: source.clone() }),
        None => {}
    }
    let (version, policy) = in_force(write, *shared_by).await?;
    // Without steps nothing depends on the volume, and so on no rate.
    let stepped = policy.commission.len() > 1;
    let volume = match stepped {
        true => {
            let stops = || format!("the sale to {customer} by {source}");
            Money::try_from(exchange::convert(write, *gross, policy.currency(), *at, stops).await?)?
        }
        false => *gross,
    };
    let before = match stepped {
        true => volume_before(write, seller, &policy, *at).await?,
        false => Balance::zero(gross.currency()),
    };
    let sold = Sold { plugin: *plugin, gross: *gross, before, volume, referred: referrer.is_some() };
    let shares = policy.share(&sold)?;
    let what = plugin.map_or_else(|| "a service".into(), ToString::to_string);
    let mut transaction = Transaction::new(TransactionKind::Sale, source, *at)
        .about(format!("{what} to {customer}, {source}, policy {version}"))
        .link("customer", customer)
        .link("seller", seller)
        .link("source", source)
        .link("policy", version)
        .debit(Account::Unbilled, *gross);
    if let Some(plugin) = plugin {
        transaction = transaction.link("plugin", plugin);
    }
    let mut beneficiaries = vec![(*seller, LotRole::Seller, shares.seller)];
    if let (Some(referrer), true) = (referrer, shares.referrer.minor() > 0) {
        beneficiaries.push((referrer, LotRole::Referrer, shares.referrer));
    }
    for (partner, _, share) in &beneficiaries {
        transaction = transaction.credit(Account::Accrued((*partner).clone()), *share);
    }
    let id = ledger::post(write, transaction.credit(Account::Commission, shares.marketplace)).await?;
    sqlx::query(
        "insert into sales (id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor,
                            volume_minor, volume_currency, referred, sold_at, refunded_minor, commission_returned_minor,
                            disputed_minor)
         values ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, 0)",
    )
    .bind(id)
    .bind(source)
    .bind(customer.as_str())
    .bind(seller.as_str())
    .bind(plugin.map(ToString::to_string).unwrap_or_default())
    .bind(gross.currency().code())
    .bind(gross.minor())
    .bind(shares.marketplace.minor())
    .bind(version)
    .bind(before.minor())
    .bind(volume.minor())
    .bind(volume.currency().code())
    .bind(i64::from(referrer.is_some()))
    .bind(time(*at))
    .execute(&mut **write)
    .await?;
    for (partner, role, share) in beneficiaries {
        sqlx::query(
            "insert into lots (id, sale, partner, role, currency, share_minor, reserve_minor, returned_minor, reserve_returned_minor)
             select coalesce(max(id), 0) + 1, $1, $2, $3, $4, $5, $6, 0, 0 from lots",
        )
        .bind(id)
        .bind(partner.as_str())
        .bind(role.as_str())
        .bind(share.currency().code())
        .bind(share.minor())
        .bind(share.at(policy.reserve.rate)?.minor())
        .execute(&mut **write)
        .await?;
        let told = Told { id, plugin: *plugin, customer, gross: *gross };
        told::of_sale(write, &told, (partner, role, share), *at).await?;
    }
    Ok(id)
}

/// Refuses what cannot be shared for want of an exchange rate, before anything of it is written.
pub async fn must_have_rate(
    db: &mut AnyConnection,
    currency: Currency,
    at: Timestamp,
    shared_by: Timestamp,
    stops: impl FnOnce() -> String,
) -> Result<(), Error> {
    let (_, policy) = in_force(db, shared_by).await?;
    if policy.commission.len() > 1 {
        exchange::rate(db, currency, policy.currency(), at, stops).await?;
    }
    Ok(())
}

/// Makes what is left of a sale that was given up again, by the policy of now: the new sale's number, and of how much it is. None:
/// nothing is left of it.
pub async fn sell_again(
    write: &mut Write,
    given_up: i64,
    at: Timestamp,
) -> Result<Option<(i64, Money)>, Error> {
    let sale = find(write, given_up).await?;
    let gross = sale.left()?;
    if !gross.is_positive() {
        return Ok(None);
    }
    let lots = lots::of_sale(write, given_up).await?;
    let referrer = lots.into_iter().find(|lot| lot.role == LotRole::Referrer).map(|lot| lot.partner);
    let new = NewSale {
        source: format!("{}, again", sale.source),
        customer: &sale.customer,
        seller: &sale.seller,
        plugin: sale.plugin.as_ref(),
        gross,
        referrer: referrer.as_ref(),
        at,
        shared_by: at,
    };
    Ok(Some((accrue(write, &new).await?, gross)))
}

/// Puts the shares of a sale that was paid on hold. Again, it changes nothing.
pub async fn collect(
    write: &mut Write,
    sale: i64,
    through: PaidThrough,
    hold_days: u32,
    at: Timestamp,
) -> Result<(), Error> {
    let sale = find(write, sale).await?;
    if sale.collected_at.is_some() {
        return Ok(());
    }
    let policy = super::version(write, sale.policy).await?;
    let after = |days: u32| {
        at.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .map_err(|error| Error::Invalid(format!("a hold of {days} days: {error}")))
    };
    let (available_at, reserve_until) = (after(hold_days)?, after(policy.reserve.days)?);
    let mut transaction = Transaction::new(TransactionKind::Collected, sale.id, at)
        .about(format!("sale {} to {} is paid: on hold", sale.id, sale.customer))
        .link("sale", sale.id);
    for lot in lots::of_sale(write, sale.id).await? {
        let partner = || lot.partner.clone();
        transaction = transaction
            .debit(Account::Accrued(partner()), lot.reserve_left()?.plus(lot.rest_left()?)?)
            .credit(Account::Pending(partner()), lot.rest_left()?)
            .credit(Account::Reserve(partner()), lot.reserve_left()?);
    }
    if !transaction.postings.is_empty() {
        ledger::post(write, transaction).await?;
    }
    sqlx::query("update lots set available_at = $1, reserve_until = $2 where sale = $3")
        .bind(time(available_at))
        .bind(time(reserve_until))
        .bind(sale.id)
        .execute(&mut **write)
        .await?;
    sqlx::query("update sales set collected_at = $1, paid_through = $2 where id = $3")
        .bind(time(at))
        .bind(through.as_str())
        .bind(sale.id)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Gives up a sale whose invoice is never paid: adds to the transaction that writes the invoice off.
pub async fn void(
    write: &mut Write,
    sale: i64,
    mut transaction: Transaction,
    at: Timestamp,
) -> Result<Transaction, Error> {
    let sale = find(write, sale).await?;
    for mut lot in lots::of_sale(write, sale.id).await? {
        let left = lot.reserve_left()?.plus(lot.rest_left()?)?;
        transaction = transaction.debit(Account::Accrued(lot.partner.clone()), left);
        lot.returned_minor = lot.share.minor();
        lot.reserve_returned_minor = lot.reserve_minor;
        lot.save_returned(write).await?;
    }
    sqlx::query("update sales set void_at = $1 where id = $2")
        .bind(time(at))
        .bind(sale.id)
        .execute(&mut **write)
        .await?;
    Ok(transaction.debit(Account::Commission, sale.commission.minus(sale.commission_returned)?))
}
