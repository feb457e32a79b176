//! Where browsers reach the host, and whether a form was sent by one of its own pages.

use std::sync::Arc;

use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, header};

const HTTP: &str = "http";
const HTTPS: &str = "https";
/// In which relation a browser says that a request stands to the page that it was sent from.
const RELATION: &str = "sec-fetch-site";

/// Where browsers reach the host: at the URL that whoever runs it gives, else wherever they say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site(Option<Arc<str>>);

impl Site {
    /// A host that is reached at this URL of `http` or `https`, without a path; none: wherever browsers say. Refused with the reason.
    pub(crate) fn at(url: Option<&str>) -> Result<Self, String> {
        Ok(Self(url.map(origin).transpose()?.map(Into::into)))
    }

    /// Where whoever runs the host says that browsers reach it, without a slash at the end; none: nobody has said so.
    pub(crate) fn told(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether browsers reach it by TLS alone.
    pub(crate) fn is_secure(&self) -> bool {
        self.told().is_some_and(|url| url.starts_with("https:"))
    }

    /// Where the client that sent these headers reaches the host, without a slash at the end.
    pub(crate) fn url(&self, headers: &HeaderMap) -> String {
        match self.told() {
            Some(url) => url.to_owned(),
            None => origin_of(HTTP, named(headers)),
        }
    }

    /// Refuses the headers of what another site has sent, or of what does not say where it is from; gives what they say.
    pub(crate) fn must_be_own(&self, headers: &HeaderMap) -> Result<(), String> {
        if let Some(relation) = headers.get(RELATION) {
            return match relation.as_bytes() {
                b"same-origin" | b"none" => Ok(()),
                other => Err(format!("{RELATION}: {}", String::from_utf8_lossy(other))),
            };
        }
        let Some(said) = headers.get(header::ORIGIN) else {
            return Err(format!("neither {RELATION} nor origin"));
        };
        let said = String::from_utf8_lossy(said.as_bytes()).to_ascii_lowercase();
        match said == self.url(headers) {
            true => Ok(()),
            false => Err(format!("origin: {said}")),
        }
    }
}

fn origin(url: &str) -> Result<String, String> {
    let refuse =
        || format!("'{url}' is no address of a host: write https://HOST or http://HOST:PORT, without a path");
    let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| refuse())?;
    let scheme = match uri.scheme_str() {
        Some(HTTPS) => HTTPS,
        Some(HTTP) => HTTP,
        _ => return Err(refuse()),
    };
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let host = uri.authority().map(Authority::as_str).filter(|host| is_bare && is_host(host));
    Ok(origin_of(scheme, host.ok_or_else(refuse)?))
}

/// The host that a client says that it asks.
fn named(headers: &HeaderMap) -> &str {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.filter(|host| is_host(host)).unwrap_or("localhost")
}

fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

/// As browsers write it: without the port that goes without saying.
fn origin_of(scheme: &str, host: &str) -> String {
    let usual = if scheme == HTTPS { ":443" } else { ":80" };
    format!("{scheme}://{}", host.strip_suffix(usual).unwrap_or(host)).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        sent.iter().map(pair).collect()
    }

    #[test]
    fn a_url_is_an_origin() {
        for (url, origin) in [
            ("https://host.example.com", Some("https://host.example.com")),
            ("https://Host.Example.com:443/", Some("https://host.example.com")),
            ("http://127.0.0.1:7700", Some("http://127.0.0.1:7700")),
            ("host.example.com", None),
            ("ftp://host.example.com", None),
            ("https://host.example.com/chandlery", None),
            ("https://host.example.com?a=b", None),
            ("https://ann@host.example.com", None),
            ("", None),
        ] {
            let site = Site::at(Some(url));
            assert_eq!(site.as_ref().ok().and_then(Site::told), origin, "{url}");
            assert_eq!(
                site.is_ok_and(|site| site.is_secure()),
                origin.is_some_and(|origin| origin.starts_with("https:")),
                "{url}"
            );
        }
    }

    #[test]
    fn only_own_pages_send_forms() {
        const HOST: (&str, &str) = ("host", "x:7700");
        let anywhere = Site::at(None).unwrap();
        let told = Site::at(Some("https://host.example.com")).unwrap();
        let table: &[(&Site, &[(&'static str, &'static str)], bool)] = &[
            (&anywhere, &[HOST], false),
            (&anywhere, &[HOST, ("origin", "http://x:7700")], true),
            (&anywhere, &[HOST, ("origin", "http://x:7600")], false),
            (&anywhere, &[HOST, ("origin", "null")], false),
            (&anywhere, &[HOST, ("sec-fetch-site", "same-origin")], true),
            (&anywhere, &[HOST, ("sec-fetch-site", "none")], true),
            (&anywhere, &[HOST, ("sec-fetch-site", "same-site")], false),
            (&anywhere, &[HOST, ("sec-fetch-site", "cross-site"), ("origin", "http://x:7700")], false),
            (&told, &[HOST, ("origin", "https://host.example.com")], true),
            (&told, &[HOST, ("origin", "http://host.example.com")], false),
            (&told, &[HOST, ("origin", "http://x:7700")], false),
        ];
        for (site, sent, is_own) in table {
            assert_eq!(site.must_be_own(&headers(sent)).is_ok(), *is_own, "{sent:?}");
        }
        assert_eq!(anywhere.url(&headers(&[HOST])), "http://x:7700");
        assert_eq!(anywhere.url(&headers(&[("host", "a b")])), "http://localhost");
        assert_eq!(told.url(&headers(&[HOST])), "https://host.example.com");
    }
}
