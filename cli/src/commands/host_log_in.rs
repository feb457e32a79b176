//! `chandlery host login`, `host logout`, `host sessions` and `host token`: who is signed in at a host, and the first admin's token.

use std::time::{Duration, Instant};

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{
    HostDeviceCode, HostDeviceLogIn, HostSession, HostTokenRotation, RotatedHostToken, SignedIn,
};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

const SESSIONS: &str = "/api/v1/sessions";
/// The most seconds between two questions, whatever a host asks for.
const INTERVAL_MAX: u32 = 30;

/// What users are signed in with.
#[derive(Subcommand)]
pub enum HostSessions {
    /// Show all sessions, on the pages and with programs
    List,
    /// End a session at once
    End {
        /// As `host sessions list` names it
        id: String,
    },
}

/// The token of the first admin.
#[derive(Subcommand)]
pub enum HostToken {
    /// Make another one, in the file host.token too; the one before, and the sessions of the first admin, end at once
    Rotate,
}

/// Signs in at the host: whoever is signed in on its pages confirms a code there.
pub async fn log_in(context: &Context) -> Result {
    let host = &context.settings.host;
    let waits: HostDeviceLogIn = context.post_to_host("/api/v1/device-log-ins", json!({})).await?;
    show::notice(format!(
        "open {}?user_code={} and confirm the code {}",
        waits.verification_uri, waits.user_code, waits.user_code
    ));
    let opened = confirmed(context, waits).await?;
    context.home.keep_host_token(host, Some(&opened.token))?;
    if std::env::var_os("CHANDLERY_HOST_TOKEN").is_some_and(|token| !token.is_empty()) {
        show::notice("CHANDLERY_HOST_TOKEN is set, and comes before this log-in");
    }
    match context.settings.json {
        true => show::json(opened.session),
        false => {
            let until = opened.session.expires_at.strftime("%Y-%m-%d %H:%M UTC");
            show::done(format!("signed in at {host} as {}, until {until}", opened.session.user));
        }
    }
    Ok(())
}

async fn confirmed(context: &Context, waits: HostDeviceLogIn) -> Result<SignedIn> {
    let asked_by = HostDeviceCode { device_code: waits.device_code };
    let interval = Duration::from_secs(u64::from(waits.interval.clamp(1, INTERVAL_MAX)));
    let (began, patience) = (Instant::now(), Duration::from_secs(u64::from(waits.expires_in)));
    loop {
        tokio::time::sleep(interval).await;
        let answer = context.post_to_host("/api/v1/device-log-ins/token", asked_by.clone()).await;
        match answer {
            Err(failure) if failure.is("authorization-pending") && began.elapsed() < patience => {}
            answer => return answer,
        }
    }
}

/// Signs out at the host, and forgets the token of the log-in.
pub async fn log_out(context: &Context) -> Result {
    let host = &context.settings.host;
    let Some(token) = context.home.host_log_in(host)? else {
        return Err(Failure::new(&words::NO_HOST_TOKEN, format!("nobody has logged in at {host}"))
            .remedy("run `chandlery host login`"));
    };
    match context.end_host_session(&token).await {
        // It has ended already.
        Err(failure) if !failure.is("unauthenticated") => return Err(failure),
        _ => context.home.keep_host_token(host, None)?,
    }
    match context.settings.json {
        true => show::json(json!({ "signed_out": host })),
        false => show::done(format!("signed out at {host}")),
    }
    Ok(())
}

impl HostSessions {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List => {
                let page: Page<HostSession> = context.host_list(SESSIONS).await?;
                let headings = ["session", "user", "of", "by", "since", "last used", "until"];
                match context.settings.json {
                    true => show::json(page),
                    false => show::table(&headings, page.items.into_iter().map(row)),
                }
            }
            Self::End { id } => {
                context.tell_host(Method::DELETE, &format!("{SESSIONS}/{id}"), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "ended": id })),
                    false => show::done(format!("session {id} ended")),
                }
            }
        }
        Ok(())
    }
}

impl HostToken {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        let Self::Rotate = self;
        let shown = HostTokenRotation { current: context.host_token()? };
        let made: RotatedHostToken = context.host(Method::POST, "/api/v1/host-token", shown).await?;
        match context.settings.json {
            true => show::json(made),
            false => show::text(&made.token),
        }
        Ok(())
    }
}

fn row(session: HostSession) -> Vec<String> {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    vec![
        session.id,
        session.user.to_string(),
        session.kind.to_string(),
        session.opened_by.to_string(),
        minute(session.opened_at),
        session.used_at.map(minute).unwrap_or_default(),
        minute(session.expires_at),
    ]
}
