//! `chandlery books close`: the close of a month, and what it would do.

use chandlery_package::Month;
use chandlery_package::wire::{MonthClose, MonthTrial, Months, TrialInvoices, TrialPartner, TrialResult};
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

/// The months that are over, whether they are closed or not.
pub(super) async fn all_months(context: &Context) -> Result<Months> {
    context.registry(Method::GET, "/api/v1/ledger/months", ()).await
}

/// Says what is not charged, behind a sentence.
pub(super) fn left_out(what: &[String]) -> String {
    match what.is_empty() {
        true => String::new(),
        false => format!("; not charged yet: {}", what.join("; ")),
    }
}

/// Closes a month, the earliest that is open unless another one is named; or shows what that would do.
pub(super) async fn run(context: &Context, month: Option<Month>, dry_run: bool) -> Result {
    let month = match month {
        Some(month) => month,
        None => {
            let first = all_months(context).await?.due.first().copied();
            first.ok_or_else(|| Failure::new(&words::NOTHING_TO_CLOSE, "no month is over and open"))?
        }
    };
    match dry_run {
        true => try_out(context, month).await,
        false => close(context, month).await,
    }
}

async fn close(context: &Context, month: Month) -> Result {
    let spinner = (!context.settings.json).then(|| show::spinner(format!("closing {month}")));
    let closed: MonthClose =
        context.registry(Method::POST, &format!("/api/v1/ledger/months/{month}/close"), ()).await?;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    match context.settings.json {
        true => show::json(closed),
        false => show::done(format!(
            "{month} is closed: {} invoices, {} statements in the log{}",
            closed.invoices.len(),
            closed.statements,
            left_out(&closed.left_out)
        )),
    }
    Ok(())
}

async fn try_out(context: &Context, month: Month) -> Result {
    let tried: MonthTrial =
        context.registry(Method::GET, &format!("/api/v1/ledger/months/{month}/trial"), ()).await?;
    if context.settings.json {
        show::json(tried);
        return Ok(());
    }
    show::headline(month, "is not closed: this is what closing it would do");
    let invoiced = |of: &TrialInvoices| {
        let amounts = [of.net, of.tax, of.credit, of.total].map(|amount| amount.to_string());
        [vec![of.count.to_string()], amounts.into()].concat()
    };
    let columns = [">invoices", ">net", ">tax", ">by credit", ">total"];
    show::table(&columns, tried.invoiced.iter().map(invoiced));
    let of_partner = |of: &TrialPartner| {
        let amounts = [of.gross, of.paid, of.share, of.net, of.opening, of.closing];
        [vec![of.partner.to_string()], amounts.map(|amount| amount.to_string()).into()].concat()
    };
    let columns = ["partner", ">sold", ">customers pay", ">share", ">net", ">had before", ">has then"];
    show::table(&columns, tried.partners.iter().map(of_partner));
    let result = |of: &TrialResult| vec![of.account.clone(), of.before.to_string(), of.after.to_string()];
    show::table(&["account", ">so far", ">with the close"], tried.results.iter().map(result));
    for why in &tried.left_out {
        show::note(format!("could not be charged, and would be set aside: {why}"));
    }
    Ok(())
}
