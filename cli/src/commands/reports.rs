//! `chandlery report`, by which anybody reports abuse, and `chandlery reports`, for operators.

use chandlery_package::Subject;
use chandlery_package::wire::{
    NewReport, NewResolution, Page, Report as Reported, ReportOutcome, ReportReceipt,
};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::show;

const REPORTS: &str = "/api/v1/reports";

/// Report a plugin or a release that does harm, or is not what it says.
#[derive(Args)]
pub struct Report {
    /// acme:ocr-server, or one release of it, such as acme:ocr-server@1.0.0
    subject: Subject,
    /// What is wrong with it
    #[arg(long)]
    why: String,
}

impl Report {
    pub async fn run(self, context: &Context) -> Result {
        let new = NewReport { subject: self.subject, why: self.why };
        let receipt: ReportReceipt = context.registry(Method::POST, REPORTS, new).await?;
        match context.settings.json {
            true => show::json(receipt),
            false => show::done(format!(
                "thank you: the registry's operators look into it as report {}, and alone see who made it",
                receipt.id
            )),
        }
        Ok(())
    }
}

/// See and resolve reports of abuse (for operators).
#[derive(Args)]
pub struct Reports {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Show all reports, also those that were resolved
    List,
    /// Write down what became of a report, for whoever made it, too
    Resolve {
        /// The report's number
        number: i64,
        /// What became of it
        #[arg(value_parser = one_of::<ReportOutcome>())]
        outcome: ReportOutcome,
        /// Why, for whoever made the report
        note: String,
    },
}

impl Reports {
    pub async fn run(self, context: &Context) -> Result {
        match self.act {
            None => list(context, &format!("{REPORTS}?open=true")).await,
            Some(Act::List) => list(context, REPORTS).await,
            Some(Act::Resolve { number, outcome, note }) => {
                let path = format!("{REPORTS}/{number}/resolution");
                context.tell_registry(Method::PUT, &path, NewResolution { outcome, note }).await?;
                match context.settings.json {
                    true => show::json(json!({ "id": number, "outcome": outcome })),
                    false => show::done(format!("report {number} is resolved: {outcome}")),
                }
                Ok(())
            }
        }
    }
}

async fn list(context: &Context, path: &str) -> Result {
    let page: Page<Reported> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |report: &Reported| {
        let outcome = report.resolution.as_ref().map(|resolution| resolution.outcome.to_string());
        vec![
            report.id.to_string(),
            report.subject.to_string(),
            report.reported_by.to_string(),
            report.reported_at.strftime("%Y-%m-%d %H:%M").to_string(),
            outcome.unwrap_or_else(|| "open".into()),
            report.why.clone(),
        ]
    };
    let headings = [">no.", "about", "by", "at (UTC)", "state", "what is wrong"];
    show::table(&headings, page.items.iter().map(row));
    Ok(())
}
