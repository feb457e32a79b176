//! What every page shares.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::Explain as _;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::error::Error;
use crate::users::{self, Actor};

/// A whole page, with the name of whoever is signed in.
pub(super) fn page(title: &str, who: Option<&Actor>, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Chandlery host" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    a.brand href="/" { "Chandlery host" }
                    @if let Some(who) = who {
                        form method="post" action="/logout" {
                            span { (who.name()) " · " (who.whoami().role) }
                            button.quiet { "Sign out" }
                        }
                    }
                }
                main { (content) }
            }
        }
    }
}

/// What is wrong with what was sent, above its form.
pub(super) fn fault(fault: Option<&str>) -> Markup {
    html! { @if let Some(fault) = fault { p.fault role="alert" { (fault) } } }
}

/// The page once more, with what is wrong, where whoever asked can mend it or ask again; else the error itself.
pub(super) fn again(error: users::Error, page: impl FnOnce(&str) -> Markup) -> Result<Response, Error> {
    let problem = error.problem();
    match StatusCode::from_u16(problem.status) {
        Ok(status) if status != StatusCode::INTERNAL_SERVER_ERROR => {
            Ok((status, page(&problem.detail)).into_response())
        }
        _ => Err(error.into()),
    }
}

/// A time, to the minute.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

pub(super) async fn style() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("style.css"))
}
