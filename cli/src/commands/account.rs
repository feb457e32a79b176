//! `chandlery register`, `chandlery login`, and `chandlery account` for what is a person's own.

mod email;
mod factor;
mod identities;
mod logged_in;
mod passkeys;
mod passwords;
mod sessions;
mod web;

use chandlery_package::Namespace;
use chandlery_package::wire::{
    EmailAddress, Login as WireLogin, NewAccount, PasswordChange, PasswordChanged, ResetPassword,
    SecondFactorNeeded, Token,
};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;

pub use self::logged_in::{log_out, whoami};
use self::passwords::{current_and_new, new_password, password};
use crate::api::Context;
use crate::commands::host_account::claim_own;
use crate::failure::Result;
use crate::show;

/// Open an account.
#[derive(Args)]
pub struct Register {
    /// What the account is called
    name: Namespace,
    /// Where it is written to, once the token that is sent there was shown
    #[arg(long, value_name = "ADDRESS")]
    email: Option<EmailAddress>,
}

/// Log in to the registry, and keep the token in the user's folder.
#[derive(Args)]
pub struct Login {
    /// The account's name
    #[arg(required_unless_present = "web", conflicts_with = "web")]
    name: Option<Namespace>,
    /// A code of the second factor, or a recovery code; at a terminal it is asked for where there is one
    #[arg(long)]
    code: Option<String>,
    /// Print a code and wait until somebody who is logged in on the registry's pages confirms it there
    #[arg(long, conflicts_with = "code")]
    web: bool,
}

/// See and change the account, its password and its e-mail address.
#[derive(Subcommand)]
pub enum Account {
    /// Show the account
    Show,
    /// Print all that the registry keeps of the account, as lines of JSON
    Export,
    /// Have the account deleted after 14 days; its password is asked for
    Delete {
        /// A code of the second factor, or a recovery code, where there is one
        #[arg(long, default_value = "")]
        code: String,
        /// Let the account stay, which was to be deleted
        #[arg(long)]
        take_back: bool,
    },
    /// Ask for another e-mail address; the account's password is asked for, and a token is sent to the address
    Email {
        /// Where the account is to be written to
        address: EmailAddress,
    },
    /// Verify an e-mail address by the token that was sent there
    Verify {
        /// The token of the letter
        #[arg(long)]
        token: String,
    },
    /// See, set up and remove the second factor
    SecondFactor {
        #[command(subcommand)]
        change: Option<factor::Change>,
    },
    /// Show the passkeys of the account, name and remove them; they are added on the registry's page /account/passkeys
    Passkeys {
        #[command(subcommand)]
        change: Option<passkeys::Change>,
    },
    /// Show by the providers of which organisations the account signs in, and unlink it from one
    Identities {
        #[command(subcommand)]
        change: Option<identities::Change>,
    },
    /// Show where the account is logged in, and end log-ins
    Sessions {
        #[command(subcommand)]
        end: Option<sessions::End>,
    },
    /// Have a token sent to an account's verified address, by which its password is set
    Forgot {
        /// The account's name
        name: Namespace,
    },
    /// Change the password; piped, the current one and the new one are a line each
    Password {
        /// End tokens that were made for machines, too, and not only those of log-ins
        #[arg(long)]
        end_all_tokens: bool,
    },
    /// Set the password with the token that an operator has issued for it
    Reset {
        /// The token of the reset
        #[arg(long)]
        token: String,
        /// End tokens that were made for machines, too, and not only those of log-ins
        #[arg(long)]
        end_all_tokens: bool,
    },
}

impl Account {
    pub async fn run(self, context: &Context) -> Result {
        let changed: PasswordChanged = match self {
            Self::Show => return email::show(context).await,
            Self::Export => {
                show::document(&context.registry_text("/api/v1/account/export").await?);
                return Ok(());
            }
            Self::Delete { take_back: true, .. } => return email::stay(context).await,
            Self::Delete { code, .. } => return email::delete(context, code).await,
            Self::Email { address } => return email::change(context, address).await,
            Self::Verify { token } => return email::verify(context, token).await,
            Self::SecondFactor { change } => return factor::run(context, change).await,
            Self::Passkeys { change } => return passkeys::run(context, change).await,
            Self::Identities { change } => return identities::run(context, change).await,
            Self::Sessions { end } => return sessions::run(context, end).await,
            Self::Forgot { name } => return email::forgot(context, name).await,
            Self::Password { end_all_tokens } => {
                let (current, password) = current_and_new()?;
                let change = PasswordChange { current, password, end_all_tokens };
                context.registry(Method::POST, "/api/v1/account/password", change).await?
            }
            Self::Reset { token, end_all_tokens } => {
                let password = new_password()?;
                context
                    .post("/api/v1/password-resets", ResetPassword { token, password, end_all_tokens })
                    .await?
            }
        };
        let PasswordChanged { account, ended } = &changed;
        match context.settings.json {
            true => show::json(&changed),
            false => {
                show::done(format!("'{account}' has another password; {ended} log-ins and tokens ended"))
            }
        }
        Ok(())
    }
}

impl Register {
    pub async fn run(self, context: &Context) -> Result {
        let new = NewAccount { name: self.name, password: new_password()?, email: self.email };
        let token: Token = context.post("/api/v1/accounts", new).await?;
        remember(context, &token, "opened account").await
    }
}

impl Login {
    pub async fn run(self, context: &Context) -> Result {
        let Some(name) = self.name else {
            let token = web::log_in(context).await?;
            return remember(context, &token, "logged in as").await;
        };
        let login = WireLogin { name, password: password("Password: ")? };
        let answer: LoggedIn = context.post("/api/v1/tokens", login).await?;
        let token = match answer {
            LoggedIn::Token(token) => token,
            LoggedIn::Needed(needed) => factor::go_on(context, needed, self.code).await?,
        };
        remember(context, &token, "logged in as").await
    }
}

/// What a log-in with the right password is answered.
#[derive(Deserialize)]
#[serde(untagged)]
enum LoggedIn {
    Token(Token),
    Needed(SecondFactorNeeded),
}

/// Keeps the token of a log-in. The first account that logs in beside a host which is nobody's has that host from then on.
async fn remember(context: &Context, token: &Token, what: &str) -> Result {
    let Token { account, token } = token;
    context.home.log_in(&context.settings.registry, account, token)?;
    context.speak_as(account.clone(), token.clone());
    let host = claim_own(context).await.map(|_| &context.settings.host);
    if context.settings.json {
        show::json(serde_json::json!({ "account": account, "host": host }));
        return Ok(());
    }
    show::done(format!("{what} '{account}' at {}", context.settings.registry));
    if let Some(host) = host {
        show::done(format!("the host at {host} belongs to '{account}': its limits and its use are yours"));
    }
    Ok(())
}
