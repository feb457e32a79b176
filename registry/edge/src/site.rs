//! Where clients reach the registry, and whether a browser's request comes from its own pages.

use std::sync::Arc;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderValue, header};

use crate::Error;

const HTTP: &str = "http";
const HTTPS: &str = "https";
/// In which relation a browser says that a request stands to the page that it was sent from.
const RELATION: &str = "sec-fetch-site";
/// By which scheme, and at which host, a proxy says that it was asked.
const ASKED_SCHEME: &str = "x-forwarded-proto";
const ASKED_HOST: &str = "x-forwarded-host";

/// Where clients reach the registry: at the URL that its operator gives, else wherever they say.
///
/// `proxied` says of a request whether a proxy in front has sent it that is trusted to say how it was asked itself.
#[derive(Debug, Clone, Default)]
pub struct Site(Option<Public>);

#[derive(Debug, Clone)]
struct Public {
    /// Without a slash at its end.
    url: Arc<str>,
    scheme: &'static str,
    origin: Arc<str>,
}

/// Who has sent a request, by what browsers say in its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// One of the registry's own pages, or a browser's user.
    Own,
    /// Something else; the header that says so.
    Other(String),
    /// The request does not say, as programs don't.
    Unsaid,
}

impl Site {
    /// A registry that is reached at this URL of `http` or `https`; none: wherever clients say.
    pub fn at(url: Option<&str>) -> Result<Self, Error> {
        Ok(Self(url.map(public).transpose()?))
    }

    /// Where its operator says that clients reach it, without a slash at the end; none: nobody has said so. Unlike [`Site::url`], no
    /// client has a say in it.
    pub fn told(&self) -> Option<&str> {
        self.0.as_ref().map(|public| &*public.url)
    }

    /// Whether browsers reach it by TLS alone.
    pub fn is_secure(&self) -> bool {
        self.0.as_ref().is_some_and(|public| public.scheme == HTTPS)
    }

    /// Where the client that sent these headers reaches the registry, without a slash at the end.
    pub fn url(&self, headers: &HeaderMap, proxied: bool) -> String {
        match &self.0 {
            Some(public) => public.url.to_string(),
            None => {
                let (scheme, host) = asked(headers, proxied);
                format!("{scheme}://{host}")
            }
        }
    }

    /// Who has sent the request with these headers.
    pub fn sender(&self, headers: &HeaderMap, proxied: bool) -> Sender {
        if let Some(relation) = headers.get(RELATION) {
            return match relation.as_bytes() {
                b"same-origin" | b"none" => Sender::Own,
                _ => other(RELATION, relation),
            };
        }
        match headers.get(header::ORIGIN) {
            None => Sender::Unsaid,
            Some(origin) if self.is_own(origin, headers, proxied) => Sender::Own,
            Some(origin) => other("origin", origin),
        }
    }

    fn is_own(&self, origin: &HeaderValue, headers: &HeaderMap, proxied: bool) -> bool {
        let said = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let (scheme, host) = asked(headers, proxied);
        match &self.0 {
            // A proxy may hand on the host that it was asked for, or name another one.
            Some(public) => said == *public.origin || said == origin_of(public.scheme, host),
            None => said == origin_of(scheme, host),
        }
    }
}

fn public(url: &str) -> Result<Public, Error> {
    let refuse = || {
        let why = format!("'{url}' is no address of a registry: write https://HOST or http://HOST:PORT");
        Error::Invalid(why)
    };
    let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| refuse())?;
    let scheme = match uri.scheme_str() {
        Some(HTTPS) => HTTPS,
        Some(HTTP) => HTTP,
        _ => return Err(refuse()),
    };
    let host = uri.authority().map(Authority::as_str).filter(|host| uri.query().is_none() && is_host(host));
    let origin = origin_of(scheme, host.ok_or_else(refuse)?);
    // OCI clients ask at the root of a host, and so do the registry's own pages.
    if !matches!(uri.path(), "" | "/") {
        let why = format!("'{url}' has a path: give the registry a host name of its own, and write {origin}");
        return Err(Error::Invalid(why));
    }
    Ok(Public { url: url.trim_end_matches('/').into(), scheme, origin: origin.into() })
}

/// The scheme and the host by which a client says that it reaches the registry.
fn asked(headers: &HeaderMap, proxied: bool) -> (&'static str, &str) {
    let (scheme, host) = match proxied {
        true => (last(headers, ASKED_SCHEME), last(headers, ASKED_HOST)),
        false => (None, None),
    };
    let scheme = if scheme.is_some_and(|said| said.eq_ignore_ascii_case(HTTPS)) { HTTPS } else { HTTP };
    let host = host.filter(|host| is_host(host));
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    (scheme, host.or(named).unwrap_or("localhost"))
}

/// What the nearest proxy has added to a header.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let said = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    said.rsplit(',').next().map(str::trim)
}

fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

