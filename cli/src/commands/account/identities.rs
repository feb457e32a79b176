//! By the providers of which organisations the account signs in.

use chandlery_package::Namespace;
use chandlery_package::wire::{LinkedIdentity, Page};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/account/identities";

/// What to do with an identity.
#[derive(Subcommand)]
pub enum Change {
    /// Sign in with an organisation no more; what its provider has opened ends
    Unlink {
        /// The organisation's name
        organisation: Namespace,
    },
}

pub(super) async fn run(context: &Context, change: Option<Change>) -> Result {
    let Some(Change::Unlink { organisation }) = change else { return list(context).await };
    context.tell_registry(Method::DELETE, &format!("{PATH}/{organisation}"), ()).await?;
    match context.settings.json {
        true => show::json(json!({ "unlinked": organisation })),
        false => show::done(format!("nobody signs in as you by the provider of '{organisation}' any more")),
    }
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<LinkedIdentity> = context.registry(Method::GET, PATH, ()).await?;
    match context.settings.json {
        true => show::json(page),
        false if page.items.is_empty() => {
            show::note(
                "there is none; the registry's page /account/sign-on links the account with an organisation",
            );
        }
        false => show::table(
            &["organisation", "provider", "linked", "last signed in"],
            page.items.into_iter().map(row),
        ),
    }
    Ok(())
}

fn row(identity: LinkedIdentity) -> Vec<String> {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    vec![
        identity.organisation.to_string(),
        identity.issuer.to_string(),
        minute(identity.linked_at),
        minute(identity.seen_at),
    ]
}
