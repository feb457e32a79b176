//! `chandlery register` and `chandlery login`.

use std::io::{IsTerminal as _, Read as _};

use chandlery_package::Namespace;
use chandlery_package::wire::{Login as WireLogin, NewAccount, Token};
use clap::Args;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Open an account.
#[derive(Args)]
pub struct Register {
    /// What the account is called
    name: Namespace,
}

/// Log in to the registry, and keep the token in the user's folder.
#[derive(Args)]
pub struct Login {
    /// The account's name
    name: Namespace,
}

impl Register {
    pub async fn run(self, context: &Context) -> Result {
        let new = NewAccount { name: self.name, password: password()? };
        let token: Token = context.post("/api/v1/accounts", new).await?;
        remember(context, &token, "opened account")
    }
}

impl Login {
    pub async fn run(self, context: &Context) -> Result {
        let login = WireLogin { name: self.name, password: password()? };
        let token: Token = context.post("/api/v1/tokens", login).await?;
        remember(context, &token, "logged in as")
    }
}

fn remember(context: &Context, token: &Token, what: &str) -> Result {
    context.home.log_in(&context.settings.registry, &token.account, &token.token)?;
    match context.settings.json {
        true => show::json(serde_json::json!({ "account": token.account })),
        false => show::done(format!("{what} '{}' at {}", token.account, context.settings.registry)),
    }
    Ok(())
}

/// The password from a terminal, unseen, or from standard input, as it is piped.
fn password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password("Password: ")?);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => {
            Err(Failure::of("no password was given").remedy("pipe it in, or run the command in a terminal"))
        }
        text => Ok(text.into()),
    }
}
