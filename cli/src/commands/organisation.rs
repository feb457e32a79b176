//! `chandlery organisation`.

use chandlery_package::Namespace as Name;
use chandlery_package::wire::{
    NewOrganisation, NewOrganisationMember, Organisation as Record, OrganisationChange, OrganisationMember,
    OrganisationRole, OrganisationTitle, OrganisationTitleError, OrganisationToken, Page,
};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::{Failure, Result};
use crate::show;

const PATH: &str = "/api/v1/organisations";

/// Organisations, which buy and publish, and who acts for them.
#[derive(Subcommand)]
pub enum Organisation {
    /// Make an organisation, which you own
    Create {
        /// Its name among those of accounts
        name: Name,
        /// What people call it; its name, unless given
        #[arg(long)]
        title: Option<OrganisationTitle>,
    },
    /// Show the organisations that you belong to
    List,
    /// Show an organisation
    Show {
        /// The organisation's name
        name: Name,
    },
    /// Give an organisation another title
    Rename {
        /// The organisation's name
        name: Name,
        /// What people call it from now on
        title: OrganisationTitle,
    },
    /// Show the members of an organisation, and who is invited
    Members {
        /// The organisation's name
        name: Name,
    },
    /// Invite an account
    Invite {
        /// To which organisation
        name: Name,
        /// The account to invite
        #[arg(value_name = "ACCOUNT")]
        member: Name,
        /// What the account is to be
        #[arg(long, default_value = "member", value_parser = one_of::<OrganisationRole>())]
        role: OrganisationRole,
    },
    /// Show what you are invited to
    Invitations,
    /// Accept an invitation
    Accept {
        /// To which organisation
        name: Name,
    },
    /// Decline an invitation
    Decline {
        /// To which organisation
        name: Name,
    },
    /// Give a member another role
    Role {
        /// In which organisation
        name: Name,
        /// The member whose role it is
        #[arg(value_name = "ACCOUNT")]
        member: Name,
        /// What the member is from now on
        #[arg(value_parser = one_of::<OrganisationRole>())]
        role: OrganisationRole,
    },
    /// End a membership with every token of its, or an invitation
    Remove {
        /// In which organisation
        name: Name,
        /// The account that belongs to it no longer
        #[arg(value_name = "ACCOUNT")]
        member: Name,
    },
    /// End your own membership
    Leave {
        /// The organisation's name
        name: Name,
    },
    /// Show every token and session that acts for an organisation, and whose each is
    Tokens {
        /// The organisation's name
        name: Name,
    },
    /// End a token or a session that acts for an organisation, whosever it is
    RevokeToken {
        /// The organisation's name
        name: Name,
        /// As `organisation tokens` names it
        id: String,
    },
    /// Delete an organisation that owes nothing and owns nothing
    Delete {
        /// The organisation's name, which nobody is ever called again
        name: Name,
    },
    /// Prove domains by DNS, and see which are
    #[command(subcommand)]
    Domain(super::domains::Domains),
    /// See and set up the directory that says by SCIM who belongs to an organisation
    #[command(subcommand)]
    Directory(super::directory::Directory),
}

