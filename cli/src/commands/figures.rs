//! `chandlery figures`: what investors ask for, each figure with its definition, and the rows below it.

use chandlery_money::figures::DEFINITIONS;
use chandlery_package::wire::{FigureRows, Figures as Answer, MonthFigures, Ratio};
use chandlery_package::{Balance, Month};
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Show the figures.
#[derive(Args)]
pub struct Figures {
    /// Show what a month's figures are made of, such as 2026-10
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Say what each figure means
    #[arg(long)]
    definitions: bool,
}

impl Figures {
    pub async fn run(self, context: &Context) -> Result {
        if self.definitions {
            for (figure, meaning) in DEFINITIONS {
                show::check(figure, meaning);
            }
            return Ok(());
        }
        match self.month {
            Some(month) => rows(context, month).await,
            None => months(context).await,
        }
    }
}

async fn months(context: &Context) -> Result {
    let answer: Answer = context.registry(Method::GET, "/api/v1/figures", ()).await?;
    if context.settings.json {
        show::json(answer.months);
        return Ok(());
    }
    let percent = |ratio: Option<Ratio>| ratio.map(Ratio::percent).unwrap_or_default();
    let row = |month: &MonthFigures| {
        vec![
            month.month.to_string(),
            month.mrr.to_string(),
            month.accounts.to_string(),
            month.new.to_string(),
            month.expansion.to_string(),
            month.contraction.negated().to_string(),
            month.churn.negated().to_string(),
            percent(month.nrr),
            percent(month.grr),
            percent(month.gross_margin),
            month.magic_number.map(Ratio::times).unwrap_or_default(),
        ]
    };
    let headings = [
        "month",
        ">MRR",
        ">accounts",
        ">new",
        ">expansion",
        ">contraction",
        ">churn",
        ">NRR",
        ">GRR",
        ">margin",
        ">magic",
    ];
    show::table(&headings, answer.months.iter().map(row));
    for left_out in answer.months.iter().flat_map(|month| &month.left_out) {
        show::warning(left_out);
    }
    show::note("`--definitions` says what each means, `--month MONTH` what it is made of");
    Ok(())
}

async fn rows(context: &Context, month: Month) -> Result {
    let rows: FigureRows = context.registry(Method::GET, &format!("/api/v1/figures/{month}"), ()).await?;
    if context.settings.json {
        show::json(rows);
        return Ok(());
    }
    let money = |money: &Balance| money.to_string();
    let accounts = rows.accounts.iter().map(|row| {
        let (before, now) = (money(&row.before), money(&row.now));
        vec![
            row.account.to_string(),
            row.tier.to_string(),
            row.change.to_string(),
            before,
            now,
            row.invoice.to_string(),
        ]
    });
    show::table(&["account", "tier", "change", ">before", ">now", ">invoice"], accounts);
    let postings =
        rows.postings.iter().map(|row| vec![row.account.clone(), money(&row.posted), money(&row.converted)]);
    show::table(&["account of the ledger", ">posted", ">in the figures"], postings);
    for left_out in &rows.left_out {
        show::warning(left_out);
    }
    Ok(())
}
