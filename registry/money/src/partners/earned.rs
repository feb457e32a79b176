//! What came of the sales that were made in a time, less what was taken back of them until now: by day or month and by plugin, in one
//! look at the sales of the time and of the one before it.

use std::collections::BTreeMap;

use chandlery_package::{Balance, Currency, Namespace};
use sqlx::AnyConnection;

use super::Range;
use crate::Error;

/// What services are called where plugins have their names.
const SERVICES: &str = "services";

/// What came of sales, in minor units of one currency. Of sales that the partner has only referred, its own share is all that it is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sold {
    /// How many sales, without those that were never paid.
    pub sales: i64,
    /// The prices of the partner's own sales, without taxes.
    pub gross: i64,
    /// What of that was given back, with credit notes or by a dispute that was lost.
    pub refunded: i64,
    /// What of that is disputed, and not decided.
    pub disputed: i64,
    /// What of that was never paid, and was given up.
    pub unpaid: i64,
    /// What is left to the partner of its own sales.
    pub own_share: i64,
    /// What is left to those who have referred the customers of its own sales.
    pub referrers: i64,
    /// What is left to the partner of the sales of others whose customers it has referred.
    pub referral: i64,
}

impl Sold {
    /// What customers pay for the partner's own sales.
    pub fn paid(&self) -> i64 {
        self.gross - self.refunded - self.disputed - self.unpaid
    }

    /// What of that the marketplace keeps.
    pub fn marketplace(&self) -> i64 {
        self.paid() - self.own_share - self.referrers
    }

    /// What customers pay as the lists of months and plugins have it: of what was only referred, the partner's own share.
    pub fn told(&self) -> i64 {
        self.paid() + self.referral
    }

    /// What is left to the partner.
    pub fn share(&self) -> i64 {
        self.own_share + self.referral
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sales += other.sales;
        self.gross += other.gross;
        self.refunded += other.refunded;
        self.disputed += other.disputed;
        self.unpaid += other.unpaid;
        self.own_share += other.own_share;
        self.referrers += other.referrers;
        self.referral += other.referral;
    }
}

/// A day or a month, and what came of its sales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSold {
    /// `2026-11-28` or `2026-11`.
    pub step: String,
    /// What came of the sales that were made then.
    pub sold: Sold,
}

/// A plugin, and what came of its sales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSold {
    /// Its name, or `services`.
    pub plugin: String,
    /// In the time.
    pub now: Sold,
    /// In the time before.
    pub before: Sold,
}

/// What came of the sales of a time, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// Of all amounts.
    pub currency: Currency,
    /// In the time.
    pub now: Sold,
    /// In the time before.
    pub before: Sold,
    /// Each day or month of the time, the earliest first, whether anything was sold or not.
    pub steps: Vec<StepSold>,
    /// Each plugin that was sold in the time or in the one before, by name.
    pub plugins: Vec<PluginSold>,
}

impl Earned {
    /// So many minor units of the currency.
    pub fn money(&self, minor: i64) -> Result<Balance, Error> {
        Ok(Balance::new(minor, self.currency)?)
    }
}

/// Selects from sales that are one's own. The values are the partner, the currency, and the first moments of the time before, of
/// the time, and after it.
macro_rules! select_own {
    ($step:literal) => {
        concat!(
            "select cast(case when sold_at >= $4 then 1 else 0 end as bigint), substr(sold_at, 1, ",
            $step,
            "), coalesce(plugin, ''), count(case when void_at is null then 1 end),
             cast(sum(gross_minor) as bigint), cast(sum(refunded_minor) as bigint), cast(sum(disputed_minor) as bigint),
             cast(sum(case when void_at is null then 0 else gross_minor - refunded_minor - disputed_minor end) as bigint),
             cast(sum(own.share_minor - own.returned_minor) as bigint),
             cast(coalesce(sum(other.share_minor - other.returned_minor), 0) as bigint)
             from sales join lots own on own.sale = sales.id and own.role = 'seller'
             left join lots other on sales.referred = 1 and other.sale = sales.id and other.role = 'referrer'
             where seller = $1 and sales.currency = $2 and sold_at >= $3 and sold_at < $5
             group by 1, 2, 3"
        )
    };
}

/// The same of the sales of others.
macro_rules! select_referred {
    ($step:literal) => {
        concat!(
            "select cast(case when sold_at >= $4 then 1 else 0 end as bigint), substr(sold_at, 1, ",
            $step,
            "), coalesce(plugin, ''), count(case when void_at is null then 1 end),
             cast(sum(share_minor - returned_minor) as bigint)
             from lots join sales on sales.id = lots.sale
             where partner = $1 and lots.currency = $2 and role = 'referrer' and sold_at >= $3 and sold_at < $5
             group by 1, 2, 3"
        )
    };
}

/// A part of what came of sales: whether it is of the time or of the one before, when that was, and of which plugin.
type Part = (bool, String, String, Sold);

/// What came of the sales that were made in a time and in the one before it.
pub async fn earned(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<Earned, Error> {
    let mut parts = own(db, partner, currency, range).await?;
    parts.extend(referred(db, partner, currency, range).await?);
    let (mut now, mut before) = (Sold::default(), Sold::default());
    let mut steps: BTreeMap<String, Sold> =
        range.steps().into_iter().map(|step| (step, Sold::default())).collect();
    let mut plugins: BTreeMap<String, (Sold, Sold)> = BTreeMap::new();
    for (is_now, step, plugin, sold) in parts {
        let plugin = if plugin.is_empty() { SERVICES.to_owned() } else { plugin };
        let (of_now, of_before) = plugins.entry(plugin).or_default();
        match is_now {
            true => {
                now.add(&sold);
                of_now.add(&sold);
                steps.entry(step).or_default().add(&sold);
            }
            false => {
                before.add(&sold);
                of_before.add(&sold);
            }
        }
    }
    Ok(Earned {
        currency,
        now,
        before,
        steps: steps.into_iter().map(|(step, sold)| StepSold { step, sold }).collect(),
        plugins: plugins
            .into_iter()
            .map(|(plugin, (now, before))| PluginSold { plugin, now, before })
            .collect(),
    })
}

async fn own(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<Vec<Part>, Error> {
    type Row = (i64, String, String, i64, i64, i64, i64, i64, i64, i64);
    let sql = if range.is_by_day() { select_own!("10") } else { select_own!("7") };
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(partner.as_str())
        .bind(currency.code())
        .bind(range.before().since())
        .bind(range.since())
        .bind(range.until())
        .fetch_all(db)
        .await?;
    let read = |row: Row| {
        let (is_now, step, plugin, sales, gross, refunded, disputed, unpaid, own_share, referrers) = row;
        let sold = Sold { sales, gross, refunded, disputed, unpaid, own_share, referrers, referral: 0 };
        (is_now == 1, step, plugin, sold)
    };
    Ok(rows.into_iter().map(read).collect())
}

async fn referred(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<Vec<Part>, Error> {
    let sql = if range.is_by_day() { select_referred!("10") } else { select_referred!("7") };
    let rows: Vec<(i64, String, String, i64, i64)> = sqlx::query_as(sql)
        .bind(partner.as_str())
        .bind(currency.code())
        .bind(range.before().since())
        .bind(range.since())
        .bind(range.until())
        .fetch_all(db)
        .await?;
    let read = |(is_now, step, plugin, sales, referral): (i64, String, String, i64, i64)| {
        (is_now == 1, step, plugin, Sold { sales, referral, ..Sold::default() })
    };
    Ok(rows.into_iter().map(read).collect())
}
