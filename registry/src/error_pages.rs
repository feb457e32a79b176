//! Errors for people: where a browser asks for a page, what went wrong is a page, too. Programs are told by problems as ever.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use chandlery_accounts::{Account, Accounts};
use chandlery_package::problem::{PROBLEM_MEDIA_TYPE, Problem};
use chandlery_pages::{Failure, Head, Link};

use crate::shell::{self, SEARCH, Visitor};

/// Where programs ask, whatever they accept.
const OF_PROGRAMS: [&str; 7] = ["/api/", "/v2", "/log/", "/token", "/.well-known/", "/metrics", "/feeds/"];
/// The longest problem, in bytes.
const PROBLEM_BYTES_MAX: usize = 64 << 10;
const PAGE_MEDIA_TYPE: &str = "text/html; charset=utf-8";
const HOME: Link<'static> = Link { path: "/", name: "Home" };
const ACCOUNT_LINK: Link<'static> = Link { path: "/account", name: "Your account" };
const SEARCH_LINK: Link<'static> = Link { path: SEARCH, name: "Search plugins" };

/// Whoever a page is shown to, and what it was asked for.
struct Asked {
    /// None: nobody is logged in, or it was not found out.
    account: Option<Account>,
    is_known: bool,
    /// The path and query that a log-in leads back to.
    back: String,
    /// Whether something was sent, and not a page asked for.
    is_sent: bool,
}

/// Makes a page of a problem that answers a browser.
pub async fn show(State(accounts): State<Accounts>, request: Request, next: Next) -> Response {
    if !wants_page(request.uri().path(), request.headers()) {
        return next.run(request).await;
    }
    let headers = request.headers().clone();
    let asked = request.uri().path_and_query().filter(|_| request.method() == Method::GET);
    let back = asked.map_or("/account", |asked| asked.as_str()).to_owned();
    let is_sent = !request.method().is_safe();
    let answer = next.run(request).await;
    let failed = answer.status().is_client_error() || answer.status().is_server_error();
    if !failed || !is_told_to_programs(&answer) {
        return answer;
    }
    // Whoever asks too often costs no more than that.
    let found = match answer.status() {
        StatusCode::TOO_MANY_REQUESTS => None,
        _ => accounts.visitor(&headers).await.ok(),
    };
    let is_known = found.is_some();
    as_page(answer, &Asked { account: found.flatten(), is_known, back, is_sent }).await
}

fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_browser = accepts.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
    });
    is_browser && !OF_PROGRAMS.iter().any(|start| path.starts_with(start))
}

/// Whether it is a problem, or the server's own answer that nothing is there.
fn is_told_to_programs(answer: &Response) -> bool {
    match answer.headers().get(header::CONTENT_TYPE) {
        None => true,
        Some(kind) => kind.as_bytes() == PROBLEM_MEDIA_TYPE.as_bytes(),
    }
}

async fn as_page(answer: Response, asked: &Asked) -> Response {
    let (mut parts, body) = answer.into_parts();
    let told = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&told).ok();
    let status = parts.status;
    let title = problem.as_ref().map_or_else(|| title(status), |problem| problem.title.as_str());
    let detail = problem.as_ref().map_or_else(|| detail(status, asked.is_sent), |problem| &problem.detail);
    let remedy = problem.as_ref().and_then(|problem| problem.remedy.as_deref());
    let log_in = shell::log_in_path(&asked.back);
    let links = links(status, asked.account.is_some(), &log_in);
    let failure =
        Failure { status: status.as_u16(), title, detail, remedy: remedy.or(next(status)), links: &links };
    let visitor = match (&asked.account, asked.is_known) {
        (Some(account), _) => Visitor::Known(account),
        (None, true) => Visitor::Nobody,
        (None, false) => Visitor::Unknown,
    };
    let head = Head { title: title.into(), private: true, ..Head::default() };
    let page = shell::page(&head, visitor, "", &failure.content()).into_string();
    for replaced in [header::CONTENT_LENGTH, header::WWW_AUTHENTICATE] {
        parts.headers.remove(replaced);
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PAGE_MEDIA_TYPE));
    // It names who is logged in.
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Response::from_parts(parts, Body::from(page))
}

/// What an answer without a problem is called.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::METHOD_NOT_ALLOWED => "Nothing is shown here",
        other => other.canonical_reason().unwrap_or("It did not work"),
    }
}

