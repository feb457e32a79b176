//! The second factor: codes of an authenticator beside the password.

use std::io::IsTerminal as _;

use chandlery_package::wire::{
    FactorCode, RecoveryCodes, SecondFactor, SecondFactorLogin, SecondFactorNeeded, SecondFactorRemoval,
    SecondFactorSecret, SecondFactorSetUp, Token,
};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::passwords::password;
use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::{show, words};

const PATH: &str = "/api/v1/account/second-factor";

/// What to do with the second factor.
#[derive(Subcommand)]
pub enum Change {
    /// Make a secret for an authenticator; the account's password is asked for, and `confirm` lets it count
    SetUp,
    /// Let the secret count, by a first code of it; shows recovery codes
    Confirm {
        /// What the authenticator shows
        code: String,
    },
    /// Make new recovery codes, in place of those before
    Codes {
        /// What the authenticator shows, or a recovery code
        code: String,
    },
    /// Remove the second factor; the account's password is asked for
    Remove {
        /// What the authenticator shows, or a recovery code
        code: String,
    },
}

pub(super) async fn run(context: &Context, change: Option<Change>) -> Result {
    match change {
        None => shown(context, &context.registry(Method::GET, PATH, ()).await?),
        Some(Change::SetUp) => {
            let given = SecondFactorSetUp { password: password("Password: ")? };
            let made: SecondFactorSecret = context.registry(Method::POST, PATH, given).await?;
            secret(context, &made);
        }
        Some(Change::Confirm { code }) => {
            let made = context.registry(Method::PUT, PATH, FactorCode { code }).await?;
            codes(context, &made);
        }
        Some(Change::Codes { code }) => {
            let path = "/api/v1/account/recovery-codes";
            codes(context, &context.registry(Method::POST, path, FactorCode { code }).await?);
        }
        Some(Change::Remove { code }) => {
            let shown = SecondFactorRemoval { password: password("Password: ")?, code };
            context.tell_registry(Method::POST, &format!("{PATH}/removal"), shown).await?;
            match context.settings.json {
                true => show::json(json!({ "removed": true })),
                false => show::done("the account has no second factor any more"),
            }
        }
    }
    Ok(())
}

/// Goes on with a log-in by a code, which is asked for at a terminal.
pub(super) async fn go_on(
    context: &Context,
    needed: SecondFactorNeeded,
    code: Option<String>,
) -> Result<Token> {
    let code = match code {
        Some(code) => code,
        None if std::io::stdin().is_terminal() => show::ask("Code, or recovery code:")?,
        None => {
            let why = "the account has a second factor, and no code was given";
            return Err(Failure::new(&words::SECOND_FACTOR_NEEDED, why)
                .remedy("say what the authenticator shows: `chandlery login NAME --code CODE`"));
        }
    };
    let answer = SecondFactorLogin { challenge: needed.challenge, code };
    context.post("/api/v1/second-factor", answer).await
}

fn shown(context: &Context, has: &SecondFactor) {
    match (context.settings.json, has.since) {
        (true, _) => show::json(has),
        (false, Some(since)) => show::note(format!(
            "a log-in needs a code since {}; {} recovery codes are left",
            since.strftime("%Y-%m-%d"),
            has.recovery_codes
        )),
        (false, None) => {
            show::note(
                "a log-in needs the password alone; `chandlery account second-factor set-up` changes that",
            );
        }
    }
}

fn secret(context: &Context, made: &SecondFactorSecret) {
    if context.settings.json {
        show::json(made);
        return;
    }
    let letters: Vec<char> = made.secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    show::note("tell your authenticator this secret, or give it the link:");
    show::text(&groups.join(" "));
    show::text(&made.uri);
    show::note("then show its first code: `chandlery account second-factor confirm CODE`");
}

fn codes(context: &Context, made: &RecoveryCodes) {
    if context.settings.json {
        show::json(made);
        return;
    }
    show::done(
        "these stand for a code of the authenticator, each once; print them, they are not shown again:",
    );
    show::text(&made.codes.join("\n"));
}
