//! `chandlery organisation directory`: the identity provider that says by SCIM who belongs to an organisation.

use chandlery_package::Namespace;
use chandlery_package::wire::{
    DirectoryGroup, DirectoryGroupRole, DirectoryToken, NewDirectoryToken, OrganisationRole, Page, Token,
};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// The directory of an organisation, which says by SCIM who belongs to it.
#[derive(Subcommand)]
pub enum Directory {
    /// Make a token for the directory, which is shown once
    Token {
        /// The name of the organisation
        organisation: Namespace,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
        /// How many days it lasts, at most 366
        #[arg(long, default_value_t = 366)]
        days: u32,
    },
    /// Show the tokens of the directory
    Tokens {
        /// The name of the organisation
        organisation: Namespace,
    },
    /// Revoke a token of the directory
    Revoke {
        /// The name of the organisation
        organisation: Namespace,
        /// As `directory tokens` names it
        id: String,
    },
    /// Show the groups of the directory, and the roles that they give
    Groups {
        /// The name of the organisation
        organisation: Namespace,
    },
    /// Choose the role that a group gives: viewer, member, publisher, billing or admin; none, unless one is named
    Map {
        /// The name of the organisation
        organisation: Namespace,
        /// The group's id, as `directory groups` shows it
        group: String,
        /// What its people are in the organisation
        role: Option<OrganisationRole>,
    },
}

fn path(organisation: &Namespace, what: &str) -> String {
    format!("/api/v1/organisations/{organisation}/directory-{what}")
}

impl Directory {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Token { organisation, note, days } => {
                let new = NewDirectoryToken { note, days_valid: days };
                let token: Token =
                    context.registry(Method::POST, &path(&organisation, "tokens"), new).await?;
                match context.settings.json {
                    true => show::json(token),
                    false => show::text(&token.token),
                }
                Ok(())
            }
            Self::Tokens { organisation } => tokens(context, &organisation).await,
            Self::Revoke { organisation, id } => {
                let path = format!("{}/{id}", path(&organisation, "tokens"));
                context.tell_registry(Method::DELETE, &path, ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "revoked": id })),
                    false => show::done(format!("token {id} is revoked")),
                }
                Ok(())
            }
            Self::Groups { organisation } => groups(context, &organisation).await,
            Self::Map { organisation, group, role } => {
                let path = format!("{}/{group}", path(&organisation, "groups"));
                context.tell_registry(Method::PUT, &path, DirectoryGroupRole { role }).await?;
                match (context.settings.json, role) {
                    (true, role) => show::json(json!({ "group": group, "role": role })),
                    (false, Some(role)) => {
                        show::done(format!("the people of group {group} are {role} in '{organisation}'"));
                    }
                    (false, None) => show::done(format!("group {group} gives no role in '{organisation}'")),
                }
                Ok(())
            }
        }
    }
}

async fn tokens(context: &Context, organisation: &Namespace) -> Result {
    let page: Page<DirectoryToken> = context.registry_list(&path(organisation, "tokens")).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |token: DirectoryToken| {
        let day = |at: Option<jiff::Timestamp>| at.map(|at| at.strftime("%Y-%m-%d").to_string());
        vec![
            token.id,
            token.made_by.to_string(),
            token.note,
            day(token.expires_at).unwrap_or("it is revoked".into()),
            day(token.used_at).unwrap_or("never".into()),
        ]
    };
    show::table(&["token", "made by", "for", "until", "last used"], page.items.into_iter().map(row));
    Ok(())
}

async fn groups(context: &Context, organisation: &Namespace) -> Result {
    let page: Page<DirectoryGroup> = context.registry_list(&path(organisation, "groups")).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |group: DirectoryGroup| {
        let role = group.role.map_or("none".into(), |role| role.to_string());
        vec![group.id, group.display_name, role, group.members.to_string()]
    };
    show::table(&["group", "name", "role", "people"], page.items.into_iter().map(row));
    Ok(())
}