/// What such an answer says. An address may take forms without showing anything, and the other way round.
fn detail(status: StatusCode, is_sent: bool) -> &'static str {
    match (status, is_sent) {
        (StatusCode::METHOD_NOT_ALLOWED, false) => "this address takes what a form sends, and shows nothing",
        (StatusCode::METHOD_NOT_ALLOWED, true) => "this address shows a page, and takes nothing that is sent",
        _ => "there is no such page",
    }
}

/// What to do next where the problem does not say so.
fn next(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::NOT_FOUND => {
            Some("It may have another name, or be shown to its members alone: log in, or search for it.")
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            Some("Go back in your browser to the page with the form, or begin at one of these pages.")
        }
        StatusCode::FORBIDDEN => Some("Log in as somebody who may, or ask whoever owns it."),
        StatusCode::TOO_MANY_REQUESTS => Some("Wait for a moment, then load the page again."),
        status if status.is_server_error() => Some(
            "Load the page again in a moment. If that does not help, write to whoever operates this registry.",
        ),
        _ => None,
    }
}

/// Where to go on. Whoever is logged in is not asked to do so.
fn links(status: StatusCode, is_in: bool, log_in: &str) -> Vec<Link<'_>> {
    let elsewhere =
        [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status);
    let mut links = vec![HOME];
    if elsewhere {
        links.push(SEARCH_LINK);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        links.push(ACCOUNT_LINK);
    }
    if elsewhere && !is_in {
        links.push(Link { path: log_in, name: "Log in" });
    }
    links
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn browsers_are_shown_pages_and_programs_problems() {
        for (path, accept, page) in [
            ("/plugins/a/b", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true),
            ("/none", "application/json, Text/HTML;q=0.5", true),
            ("/none", "*/*", false),
            ("/none", "", false),
            ("/none", "text/htmlx", false),
            ("/api/v1/plugins", "text/html", false),
            ("/v2/acme/x/manifests/1", "text/html", false),
            ("/log/checkpoint", "text/html", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(path, &headers), page, "{path} {accept}");
        }
    }

    fn nobody() -> Asked {
        Asked { account: None, is_known: true, back: "/orders?after=1".into(), is_sent: false }
    }

    #[test]
    fn whoever_is_logged_in_is_not_asked_to() {
        let log_in = shell::log_in_path(&nobody().back);
        let led =
            |status, is_in| links(status, is_in, &log_in).iter().map(|link| link.path.to_owned()).collect();
        let (out, within): (Vec<String>, Vec<String>) =
            (led(StatusCode::FORBIDDEN, false), led(StatusCode::FORBIDDEN, true));
        assert_eq!(out, ["/", SEARCH, "/login?next=/orders%3Fafter%3D1"]);
        assert_eq!(within, ["/", SEARCH]);
    }

    #[tokio::test]
    async fn a_page_says_what_the_problem_does() {
        let detail = "there is no plugin '<script>'";
        for (word, status, remedy) in [
            ("not-found", 404, "It may have another name"),
            ("forbidden", 403, "ask an owner of the namespace"),
            ("too-many", 429, "Wait for a moment"),
            ("failed", 500, "Load the page again"),
        ] {
            let told = (status == 403).then(|| "ask an owner of the namespace".to_owned());
            let title = "What happened".to_owned();
            let problem = Problem { r#type: word.into(), title, status, detail: detail.into(), remedy: told };
            let page = as_page(problem.into_response(), &nobody()).await;
            assert_eq!(
                (page.status().as_u16(), page.headers()[header::CONTENT_TYPE].as_bytes()),
                (status, PAGE_MEDIA_TYPE.as_bytes())
            );
            let text = to_bytes(page.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            for part in ["What happened", "there is no plugin '&lt;script&gt;'", remedy, "href=\"/\""] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
        for (status, is_sent, says) in [
            (StatusCode::NOT_FOUND, false, "there is no such page"),
            (
                StatusCode::METHOD_NOT_ALLOWED,
                false,
                "this address takes what a form sends, and shows nothing",
            ),
            (
                StatusCode::METHOD_NOT_ALLOWED,
                true,
                "this address shows a page, and takes nothing that is sent",
            ),
        ] {
            let nothing = as_page(status.into_response(), &Asked { is_sent, ..nobody() }).await;
            assert_eq!(nothing.status(), status);
            let text = to_bytes(nothing.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8(text.to_vec()).unwrap();
            assert!(text.contains(says), "{text}");
            let leads_back = text.contains("Go back in your browser") && text.contains("Your account");
            assert_eq!(leads_back, status == StatusCode::METHOD_NOT_ALLOWED, "{text}");
        }
    }
}
