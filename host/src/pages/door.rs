//! By what a browser is known on the pages: the cookie of its session.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use chandlery_package::browser::{HOST_SESSION_COOKIE, SECURE_HOST_SESSION_COOKIE};
use cookie::time::Duration;

use crate::error::Error;
use crate::host::Host;
use crate::users::{Actor, SESSION_HOURS};

/// What a browser that was sent to the provider comes back with, beside what the provider hands on.
const SIGN_ON_COOKIE: &str = "chandlery_host_sign_on";
/// The same of a host that browsers reach by TLS.
const SECURE_SIGN_ON_COOKIE: &str = "__Host-chandlery_host_sign_on";
/// How long it may be away.
const SIGN_ON_MINUTES: i64 = 10;
/// The longest path that one goes to, in bytes: it is kept while a browser is away.
const PATH_BYTES_MAX: usize = 200;
/// Where one goes who has signed in and wanted nothing else.
pub(super) const HOME: &str = "/deployments";

/// Whoever is signed in at the browser that asks. Anybody else is sent to sign in first, and from there to what was asked for.
pub(super) struct SignedIn(pub(super) Actor);

impl FromRequestParts<Host> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, host: &Host) -> Result<Self, Response> {
        match who(host, &parts.headers).await {
            Ok(Some(by)) => Ok(Self(by)),
            Ok(None) => Err(to_sign_in(asked(&parts.uri))),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// What was asked for, as far as a browser is sent back there: without a query that is not plain.
fn asked(uri: &Uri) -> &str {
    let whole = uri.path_and_query().map_or("/", |asked| asked.as_str());
    if own_path(whole) == whole { whole } else { uri.path() }
}

/// Who is signed in with the browser that sent these headers.
pub(crate) async fn who(host: &Host, headers: &HeaderMap) -> Result<Option<Actor>, Error> {
    let cookies = CookieJar::from_headers(headers);
    match cookies.get(name(host)) {
        Some(cookie) => Ok(host.users.on_pages(cookie.value()).await?),
        None => Ok(None),
    }
}

/// Sends a browser to sign in first, and from there to what it wanted.
pub(super) fn to_sign_in(next: &str) -> Response {
    Redirect::to(&format!("/login?next={}", own_path(next))).into_response()
}

/// The same, where it wanted this.
pub(crate) fn to_sign_in_for(wanted: &Uri) -> Response {
    to_sign_in(asked(wanted))
}

/// Lets a browser in with the token of its session, and sends it to what it wanted.
pub(super) fn let_in(host: &Host, token: String, next: &str) -> Response {
    (kept(host, token, Duration::hours(SESSION_HOURS)), Redirect::to(own_path(next))).into_response()
}

/// Lets a browser forget its session.
pub(super) fn let_out(host: &Host) -> Response {
    (kept(host, String::new(), Duration::ZERO), Redirect::to("/login")).into_response()
}

/// `SameSite=Lax`: a link from elsewhere finds whoever follows it signed in, and a form from elsewhere does not. The provider sends
/// browsers here by such a link.
fn kept(host: &Host, token: String, lifetime: Duration) -> CookieJar {
    let cookie = Cookie::build((name(host), token)).path("/").http_only(true).same_site(SameSite::Lax);
    CookieJar::new().add(cookie.secure(host.site.is_secure()).max_age(lifetime).build())
}

/// Sends a browser to the provider, from where it comes back with this state.
pub(super) fn to_provider(host: &Host, url: &str, state: String) -> Response {
    let cookie =
        Cookie::build((sign_on_name(host), state)).path("/").http_only(true).same_site(SameSite::Lax);
    let lasts = Duration::minutes(SIGN_ON_MINUTES);
    let cookie = cookie.secure(host.site.is_secure()).max_age(lasts).build();
    (CookieJar::new().add(cookie), Redirect::to(url)).into_response()
}

/// Whether a browser that comes back with this state was sent from here.
pub(super) fn was_sent(host: &Host, headers: &HeaderMap, state: &str) -> bool {
    let cookies = CookieJar::from_headers(headers);
    !state.is_empty() && cookies.get(sign_on_name(host)).is_some_and(|cookie| cookie.value() == state)
}

fn sign_on_name(host: &Host) -> &'static str {
    match host.site.is_secure() {
        true => SECURE_SIGN_ON_COOKIE,
        false => SIGN_ON_COOKIE,
    }
}

fn name(host: &Host) -> &'static str {
    match host.site.is_secure() {
        true => SECURE_HOST_SESSION_COOKIE,
        false => HOST_SESSION_COOKIE,
    }
}

/// Only a path of this host, so that a link to the page where one signs in leads nowhere else.
pub(super) fn own_path(next: &str) -> &str {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-?=_:.".contains(&byte));
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.len() <= PATH_BYTES_MAX;
    if is_own && is_plain { next } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_comes_back_to_what_was_asked_for() {
        for (uri, goes_to) in [
            ("/deployments/web", "/deployments/web"),
            ("/deployments?health=failed", "/deployments?health=failed"),
            ("/deployments?team=a&health=failed", "/deployments"),
            ("/plugins", "/plugins"),
        ] {
            assert_eq!(asked(&uri.parse().unwrap()), goes_to, "{uri}");
        }
    }

    #[test]
    fn a_link_leads_to_a_page_of_this_host() {
        for (next, goes_to) in [
            ("/device?user_code=WDJB-MJHT", "/device?user_code=WDJB-MJHT"),
            ("/account", "/account"),
            ("/deploy?plugin=acme:ocr-server", "/deploy?plugin=acme:ocr-server"),
            ("", HOME),
            ("account", HOME),
            ("//evil.example.com", HOME),
            ("https://evil.example.com", HOME),
            ("/\\evil.example.com", HOME),
            ("/a\r\nset-cookie: x", HOME),
            ("/a&b=c", HOME),
            (format!("/{}", "a".repeat(PATH_BYTES_MAX)).as_str(), HOME),
        ] {
            assert_eq!(own_path(next), goes_to, "{next}");
        }
    }
}
