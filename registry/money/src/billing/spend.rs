//! What an account was invoiced for, by month and by what it was for.

use chandlery_package::column::Text;
use chandlery_package::wire::InvoiceLineKind;
use chandlery_package::{Currency, Money, Month, Namespace, PluginId};
use chandlery_store::time;
use sqlx::AnyConnection;

use crate::Error;

/// What was invoiced in a month for one thing, less what credit notes have given back of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The month in which it was invoiced.
    pub month: Month,
    /// What kind of thing was charged.
    pub kind: InvoiceLineKind,
    /// The plugin that it was for; none: a subscription or a service.
    pub plugin: Option<PluginId>,
    /// Without taxes; what was paid from credit counts.
    pub net: Money,
}

type Row = (Text<Month>, Text<InvoiceLineKind>, Option<Text<PluginId>>, Text<Currency>, i64);

/// What an account was invoiced from a month on, the latest first.
pub async fn spend(db: &mut AnyConnection, account: &Namespace, since: Month) -> Result<Vec<Spent>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select substr(invoices.issued_at, 1, 7) as month, invoice_lines.kind, sales.plugin, invoices.currency,
                cast(sum(invoice_lines.amount_minor - invoice_lines.refunded_minor) as bigint)
         from invoices join invoice_lines on invoice_lines.invoice = invoices.number
         left join sales on sales.id = invoice_lines.sale
         where invoices.account = $1 and invoices.issued_at >= $2
         group by substr(invoices.issued_at, 1, 7), invoice_lines.kind, sales.plugin, invoices.currency
         order by 1 desc, 2, 3, 4",
    )
    .bind(account.as_str())
    .bind(time(since.first_moment()))
    .fetch_all(db)
    .await?;
    let read = |(Text(month), Text(kind), plugin, Text(currency), minor): Row| {
        let plugin = plugin.map(|Text(plugin)| plugin);
        Ok(Spent { month, kind, plugin, net: Money::new(minor, currency)? })
    };
    rows.into_iter().map(read).collect()
}
