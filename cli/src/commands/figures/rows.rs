//! What a month's figures are made of.

use chandlery_package::Month;
use chandlery_package::wire::{FigureRows, PostingRow};
use reqwest::Method;

use super::answer::money;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Shows the rows below a month's figures.
pub async fn show(context: &Context, month: Month) -> Result {
    let rows: FigureRows = context.registry(Method::GET, &format!("/api/v1/figures/{month}"), ()).await?;
    if context.settings.json {
        show::json(rows);
        return Ok(());
    }
    let accounts = rows.accounts.iter().map(|row| {
        vec![
            row.account.to_string(),
            row.tier.to_string(),
            row.change.map_or_else(|| "no exchange rate".into(), |change| change.to_string()),
            money(row.before),
            money(row.now),
            row.invoice.to_string(),
        ]
    });
    show::table(&["account", "tier", "change", ">before", ">now", ">invoice"], accounts);
    postings("account of the ledger", &rows.postings);
    let sales = rows.sales.iter().map(|row| {
        let of = if row.services { "services" } else { "plugins" };
        vec![
            row.seller.to_string(),
            of.into(),
            row.sales.to_string(),
            row.gross.to_string(),
            money(row.converted),
            money(row.kept_converted),
        ]
    });
    show::table(&["seller", "of", ">sales", ">gross", ">in GMV", ">kept"], sales);
    let refunds = rows.refunds.iter().map(|row| {
        vec![
            row.credit_note.to_string(),
            row.invoice.map(|invoice| invoice.to_string()).unwrap_or_default(),
            row.amount.to_string(),
            money(row.converted),
        ]
    });
    show::table(&["credit note", ">invoice", ">given back", ">in the figures"], refunds);
    postings("taken back by customers' banks", &rows.chargebacks);
    if let Some(now) = rows.to_date {
        show::note(format!("{month} is to date: until {}", now.strftime("%Y-%m-%d")));
    }
    Ok(())
}

fn postings(heading: &str, rows: &[PostingRow]) {
    let rows = rows.iter().map(|row| vec![row.account.clone(), row.posted.to_string(), money(row.converted)]);
    show::table(&[heading, ">posted", ">in the figures"], rows);
}
