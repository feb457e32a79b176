//! Refuses what another site makes a visitor's browser do. A browser sends a session's cookie with the requests of every page of the
//! host, whatever its port, but it says from where each comes.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::headers::authorization::Bearer;
use axum_extra::headers::{Authorization, HeaderMapExt as _};
use chandlery_accounts::SessionCookie;
use chandlery_edge::{Proxied, Sender, Site};

use crate::error::Error;

/// Where a session begins, of which there is no cookie yet: by a password, by a code after it, by a new account, and by a passkey.
const LOG_IN: [&str; 4] = ["/login", "/login/code", "/register", "/api/v1/passkey-log-ins"];
/// What changes something though it is asked with GET: a host says how many deployments it has.
const REPORT: &str = "/api/v1/licence";

/// How a request of the registry's own pages is known.
#[derive(Clone)]
pub struct OwnPages {
    /// Where the registry is reached.
    pub site: Site,
    /// What brings a session.
    pub cookie: SessionCookie,
}

/// Lets through what changes nothing, what programs send, and what the registry's own pages do.
pub async fn refuse(State(own): State<OwnPages>, request: Request, next: Next) -> Result<Response, Error> {
    let proxied = Proxied::is_noted(request.extensions());
    own.check(request.method(), request.uri().path(), request.headers(), proxied)?;
    Ok(next.run(request).await)
}

impl OwnPages {
    fn check(&self, method: &Method, path: &str, headers: &HeaderMap, proxied: bool) -> Result<(), Error> {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if reads && path != REPORT {
            return Ok(());
        }
        let in_session = LOG_IN.contains(&path) || self.cookie.read(headers).is_some();
        match self.site.sender(headers, proxied) {
            Sender::Own => Ok(()),
            Sender::Unsaid if !in_session => Ok(()),
            Sender::Unsaid => Err(Error::CrossSite("neither Origin nor Sec-Fetch-Site".into())),
            // No browser sends a bearer's token by itself, as it does a cookie or a password.
            Sender::Other(_) if !in_session && has_bearer(headers) => Ok(()),
            Sender::Other(said) => Err(Error::CrossSite(said)),
        }
    }
}

fn has_bearer(headers: &HeaderMap) -> bool {
    headers.typed_get::<Authorization<Bearer>>().is_some()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};

    use super::*;

    const SESSION: (HeaderName, &str) = (COOKIE, "theme=dark; chandlery_session=t");
    const ANOTHER: (HeaderName, &str) = (COOKIE, "__Host-chandlery_session=t; theme=dark");
    const BEARER: (HeaderName, &str) = (AUTHORIZATION, "Bearer t");
    const BASIC: (HeaderName, &str) = (AUTHORIZATION, "Basic YTpi");
    const OWN: (HeaderName, &str) = (ORIGIN, "http://x:7600");
    const REPLICA: (HeaderName, &str) = (ORIGIN, "http://x:8000");
    const SAME: (HeaderName, &str) = (HeaderName::from_static("sec-fetch-site"), "same-origin");
    const USER: (HeaderName, &str) = (HeaderName::from_static("sec-fetch-site"), "none");
    const PORT: (HeaderName, &str) = (HeaderName::from_static("sec-fetch-site"), "same-site");
    const SITE: (HeaderName, &str) = (HeaderName::from_static("sec-fetch-site"), "cross-site");

    #[test]
    fn only_own_pages_act_in_a_session() {
        let own = OwnPages { site: Site::default(), cookie: SessionCookie::Plain };
        let close = "/api/v1/ledger/months/2026-01/close";
        let table: &[(&str, &str, &[(HeaderName, &str)], bool)] = &[
            // A session reads whoever asks, and acts for its own pages and its user.
            ("GET", "/dashboard", &[SESSION, SITE], true),
            ("HEAD", "/dashboard", &[SESSION, REPLICA], true),
            ("OPTIONS", close, &[SESSION, PORT], true),
            ("POST", close, &[SESSION, SAME], true),
            ("POST", close, &[SESSION, USER], true),
            ("POST", close, &[SESSION, OWN], true),
            ("POST", close, &[SESSION, SAME, OWN], true),
            ("POST", close, &[SESSION], false),
            ("POST", close, &[SESSION, PORT], false),
            ("POST", close, &[SESSION, SITE], false),
            ("POST", close, &[SESSION, PORT, OWN], false),
            ("POST", close, &[SESSION, REPLICA], false),
            ("POST", close, &[SESSION, (ORIGIN, "null")], false),
            ("POST", close, &[SESSION, BEARER], false),
            ("POST", close, &[SESSION, BEARER, REPLICA], false),
            ("PUT", close, &[SESSION, PORT], false),
            ("PATCH", close, &[SESSION, PORT], false),
            ("DELETE", close, &[SESSION, PORT], false),
            ("BREW", close, &[SESSION, PORT], false),
            ("POST", "/logout", &[SESSION, REPLICA], false),
            ("POST", "/v2/acme/x/blobs/uploads/", &[SESSION, PORT], false),
            // Nobody is logged in as somebody else.
            ("POST", "/login", &[OWN], true),
            ("POST", "/login", &[SAME], true),
            ("POST", "/login", &[], false),
            ("POST", "/login", &[SITE], false),
            ("POST", "/login", &[REPLICA], false),
            ("POST", "/login/code", &[OWN], true),
            ("POST", "/login/code", &[], false),
            ("POST", "/login/code", &[SITE], false),
            ("POST", "/api/v1/passkey-log-ins", &[SAME], true),
            ("POST", "/api/v1/passkey-log-ins", &[], false),
            ("POST", "/api/v1/passkey-log-ins", &[SITE], false),
            ("POST", "/api/v1/passkey-log-ins", &[BEARER, REPLICA], false),
            ("GET", "/login", &[SITE], true),
            ("POST", "/register", &[OWN], true),
            ("POST", "/register", &[], false),
            ("POST", "/register", &[SITE], false),
            // Programs say nothing of where they are; a browser sends a password by itself, and a token never.
            ("POST", close, &[], true),
            ("POST", close, &[BEARER], true),
            ("POST", close, &[BASIC], true),
            ("POST", close, &[BEARER, REPLICA], true),
            ("POST", close, &[BASIC, REPLICA], false),
            ("POST", close, &[BASIC, SITE], false),
            ("POST", close, &[BASIC, SAME], true),
            ("POST", close, &[ANOTHER, BEARER], true),
            // What is asked with GET and changes something is no reading.
            ("GET", "/api/v1/licence", &[SESSION, PORT], false),
            ("GET", "/api/v1/licence", &[SESSION], false),
            ("GET", "/api/v1/licence", &[SESSION, SAME], true),
            ("GET", "/api/v1/licence", &[BEARER], true),
        ];
        for (method, path, sent, allowed) in table {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("x:7600"))]);
            for (name, value) in *sent {
                headers.append(name.clone(), HeaderValue::from_static(value));
            }
            let checked = own.check(&method.parse().unwrap(), path, &headers, false);
            assert_eq!(checked.is_ok(), *allowed, "{method} {path} {sent:?}: {checked:?}");
        }
    }
}
