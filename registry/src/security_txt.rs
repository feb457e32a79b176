//! `/.well-known/security.txt` ([RFC 9116](https://www.rfc-editor.org/rfc/rfc9116)): where whoever has found a hole in the registry
//! reports it, as its operator says.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::get;
use chandlery_edge::Error;
use jiff::{SignedDuration, Timestamp};

const PATH: &str = "/.well-known/security.txt";
/// How long what is read once may be gone by: it is written anew at each request.
const HOLDS: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 500;

/// What an operator says of reports of holes.
#[derive(Debug, Clone, Default)]
pub struct SecurityTxt {
    /// Where they are reported, the best way first; none: the file is not there.
    pub contacts: Vec<ContactAddress>,
    /// Where it stands what becomes of reports.
    pub policy: Option<ContactAddress>,
    /// Where clients reach the registry, where that is known.
    pub url: Option<String>,
}

/// How somebody is reached: `mailto:`, `tel:` or `https://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactAddress(String);

/// What is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no way to reach somebody: write mailto:NAME@HOST, tel:NUMBER or https://…")]
pub struct ContactAddressError(String);

impl FromStr for ContactAddress {
    type Err = ContactAddressError;

    fn from_str(text: &str) -> Result<Self, ContactAddressError> {
        let rest = ["mailto:", "tel:", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_whole = text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        match rest.is_some_and(|rest| !rest.is_empty()) && is_whole {
            true => Ok(Self(text.into())),
            false => Err(ContactAddressError(text.into())),
        }
    }
}

impl fmt::Display for ContactAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecurityTxt {
    /// The file at this moment; none: the operator says nothing.
    fn text(&self, now: Timestamp) -> Option<String> {
        if self.contacts.is_empty() {
            return None;
        }
        let mut text = String::new();
        for contact in &self.contacts {
            let _ = writeln!(text, "Contact: {contact}");
        }
        let _ = writeln!(text, "Expires: {}", (now + HOLDS).strftime("%Y-%m-%dT%H:%M:%SZ"));
        if let Some(policy) = &self.policy {
            let _ = writeln!(text, "Policy: {policy}");
        }
        if let Some(url) = &self.url {
            let _ = writeln!(text, "Canonical: {}{PATH}", url.trim_end_matches('/'));
        }
        Some(text)
    }
}

/// The route of this room.
pub fn routes<S>(said: Arc<SecurityTxt>) -> Router<S> {
    Router::new().route("/.well-known/security.txt", get(serve)).with_state(said)
}

async fn serve(
    State(said): State<Arc<SecurityTxt>>,
) -> Result<([(HeaderName, &'static str); 1], String), Error> {
    let text = said.text(Timestamp::now());
    let text = text
        .ok_or_else(|| Error::NotFound("security.txt: the registry's operator says nothing there".into()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_operator_does() {
        assert_eq!(SecurityTxt::default().text(Timestamp::UNIX_EPOCH), None);
        let said = SecurityTxt {
            contacts: ["mailto:security@example.com", "https://example.com/report"]
                .map(|contact| contact.parse().unwrap())
                .into(),
            policy: Some("https://example.com/policy".parse().unwrap()),
            url: Some("https://plugins.example.com/".into()),
        };
        assert_eq!(
            said.text(Timestamp::UNIX_EPOCH).unwrap(),
            "Contact: mailto:security@example.com\nContact: https://example.com/report\nExpires: 1970-01-31T00:00:00Z\n\
             Policy: https://example.com/policy\nCanonical: https://plugins.example.com/.well-known/security.txt\n"
        );
        for wrong in [
            "",
            "mailto:",
            "security@example.com",
            "http://example.com",
            "mailto:a@b\nContact: c",
            "https://é",
        ] {
            assert!(wrong.parse::<ContactAddress>().is_err(), "{wrong}");
        }
    }
}
