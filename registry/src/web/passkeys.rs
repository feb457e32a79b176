//! Passkeys of an account, added, named and removed on a page; and the script that asks the browser for them, without which there are none.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{NewPasskey, PasskeyChallenge, PasskeyChange, PasskeyRecord};
use chandlery_pages::{Column, minute, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, scripted, told};
use chandlery_accounts::passkeys::{self, RelyingParty};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Client, Form};
use chandlery_money::Finance;

const PAGE: &str = "/account/passkeys";

/// What one of the page's forms sends.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    act: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    credential: String,
}

impl Given {
    /// The password; none: the field was left empty.
    fn shown(&self) -> PasskeyChange {
        PasskeyChange { password: Some(self.password.clone()).filter(|password| !password.is_empty()) }
    }
}

/// The script, which pages name and nothing else runs.
pub(super) async fn script() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("passkeys.js"))
}

/// The form of the log-in that takes a passkey and leads to a path of this registry; nothing where there are none.
pub(super) fn sign_in_form(site: Option<&RelyingParty>, next: &str) -> Markup {
    html! {
        @if let Some(site) = site {
            form.card hidden data-sign-in data-next=(next) data-domain=(site.domain()) data-origin=(site.origin()) {
                p.note hidden { }
                p.fault role="alert" hidden { }
                button { "Log in with a passkey" }
            }
            noscript { p.note { "To log in with a passkey, let this page run its script: a browser gives one to scripts alone." } }
            (script_tag())
        }
    }
}

/// The page `/account/passkeys`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    Ok(shown(&finance, &caller, None).await?.into_response())
}

pub(super) async fn act(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let error = match done(&finance, client, &caller, &given).await {
        Ok(response) => return Ok(response),
        Err(error) => error,
    };
    let (status, fault) = match error {
        // A session of a while ago is not enough: the password is, which was left out.
        chandlery_edge::Error::Forbidden { .. } if given.password.is_empty() => {
            (StatusCode::FORBIDDEN, error.to_string())
        }
        _ => told(error)?,
    };
    Ok((status, shown(&finance, &caller, Some(&fault)).await?).into_response())
}

async fn done(
    finance: &Finance,
    client: Client,
    caller: &Caller,
    given: &Given,
) -> Result<Response, chandlery_edge::Error> {
    let accounts = &finance.accounts;
    match given.act.as_str() {
        "begin" => {
            let asked = passkeys::begin(accounts, client, caller, &given.shown()).await?;
            return Ok(creation_page(accounts.passkey_site(), caller, &asked, &given.name));
        }
        "add" => {
            let credential = serde_json::from_str(&given.credential).map_err(|error| {
                chandlery_edge::Error::Invalid(format!("this is no answer of an authenticator: {error}"))
            })?;
            let (challenge, name) = (given.challenge.clone(), given.name.clone());
            passkeys::add(accounts, caller, &NewPasskey { challenge, name, credential }).await?;
        }
        "rename" => passkeys::rename(accounts, caller, &given.id, &given.name).await?,
        "remove" => passkeys::remove(accounts, client, caller, &given.id, &given.shown()).await?,
        other => {
            return Err(chandlery_edge::Error::Invalid(format!("'{other}' is nothing that this page does")));
        }
    }
    Ok(Redirect::to(PAGE).into_response())
}

async fn shown(finance: &Finance, caller: &Account, fault: Option<&str>) -> Result<Markup, Error> {
    let all = passkeys::list(&finance.db, &caller.name).await?;
    let content = html! {
        h1 { "Passkeys of " (caller.name) }
        (chandlery_pages::fault(fault))
        p { "A passkey of your phone, computer or security key logs you in: no name, no password and no code is asked for then." }
        @if all.is_empty() { p.none { "There are no passkeys yet." } } @else { (listed(&all)) }
        h2 { "Add one" }
        @match finance.accounts.passkey_site() {
            Some(_) => { (begin_form()) }
            None => {
                p.none {
                    "There can be none here: passkeys are for a name that is reached by TLS. Whoever operates the registry starts it with "
                    code { "--url https://HOST" } "."
                }
            }
        }
    };
    Ok(layout::page("Passkeys", Some(caller), content))
}

fn listed(all: &[PasskeyRecord]) -> Markup {
    let columns = ["Name", "Added", "Last used", ""].map(Column::Text);
    let rows: Vec<Vec<Markup>> = all.iter().map(row).collect();
    html! {
        (table("Passkeys", &columns, &rows))
        p.note { "The password is asked for where you have logged in more than ten minutes ago." }
    }
}

fn row(passkey: &PasskeyRecord) -> Vec<Markup> {
    vec![
        html! {
            form method="post" action=(PAGE) {
                input type="hidden" name="act" value="rename";
                input type="hidden" name="id" value=(passkey.id);
                input name="name" value=(passkey.name) aria-label="Name" required;
                " " button.quiet { "Rename" }
            }
        },
        minute(passkey.created_at),
        html! { @if let Some(at) = passkey.used_at { (minute(at)) } },
        html! {
            form method="post" action=(PAGE) {
                input type="hidden" name="act" value="remove";
                input type="hidden" name="id" value=(passkey.id);
                input name="password" type="password" aria-label="Password" autocomplete="current-password" placeholder="Password";
                " " button.quiet { "Remove" }
            }
        },
    ]
}

fn begin_form() -> Markup {
    html! {
        form.card method="post" action=(PAGE) {
            input type="hidden" name="act" value="begin";
            label { "Name" input name="name" maxlength="60" placeholder="My phone" required; }
            label {
                "Password, if you have logged in more than ten minutes ago"
                input name="password" type="password" autocomplete="current-password";
            }
            p.note {
                "Your browser makes it on the next page, which runs a script for that. Where yours runs none, or has no passkeys, "
                a href="/account/second-factor" { "a second factor" } " guards the account as well."
            }
            button { "Add a passkey" }
        }
    }
}

/// What is asked of the browser is for whoever has shown who they are, once: no cache keeps it.
fn creation_page(
    site: Option<&RelyingParty>,
    caller: &Account,
    asked: &PasskeyChallenge,
    name: &str,
) -> Response {
    let (domain, origin) = site.map(|site| (site.domain(), site.origin())).unwrap_or_default();
    let content = html! {
        h1 { "A passkey for " (caller.name) }
        form.card hidden method="post" action=(PAGE) data-create=(asked.public_key.to_string()) data-domain=(domain) data-origin=(origin) {
            input type="hidden" name="act" value="add";
            input type="hidden" name="name" value=(name);
            input type="hidden" name="challenge" value=(asked.challenge);
            input type="hidden" name="credential" value="";
            p.note hidden { }
            p.fault role="alert" hidden { }
            button { "Create '" (name) "'" }
        }
        noscript { p { "A passkey is made by your browser, which this page asks by a script: let it run that, and begin again." } }
        p {
            a href=(PAGE) { "Leave it" } ". Without a passkey, "
            a href="/account/second-factor" { "a second factor" } " guards an account, too: it needs no script."
        }
        (script_tag())
    };
    let page = scripted(layout::page("Passkeys", Some(caller), content));
    ([(header::CACHE_CONTROL, "no-store")], page).into_response()
}

fn script_tag() -> Markup {
    html! { script type="module" src="/passkeys.js" { } }
}
