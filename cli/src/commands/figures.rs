//! `chandlery figures`: what investors ask for, each figure with its definition, its target, and the rows below it.

mod answer;
mod cohorts;
mod rows;
mod target;

use chandlery_money::figures::meaning;
use chandlery_package::wire::{Figure, MonthFigures, Ratio};
use chandlery_package::{Balance, Month};
use clap::{Args, Subcommand};

use self::answer::{ask, money};
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Show the figures.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Figures {
    #[command(subcommand)]
    what: Option<What>,
    /// Show what a month's figures are made of, such as 2026-10
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Say what each figure means
    #[arg(long)]
    definitions: bool,
}

#[derive(Subcommand)]
enum What {
    /// Show every figure of a month, what it means, and what it is meant to be
    Show(Show),
    /// Show customers by the month of their first payment, and what became of them
    Cohorts(cohorts::Cohorts),
    /// Set what figures are meant to be, and compare them
    #[command(subcommand)]
    Target(target::Target),
}

/// Show every figure of a month
#[derive(Args)]
struct Show {
    /// The month, such as 2026-10; the one that is not over, unless given
    #[arg(value_name = "MONTH")]
    month: Option<Month>,
}

impl Figures {
    pub async fn run(self, context: &Context) -> Result {
        if self.definitions {
            for figure in Figure::ALL {
                show::check(figure.title(), meaning(figure));
            }
            return Ok(());
        }
        match (self.what, self.month) {
            (Some(What::Show(show)), _) => show.run(context).await,
            (Some(What::Cohorts(cohorts)), _) => cohorts.run(context).await,
            (Some(What::Target(target)), _) => target.run(context).await,
            (None, Some(month)) => rows::show(context, month).await,
            (None, None) => months(context).await,
        }
    }
}

async fn months(context: &Context) -> Result {
    let answer = ask(context).await?;
    if context.settings.json {
        show::json(answer.months);
        return Ok(());
    }
    let percent = |ratio: Option<Ratio>| ratio.map(Ratio::percent).unwrap_or_default();
    let row = |month: &MonthFigures| {
        vec![
            month.month.to_string(),
            money(month.mrr),
            month.accounts.to_string(),
            money(month.new),
            money(month.churn.map(Balance::negated)),
            percent(month.nrr),
            percent(month.gross_margin),
        ]
    };
    // As many as 80 columns have room for.
    let headings = ["month", ">MRR", ">accounts", ">new", ">churn", ">NRR", ">margin"];
    show::table(&headings, answer.months.iter().map(row));
    if let Some((month, now)) = answer.months.last().and_then(|last| Some((last.month, last.to_date?))) {
        show::note(format!("{month} is to date: until {}", now.strftime("%Y-%m-%d")));
    }
    show::note(
        "`figures show MONTH` has all of them, `--definitions` what each means, `--month MONTH` what it is made of",
    );
    Ok(())
}

impl Show {
    async fn run(self, context: &Context) -> Result {
        let answer = ask(context).await?;
        let wanted = |month: &&MonthFigures| self.month.is_none_or(|wanted| month.month == wanted);
        let Some(month) = answer.months.iter().rev().find(wanted) else {
            return Err(Failure::of("nothing has happened by then: `chandlery figures` lists the months"));
        };
        if context.settings.json {
            show::json(month);
            return Ok(());
        }
        for figure in Figure::ALL {
            let against = answer.compared(month, figure).map(|row| match row.difference {
                Some(difference) => format!("; target {}, difference {difference}", row.target),
                None => format!("; target {}", row.target),
            });
            show::headline(
                figure.title(),
                &format!("{}{}", month.shown(figure), against.unwrap_or_default()),
            );
            show::same(meaning(figure));
        }
        if let Some(now) = month.to_date {
            show::note(format!("{} is to date: until {}", month.month, now.strftime("%Y-%m-%d")));
        }
        Ok(())
    }
}
