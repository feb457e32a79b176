//! Who buys: what came of a partner's own sales of a time by the country that customers have told, and by the plan that they are on now.

use std::collections::BTreeMap;

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

/// What came of the sales to all customers, told apart in each way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audiences {
    /// By country, in the order of their letters.
    pub countries: Vec<Audience>,
    /// By plan, in the order of their names.
    pub segments: Vec<Audience>,
}

impl Audiences {
    /// Those that are told apart so.
    pub fn by(self, by: By) -> Vec<Audience> {
        match by {
            By::Country => self.countries,
            By::Segment => self.segments,
        }
    }
}

/// What came of the partner's own sales of a time, in one currency.
pub async fn audiences(
    db: &mut AnyConnection,
    partner: &Namespace,
    currency: Currency,
    range: &Range,
) -> Result<Audiences, Error> {
    type Row = (String, String, i64, i64, i64, i64, i64, i64, i64, i64);
    // Customers are far fewer than sales: what is known of them is looked up once for each.
    let rows: Vec<Row> = sqlx::query_as(
        "select coalesce(nullif(country, ''), 'unknown'), coalesce(tier, 'free'), count(*), cast(sum(sales) as bigint),
                cast(sum(gross) as bigint), cast(sum(refunded) as bigint), cast(sum(disputed) as bigint),
                cast(sum(unpaid) as bigint), cast(sum(own) as bigint), cast(sum(other) as bigint)
         from (select sales.customer as customer, count(case when void_at is null then 1 end) as sales,
                      sum(gross_minor) as gross, sum(refunded_minor) as refunded, sum(disputed_minor) as disputed,
                      sum(case when void_at is null then 0 else gross_minor - refunded_minor - disputed_minor end) as unpaid,
                      sum(own.share_minor - own.returned_minor) as own,
                      coalesce(sum(other.share_minor - other.returned_minor), 0) as other
               from sales join lots own on own.sale = sales.id and own.role = 'seller'
               left join lots other on sales.referred = 1 and other.sale = sales.id and other.role = 'referrer'
               where seller = $1 and sales.currency = $2 and sold_at >= $3 and sold_at < $4
               group by sales.customer) as bought
         left join billing_profiles on billing_profiles.account = bought.customer
         left join subscriptions on subscriptions.account = bought.customer
         group by 1, 2 order by 1, 2",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(range.since())
    .bind(range.until())
    .fetch_all(db)
    .await?;
    let (mut countries, mut segments) = (BTreeMap::new(), BTreeMap::new());
    for (country, segment, customers, sales, gross, refunded, disputed, unpaid, own_share, referrers) in rows
    {
        let sold = Sold { sales, gross, refunded, disputed, unpaid, own_share, referrers, referral: 0 };
        for (groups, name) in [(&mut countries, country), (&mut segments, segment)] {
            let (known, sum): &mut (i64, Sold) = groups.entry(name).or_default();
            *known += customers;
            sum.add(&sold);
        }
    }
    Ok(Audiences { countries: listed(countries), segments: listed(segments) })
}

fn listed(groups: BTreeMap<String, (i64, Sold)>) -> Vec<Audience> {
    let read = |(name, (customers, sold))| Audience { name, customers, sold };
    groups.into_iter().map(read).collect()
}
