//! Who buys: what came of a partner's own sales of a time by the country that customers have told, and by the plan that they are on now.

use chandlery_package::{Currency, Namespace};
use sqlx::AnyConnection;

use super::{Range, Sold};
use crate::Error;

chandlery_package::words! {
    /// By what customers are told apart.
    #[derive(Default)]
    pub enum By: "group of customers" {
        /// The country that a customer has told for its taxes.
        #[default]
        Country = "country",
        /// The plan that a customer is on now.
        Segment = "segment",
    }
}

/// What came of the sales to some customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The country by its two letters, or the plan; `unknown` where the customer has told none.
    pub name: String,
    /// How many of them have bought.
    pub customers: i64,
    /// What came of it.
    pub sold: Sold,
}

macro_rules! select_by {
    ($by:literal, $join:literal) => {
        concat!(
            "select ",
            $by,
            ", count(distinct sales.customer), count(case when void_at is null then 1 end),
             cast(sum(gross_minor) as bigint), cast(sum(refunded_minor) as bigint), cast(sum(disputed_minor) as bigint),
             cast(sum(case when void_at is null then 0 else gross_minor - refunded_minor - disputed_minor end) as bigint),
             cast(sum(own.share_minor - own.returned_minor) as bigint),
             cast(coalesce(sum(other.share_minor - other.returned_minor), 0) as bigint)
             from sales join lots own on own.sale = sales.id and own.role = 'seller'
             left join lots other on sales.referred = 1 and other.sale = sales.id and other.role = 'referrer' ",
            $join,
            " where seller = $1 and sales.currency = $2 and sold_at >= $3 and sold_at < $4 group by 1 order by 1"
        )
    };
}

/// What came of the partner's own sales of a time, in one currency, in the order of the groups' names.
pub async fn audience(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
    by: By,
) -> Result<Vec<Audience>, Error> {
    type Row = (String, i64, i64, i64, i64, i64, i64, i64, i64);
    let sql = match by {
        By::Country => select_by!(
            "coalesce(nullif(billing_profiles.country, ''), 'unknown')",
            "left join billing_profiles on billing_profiles.account = sales.customer"
        ),
        By::Segment => select_by!(
            "coalesce(subscriptions.tier, 'free')",
            "left join subscriptions on subscriptions.account = sales.customer"
        ),
    };
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(partner.as_str())
        .bind(currency.code())
        .bind(range.since())
        .bind(range.until())
        .fetch_all(db)
        .await?;
    let read = |row: Row| {
        let (name, customers, sales, gross, refunded, disputed, unpaid, own_share, referrers) = row;
        let sold = Sold { sales, gross, refunded, disputed, unpaid, own_share, referrers, referral: 0 };
        Audience { name, customers, sold }
    };
    Ok(rows.into_iter().map(read).collect())
}
