//! `chandlery tokens`: tokens that may do less than their account, for machines.

use chandlery_package::wire::{NewToken, Page, ScopeError, Token, TokenRecord};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

/// Tokens that may do less than their account.
#[derive(Subcommand)]
pub enum Tokens {
    /// Make a token, which is shown once
    New {
        /// What it may do: read, publish, `publish NAMESPACE:NAME`, or full
        #[arg(value_name = "SCOPE", num_args = 1.., required = true)]
        scope: Vec<String>,
        /// How many days it lasts
        #[arg(long, default_value_t = 90)]
        days: u32,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Show the account's tokens
    List,
    /// Revoke a token
    Revoke {
        /// As `tokens list` names it
        id: String,
    },
}

impl Tokens {
    pub async fn run(self, context: &Context) -> Result {
        const PATH: &str = "/api/v1/account/tokens";
        match self {
            Self::New { scope, days, note } => {
                let scope = scope.join(" ").parse();
                let scope = scope
                    .map_err(|error: ScopeError| Failure::new(&words::NOT_A_SCOPE, error.to_string()))?;
                let new = NewToken { scope, note, days_valid: days };
                let token: Token = context.registry(Method::POST, PATH, new).await?;
                match context.settings.json {
                    true => show::json(token),
                    false => show::text(&token.token),
                }
            }
            Self::List => {
                let page: Page<TokenRecord> = context.registry_list(PATH).await?;
                match context.settings.json {
                    true => show::json(page),
                    false => show::table(&["token", "may", "for", "until"], page.items.into_iter().map(row)),
                }
            }
            Self::Revoke { id } => {
                context.tell_registry(Method::DELETE, &format!("{PATH}/{id}"), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "revoked": id })),
                    false => show::done(format!("token {id} is revoked")),
                }
            }
        }
        Ok(())
    }
}

fn row(token: TokenRecord) -> Vec<String> {
    let until = token.expires_at.map(|at| at.strftime("%Y-%m-%d").to_string());
    let may = match &token.acts_for {
        Some(organisation) => format!("{}, for {organisation}", token.scope),
        None => token.scope.to_string(),
    };
    vec![token.id, may, token.note, until.unwrap_or("it is revoked".into())]
}
