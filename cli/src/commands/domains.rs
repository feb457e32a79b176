//! `chandlery organisation domain`: domains that an organisation proves to be its own.

use chandlery_package::Namespace;
use chandlery_package::wire::{DomainAnswer, DomainCheck, DomainName, OrganisationDomain, Page};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Domains that an organisation proves to be its own, by a record of the domain's DNS.
#[derive(Subcommand)]
pub enum Domains {
    /// Say that a domain is an organisation's, and show the record that proves it
    Add(OfOrganisation),
    /// Ask the DNS for the record now; once it was there, the registry does so each day
    Check(OfOrganisation),
    /// Show the domains of an organisation
    List {
        /// The organisation's name
        organisation: Namespace,
    },
    /// Take back that a domain is an organisation's
    Remove(OfOrganisation),
}

/// A domain of an organisation.
#[derive(Args)]
pub struct OfOrganisation {
    /// The organisation's name
    organisation: Namespace,
    /// The domain, such as example.org
    domain: DomainName,
}

impl OfOrganisation {
    fn path(&self) -> String {
        format!("{}/{}", path(&self.organisation), self.domain)
    }
}

fn path(organisation: &Namespace) -> String {
    format!("/api/v1/organisations/{organisation}/domains")
}

impl Domains {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add(of) => add(context, &of).await,
            Self::Check(of) => check(context, &of).await,
            Self::List { organisation } => list(context, &organisation).await,
            Self::Remove(of) => {
                context.tell_registry(Method::DELETE, &of.path(), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": of.domain })),
                    false => show::done(format!(
                        "'{}' is not a domain of '{}' any more",
                        of.domain, of.organisation
                    )),
                }
                Ok(())
            }
        }
    }
}

async fn add(context: &Context, of: &OfOrganisation) -> Result {
    let added: OrganisationDomain = context.registry(Method::PUT, &of.path(), ()).await?;
    match context.settings.json {
        true => show::json(added),
        false => {
            show::done(format!("let the DNS of '{}' have this record:", added.domain));
            show::text(&format!("{}. TXT \"{}\"\n", added.record, added.value));
            show::note(format!(
                "then run `chandlery organisation domain check {} {}`",
                of.organisation, of.domain
            ));
        }
    }
    Ok(())
}

async fn check(context: &Context, of: &OfOrganisation) -> Result {
    let found: DomainCheck = context.registry(Method::POST, &format!("{}/check", of.path()), ()).await?;
    if context.settings.json {
        show::json(found);
        return Ok(());
    }
    let DomainCheck { answer, reason, domain } = found;
    match answer {
        DomainAnswer::Found => show::done(format!("'{}' is a domain of '{}'", of.domain, of.organisation)),
        DomainAnswer::Absent => {
            show::warning(format!("{} has no TXT record that says {}", domain.record, domain.value));
        }
        DomainAnswer::Failed => {
            let reason = reason.unwrap_or_default();
            show::warning(format!("the DNS does not say whether {} is there: {reason}", domain.record));
        }
    }
    Ok(())
}

async fn list(context: &Context, organisation: &Namespace) -> Result {
    let page: Page<OrganisationDomain> = context.registry_list(&path(organisation)).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |domain: OrganisationDomain| {
        let state = match (domain.proved_at, domain.missing_since) {
            (None, _) => "not proved".to_owned(),
            (Some(at), None) => format!("since {}", at.strftime("%Y-%m-%d")),
            (Some(_), Some(missing)) => {
                format!("its record is missing since {}", missing.strftime("%Y-%m-%d"))
            }
        };
        vec![domain.domain.to_string(), state, domain.record, domain.value]
    };
    show::table(&["domain", "proved", "record", "says"], page.items.into_iter().map(row));
    Ok(())
}