impl Organisation {
    pub async fn run(self, context: &Context) -> Result {
        let base = |name: &Name| format!("{PATH}/{name}");
        let member_of = |name: &Name, member: &Name| format!("{PATH}/{name}/members/{member}");
        match self {
            Self::Create { name, title } => {
                let new =
                    NewOrganisation { title: title.map_or_else(|| title_of(&name), Ok)?, name: name.clone() };
                let made: Record = context.registry(Method::POST, PATH, new).await?;
                match context.settings.json {
                    true => show::json(made),
                    false => show::done(format!("you own '{name}': act for it with --for {name}")),
                }
            }
            Self::List => list(context).await?,
            Self::Show { name } => {
                let found: Record = context.registry(Method::GET, &base(&name), ()).await?;
                match context.settings.json {
                    true => show::json(found),
                    false => table(Page::whole(vec![found])),
                }
            }
            Self::Rename { name, title } => {
                let change = OrganisationChange { title: title.clone() };
                context.tell_registry(Method::PATCH, &base(&name), change).await?;
                say(context, &name, format!("'{name}' is called {title}"));
            }
            Self::Members { name } => members(context, &format!("{}/members", base(&name))).await?,
            Self::Invitations => members(context, "/api/v1/account/organisation-invitations").await?,
            Self::Invite { name, member, role } => {
                let new = NewOrganisationMember { role };
                context.tell_registry(Method::PUT, &member_of(&name, &member), new).await?;
                let accepts = format!("invited, and accepts with `chandlery organisation accept {name}`");
                say(context, &name, format!("'{member}' is a member of '{name}', or {accepts}"));
            }
            Self::Role { name, member, role } => {
                let new = NewOrganisationMember { role };
                context.tell_registry(Method::PUT, &member_of(&name, &member), new).await?;
                say(context, &name, format!("'{member}' is {role} in '{name}', or invited to be"));
            }
            Self::Accept { name } => {
                let path = format!("{}/invitation", base(&name));
                context.tell_registry(Method::PUT, &path, json!({})).await?;
                say(context, &name, format!("you are a member of '{name}'"));
            }
            Self::Decline { name } => {
                let path = format!("{}/invitation", base(&name));
                context.tell_registry(Method::DELETE, &path, json!({})).await?;
                say(context, &name, format!("you declined to be a member of '{name}'"));
            }
            Self::Remove { name, member } => {
                context.tell_registry(Method::DELETE, &member_of(&name, &member), json!({})).await?;
                say(context, &name, format!("'{member}' is no member of '{name}' any more"));
            }
            Self::Leave { name } => {
                let own = context.account().await?;
                context.tell_registry(Method::DELETE, &member_of(&name, &own), json!({})).await?;
                say(context, &name, format!("you are no member of '{name}' any more"));
            }
            Self::Tokens { name } => tokens(context, &format!("{}/tokens", base(&name))).await?,
            Self::RevokeToken { name, id } => {
                let path = format!("{}/tokens/{id}", base(&name));
                context.tell_registry(Method::DELETE, &path, json!({})).await?;
                say(context, &name, format!("token {id} acts for '{name}' no more"));
            }
            Self::Delete { name } => {
                context.tell_registry(Method::DELETE, &base(&name), json!({})).await?;
                say(context, &name, format!("'{name}' is deleted"));
            }
            Self::Domain(command) => command.run(context).await?,
            Self::Directory(command) => command.run(context).await?,
        }
        Ok(())
    }
}

/// The title of an organisation that is called by its name.
fn title_of(name: &Name) -> Result<OrganisationTitle> {
    name.as_str().parse().map_err(|error: OrganisationTitleError| Failure::of(error.to_string()))
}

fn say(context: &Context, name: &Name, what: String) {
    match context.settings.json {
        true => show::json(json!({ "organisation": name })),
        false => show::done(what),
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Record> = context.registry_list(PATH).await?;
    match context.settings.json {
        true => show::json(page),
        false => table(page),
    }
    Ok(())
}

fn table(page: Page<Record>) {
    let row = |found: Record| {
        let domains: Vec<String> = found.domains.iter().map(ToString::to_string).collect();
        vec![found.name.to_string(), found.title.to_string(), found.role.to_string(), domains.join(", ")]
    };
    show::table(&["organisation", "title", "role", "domains"], page.items.into_iter().map(row));
}

async fn members(context: &Context, path: &str) -> Result {
    let page: Page<OrganisationMember> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |member: OrganisationMember| {
        let came = member.origin.map_or("invited, and has yet to accept".into(), |origin| origin.to_string());
        vec![member.organisation.to_string(), member.account.to_string(), member.role.to_string(), came]
    };
    show::table(&["organisation", "account", "role", "came"], page.items.into_iter().map(row));
    Ok(())
}

async fn tokens(context: &Context, path: &str) -> Result {
    let page: Page<OrganisationToken> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let day = |at: Option<jiff::Timestamp>| at.map(|at| at.strftime("%Y-%m-%d").to_string());
    let row = |token: OrganisationToken| {
        let may = if token.session { "a session on the pages".into() } else { token.scope.to_string() };
        vec![
            token.id,
            token.account.to_string(),
            may,
            token.note,
            day(Some(token.created_at)).unwrap_or_default(),
            day(token.used_at).unwrap_or("never".into()),
            day(token.expires_at).unwrap_or("it is revoked".into()),
        ]
    };
    let columns = ["token", "whose", "may", "for", "made", "last used", "until"];
    show::table(&columns, page.items.into_iter().map(row));
    Ok(())
}
