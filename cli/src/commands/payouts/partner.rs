//! What a partner sees: balances, transactions, statements, and where each cent of a payout came from.

use chandlery_package::wire::{
    Document, Earning, ExplainedPayout, Held, NextPayout, Page, PartnerBalance, PublishedStatement, Recovery,
};
use chandlery_package::{Balance, Month, Namespace};
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Shows what a partner has on hold, available and paid.
pub async fn balance(context: &Context, partner: &Namespace) -> Result {
    let page: Page<PartnerBalance> =
        context.registry_list(&format!("/api/v1/partners/{partner}/balances")).await?;
    let row = |balance: &PartnerBalance| {
        [
            balance.accrued,
            balance.on_hold,
            balance.reserve,
            balance.available,
            balance.in_transit,
            balance.paid,
            balance.owed,
        ]
        .map(|money| money.to_string())
        .to_vec()
    };
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let titles =
        [">unpaid by customers", ">on hold", ">reserve", ">available", ">on its way", ">paid", ">owed back"];
    show::table(&titles, page.items.iter().map(row));
    for PartnerBalance { next_payout: NextPayout { amount, minimum, not_before }, .. } in &page.items {
        let when = not_before.map(|from| format!(" from {} on", from.strftime("%F"))).unwrap_or_default();
        match amount.minor() {
            ..=0 => {}
            minor if minor < minimum.minor() => {
                show::note(format!("{amount} wait until they are {minimum}, the least that is paid out"))
            }
            _ => show::note(format!("{amount} are paid out by the next run{when}")),
        }
    }
    Ok(())
}

/// Shows every change of a partner's money.
pub async fn transactions(context: &Context, partner: &Namespace, csv: bool) -> Result {
    let path = format!("/api/v1/partners/{partner}/transactions");
    if csv {
        show::document(&context.registry_text(&format!("{path}.csv")).await?);
        return Ok(());
    }
    let page: Page<Earning> = context.registry_list(&path).await?;
    let row = |earning: &Earning| {
        vec![
            earning.transaction.to_string(),
            earning.at.strftime("%F").to_string(),
            earning.description.clone(),
            earning.gross.map(|gross| gross.to_string()).unwrap_or_default(),
            earning.net.to_string(),
        ]
    };
    match context.settings.json {
        true => show::json(page),
        false => {
            show::table(&[">no.", "date", "what", ">customer pays", ">balance"], page.items.iter().map(row))
        }
    }
    Ok(())
}

/// Shows a partner's statements.
pub async fn statements(context: &Context, partner: &Namespace, month: Option<Month>) -> Result {
    let query = month.map(|month| format!("?month={month}")).unwrap_or_default();
    let path = format!("/api/v1/partners/{partner}/statements{query}");
    let page: Page<PublishedStatement> = context.registry_list(&path).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |PublishedStatement { statement, log_index, .. }: &PublishedStatement| {
        let held = |held: &Held| {
            let shown = held.iter().filter_map(|(account, minor)| {
                Some(format!("{account} {}", Balance::new(*minor, statement.currency).ok()?))
            });
            shown.collect::<Vec<_>>().join("\n")
        };
        vec![
            statement.month.to_string(),
            held(&statement.opening),
            statement.lines.len().to_string(),
            held(&statement.closing),
            log_index.to_string(),
        ]
    };
    show::table(
        &["month", "at its beginning", ">changes", "at its end", ">log entry"],
        page.items.iter().map(row),
    );
    Ok(())
}

/// Shows where every cent of a payout came from.
pub async fn explain(context: &Context, id: i64) -> Result {
    let found: ExplainedPayout =
        context.registry(Method::GET, &format!("/api/v1/payouts/{id}/explain"), ()).await?;
    if context.settings.json {
        show::json(found);
        return Ok(());
    }
    let payout = &found.payout;
    show::done(format!("payout {id} of {} to '{}' is {}", payout.amount, payout.partner, payout.state));
    if !payout.withheld.is_zero() || payout.sent != payout.amount {
        show::check("sent", &format!("{}, after {} withheld for the state", payout.sent, payout.withheld));
    }
    for item in &found.items {
        show::check(item.kind.as_str(), &item.amount.to_string());
        let Some(lot) = &item.lot else { continue };
        let sale = &lot.sale;
        let what = sale.plugin.as_ref().map_or_else(|| "a service".into(), ToString::to_string);
        let shared = match (sale.gross, sale.commission) {
            (Some(gross), Some(commission)) => {
                format!(
                    "{gross} paid, {} for you, {commission} commission by policy {}",
                    lot.share, sale.policy
                )
            }
            _ => format!("{} for you, who referred the customer", lot.share),
        };
        show::note(format!("sale {} of {what} to '{}', {}: {shared}", sale.sale, sale.customer, sale.source));
        if let Some(rating) = &sale.rating {
            show::note(format!(
                "from {} usage events of {}, which cost {} in all: {} …",
                rating.events,
                rating.month,
                rating.charged,
                rating.event_ids.first().map_or("", String::as_str)
            ));
        }
        if let Some((invoice, payment)) = &sale.invoice {
            let payment = payment.as_deref().unwrap_or("the customer's credit");
            let until = lot.available_at.map(|at| at.strftime("%F").to_string()).unwrap_or_default();
            show::note(format!("invoice {invoice}, paid by {payment}; on hold until {until}"));
        }
    }
    for Recovery { step, amount } in &found.recoveries {
        let on = step.at.strftime("%F");
        show::warning(format!("{amount} were taken for what you owed · {on} · {}", step.description));
    }
    for step in &found.transactions {
        show::note(format!("{} · {} · by {}", step.at.strftime("%F"), step.description, step.by));
    }
    Ok(())
}

/// Shows a partner's self-billed invoices, or prints one.
pub async fn self_billed(context: &Context, partner: &Namespace, number: Option<i64>, xml: bool) -> Result {
    let path = format!("/api/v1/partners/{partner}/self-billed");
    if let Some(number) = number {
        let form = if xml { "xml" } else { "page" };
        show::document(&context.registry_text(&format!("{path}/{number}/{form}")).await?);
        return Ok(());
    }
    let page: Page<Document> = context.registry_list(&path).await?;
    let row = |document: &Document| {
        let [net, tax, total] = [document.net, document.tax, document.total].map(|money| money.to_string());
        vec![
            document.number.clone(),
            document.issued_on.to_string(),
            net,
            document.terms.name.clone(),
            tax,
            total,
        ]
    };
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(
            &["number", "issued", ">net", "taxed by", ">tax", ">total"],
            page.items.iter().map(row),
        ),
    }
    Ok(())
}
