//! `chandlery review`, by which a publisher asks for a review, and `chandlery reviews`, for operators.

use std::path::PathBuf;

use chandlery_package::wire::{
    NewReview, NewReviewDecision, Page, ReleaseChanges, Review as Reviewed, SetChanges, Verdict,
};
use chandlery_package::{PluginId, Release};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::author::cases::Case;
use crate::failure::Result;
use crate::show;

const REVIEWS: &str = "/api/v1/reviews";

fn path(release: &Release) -> String {
    let PluginId { namespace, name } = &release.plugin;
    format!("/api/v1/plugins/{namespace}/{name}/releases/{}/review", release.version)
}

/// Ask the registry's operators to review a release, so that its plugin is certified.
#[derive(Args)]
pub struct Review {
    /// The release, such as acme:ocr-server@1.0.0
    release: Release,
    /// What they should know
    #[arg(long, default_value = "")]
    note: String,
    /// The plugin's folder, whose cases are sent: plans of this release and of the one before are compared by them
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
}

impl Review {
    pub async fn run(self, context: &Context) -> Result {
        let cases = match &self.cases {
            Some(folder) => Case::all(folder)?.iter().map(Case::to_be_reviewed).collect::<Result<_>>()?,
            None => Vec::new(),
        };
        let (sent, new) = (cases.len(), NewReview { note: self.note, cases });
        context.tell_registry(Method::PUT, &path(&self.release), new).await?;
        match context.settings.json {
            true => show::json(json!({ "release": self.release, "cases": sent })),
            false => show::done(format!("{} waits for a review, with {sent} cases", self.release)),
        }
        Ok(())
    }
}

/// See and decide reviews of releases (for operators).
#[derive(Args)]
pub struct Reviews {
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Show all reviews, also those that were decided
    List,
    /// Show what a release changes: what it may do, what it imports, what it plans
    Show {
        /// The release, such as acme:ocr-server@1.1.0
        release: Release,
    },
    /// Certify the plugin of a release that waits, or refuse it
    Decide {
        /// The release, such as acme:ocr-server@1.1.0
        release: Release,
        /// What comes of it
        #[arg(value_parser = one_of::<Verdict>())]
        verdict: Verdict,
        /// Why, for the publisher
        reason: String,
    },
}

impl Reviews {
    pub async fn run(self, context: &Context) -> Result {
        match self.act {
            None => list(context, &format!("{REVIEWS}?waiting=true")).await,
            Some(Act::List) => list(context, REVIEWS).await,
            Some(Act::Show { release }) => {
                let changes: ReleaseChanges = context.registry(Method::GET, &path(&release), ()).await?;
                match context.settings.json {
                    true => show::json(changes),
                    false => print(&changes),
                }
                Ok(())
            }
            Some(Act::Decide { release, verdict, reason }) => {
                let decision = NewReviewDecision { verdict, reason };
                context.tell_registry(Method::PUT, &format!("{}/decision", path(&release)), decision).await?;
                match context.settings.json {
                    true => show::json(json!({ "release": release, "verdict": verdict })),
                    false => show::done(format!("{release} was reviewed: {verdict}")),
                }
                Ok(())
            }
        }
    }
}

async fn list(context: &Context, path: &str) -> Result {
    let page: Page<Reviewed> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |review: &Reviewed| {
        let verdict = review.decision.as_ref().map(|decision| decision.verdict.to_string());
        let by = review.asked_by.as_ref().map_or_else(|| "its certification".into(), ToString::to_string);
        let said = review.decision.as_ref().map_or(&review.note, |decision| &decision.reason);
        vec![
            review.release.to_string(),
            by,
            review.asked_at.strftime("%Y-%m-%d %H:%M").to_string(),
            verdict.unwrap_or_else(|| "waits".into()),
            said.clone(),
        ]
    };
    show::table(&["release", "asked by", "at (UTC)", "state", "said"], page.items.iter().map(row));
    Ok(())
}

fn print(changes: &ReleaseChanges) {
    let before = changes.before.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
    show::headline(&changes.release, &format!("beside {before}"));
    let bytes = match changes.bytes_before {
        Some(before) => format!("{before} → {} bytes", changes.bytes),
        None => format!("{} bytes", changes.bytes),
    };
    show::check("size", &bytes);
    set("it may", &changes.permissions);
    set("it imports", &changes.imports);
    let said = |said: &Option<String>| said.clone().unwrap_or_default();
    let rows = changes
        .parameters
        .iter()
        .map(|change| vec![change.name.clone(), said(&change.before), said(&change.after)]);
    show::table(&["parameter", "before", "now"], rows);
    for case in &changes.cases {
        show::text("");
        show::headline(&case.name, &case.target);
        match &case.not_compared {
            Some(why) => show::text(&format!("not compared: {why}")),
            None if case.lines.is_empty() => show::text("the same answer"),
            None => case.lines.iter().for_each(|line| show::text(line)),
        }
    }
}

fn set(what: &str, changes: &SetChanges) {
    for (sign, all) in [('+', &changes.added), ('-', &changes.removed)] {
        for one in all {
            show::check(what, &format!("{sign} {one}"));
        }
    }
}
