//! Who may publish without a stored key: workloads that an issuer of OpenID Connect tokens vouches for, known by their claims.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::text_form;

/// Who vouches for jobs of GitHub Actions.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// Who vouches for jobs of gitlab.com.
pub const GITLAB: &str = "https://gitlab.com";

const ISSUER_BYTES_MAX: usize = 255;
/// How many claims a publisher is known by at most.
pub const CLAIMS_MAX: usize = 16;
/// The longest value of a claim, in bytes.
pub const CLAIM_BYTES_MAX: usize = 512;
/// What the end of a value may be left open after.
const TAGS: &str = "refs/tags/";
/// Claims that many strangers have in common: none of them says who somebody is.
const CIRCUMSTANCES: [&str; 7] = [
    "environment",
    "event_name",
    "ref",
    "ref_protected",
    "ref_type",
    "repository_visibility",
    "runner_environment",
];

/// Why an issuer or a publisher was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublisherError {
    /// Not an address that tokens are issued at.
    #[error("'{0}' is no issuer: write https://HOST, with a path or none, exactly as its tokens name it")]
    Issuer(String),
    /// Not where a URL leads.
    #[error(
        "'{0}' is no host: write it without a scheme and a path, such as keys.example or keys.example:8443"
    )]
    Authority(String),
    /// A claim that cannot be compared.
    #[error("the claim '{name}' cannot be compared: {reason}")]
    Claim {
        /// What the claim is called.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Claims that whoever uses the issuer could have.
    #[error("these claims do not say who publishes: name {0}")]
    Anybody(&'static str),
}

/// Where a URL leads: a host and, where it names one, a port, such as `keys.example` or `127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Authority(String);

impl Authority {
    /// That of a URL; none: it names no host.
    pub fn of(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        rest.split('/').next()?.parse().ok()
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Authority {
    type Err = PublisherError;

    fn from_str(text: &str) -> Result<Self, PublisherError> {
        let is_one = text.len() <= ISSUER_BYTES_MAX
            && !text.contains('/')
            && is_asked_safely(&format!("https://{text}"));
        match is_one {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(PublisherError::Authority(text.into())),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Authority, bytes_max: ISSUER_BYTES_MAX);

/// Who issues tokens, by the text that its tokens have in `iss`: an `https` URL or, on this machine alone, an `http` one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

impl Issuer {
    /// The URL itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it says what its tokens are signed with (OpenID Connect Discovery).
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }
}

impl FromStr for Issuer {
    type Err = PublisherError;

    fn from_str(text: &str) -> Result<Self, PublisherError> {
        match text.len() <= ISSUER_BYTES_MAX && is_asked_safely(text) {
            true => Ok(Self(text.into())),
            false => Err(PublisherError::Issuer(text.into())),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Issuer, pattern: "^https?://", bytes_max: ISSUER_BYTES_MAX);

/// Whether a URL, without a query, is asked over TLS or at an address of this machine, so that nobody between can answer for it.
pub fn is_asked_safely(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#\\\"<>".contains(&byte));
    let is_here = |host: &str| {
        authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':'))
    };
    let is_safe = match scheme {
        "https" => true,
        "http" => is_here("127.0.0.1") || is_here("[::1]"),
        _ => false,
    };
    is_safe && is_plain && !authority.is_empty()
}

/// A workload that may publish releases of a plugin: whatever its issuer vouches for with all of these claims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Said")]
pub struct TrustedPublisher {
    /// Who vouches for it.
    issuer: Issuer,
    /// What each claim must be: exactly this or, where it ends in `refs/tags/` and `*`, any tag that begins so.
    claims: BTreeMap<String, String>,
}

/// The same, before it was looked at.
#[derive(Deserialize)]
struct Said {
    issuer: Issuer,
    claims: BTreeMap<String, String>,
}

impl TryFrom<Said> for TrustedPublisher {
    type Error = PublisherError;

    fn try_from(Said { issuer, claims }: Said) -> Result<Self, PublisherError> {
        Self::new(issuer, claims)
    }
}

impl TrustedPublisher {
    /// Whoever has these claims of an issuer. Some of them must say who it is: for GitHub its repository, for GitLab its project.
    pub fn new(issuer: Issuer, claims: BTreeMap<String, String>) -> Result<Self, PublisherError> {
        for (name, value) in &claims {
            let refuse = |reason| PublisherError::Claim { name: name.clone(), reason };
            if name.is_empty()
                || name.len() > 64
                || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            {
                return Err(refuse("its name has other characters than a to z and _"));
            }
            if value.is_empty() || value.len() > CLAIM_BYTES_MAX || value.chars().any(char::is_control) {
                return Err(refuse("its value is empty, too long, or has control characters"));
            }
            let open = value.strip_suffix('*').unwrap_or(value);
            if open.contains('*') || (open != value && !open.contains(TAGS)) {
                return Err(refuse("a * stands at the end of a tag alone, as in refs/tags/v*"));
            }
        }
        if claims.len() > CLAIMS_MAX {
            let name = claims.into_keys().next_back().unwrap_or_default();
            return Err(PublisherError::Claim { name, reason: "there are more than 16" });
        }
        let says_who = |name: &str| claims.get(name).is_some_and(|value| !value.ends_with('*'));
        match issuer.as_str() {
            GITHUB if !says_who("repository") => Err(PublisherError::Anybody("the claim repository")),
            GITLAB if !says_who("project_path") => Err(PublisherError::Anybody("the claim project_path")),
            _ if !claims.keys().any(|name| !CIRCUMSTANCES.contains(&name.as_str()) && says_who(name)) => {
                Err(PublisherError::Anybody("one that is another's for nobody else, such as sub"))
            }
            _ => Ok(Self { issuer, claims }),
        }
    }

    /// Who vouches for it.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What its claims must be.
    pub fn claims(&self) -> &BTreeMap<String, String> {
        &self.claims
    }

    /// The claims in which somebody of the same issuer is not this publisher.
    pub fn mismatches(&self, identity: &Identity) -> Vec<&str> {
        let differs = |(name, expected): &(&String, &String)| {
            !identity.claims.get(*name).is_some_and(|found| is_as_expected(expected, found))
        };
        self.claims.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether somebody is this publisher.
    pub fn covers(&self, identity: &Identity) -> bool {
        self.issuer == identity.issuer && self.mismatches(identity).is_empty()
    }
}

fn is_as_expected(expected: &str, found: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(open) => found.strip_prefix(open).is_some_and(|rest| !rest.is_empty()),
        None => expected == found,
    }
}

impl fmt::Display for TrustedPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.issuer)?;
        self.claims.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Who a workload is, as its issuer has vouched for it: what the log says of whoever published without a stored key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Who vouched for it.
    pub issuer: Issuer,
    /// What its token said, as far as it tells where a release comes from.
    pub claims: BTreeMap<String, String>,
}

impl Identity {
    /// A claim; empty where its token did not have it.
    pub fn claim(&self, name: &str) -> &str {
        self.claims.get(name).map_or("", String::as_str)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |names: [&'static str; 2]| {
            names.map(|name| self.claim(name)).into_iter().find(|text| !text.is_empty())
        };
        let who = first(["repository", "project_path"]).unwrap_or(self.claim("sub"));
        write!(f, "{who}")?;
        for (before, text) in [(" at ", self.claim("ref")), (", commit ", self.claim("sha"))] {
            if !text.is_empty() {
                write!(f, "{before}{text}")?;
            }
        }
        write!(f, ", by {}", self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn publisher(issuer: &str, of: &[(&str, &str)]) -> Result<TrustedPublisher, PublisherError> {
        TrustedPublisher::new(issuer.parse().unwrap(), claims(of))
    }

    #[test]
    fn an_issuer_is_asked_so_that_nobody_answers_for_it() {
        for fine in
            [GITHUB, GITLAB, "https://x.example/realms/a", "http://127.0.0.1:8000", "http://[::1]:1/a"]
        {
            assert_eq!(fine.parse::<Issuer>().unwrap().as_str(), fine);
        }
        for wrong in [
            "",
            "x.example",
            "http://x.example",
            "http://127.0.0.1.example",
            "http://127.0.0.1@x.example",
            "http://localhost:8000",
            "https://",
            "https:///path",
            "https://x.example/?a",
            "https://x.example#a",
            "https://x .example",
            "ftp://x.example",
            "HTTPS://x.example",
        ] {
            assert!(wrong.parse::<Issuer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_publisher_is_somebody() {
        for (issuer, of) in [
            (GITHUB, &[("repository", "acme/ocr")][..]),
            (GITHUB, &[("repository", "acme/ocr"), ("ref", "refs/tags/*")]),
            (GITLAB, &[("project_path", "acme/ocr"), ("ref_type", "tag")]),
            ("https://x.example", &[("sub", "robot")]),
        ] {
            assert!(publisher(issuer, of).is_ok(), "{of:?}");
        }
        for (issuer, of) in [
            (GITHUB, &[][..]),
            (GITHUB, &[("ref", "refs/tags/*")]),
            (GITHUB, &[("sub", "repo:acme/ocr")]),
            (GITHUB, &[("repository", "acme/*")]),
            (GITHUB, &[("repository", "refs/tags/*")]),
            (GITHUB, &[("repository", "acme/ocr"), ("environment", "*")]),
            (GITHUB, &[("repository", "acme/ocr"), ("ref", "refs/*/tags/*")]),
            (GITHUB, &[("repository", "acme/ocr"), ("Ref", "x")]),
            (GITHUB, &[("repository", "acme/ocr"), ("ref", "")]),
            (GITHUB, &[("repository", "acme/ocr"), ("ref", "a\nb")]),
            (GITLAB, &[("repository", "acme/ocr")]),
            ("https://x.example", &[("environment", "release"), ("ref", "refs/tags/*")]),
        ] {
            assert!(publisher(issuer, of).is_err(), "{of:?}");
            let said = serde_json::json!({ "issuer": issuer, "claims": claims(of) });
            assert!(serde_json::from_value::<TrustedPublisher>(said).is_err(), "{of:?}");
        }
    }

    #[test]
    fn a_url_leads_to_a_host_and_its_port() {
        for (url, leads_to) in [
            ("https://ci.example/realm", Some("ci.example")),
            ("https://CI.example:8443/realm", Some("ci.example:8443")),
            ("http://127.0.0.1:80", Some("127.0.0.1:80")),
            ("https://ci.example@evil.example/", None),
            ("https://", None),
            ("ci.example", None),
        ] {
            assert_eq!(Authority::of(url).as_ref().map(Authority::as_str), leads_to, "{url}");
        }
        for text in ["", "https://ci.example", "ci.example/keys", "ci.example?x", "ci example", "a@b"] {
            assert!(text.parse::<Authority>().is_err(), "{text}");
        }
    }

    #[test]
    fn claims_match_exactly_and_tags_by_how_they_begin() {
        let workflow = "acme/ocr/.github/workflows/release.yml@refs/tags/*";
        let trusted = publisher(
            GITHUB,
            &[("repository", "acme/ocr"), ("ref", "refs/tags/v*"), ("workflow_ref", workflow)],
        )
        .unwrap();
        let identity = |repository: &str, at: &str, file: &str| Identity {
            issuer: GITHUB.parse().unwrap(),
            claims: claims(&[
                ("repository", repository),
                ("ref", at),
                ("workflow_ref", &format!("{repository}/.github/workflows/{file}@{at}")),
                ("sha", "abc"),
            ]),
        };
        for (repository, at, file, differs) in [
            ("acme/ocr", "refs/tags/v1.0.0", "release.yml", &[][..]),
            ("acme/ocr", "refs/tags/v", "release.yml", &["ref"]),
            ("acme/ocr", "refs/heads/v1", "release.yml", &["ref", "workflow_ref"]),
            ("acme/ocr", "refs/tags/v1.0.0", "other.yml", &["workflow_ref"]),
            ("acme/ocr2", "refs/tags/v1.0.0", "release.yml", &["repository", "workflow_ref"]),
            ("Acme/ocr", "refs/tags/v1.0.0", "release.yml", &["repository", "workflow_ref"]),
        ] {
            let found = identity(repository, at, file);
            assert_eq!(trusted.mismatches(&found), differs, "{repository} {at} {file}");
            assert_eq!(trusted.covers(&found), differs.is_empty());
        }
        let elsewhere = Identity {
            issuer: GITLAB.parse().unwrap(),
            ..identity("acme/ocr", "refs/tags/v1", "release.yml")
        };
        assert!(!trusted.covers(&elsewhere));
        let said = identity("acme/ocr", "refs/tags/v1", "release.yml").to_string();
        assert_eq!(said, format!("acme/ocr at refs/tags/v1, commit abc, by {GITHUB}"));
    }
}
