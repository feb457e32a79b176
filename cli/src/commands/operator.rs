//! `chandlery operator`: who operates the registry.

use chandlery_package::Namespace;
use chandlery_package::wire::{
    NewOperator, NewSuspension, Operator as Listed, OperatorProposal, Page, PasswordReset, Suspension,
};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PROPOSALS: &str = "/api/v1/operator-proposals";

/// Who operates the registry (for operators).
#[derive(Subcommand)]
pub enum Operator {
    /// Show who operates the registry, and who is proposed to
    List,
    /// Propose an account, which another operator confirms
    Propose {
        /// The account's name
        name: Namespace,
    },
    /// Make an account an operator that another operator has proposed; alone, 24 hours after you have proposed it yourself
    Confirm {
        /// The account's name
        name: Namespace,
    },
    /// Withdraw a proposal, whoever has made it
    Withdraw {
        /// The account's name
        name: Namespace,
    },
    /// Make an operator an account like others
    Demote {
        /// The account's name
        name: Namespace,
    },
    /// Suspend an account: it does nothing any more, and what it earns is on hold
    Suspend {
        /// The account's name
        name: Namespace,
        /// Why, for whoever has the account
        reason: String,
    },
    /// Let a suspended account do again what it could before
    Reinstate {
        /// The account's name
        name: Namespace,
        /// Why, for whoever has the account
        reason: String,
    },
    /// Show which accounts are suspended
    Suspended,
    /// Issue a token by which somebody who has forgotten a password sets another one, within an hour
    ResetPassword {
        /// The account's name
        name: Namespace,
    },
}

impl Operator {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => list(context).await,
            Self::Propose { name } => propose(context, name).await,
            Self::Confirm { name } => {
                let done = format!("'{name}' operates the registry");
                tell(context, Method::POST, &format!("{PROPOSALS}/{name}/confirm"), &name, &done).await
            }
            Self::Withdraw { name } => {
                let done = format!("'{name}' is proposed no more");
                tell(context, Method::DELETE, &format!("{PROPOSALS}/{name}"), &name, &done).await
            }
            Self::Demote { name } => {
                let done = format!("'{name}' operates the registry no more");
                tell(context, Method::DELETE, &format!("/api/v1/operators/{name}"), &name, &done).await
            }
            Self::Suspend { name, reason } => suspend(context, &name, true, reason).await,
            Self::Reinstate { name, reason } => suspend(context, &name, false, reason).await,
            Self::Suspended => suspended(context).await,
            Self::ResetPassword { name } => {
                let path = format!("/api/v1/accounts/{name}/password-reset");
                show_reset(context, context.registry(Method::POST, &path, json!({})).await?);
                Ok(())
            }
        }
    }
}

async fn list(context: &Context) -> Result {
    let operators: Page<Listed> = context.registry_list("/api/v1/operators").await?;
    let proposals: Page<OperatorProposal> = context.registry_list(PROPOSALS).await?;
    if context.settings.json {
        show::json(json!({ "operators": operators.items, "proposals": proposals.items }));
        return Ok(());
    }
    let operators = operators.items.into_iter().map(|it| vec![it.account.to_string(), "operator".into()]);
    let proposals = proposals.items.into_iter().map(|it| {
        let until = it.lapses_at.strftime("%Y-%m-%d %H:%M UTC");
        vec![it.account.to_string(), format!("proposed by {}, until {until}", it.proposed_by)]
    });
    show::table(&["account", "state"], operators.chain(proposals));
    Ok(())
}

async fn propose(context: &Context, account: Namespace) -> Result {
    let made: OperatorProposal =
        context.registry(Method::POST, PROPOSALS, NewOperator { account: account.clone() }).await?;
    if context.settings.json {
        show::json(made);
        return Ok(());
    }
    show::done(format!("'{account}' is proposed as an operator"));
    show::note(format!(
        "another operator confirms it until {}: chandlery operator confirm {account}",
        made.lapses_at.strftime("%Y-%m-%d %H:%M UTC")
    ));
    show::note(format!(
        "as long as there is no other, you may from {} on",
        made.alone_from.strftime("%Y-%m-%d %H:%M UTC")
    ));
    Ok(())
}

async fn suspend(context: &Context, name: &Namespace, suspended: bool, reason: String) -> Result {
    let path = format!("/api/v1/accounts/{name}/suspension");
    context.tell_registry(Method::PUT, &path, NewSuspension { suspended, reason }).await?;
    match (context.settings.json, suspended) {
        (true, _) => show::json(json!({ "account": name, "suspended": suspended })),
        (false, true) => show::done(format!("'{name}' is suspended, and what it earns is on hold")),
        (false, false) => show::done(format!("'{name}' may do again what it could before")),
    }
    Ok(())
}

async fn suspended(context: &Context) -> Result {
    let page: Page<Suspension> = context.registry_list("/api/v1/suspensions").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |held: &Suspension| {
        let since = held.since.strftime("%Y-%m-%d %H:%M").to_string();
        vec![held.account.to_string(), since, held.reason.clone()]
    };
    show::table(&["account", "since (UTC)", "reason"], page.items.iter().map(row));
    Ok(())
}

async fn tell(context: &Context, method: Method, path: &str, account: &Namespace, done: &str) -> Result {
    context.tell_registry(method, path, json!({})).await?;
    match context.settings.json {
        true => show::json(json!({ "account": account })),
        false => show::done(done),
    }
    Ok(())
}

/// Shows a token that is shown once.
pub fn show_reset(context: &Context, reset: PasswordReset) {
    match context.settings.json {
        true => show::json(reset),
        false => {
            show::done(format!(
                "whoever has this token sets the password of '{}' until {}",
                reset.account,
                reset.expires_at.strftime("%Y-%m-%d %H:%M UTC")
            ));
            show::note(format!("chandlery account reset --token {}", reset.token));
        }
    }
}
