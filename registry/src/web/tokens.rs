//! The tokens of an account: listed, made for machines and shown once, and ended.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::wire::{NewToken, Page, Paging, Token, TokenRecord};
use chandlery_pages::{Column, Field, Tone, banner, minute, select, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, shown_again};
use chandlery_accounts::{Account, Caller, Scope, TokenPlace, end_token, list_tokens, make_token};
use chandlery_edge::{Form, Query};
use chandlery_money::Finance;

const PAGE: &str = "/account/tokens";
/// How many are shown after a form.
const SHOWN: u32 = 100;
const PUBLISH: &str = "publish";

/// What one of the page's forms sends.
#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    act: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    scope: String,
    /// The one plugin that may be published; empty: each that the account may publish.
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    days: String,
}

/// The page `/account/tokens`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Query(paging): Query<Paging<TokenPlace>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let tokens = list_tokens(&finance.db, &caller, &paging).await?;
    Ok(shown(&caller, &tokens, &html! {}).into_response())
}

/// Makes a token, or ends one.
pub(super) async fn act(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PAGE)) };
    let done = done(&finance, &caller, &given).await;
    if matches!(done, Ok(None)) {
        return Ok(Redirect::to(PAGE).into_response());
    }
    let tokens = list_tokens(&finance.db, &caller, &Paging::first(SHOWN)).await?;
    match done {
        Ok(made) => {
            let page = shown(&caller, &tokens, &html! { @if let Some(made) = &made { (told_once(made)) } });
            Ok(([(header::CACHE_CONTROL, "no-store")], page).into_response())
        }
        Err(error) => {
            shown_again(error, |fault| shown(&caller, &tokens, &chandlery_pages::fault(Some(fault))))
        }
    }
}

/// The token that was made; none: one has ended.
async fn done(
    finance: &Finance,
    caller: &Caller,
    given: &Given,
) -> Result<Option<Token>, chandlery_edge::Error> {
    match given.act.as_str() {
        "make" => Ok(Some(make_token(&finance.accounts, caller, &wanted(given)?).await?)),
        "end" => {
            end_token(&finance.db, &caller.actor, caller, &given.id).await?;
            Ok(None)
        }
        other => Err(chandlery_edge::Error::Invalid(format!("'{other}' is nothing that this page does"))),
    }
}

fn wanted(given: &Given) -> Result<NewToken, chandlery_edge::Error> {
    let invalid = |why: String| chandlery_edge::Error::Invalid(why);
    let scope = match (given.scope.as_str(), given.plugin.trim()) {
        (PUBLISH, plugin) if !plugin.is_empty() => format!("{PUBLISH} {plugin}"),
        (scope, _) => scope.to_owned(),
    };
    let scope = scope.parse::<Scope>().map_err(|error| invalid(error.to_string()))?;
    let days = given.days.trim();
    let days_valid = days
        .parse::<u32>()
        .map_err(|_| invalid(format!("'{days}' is no number of days: a token lasts from 1 to 366")))?;
    Ok(NewToken { scope, note: given.note.trim().to_owned(), days_valid })
}

fn told_once(made: &Token) -> Markup {
    let told = html! {
        p { strong { "This is the token. It is shown this once, and nobody can find it out later." } }
        (chandlery_pages::command(&made.token))
        p { "A program sends it as " code { "Authorization: Bearer" } ", the command takes it from " code { "CHANDLERY_TOKEN" } "." }
    };
    banner(Tone::Good, &told)
}

fn shown(caller: &Account, tokens: &Page<TokenRecord>, told: &Markup) -> Markup {
    let columns = ["For", "May", "Made", "Until", "Acts for", ""].map(Column::Text);
    let rows: Vec<Vec<Markup>> = tokens.items.iter().map(row).collect();
    let content = html! {
        h1 { "Tokens of " (caller.person()) }
        (told)
        p { "Machines log in by tokens: each may do less than its account, and expires. Your own log-ins are listed too." }
        (table("Tokens", &columns, &rows))
        (layout::next_page(PAGE, tokens.next.as_deref()))
        h2 { "Create one" }
        (form())
    };
    layout::page("Tokens", Some(caller), content)
}

fn row(token: &TokenRecord) -> Vec<Markup> {
    vec![
        html! { (token.note) },
        html! { code { (token.scope) } },
        minute(token.created_at),
        html! { @match token.expires_at { Some(at) => (minute(at)), None => "it is ended" } },
        html! { @match &token.acts_for { Some(organisation) => (organisation), None => "itself" } },
        html! {
            form method="post" action=(PAGE) {
                input type="hidden" name="act" value="end";
                input type="hidden" name="id" value=(token.id);
                button.quiet { "End" }
            }
        },
    ]
}

fn form() -> Markup {
    let scopes = [
        ("read", "see and pull what you may see"),
        (PUBLISH, "push and publish"),
        ("full", "everything that you may"),
    ];
    html! {
        form.card method="post" action=(PAGE) {
            input type="hidden" name="act" value="make";
            (Field::new("note", "What it is for").required())
            (select("scope", "What it may do", "read", &scopes))
            (Field::new("plugin", "To publish this plugin alone").hint("NAMESPACE:plugin; empty: all that you may publish."))
            (Field::new("days", "For how many days").kind("number").value("90").required())
            button { "Make a token" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_a_token_may() {
        let given = |scope: &str, plugin: &str, days: &str| {
            let (scope, plugin, days) = (scope.into(), plugin.into(), days.into());
            Given { act: "make".into(), id: String::new(), scope, plugin, note: " ci ".into(), days }
        };
        for (scope, plugin, said) in [
            ("read", "acme:x", "read"),
            ("publish", "", "publish"),
            ("publish", " acme:x ", "publish acme:x"),
            ("full", "", "full"),
        ] {
            let wanted = wanted(&given(scope, plugin, " 30 ")).unwrap();
            let found = (wanted.scope.to_string(), wanted.note.as_str(), wanted.days_valid);
            assert_eq!(found, (said.to_owned(), "ci", 30));
        }
        for (scope, plugin, days) in
            [("", "", "30"), ("publish", "no plugin", "30"), ("read", "", "-1"), ("read", "", "")]
        {
            assert!(wanted(&given(scope, plugin, days)).is_err(), "{scope} {plugin} {days}");
        }
    }
}
