//! Passkeys of the account. A browser makes them, on the registry's page.

use chandlery_package::wire::{Page, PasskeyChange, PasskeyName, PasskeyRecord};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use super::passwords::password;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/account/passkeys";

/// What to do with a passkey.
#[derive(Subcommand)]
pub enum Change {
    /// Give a passkey another name
    Rename {
        /// As `account passkeys` names it
        id: String,
        /// What it is called from now on
        name: String,
    },
    /// Remove a passkey; the account's password is asked for
    Remove {
        /// As `account passkeys` names it
        id: String,
    },
}

pub(super) async fn run(context: &Context, change: Option<Change>) -> Result {
    match change {
        None => list(context).await,
        Some(Change::Rename { id, name }) => {
            let given = PasskeyName { name };
            context.tell_registry(Method::PATCH, &format!("{PATH}/{id}"), &given).await?;
            match context.settings.json {
                true => show::json(json!({ "id": id, "name": given.name })),
                false => show::done(format!("the passkey is called '{}'", given.name)),
            }
            Ok(())
        }
        Some(Change::Remove { id }) => {
            let shown = PasskeyChange { password: Some(password("Password: ")?) };
            context.tell_registry(Method::DELETE, &format!("{PATH}/{id}"), shown).await?;
            match context.settings.json {
                true => show::json(json!({ "removed": id })),
                false => show::done("nobody signs in by this passkey any more"),
            }
            Ok(())
        }
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<PasskeyRecord> = context.registry(Method::GET, PATH, ()).await?;
    match context.settings.json {
        true => show::json(page),
        false if page.items.is_empty() => {
            show::note("there is none; the registry's page /account/passkeys adds one");
        }
        false => {
            show::table(&["passkey", "name", "added", "last used"], page.items.into_iter().map(row));
        }
    }
    Ok(())
}

fn row(passkey: PasskeyRecord) -> Vec<String> {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    vec![
        passkey.id,
        passkey.name,
        minute(passkey.created_at),
        passkey.used_at.map(minute).unwrap_or_default(),
    ]
}
