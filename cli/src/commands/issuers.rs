//! `chandlery issuers`: whose tokens a registry believes.

use std::str::FromStr;

use chandlery_package::publisher::{GITHUB, GITLAB};
use chandlery_package::wire::{IssuerRecord, NewIssuer, Page};
use chandlery_package::{Authority, Issuer, PublisherError};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/oidc-issuers";

/// Whose tokens are believed when a workload says by them who it is.
#[derive(Subcommand)]
pub enum Issuers {
    /// Show whose tokens are believed
    List,
    /// Believe the tokens of an issuer (for operators)
    Allow {
        /// github, gitlab, or the issuer's URL
        issuer: Named,
        /// The host that keeps its keys, if that is another one than the issuer's own
        #[arg(long, value_name = "HOST[:PORT]")]
        keys_at: Option<Authority>,
    },
    /// Believe the tokens of an issuer no more (for operators)
    Remove {
        /// github, gitlab, or the issuer's URL
        issuer: Named,
    },
}

/// An issuer, some of which have short names.
#[derive(Clone)]
pub struct Named(Issuer);

impl FromStr for Named {
    type Err = PublisherError;

    fn from_str(text: &str) -> std::result::Result<Self, PublisherError> {
        let url = match text {
            "github" => GITHUB,
            "gitlab" => GITLAB,
            url => url,
        };
        url.parse().map(Self)
    }
}

impl Issuers {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Allow { issuer, keys_at } => set(context, issuer, true, keys_at).await,
            Self::Remove { issuer } => set(context, issuer, false, None).await,
        }
    }
}

async fn set(context: &Context, Named(issuer): Named, allowed: bool, keys_host: Option<Authority>) -> Result {
    let new = NewIssuer { issuer: issuer.clone(), allowed, keys_host };
    context.tell_registry(Method::PUT, PATH, new).await?;
    let what = if allowed { "are believed" } else { "are believed no more" };
    match context.settings.json {
        true => show::json(json!({ "issuer": issuer, "allowed": allowed })),
        false => show::done(format!("tokens of {issuer} {what}")),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<IssuerRecord> = context.public_list(PATH).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |record: IssuerRecord| {
        vec![record.issuer.to_string(), record.allowed_at.strftime("%Y-%m-%d").to_string()]
    };
    show::table(&["issuer", "since"], page.items.into_iter().map(row));
    Ok(())
}
