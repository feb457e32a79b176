//! Where an account is logged in.

use chandlery_package::wire::{Page, Session, SessionsEnded};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/account/sessions";

/// What to do with log-ins.
#[derive(Subcommand)]
pub enum End {
    /// End a log-in, or all but this one
    End {
        /// As `account sessions` names it, or `all`
        which: String,
    },
}

pub(super) async fn run(context: &Context, end: Option<End>) -> Result {
    match end {
        None => list(context).await,
        Some(End::End { which }) if which == "all" => {
            let ended: SessionsEnded = context.registry(Method::DELETE, PATH, ()).await?;
            match context.settings.json {
                true => show::json(&ended),
                false => show::done(format!("{} log-ins ended, all but this one", ended.ended)),
            }
            Ok(())
        }
        Some(End::End { which }) => {
            context.tell_registry(Method::DELETE, &format!("{PATH}/{which}"), ()).await?;
            match context.settings.json {
                true => show::json(json!({ "ended": which })),
                false => show::done(format!("log-in {which} ended")),
            }
            Ok(())
        }
    }
}

/// Ends the log-in that asks.
pub(super) async fn end_own(context: &Context) -> Result {
    let page: Page<Session> = context.registry_list(PATH).await?;
    match page.items.into_iter().find(|session| session.current) {
        Some(own) => context.tell_registry(Method::DELETE, &format!("{PATH}/{}", own.id), ()).await,
        None => Ok(()),
    }
}

async fn list(context: &Context) -> Result {
    let page: Page<Session> = context.registry_list(PATH).await?;
    match context.settings.json {
        true => show::json(page),
        false => show::table(
            &["log-in", "by", "for", "made", "last used", "from", "until"],
            page.items.into_iter().map(row),
        ),
    }
    Ok(())
}

fn row(session: Session) -> Vec<String> {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let id = if session.current { format!("{} (this one)", session.id) } else { session.id };
    vec![
        id,
        format!("{}, {}", session.opened_by, session.note),
        session.acts_for.map(|organisation| organisation.to_string()).unwrap_or_default(),
        minute(session.created_at),
        session.used_at.map(minute).unwrap_or_default(),
        session.address.unwrap_or_default(),
        minute(session.expires_at),
    ]
}
