//! `chandlery integrations`: what is told of events, and how that fares.

use chandlery_package::problem::Problem;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{Standing, Tried};
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Who is told of events, and whether they take them.
#[derive(Subcommand)]
pub enum Integrations {
    /// Show the integrations and how their deliveries fare
    List,
    /// Tell an integration of an event that never was
    Try {
        /// The installed plugin: `namespace:name`, or only the name
        plugin: String,
    },
}

impl Integrations {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Try { plugin } => attempt(context, &plugin).await,
        }
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Standing> = context.host_list("/api/v1/integrations").await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |standing: Standing| {
        vec![
            standing.locked.release.to_string(),
            standing.delivered.to_string(),
            standing.waiting.to_string(),
            standing.given_up.to_string(),
            standing.problem.unwrap_or_default(),
        ]
    };
    let headings = ["integration", ">delivered", ">waiting", ">failed", "newest problem"];
    show::table(&headings, page.items.into_iter().map(row));
    Ok(())
}

async fn attempt(context: &Context, plugin: &str) -> Result {
    let tried: Tried = context.host(Method::POST, &format!("/api/v1/plugins/{plugin}/try"), ()).await?;
    if context.settings.json {
        show::json(&tried);
    } else {
        for used in &tried.uses {
            match used.granted {
                true => show::check(&used.permission, &used.what),
                false => show::warning(format!("refused: {} ({})", used.what, used.permission)),
            }
        }
    }
    match tried.problem {
        None if context.settings.json => Ok(()),
        None => {
            show::done(format!("{plugin} took the event"));
            Ok(())
        }
        Some(problem) => Err(Failure::from(Problem {
            r#type: problem.r#type,
            title: "The integration failed".into(),
            status: 0,
            detail: problem.detail,
            remedy: Some(format!("`chandlery configure {plugin}` shows its settings")),
        })),
    }
}
