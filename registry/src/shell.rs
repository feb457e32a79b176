//! The frame of the registry's pages: what all of them link to, and what is said of whoever looks at one.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::Account;
use chandlery_edge::UNAUTHENTICATED;
use chandlery_package::browser::SCRIPTED_POLICY;
use chandlery_package::problem::Explain;
use chandlery_pages::{Head, Link, Search, Shell};
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The path of the style sheet.
pub const STYLE: &str = "/style.css";
/// The path of the shop's search.
pub const SEARCH: &str = "/search";
/// The path of the page on which somebody chooses for whom a session acts.
pub const ORGANISATIONS: &str = "/account/organisations";
/// The path of the page on which components are uploaded to be published.
pub const PUBLISH: &str = "/publish";
/// The path of the index of all documents.
pub const DOCS: &str = "/docs";
/// The path of the feed of new releases.
pub const FEED: &str = "/feeds/releases.xml";
/// The path of the feed of advisories.
pub const ADVISORIES_FEED: &str = "/feeds/advisories.xml";

/// What a value of a query does not have as it is.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-');
const NAME: &str = "Chandlery";
const LINKS: [Link<'static>; 4] = [
    Link { path: SEARCH, name: "Plugins" },
    Link { path: "/pricing", name: "Pricing" },
    Link { path: "/consultants", name: "Consultants" },
    Link { path: DOCS, name: "Docs" },
];
const FOOTER: [Link<'static>; 5] = [
    Link { path: "/", name: "Home" },
    Link { path: FEED, name: "Feed of releases" },
    Link { path: DOCS, name: "Docs" },
    Link { path: "/api/v1/docs", name: "API" },
    Link { path: "/pricing", name: "Pricing" },
];

/// Who looks at a page.
#[derive(Debug, Clone, Copy)]
pub enum Visitor<'a> {
    /// An account that is logged in.
    Known(&'a Account),
    /// Somebody who is not.
    Nobody,
    /// It was not found out, as where a request was refused before.
    Unknown,
}

impl<'a> From<Option<&'a Account>> for Visitor<'a> {
    fn from(account: Option<&'a Account>) -> Self {
        account.map_or(Self::Nobody, Self::Known)
    }
}

/// Lets nobody but its own visitor keep a page: it may name who is logged in, or show what is private.
pub async fn kept_by_its_visitor(mut page: Response) -> Response {
    let kept = page.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("private, no-cache"));
    page
}

/// The status and the text with which a page shows its form again: where what was sent cannot be read or contradicts what is here, names
/// what is not there, or has another password or code than the account, so that something else may be sent. Whatever keeps everything
/// from being done there, or the registry itself is at fault for, stays the error that it is, and has a page of its own.
pub fn told<E: Explain>(error: E) -> Result<(StatusCode, String), E> {
    const OF_FORMS: [StatusCode; 4] = [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::CONFLICT,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    let problem = error.problem();
    // Who sends a form is known before it is looked at: this is about a secret in it.
    let is_wrong_secret = problem.r#type == UNAUTHENTICATED.word;
    match StatusCode::from_u16(problem.status) {
        Ok(status) if is_wrong_secret || OF_FORMS.contains(&status) => Ok((status, problem.in_words())),
        _ => Err(error),
    }
}

/// A page that says what was wrong with what its form sent, as [`told`] decides.
pub fn shown_again<E, F>(error: E, page: impl FnOnce(&str) -> Markup) -> Result<Response, F>
where
    E: Explain + Into<F>,
{
    let (status, fault) = told(error).map_err(Into::into)?;
    Ok((status, page(&fault)).into_response())
}

/// The way to the log-in, for whoever has to take it first.
pub struct LogIn {
    /// The path and query of the page that was asked for; none: something was sent.
    asked: Option<String>,
}

impl LogIn {
    /// From what a request asks for.
    pub fn of(parts: &Parts) -> Self {
        let asked = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
        Self { asked: asked.map(ToString::to_string) }
    }

    /// Sends whoever asked for a page to the log-in, and from there back; whoever sent something, which is not sent again, to the page
    /// `form`, from which they did.
    pub fn then(&self, form: &str) -> Response {
        Redirect::to(&log_in_path(self.asked.as_deref().unwrap_or(form))).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LogIn {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// The path of the log-in that leads from there to this one.
pub fn log_in_path(next: &str) -> String {
    format!("/login?next={}", utf8_percent_encode(next, IN_QUERY))
}

/// A page that may run scripts of the registry's own, which ask it and nobody else.
pub fn scripted(page: Markup) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, SCRIPTED_POLICY)], page).into_response()
}

