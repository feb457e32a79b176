//! `chandlery host tokens`: what users of a host show to it.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{HOST_TOKEN_DAYS, HostRole, HostToken, MadeHostToken, NewHostToken};
use chandlery_package::{DeploymentName, TargetName, TeamName, UserName};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/tokens";

/// What users of a host show to it.
#[derive(Subcommand)]
pub enum HostTokens {
    /// Make a token for a user, which is shown once
    New {
        /// Whose it is
        user: UserName,
        /// The most that it is for, whatever the user may
        #[arg(value_parser = one_of::<HostRole>())]
        role: HostRole,
        /// The team on whose targets alone it deploys
        #[arg(long, value_name = "TEAM")]
        team: Option<TeamName>,
        /// A target on which alone it deploys; several may be named
        #[arg(long = "target", value_name = "TARGET")]
        targets: Vec<TargetName>,
        /// A deployment that alone it makes and changes; several may be named
        #[arg(long = "deployment", value_name = "DEPLOYMENT")]
        deployments: Vec<DeploymentName>,
        /// How many days it lasts, 366 at most
        #[arg(long, default_value_t = HOST_TOKEN_DAYS)]
        days: u32,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Show the tokens of all users
    List,
    /// End a token at once
    Revoke {
        /// As `host tokens list` names it
        id: String,
    },
}

impl HostTokens {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::New { user, role, team, targets, deployments, days, note } => {
                let new = NewHostToken {
                    user,
                    role,
                    team,
                    targets: targets.into_iter().collect(),
                    deployments: deployments.into_iter().collect(),
                    note,
                    days_valid: days,
                };
                let made: MadeHostToken = context.host(Method::POST, PATH, new).await?;
                match context.settings.json {
                    true => show::json(made),
                    false => show::text(&made.token),
                }
            }
            Self::List => {
                let page: Page<HostToken> = context.host_list(PATH).await?;
                let headings =
                    ["token", "user", "role", "team", "only", "for", "made by", "last used", "until"];
                match context.settings.json {
                    true => show::json(page),
                    false => show::table(&headings, page.items.into_iter().map(row)),
                }
            }
            Self::Revoke { id } => {
                context.tell_host(Method::DELETE, &format!("{PATH}/{id}"), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "revoked": id })),
                    false => show::done(format!("token {id} is revoked")),
                }
            }
        }
        Ok(())
    }
}

fn row(token: HostToken) -> Vec<String> {
    let team = token.team.map(|team| team.to_string()).unwrap_or_default();
    let targets = token.targets.iter().map(ToString::to_string);
    let only: Vec<String> = targets.chain(token.deployments.iter().map(ToString::to_string)).collect();
    let used = token.used_at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
    let until = token.expires_at.strftime("%Y-%m-%d").to_string();
    vec![
        token.id,
        token.user.to_string(),
        token.role.to_string(),
        team,
        only.join(", "),
        token.note,
        token.made_by,
        used,
        until,
    ]
}
