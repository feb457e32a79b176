//! What was sold to each country under each rule, and the tax on it: invoices, less credit notes and what was given up, each in the
//! month that it is of.

use chandlery_package::column::Text;
use chandlery_package::wire::TaxReturnLine;
use chandlery_package::{Balance, Currency, Month};
use sqlx::AnyConnection;

use crate::Error;
use chandlery_store::time;

type Row = (String, String, String, Text<Currency>, i64, i64, i64);

/// The lines of a range of months: their tax sums to the change of the ledger's `tax:sales`.
pub async fn tax_return(db: &mut AnyConnection, from: Month, to: Month) -> Result<Vec<TaxReturnLine>, Error> {
    // What is given up has its tax in the ledger alone; what credit notes had taken off before is not given up again. An invoice that
    // was issued before documents were kept is of the country that its customer is billed in now.
    let rows: Vec<Row> = sqlx::query_as(
        "select coalesce(documents.country, billing_profiles.country, '') as of_country, coalesce(category, '') as of_category,
                tax_name, papers.currency as in_currency, cast(sum(count_of) as bigint), cast(sum(net) as bigint),
                cast(sum(tax) as bigint)
         from (select invoices.number as invoice, account, tax_name, currency, 1 as count_of, net_minor as net, tax_minor as tax
               from invoices where issued_at >= $1 and issued_at < $2
               union all
               select invoices.number, account, tax_name, refunds.currency, 1, -refunds.minor, -refunds.tax_minor
               from refunds join invoices on invoices.number = refunds.invoice
               where refunds.at >= $1 and refunds.at < $2
               union all
               select invoices.number, invoices.account, tax_name, invoices.currency, 0,
                      case kind when 'written-off' then -1 else 1 end
                      * (net_minor - (select coalesce(sum(refunds.minor), 0) from refunds
                                      where refunds.invoice = invoices.number and refunds.at <= ledger_transactions.at)),
                      -coalesce(ledger_postings.minor, 0)
               from ledger_transactions join invoices on ledger_transactions.key = kind || ':' || invoices.number
               left join ledger_postings on transaction_id = ledger_transactions.id
                                         and ledger_postings.account = 'liabilities:tax:sales'
               where kind in ('written-off', 'invoice-revived')
                 and ledger_transactions.at >= $1 and ledger_transactions.at < $2) as papers
         left join documents on series = 'INV' and documents.number = papers.invoice
         left join billing_profiles on billing_profiles.account = papers.account
         group by 1, 2, 3, 4 order by 1, 2, 3, 4",
    )
    .bind(time(from.first_moment()))
    .bind(time(to.next().first_moment()))
    .fetch_all(db)
    .await?;
    let read = |(country, category, rule, Text(currency), documents, taxable, tax): Row| {
        let sum = |minor: i64| Balance::new(minor, currency);
        let country = Some(country).filter(|country| !country.is_empty());
        let category = category.parse().ok();
        Ok(TaxReturnLine { country, category, rule, documents, taxable: sum(taxable)?, tax: sum(tax)? })
    };
    rows.into_iter().map(read).collect()
}