/// A script of the registry's own, which its pages name.
pub fn script(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

/// A whole page, whose search shows these words.
pub fn page(head: &Head, visitor: Visitor<'_>, words: &str, content: &Markup) -> Markup {
    let shell = Shell {
        name: NAME,
        style: STYLE,
        links: &LINKS,
        here: here(head),
        search: Some(Search { path: SEARCH, label: "Search plugins", words }),
        visitor: shown(visitor),
        footer: &FOOTER,
    };
    shell.page(head, content)
}

/// Which of the links leads to a page; a plugin may be called as one of them is.
fn here(head: &Head) -> Option<&'static str> {
    let is_at = |path: &str| head.url.as_deref().is_none_or(|url| url.ends_with(path));
    LINKS.iter().find(|link| link.name == head.title && is_at(link.path)).map(|link| link.path)
}

fn shown(visitor: Visitor<'_>) -> Markup {
    html! {
        @match visitor {
            Visitor::Known(account) => {
                a href="/account" { "Account" }
                a href=(PUBLISH) { "Publish" }
                a href="/dashboard" { "Payouts" }
                @if account.operator { a href="/operator" { "Console" } }
                form method="post" action="/logout" {
                    span {
                        (account.person())
                        @if let Some(organisation) = account.organisation() {
                            " for " a href=(ORGANISATIONS) { (organisation) }
                        }
                        @if account.operator { " · operator" }
                    }
                    button.quiet { "Log out" }
                }
            }
            Visitor::Nobody => {
                a href="/login" { "Log in" }
                a href="/register" { "Sign up" }
            }
            Visitor::Unknown => { a href="/account" { "Account" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn every_page_of_somebody_leads_back_to_itself() {
        let (_folder, registry) = testing::registry().await;
        for page in [
            "/account",
            "/account/email",
            "/account/organisations",
            "/account/passkeys",
            "/account/password",
            "/account/second-factor",
            "/account/sessions",
            "/account/sign-on",
            "/account/tokens",
            "/dashboard",
            "/dashboard/acme",
            "/dashboard/acme/notices",
            "/dashboard/acme/payouts",
            "/dashboard/acme/sales",
            "/dashboard/acme/statements",
            "/device/WDJB-MJHT",
            "/invoices",
            "/operator/payouts",
            "/publish",
            "/publish/00000000-0000-0000-0000-000000000000",
            "/publish/namespaces/acme",
            // A plugin may be called as a form of its namespace.
            "/publish/plugins/acme/keys",
            "/publish/plugins/acme/ocr",
            "/publish/plugins/acme/ocr/listing",
            "/publish/plugins/acme/two-people",
            "/welcome",
        ] {
            let page = format!("{page}?range=last-month");
            let (status, headers, _) = testing::get(&registry, &page, "").await;
            let to = headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
            assert_eq!((status, to), (StatusCode::SEE_OTHER, Some(log_in_path(&page))));
        }
    }

    #[test]
    fn a_form_is_shown_again_for_what_can_be_sent_otherwise() {
        use chandlery_edge::Error;

        let account: chandlery_package::Namespace = "ann".parse().unwrap();
        for (error, status) in [
            (Error::Invalid("that is no number".into()), Some(400)),
            (Error::WrongPassword, Some(401)),
            (Error::WrongCode, Some(401)),
            (Error::NotFound("code".into()), Some(404)),
            (Error::Conflict("it has ended".into()), Some(409)),
            (Error::SecondFactorOwed(account.clone()), None),
            (Error::forbidden(&account, "do it"), None),
            (Error::TooLarge { what: "a form".into(), bytes_max: 1 }, None),
            (Error::too_many("too many codes", 60), None),
            (Error::damaged("a row"), None),
        ] {
            let said = error.to_string();
            let told = told(error).ok().map(|(status, fault)| (status.as_u16(), fault.starts_with(&said)));
            assert_eq!(told, status.map(|status| (status, true)), "{said}");
        }
    }

    #[test]
    fn a_log_in_leads_to_the_page_that_was_asked_for_or_whose_form_was_sent() {
        for (method, to) in [
            ("GET", "/login?next=/account/tokens%3Fafter%3D1%26x%3D2"),
            ("POST", "/login?next=/account/tokens"),
        ] {
            let request = Request::builder().method(method).uri("/account/tokens?after=1&x=2");
            let sent = LogIn::of(&request.body(()).unwrap().into_parts().0).then("/account/tokens");
            assert_eq!(
                (sent.status().as_u16(), sent.headers()[header::LOCATION].to_str().unwrap()),
                (303, to)
            );
        }
    }
}
