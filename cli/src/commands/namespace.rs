//! `chandlery namespace`.

use chandlery_package::Namespace as Name;
use chandlery_package::wire::{
    Member, NewMember, NewNamespace, NewOwner, NewVisibility, Page, Role, TwoPeople,
};
use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::arguments::one_of;
use crate::failure::Result;
use crate::show;

/// Namespaces and their members.
#[derive(Subcommand)]
pub enum Namespace {
    /// Take a namespace that nobody has
    Take {
        /// The namespace's name
        name: Name,
    },
    /// Show the members of a namespace, and who is invited
    Members {
        /// The namespace's name
        name: Name,
    },
    /// Invite an account, or change a member's role
    Invite {
        /// To which namespace
        name: Name,
        /// The account to invite
        #[arg(value_name = "ACCOUNT")]
        member: Name,
        /// What the account may do there: see what is private; push, publish and yank; or all that owners do
        #[arg(long, default_value = "publisher", value_parser = one_of::<Role>())]
        role: Role,
    },
    /// Show what the account is invited to
    Invitations,
    /// Accept an invitation
    Accept {
        /// To which namespace
        name: Name,
    },
    /// Decline an invitation
    Decline {
        /// To which namespace
        name: Name,
    },
    /// End a membership or an invitation
    Remove {
        /// In which namespace
        name: Name,
        /// The account that belongs to it no longer
        #[arg(value_name = "ACCOUNT")]
        member: Name,
    },
    /// Give a namespace to another account, for a reason that is in the log (for operators)
    Transfer {
        /// The namespace's name
        name: Name,
        /// The account that is its only member from then on
        #[arg(value_name = "ACCOUNT")]
        to: Name,
        /// Why, for everybody who uses what it has published
        reason: String,
    },
    /// Show or choose whether it takes two members to publish in a namespace
    TwoPeople {
        /// The namespace's name
        name: Name,
        /// Yes at once; no when another owner says so, too; shown only, unless given
        #[arg(value_enum)]
        required: Option<Required>,
    },
    /// Say who may see and pull what is published in a namespace
    Visibility {
        /// The namespace's name
        name: Name,
        /// Everybody, or members only
        who: Visibility,
    },
}

/// Whether it takes two to publish.
#[derive(Clone, Copy, ValueEnum)]
pub enum Required {
    /// A release waits until another member approves it
    Yes,
    /// One member is enough; another owner has to agree to that
    No,
}

/// Who sees a namespace.
#[derive(Clone, Copy, ValueEnum)]
pub enum Visibility {
    /// Everybody, with or without an account
    Public,
    /// Members only; the log goes on naming what was published
    Private,
}

impl Namespace {
    pub async fn run(self, context: &Context) -> Result {
        let base = |name: &Name| format!("/api/v1/namespaces/{name}");
        match self {
            Self::Take { name } => {
                let new = NewNamespace { name: name.clone() };
                context.tell_registry(Method::POST, "/api/v1/namespaces", new).await?;
                say(context, &name, format!("the namespace '{name}' is yours"));
            }
            Self::Members { name } => list(context, &format!("{}/members", base(&name))).await?,
            Self::Invitations => list(context, "/api/v1/account/invitations").await?,
            Self::Invite { name, member, role } => {
                let path = format!("{}/members/{member}", base(&name));
                context.tell_registry(Method::PUT, &path, NewMember { role }).await?;
                let accepts = format!("invited, and accepts with `chandlery namespace accept {name}`");
                say(context, &name, format!("'{member}' is a member of '{name}', or {accepts}"));
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
                let path = format!("{}/members/{member}", base(&name));
                context.tell_registry(Method::DELETE, &path, json!({})).await?;
                say(context, &name, format!("'{member}' is no member of '{name}' any more"));
            }
            Self::Transfer { name, to, reason } => {
                let new = NewOwner { account: to.clone(), reason };
                context.tell_registry(Method::PUT, &format!("{}/owner", base(&name)), new).await?;
                say(context, &name, format!("'{name}' belongs to '{to}', and to nobody else"));
            }
            Self::TwoPeople { name, required } => {
                let path = format!("{}/two-people", base(&name));
                let method = match required {
                    None => Method::GET,
                    Some(Required::Yes) => Method::PUT,
                    Some(Required::No) => Method::DELETE,
                };
                let found: TwoPeople = context.registry(method, &path, json!({})).await?;
                match context.settings.json {
                    true => show::json(found),
                    false => show::done(two_people(&name, &found)),
                }
            }
            Self::Visibility { name, who } => {
                let public = matches!(who, Visibility::Public);
                let path = format!("{}/visibility", base(&name));
                context.tell_registry(Method::PUT, &path, NewVisibility { public }).await?;
                let who = if public { "everybody" } else { "its members only" };
                say(context, &name, format!("what '{name}' publishes is for {who}"));
            }
        }
        Ok(())
    }
}

fn say(context: &Context, name: &Name, what: String) {
    match context.settings.json {
        true => show::json(json!({ "namespace": name })),
        false => show::done(what),
    }
}

fn two_people(name: &Name, found: &TwoPeople) -> String {
    match (found.required, &found.end_asked_by) {
        (false, _) => format!("one member is enough to publish in '{name}'"),
        (true, None) => format!("it takes two members to publish in '{name}'"),
        (true, Some(by)) => format!(
            "it takes two members to publish in '{name}' until another owner agrees with '{by}': chandlery namespace two-people {name} no"
        ),
    }
}

async fn list(context: &Context, path: &str) -> Result {
    let page: Page<Member> = context.registry_list(path).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |member: Member| {
        let state = if member.invited { "invited" } else { "member" };
        vec![member.namespace.to_string(), member.account.to_string(), member.role.to_string(), state.into()]
    };
    show::table(&["namespace", "account", "role", ""], page.items.into_iter().map(row));
    Ok(())
}
