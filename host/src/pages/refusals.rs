//! What a request for a page is refused with, as a page: what happened, and what to do next.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use chandlery_package::problem::Problem;
use chandlery_pages::{Failure, Link};

use super::layout;
use crate::users::Actor;

/// The longest problem, in bytes.
const PROBLEM_BYTES_MAX: usize = 64 << 10;
const PAGE_MEDIA_TYPE: &str = "text/html; charset=utf-8";
const HOME: Link<'static> = Link { path: "/deployments", name: "Deployments" };
const SIGN_IN: Link<'static> = Link { path: "/login", name: "Sign in" };

/// Whether an answer refuses something, and is no page yet.
pub(super) fn is_bare(answer: &Response) -> bool {
    let is_page = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    (answer.status().is_client_error() || answer.status().is_server_error()) && !is_page
}

/// The answer as a page for whoever is signed in.
pub(super) async fn as_page(answer: Response, who: Option<&Actor>) -> Response {
    let (mut parts, body) = answer.into_parts();
    let told = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let status = parts.status;
    let problem = serde_json::from_slice(&told).unwrap_or_else(|_| unexplained(status, &told));
    let links = if who.is_some() { [HOME] } else { [SIGN_IN] };
    let failure = Failure {
        status: status.as_u16(),
        title: &problem.title,
        detail: &problem.detail,
        remedy: problem.remedy.as_deref().or(next(status)),
        links: &links,
    };
    let page = layout::page(&problem.title, who, failure.content());
    for replaced in [header::CONTENT_LENGTH, header::WWW_AUTHENTICATE] {
        parts.headers.remove(replaced);
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PAGE_MEDIA_TYPE));
    Response::from_parts(parts, Body::from(page.into_string()))
}

/// What the server itself says, such as of a query that cannot be read.
fn unexplained(status: StatusCode, told: &[u8]) -> Problem {
    let title = status.canonical_reason().unwrap_or("Something went wrong");
    Problem {
        r#type: "unexplained".into(),
        title: title.into(),
        status: status.as_u16(),
        detail: match told {
            [] if status == StatusCode::NOT_FOUND => "there is no such page".into(),
            [] => "the host gave no reason".into(),
            told => String::from_utf8_lossy(told).into_owned(),
        },
        remedy: None,
    }
}

/// What to do next where the problem does not say so.
fn next(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::BAD_REQUEST => Some("Go back, and start from the list without filters."),
        StatusCode::NOT_FOUND => Some("It may have been removed: the activity tells by whom."),
        status if status.is_server_error() => {
            Some("Load the page again in a moment. The host's log says what happened.")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use chandlery_package::problem::Explain as _;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn a_page_says_what_the_problem_does() {
        let away = || Error::NotReady("<b>".into());
        let cases = [
            (
                StatusCode::NOT_FOUND.into_response(),
                "there is no such page",
                "It may have been removed".into(),
            ),
            (away().into_response(), "not ready: &lt;b&gt;", away().problem().remedy.unwrap()),
            (
                (StatusCode::BAD_REQUEST, "'x' is no health").into_response(),
                "'x' is no health",
                "start from the list".into(),
            ),
        ];
        for (answer, detail, remedy) in cases {
            assert!(is_bare(&answer));
            let status = answer.status();
            let page = as_page(answer, None).await;
            assert_eq!((page.status(), is_bare(&page)), (status, false));
            let text = to_bytes(page.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            assert!(text.contains(detail) && text.contains("href=\"/login\""), "{text}");
            assert!(text.contains(&remedy), "{remedy}: {text}");
        }
        assert!(!is_bare(&StatusCode::SEE_OTHER.into_response()));
    }
}
