//! Signing in with an organisation: to its provider and back.
//!
//! Both ways go by a page that leads on by itself. A redirect would not do: after a form, browsers follow none to another site
//! (`form-action`), and on the way back they send no cookie that is for the registry's own pages alone (`SameSite=Strict`).

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use chandlery_package::Namespace;
use chandlery_package::wire::{EmailAddress, LinkedIdentity};
use chandlery_pages::{Column, minute, table};
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout, session};
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::sign_on::{self, Onward, Returned};
use chandlery_accounts::{Account, Address, Caller, SESSION_HOURS, SessionCookie};
use chandlery_edge::{Client, Form, Path, Query};
use chandlery_money::Finance;

const PAGE: &str = "/account/sign-on";
/// What the form sends that ends an identity.
const UNLINK: &str = "unlink";
/// Where a browser says which site has led here.
const RELATION: &str = "sec-fetch-site";
const NOT_BEGUN: &str =
    "This log-in was not begun in this browser, or took longer than ten minutes: log in again.";

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    email: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    next: String,
}

/// What a provider sends a browser back with.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// What one of the page's forms sends.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    act: String,
    #[serde(default)]
    organisation: String,
}

/// The page `/login/sso`, which leads to the provider of an organisation. A link of another site does so after a click alone: else that site
/// could sign a visitor in as somebody else, unseen.
pub(super) async fn begin(
    State(finance): State<Finance>,
    client: Client,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    match begun(&finance, client, &asked).await {
        Ok(onward) => {
            let mut answer = to_provider(finance.accounts.cookie, onward);
            let is_elsewhere = |from: &HeaderValue| from != "same-origin" && from != "none";
            if headers.get(RELATION).is_some_and(is_elsewhere) {
                answer.headers_mut().remove(header::REFRESH);
            }
            Ok(answer)
        }
        Err(error) => session::not_logged_in(error),
    }
}

async fn begun(finance: &Finance, client: Client, asked: &Asked) -> Result<Onward, chandlery_edge::Error> {
    let organisation = match asked.organisation.trim() {
        "" => {
            let email = asked.email.trim().parse::<EmailAddress>();
            let email = email.map_err(|error| chandlery_edge::Error::Invalid(error.to_string()))?;
            sign_on::organisation_of(&finance.accounts, &email).await?
        }
        name => name.parse::<Namespace>()?,
    };
    sign_on::begin(&finance.accounts, client, &organisation, session::own_path(&asked.next)).await
}

/// The page `/login/sso/callback/{organisation}`, to which its provider sends a browser back: only one that was sent there from here.
pub(super) async fn arrive(
    State(finance): State<Finance>,
    address: Address,
    headers: HeaderMap,
    Path(organisation): Path<Namespace>,
    Query(back): Query<Back>,
) -> Result<Response, Error> {
    let kept = finance.accounts.cookie;
    let own = sign_on::held(kept, &headers);
    if back.state.is_empty() || own.as_deref() != Some(back.state.as_str()) {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, session::refused(NOT_BEGUN)).into_response());
    }
    let Back { state, code, iss, error } = back;
    let back = Returned { organisation, state, code, issuer: iss, error };
    let lifetime = SignedDuration::from_hours(SESSION_HOURS);
    match sign_on::arrive(&finance.accounts, address, &back, lifetime).await {
        Ok(arrived) => {
            let jar = match arrived.token {
                Some(token) => kept.begin(token),
                None => CookieJar::new(),
            };
            let jar = jar.add(sign_on::let_go(kept));
            let next = session::own_path(&arrived.next);
            Ok(leading(jar, next, html! { h1 { "Logged in" } p { a href=(next) { "Continue" } } }))
        }
        Err(error) => session::not_logged_in(error),
    }
}

/// The page `/account/sign-on`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    Ok(own_page(&finance, &caller, None).await?.into_response())
}

/// Links the account with who its owner is at the provider of an organisation, or lets it be nobody there any more.
pub(super) async fn act(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    match done(&finance, client, &caller, &given).await {
        Ok(response) => Ok(response),
        Err(error) => {
            let shown = own_page(&finance, &caller, Some(&error.to_string())).await?;
            shown_again(error, |_| shown)
        }
    }
}

async fn done(
    finance: &Finance,
    client: Client,
    caller: &Caller,
    given: &Given,
) -> Result<Response, chandlery_edge::Error> {
    let organisation = given.organisation.parse::<Namespace>()?;
    if given.act == UNLINK {
        sign_on::unlink(&finance.accounts, caller, &organisation).await?;
        return Ok(Redirect::to(PAGE).into_response());
    }
    let onward = sign_on::begin_link(&finance.accounts, client, caller, &organisation, PAGE).await?;
    Ok(to_provider(finance.accounts.cookie, onward))
}

async fn own_page(finance: &Finance, caller: &Account, fault: Option<&str>) -> Result<Markup, Error> {
    let linked = sign_on::linked(&finance.db, &caller.name).await?;
    let linkable = sign_on::linkable(&finance.db, &caller.name).await?;
    let content = html! {
        h1 { "Single sign-on of " (caller.name) }
        (chandlery_pages::fault(fault))
        (all_linked(&linked))
        @for organisation in &linkable {
            form.card method="post" action=(PAGE) {
                input type="hidden" name="organisation" value=(organisation);
                p { "Log in with " strong { (organisation) } ", too. From then on whoever runs its provider can log in as you." }
                button { "Link this account" }
            }
        }
        @if linked.is_empty() && linkable.is_empty() {
            p { "None of your organisations has a provider of its own." }
        }
    };
    Ok(layout::page("Single sign-on", Some(caller), content))
}

fn all_linked(linked: &[LinkedIdentity]) -> Markup {
    let columns = ["With", "Provider", "Since", "Last logged in", ""].map(Column::Text);
    let rows: Vec<Vec<Markup>> = linked.iter().map(identity_row).collect();
    html! { @if !rows.is_empty() { (table("Organisations", &columns, &rows)) } }
}

fn identity_row(identity: &LinkedIdentity) -> Vec<Markup> {
    vec![
        html! { (identity.organisation) },
        html! { code { (identity.issuer) } },
        minute(identity.linked_at),
        minute(identity.seen_at),
        html! {
            form method="post" action=(PAGE) {
                input type="hidden" name="act" value=(UNLINK);
                input type="hidden" name="organisation" value=(identity.organisation);
                button.quiet { "Unlink" }
            }
        },
    ]
}

fn to_provider(kept: SessionCookie, onward: Onward) -> Response {
    let Onward { url, state, organisation } = onward;
    let jar = CookieJar::new().add(sign_on::hold(kept, state));
    let content = html! {
        h1 { "Log in with " (organisation) }
        p { a href=(url) { "Continue to its provider" } }
    };
    leading(jar, &url, content)
}

/// A page that leads on by itself.
fn leading(jar: CookieJar, url: &str, content: Markup) -> Response {
    let headers = [(header::REFRESH, format!("0;url={url}")), (header::CACHE_CONTROL, "no-store".to_owned())];
    (jar, headers, layout::page("Single sign-on", None, content)).into_response()
}
