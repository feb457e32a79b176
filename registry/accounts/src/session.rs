//! The cookie of a page's session.

use axum::http::HeaderMap;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use chandlery_package::browser::{SECURE_SESSION_COOKIE, SESSION_COOKIE};
use cookie::time::Duration;

/// How long a session of the pages lasts, in hours.
pub const SESSION_HOURS: i64 = 12;

/// The cookie of a page's session, by how browsers reach the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCookie {
    /// By plain HTTP, as on one machine.
    Plain,
    /// By TLS, without which the cookie is never sent.
    Secure,
}

impl SessionCookie {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => SESSION_COOKIE,
            Self::Secure => SECURE_SESSION_COOKIE,
        }
    }

    /// The session's token that a request brings.
    pub fn read(self, headers: &HeaderMap) -> Option<String> {
        CookieJar::from_headers(headers).get(self.name()).map(|cookie| cookie.value().to_owned())
    }

    /// The cookie that brings a session's token. `SameSite=Strict` keeps other sites from acting in the session; nothing but the
    /// registry's pages sends it.
    pub fn with(self, token: String) -> Cookie<'static> {
        let cookie = Cookie::build((self.name(), token)).path("/").http_only(true);
        cookie.same_site(SameSite::Strict).secure(self == Self::Secure).build()
    }

    /// What gives a browser a session's token, to be kept as long as the session lasts.
    pub fn begin(self, token: String) -> CookieJar {
        self.lasting(token, Duration::hours(SESSION_HOURS))
    }

    /// What makes a browser forget a session's token.
    pub fn end(self) -> CookieJar {
        self.lasting(String::new(), Duration::ZERO)
    }

    fn lasting(self, token: String, lifetime: Duration) -> CookieJar {
        let mut cookie = self.with(token);
        cookie.set_max_age(lifetime);
        CookieJar::new().add(cookie)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_cookie_is_as_safe_as_the_way_to_the_registry() {
        let cookie = |kind: SessionCookie| kind.with("t".into()).to_string();
        assert_eq!(cookie(SessionCookie::Plain), "chandlery_session=t; HttpOnly; SameSite=Strict; Path=/");
        assert_eq!(
            cookie(SessionCookie::Secure),
            "__Host-chandlery_session=t; HttpOnly; SameSite=Strict; Secure; Path=/"
        );
        let both = HeaderValue::from_static("chandlery_session=plain; __Host-chandlery_session=secure");
        let headers = HeaderMap::from_iter([(header::COOKIE, both)]);
        let read = |kind: SessionCookie| kind.read(&headers);
        assert_eq!(read(SessionCookie::Plain).as_deref(), Some("plain"));
        assert_eq!(
            read(SessionCookie::Secure).as_deref(),
            Some("secure"),
            "the one that no other port has set"
        );
    }
}
