//! Domains that organisations prove to be their own, by a record of the domain's DNS.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::text_form;
use crate::words;

/// The longest domain, in bytes, by RFC 1035.
const DOMAIN_BYTES_MAX: usize = 253;
/// The longest label, in bytes, by RFC 1035.
const LABEL_BYTES_MAX: usize = 63;
/// What a label begins with that stands for other letters than those of ASCII (RFC 5890).
const IDN: &str = "xn--";

/// A domain in lower case, such as `example.org`: labels of letters, digits and dashes, two of them at least, and other scripts as
/// `xn--` writes them (RFC 1035, 5890). It is no address, and does not end in a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// A text that is no domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no domain: write it in lower case, with its ending and without a dot after it, such as example.org"
)]
pub struct DomainNameError(String);

impl DomainName {
    /// The domain itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        let error = || DomainNameError(text.chars().take(DOMAIN_BYTES_MAX).collect());
        let (_, ending) = text.rsplit_once('.').ok_or_else(error)?;
        // An address of IPv4 ends in a number, as no domain does.
        let is_named = !ending.bytes().all(|byte| byte.is_ascii_digit());
        match text.len() <= DOMAIN_BYTES_MAX && is_named && text.split('.').all(is_label) {
            true => Ok(Self(text.into())),
            false => Err(error()),
        }
    }
}

/// Whether a text is a label that a domain may have. Two dashes as the third and fourth sign mean a script, of which there is one.
fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(is_plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && (label.as_bytes().get(2..4) != Some(b"--".as_slice()) || label.starts_with(IDN))
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(DomainName, pattern: "^[a-z0-9-]+([.][a-z0-9-]+)+$", bytes_max: DOMAIN_BYTES_MAX);

/// A domain that an organisation says is its own, and how that is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganisationDomain {
    /// The domain. Those below it are proved one by one.
    pub domain: DomainName,
    /// The name of the TXT record that proves it, such as `_chandlery-challenge.example.org`.
    pub record: String,
    /// What this record says.
    pub value: String,
    /// When the organisation has added it.
    pub added_at: Timestamp,
    /// Since when it counts as the organisation's own; none: it is not proved, or has lapsed.
    pub proved_at: Option<Timestamp>,
    /// When its DNS was asked last; none: never.
    pub checked_at: Option<Timestamp>,
    /// Since when the record of a proved domain is missing, which lapses after 7 days of that; none: it was there when the DNS answered
    /// last.
    pub missing_since: Option<Timestamp>,
}

words! {
    /// What the DNS says of the record that proves a domain.
    pub enum DomainAnswer: "answer of the DNS" {
        /// It is there.
        Found = "found",
        /// There is none, or it says something else.
        Absent = "absent",
        /// The DNS does not answer, or with an error. Nothing lapses by that.
        Failed = "failed",
    }
}

/// What came of asking the DNS for the record that proves a domain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DomainCheck {
    /// What was answered.
    pub answer: DomainAnswer,
    /// Why the DNS has given no answer, in its own words; none: it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The domain as it is now.
    pub domain: OrganisationDomain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_domain_is_refused() {
        let label = "a".repeat(LABEL_BYTES_MAX);
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(longest.len(), DOMAIN_BYTES_MAX);
        for text in
            ["example.org", "a.b", "x-y.example.co.uk", "1.2.3.4a", "7.de", "xn--bcher-kva.example", &longest]
        {
            assert_eq!(text.parse::<DomainName>().map(|domain| domain.to_string()), Ok(text.to_owned()));
        }
        let long_label = format!("{label}a.org");
        let long = format!("{longest}b");
        for text in [
            "",
            ".",
            "org",
            "localhost",
            "example.org.",
            ".example.org",
            "example..org",
            "Example.org",
            "EXAMPLE.ORG",
            "bücher.example",
            "-a.org",
            "a-.org",
            "ab--c.org",
            "_dmarc.example.org",
            "*.example.org",
            "exa mple.org",
            "example.org\n",
            "example.org/x",
            "example.org:53",
            "127.0.0.1",
            "1.2",
            "[::1]",
            "ann@example.org",
            &long_label,
            &long,
        ] {
            assert!(text.parse::<DomainName>().is_err(), "{text}");
        }
    }
}
