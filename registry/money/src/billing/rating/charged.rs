//! What each close has charged of a month's use, and on which lines of invoices: to be compared with the records of that use.

use chandlery_package::column::Text;
use chandlery_package::wire::{ChargedClose, ChargedLine, Page, Paging, UsageCharge};
use chandlery_package::{Money, Month, Namespace};
use sqlx::AnyConnection;

use crate::Error;
use crate::billing::orders;

/// Which charges are asked for.
pub(crate) struct Wanted<'a> {
    /// Of one month; none: of all.
    pub month: Option<Month>,
    /// Of what is on this invoice; none: of all.
    pub invoice: Option<i64>,
    /// Of what this account sells; none: of everything.
    pub seller: Option<&'a Namespace>,
}

/// The place of a charge among its customer's: its order and its month.
pub(crate) type Place = (String, Month);

/// What a customer was charged for months, by order.
pub(crate) async fn charges(
    db: &mut AnyConnection,
    customer: &Namespace,
    wanted: &Wanted<'_>,
    paging: &Paging<Place>,
) -> Result<Page<UsageCharge>, Error> {
    let (after, after_month) = paging
        .after()
        .map_or_else(Default::default, |(reference, month)| (reference.clone(), month.to_string()));
    let rows: Vec<(String, Text<Month>)> = sqlx::query_as(
        "select distinct ratings.reference, ratings.month from ratings
         join orders on orders.reference = ratings.reference join plugins on plugins.id = orders.plugin
         where orders.customer = $1 and ($2 = '' or ratings.month = $2)
           and ($3 = '' or plugins.namespace in
                   (select namespace from namespace_members where account = $3 and role = 'owner'))
           and ($4 < 0 or exists (select 1 from rating_sales
                   join invoice_lines on invoice_lines.sale = rating_sales.sale
                   where rating_sales.reference = ratings.reference and rating_sales.month = ratings.month
                     and invoice_lines.invoice = $4))
           and (ratings.reference > $5 or ratings.reference = $5 and ratings.month > $6)
         order by ratings.reference, ratings.month limit $7",
    )
    .bind(customer.as_str())
    .bind(wanted.month.map(|month| month.to_string()).unwrap_or_default())
    .bind(wanted.seller.map_or("", Namespace::as_str))
    .bind(wanted.invoice.unwrap_or(-1))
    .bind(after)
    .bind(after_month)
    .bind(paging.rows())
    .fetch_all(&mut *db)
    .await?;
    let page = paging.cut(rows, |(reference, Text(month))| (reference.clone(), *month));
    let mut items = Vec::with_capacity(page.items.len());
    for (reference, Text(month)) in page.items {
        let order = orders::find(db, &reference).await?;
        let none = Money::zero(order.offer.price.currency());
        let closes = closes(db, &reference, month, none).await?;
        items.push(UsageCharge { order, month, closes });
    }
    Ok(Page { items, next: page.next })
}

/// What each close has charged of a month of an order. `none` is nothing, of the order's currency.
async fn closes(
    db: &mut AnyConnection,
    reference: &str,
    month: Month,
    none: Money,
) -> Result<Vec<ChargedClose>, Error> {
    let rated: Vec<(Text<Month>, i64, i64)> = sqlx::query_as(
        "select invoiced_in, used, charged_minor from ratings
         where reference = $1 and month = $2 order by invoiced_in",
    )
    .bind(reference)
    .bind(month.to_string())
    .fetch_all(&mut *db)
    .await?;
    let mut closes = Vec::with_capacity(rated.len());
    for (Text(closed), used, charged) in rated {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "select invoice, quantity, amount_minor from rating_sales
             join invoice_lines on invoice_lines.sale = rating_sales.sale
             where reference = $1 and month = $2 and invoiced_in = $3 order by invoice, line",
        )
        .bind(reference)
        .bind(month.to_string())
        .bind(closed.to_string())
        .fetch_all(&mut *db)
        .await?;
        let line = |(invoice, quantity, minor): (i64, String, i64)| {
            Ok(ChargedLine { invoice, quantity, amount: none.with_minor(minor)? })
        };
        let lines = rows.into_iter().map(line).collect::<Result<_, Error>>()?;
        closes.push(ChargedClose {
            closed,
            used: used.unsigned_abs(),
            charged: none.with_minor(charged)?,
            lines,
        });
    }
    Ok(closes)
}
