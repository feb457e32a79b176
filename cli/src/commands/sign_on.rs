//! `chandlery sign-on`: the provider by which people of an organisation sign in.

use std::path::PathBuf;

use chandlery_package::wire::{ClientText, IdentityProvider, NewIdentityProvider, OrganisationRole};
use chandlery_package::{Issuer, Namespace};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Choose the provider by which people of an organisation sign in.
#[derive(Subcommand)]
pub enum SignOn {
    /// Show the provider of an organisation, and what to tell it of the registry
    Show {
        /// The organisation's name
        organisation: Namespace,
    },
    /// Set the provider of an organisation
    Set {
        /// The organisation's name
        organisation: Namespace,
        /// The provider's issuer, exactly as its tokens name it
        issuer: Issuer,
        /// What the provider calls the registry
        client_id: ClientText,
        /// A file with the client's secret; none: the one that was set before
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// What people become who sign in first by it
        #[arg(long, default_value = "member")]
        role: OrganisationRole,
        /// Let members of the organisation's proved domains sign in by nothing else
        #[arg(long)]
        enforce: bool,
    },
    /// Remove the provider of an organisation; sessions that it has opened end
    Remove {
        /// The organisation's name
        organisation: Namespace,
    },
}

impl SignOn {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Show { organisation } => {
                let provider: IdentityProvider =
                    context.registry(Method::GET, &path(&organisation), ()).await?;
                shown(context, &organisation, &provider);
            }
            Self::Set { organisation, issuer, client_id, secret_file, role, enforce } => {
                let client_secret = secret_file.map(secret).transpose()?;
                let new = NewIdentityProvider { issuer, client_id, client_secret, role, enforced: enforce };
                let provider: IdentityProvider =
                    context.registry(Method::PUT, &path(&organisation), new).await?;
                shown(context, &organisation, &provider);
            }
            Self::Remove { organisation } => {
                context.tell_registry(Method::DELETE, &path(&organisation), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": organisation })),
                    false => show::done(format!("nobody signs in with '{organisation}' any more")),
                }
            }
        }
        Ok(())
    }
}

fn path(organisation: &Namespace) -> String {
    format!("/api/v1/organisations/{organisation}/identity-provider")
}

fn secret(file: PathBuf) -> Result<ClientText> {
    let read = std::fs::read_to_string(&file)
        .map_err(|error| Failure::of(format!("{} cannot be read: {error}", file.display())))?;
    read.trim().parse::<ClientText>().map_err(|error| Failure::of(format!("{}: {error}", file.display())))
}

fn shown(context: &Context, organisation: &Namespace, provider: &IdentityProvider) {
    if context.settings.json {
        show::json(provider);
        return;
    }
    let how = if provider.enforced { "by nothing else than" } else { "by" };
    show::done(format!(
        "people of '{organisation}' sign in {how} {} as its client {}, and become {}",
        provider.issuer, provider.client_id, provider.role
    ));
    match &provider.redirect_uri {
        Some(uri) => show::note(format!("the provider sends them back to {uri}")),
        None => show::warning("the registry was started without --url: nobody can be sent back to it"),
    }
}
