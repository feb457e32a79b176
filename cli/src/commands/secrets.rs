//! `chandlery secrets`: what plugins may use and never see.

use std::io::{IsTerminal as _, Read as _};

use chandlery_package::SecretName;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{NewSecret, SecretInfo};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

const PATH: &str = "/api/v1/secrets";

/// Secrets that a host holds and plugins use unseen.
#[derive(Subcommand)]
pub enum Secrets {
    /// Set a secret; its value is read from standard input, or asked for
    Set {
        /// Lower-case letters, digits and dashes
        name: SecretName,
    },
    /// Show the names of all secrets
    List,
    /// Forget a secret
    Remove {
        /// The secret's name
        name: SecretName,
    },
}

impl Secrets {
    pub async fn run(self, context: &Context) -> Result {
        let json = context.settings.json;
        match self {
            Self::Set { name } => {
                let new = NewSecret { value: value(&name)? };
                context.tell_host(Method::PUT, &format!("{PATH}/{name}"), new).await?;
                match json {
                    true => show::json(json!({ "set": name })),
                    false => {
                        show::done(format!("the secret '{name}' is set, and encrypted on the host's disk"))
                    }
                }
            }
            Self::List => {
                let page: Page<SecretInfo> = context.host_list(PATH).await?;
                let row = |secret: SecretInfo| vec![secret.name.to_string(), secret.updated_at.to_string()];
                match json {
                    true => show::json(page),
                    false => show::table(&["secret", "set"], page.items.into_iter().map(row)),
                }
            }
            Self::Remove { name } => {
                context.tell_host(Method::DELETE, &format!("{PATH}/{name}"), ()).await?;
                match json {
                    true => show::json(json!({ "removed": name })),
                    false => show::done(format!("the secret '{name}' is forgotten")),
                }
            }
        }
        Ok(())
    }
}

fn value(name: &SecretName) -> Result<String> {
    let mut value = String::new();
    match std::io::stdin().is_terminal() {
        true => value = rpassword::prompt_password(format!("Value of '{name}': "))?,
        false => drop(std::io::stdin().read_to_string(&mut value)?),
    }
    let value = value.trim_end_matches(['\r', '\n']);
    match value.is_empty() {
        true => Err(Failure::new(&words::NO_VALUE, format!("nothing was given for '{name}'")).remedy(format!(
            "give it on standard input: `chandlery secrets set {name} < FILE`, or run the command in a terminal"
        ))),
        false => Ok(value.into()),
    }
}
