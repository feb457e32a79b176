//! What a browser keeps while somebody is at a provider: the state, so that a sign-in ends in the browser in which it began.

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use cookie::time::Duration;

use crate::SessionCookie;

/// How long a browser keeps it, in minutes.
const MINUTES: i64 = 10;

fn name(kept: SessionCookie) -> &'static str {
    match kept {
        SessionCookie::Plain => "chandlery_sign_on",
        SessionCookie::Secure => "__Host-chandlery_sign_on",
    }
}

/// The cookie of a sign-in that has begun. A provider's page leads back with it, so it is not for the registry's own pages alone.
pub fn hold(kept: SessionCookie, state: String) -> Cookie<'static> {
    lasting(kept, state, Duration::minutes(MINUTES))
}

/// What makes a browser forget it.
pub fn let_go(kept: SessionCookie) -> Cookie<'static> {
    lasting(kept, String::new(), Duration::ZERO)
}

/// The state that a browser comes back with in its cookie; none: it has begun no sign-in.
pub fn held(kept: SessionCookie, headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(name(kept)).map(|cookie| cookie.value().to_owned())
}

fn lasting(kept: SessionCookie, state: String, lifetime: Duration) -> Cookie<'static> {
    let cookie = Cookie::build((name(kept), state)).path("/").http_only(true).max_age(lifetime);
    cookie.same_site(SameSite::Lax).secure(kept == SessionCookie::Secure).build()
}