/// As browsers write it: without the port that goes without saying.
fn origin_of(scheme: &str, host: &str) -> String {
    let usual = if scheme == HTTPS { ":443" } else { ":80" };
    format!("{scheme}://{}", host.strip_suffix(usual).unwrap_or(host)).to_ascii_lowercase()
}

fn other(name: &str, value: &HeaderValue) -> Sender {
    Sender::Other(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_registry_is_where_its_operator_or_a_client_or_a_trusted_proxy_says() {
        let asked = [("host", "x:7600"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "y.example")];
        let table: [(Option<&str>, &[(&str, &str)], bool, &str); 8] = [
            (None, &[("host", "x:7600")], false, "http://x:7600"),
            (None, &asked, false, "http://x:7600"),
            (None, &asked, true, "https://y.example"),
            (None, &[("host", "x"), ("x-forwarded-proto", "http, HTTPS")], true, "https://x"),
            (None, &[("host", "x"), ("x-forwarded-host", "a b")], true, "http://x"),
            (None, &[("host", "a@b")], false, "http://localhost"),
            (Some("https://plugins.example.com/"), &asked, false, "https://plugins.example.com"),
            (Some("https://plugins.example.com/"), &asked, true, "https://plugins.example.com"),
        ];
        for (url, sent, proxied, reached) in table {
            assert_eq!(Site::at(url).unwrap().url(&headers(sent), proxied), reached, "{url:?} {sent:?}");
        }
        for wrong in ["", "plugins.example.com", "ftp://x", "https://", "https://a@b", "https://x/?y"] {
            assert!(Site::at(Some(wrong)).is_err(), "{wrong}");
        }
        for path in ["https://x/registry", "https://x/registry/", "http://x:7600/a/b", "https://x//y"] {
            let refused = Site::at(Some(path)).unwrap_err().to_string();
            assert!(refused.contains("has a path: give the registry a host name of its own"), "{refused}");
        }
        let told = |url| Site::at(url).unwrap().told().map(str::to_owned);
        assert_eq!((told(None), told(Some("https://x/"))), (None, Some("https://x".to_owned())));
        let secure = |url| Site::at(url).unwrap().is_secure();
        assert_eq!((secure(None), secure(Some("http://x")), secure(Some("HTTPS://x"))), (false, false, true));
    }

    #[test]
    fn a_sender_is_own_by_relation_or_by_origin() {
        let other = |text: &str| Sender::Other(text.into());
        let (none, some) = (None, Some("https://x.example:443/"));
        let table: [(Option<&str>, &[(&'static str, &'static str)], Sender); 18] = [
            (none, &[("host", "x:7600")], Sender::Unsaid),
            (none, &[("host", "x:7600"), ("sec-fetch-site", "same-origin")], Sender::Own),
            (none, &[("host", "x:7600"), ("sec-fetch-site", "none")], Sender::Own),
            (
                none,
                &[("host", "x:7600"), ("sec-fetch-site", "same-site")],
                other("sec-fetch-site: same-site"),
            ),
            (none, &[("sec-fetch-site", "cross-site")], other("sec-fetch-site: cross-site")),
            (none, &[("sec-fetch-site", "")], other("sec-fetch-site: ")),
            (none, &[("host", "x:7600"), ("origin", "http://x:7600")], Sender::Own),
            (none, &[("host", "X:80"), ("origin", "http://x")], Sender::Own),
            (none, &[("host", "[::1]:7600"), ("origin", "http://[::1]:7600")], Sender::Own),
            (none, &[("host", "x:7600"), ("origin", "http://x:7601")], other("origin: http://x:7601")),
            (none, &[("host", "x:7600"), ("origin", "http://x")], other("origin: http://x")),
            (none, &[("host", "x:7600"), ("origin", "https://x:7600")], other("origin: https://x:7600")),
            (none, &[("host", "x:7600"), ("origin", "null")], other("origin: null")),
            // What browsers say of the relation is what counts.
            (
                none,
                &[("host", "x"), ("origin", "http://x"), ("sec-fetch-site", "same-site")],
                other("sec-fetch-site: same-site"),
            ),
            (some, &[("host", "10.0.0.1:7600"), ("origin", "https://x.example")], Sender::Own),
            (some, &[("host", "y.example"), ("origin", "https://y.example")], Sender::Own),
            (
                some,
                &[("host", "x.example"), ("origin", "http://x.example")],
                other("origin: http://x.example"),
            ),
            (
                some,
                &[("host", "x.example"), ("origin", "https://x.example.")],
                other("origin: https://x.example."),
            ),
        ];
        for (url, sent, sender) in table {
            assert_eq!(Site::at(url).unwrap().sender(&headers(sent), false), sender, "{url:?} {sent:?}");
        }
        let sent = headers(&[("host", "x"), ("x-forwarded-proto", "https"), ("origin", "https://x")]);
        let site = Site::default();
        assert_eq!(site.sender(&sent, true), Sender::Own);
        assert_eq!(site.sender(&sent, false), other("origin: https://x"));
    }
}
