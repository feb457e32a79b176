//! What a provider says of a person, in an ID token or at its userinfo endpoint.

use std::collections::HashMap;

use openidconnect::core::CoreGenderClaim;
use openidconnect::{AdditionalClaims, IdTokenClaims, UserInfoClaims};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// The longest subject, name or group, in bytes.
const TEXT_BYTES_MAX: usize = 255;
/// How many groups of a person are read.
const GROUPS_MAX: usize = 1000;
/// Where Entra ID says that whoever owns an address's domain has verified it, in place of `email_verified`.
const DOMAIN_VERIFIED: &str = "xms_edov";

/// A person, as the provider knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider's issuer.
    pub issuer: String,
    /// What the provider calls this person, and never another.
    pub subject: String,
    /// An address of which the provider says that it is verified; none: it says so of no address.
    pub email: Option<String>,
    /// What the person would like to be called, such as `ann`; others may be called so, too.
    pub preferred_username: Option<String>,
    /// The person's whole name.
    pub name: Option<String>,
    /// The groups that the claim names which was asked for.
    pub groups: Vec<String>,
}

/// Claims that OpenID Connect itself does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Others(HashMap<String, Value>);

impl AdditionalClaims for Others {}

/// The claims of an ID token.
pub(crate) type IdClaims = IdTokenClaims<Others, CoreGenderClaim>;
/// The claims of a userinfo endpoint.
pub(crate) type InfoClaims = UserInfoClaims<Others, CoreGenderClaim>;

/// What either of them says.
pub(crate) struct Said {
    pub(crate) email: Option<String>,
    preferred_username: Option<String>,
    name: Option<String>,
    pub(crate) groups: Option<Vec<String>>,
}

impl Said {
    pub(crate) fn in_token(claims: &IdClaims, groups_claim: Option<&str>) -> Self {
        let others = claims.additional_claims();
        let is_verified = claims.email_verified() == Some(true) || others.say_verified();
        Self {
            email: claims.email().filter(|_| is_verified).and_then(|email| bounded(email.as_str())),
            preferred_username: claims.preferred_username().and_then(|name| bounded(name.as_str())),
            name: claims.name().and_then(|name| name.get(None)).and_then(|name| bounded(name.as_str())),
            groups: groups_claim.and_then(|claim| others.groups(claim)),
        }
    }

    pub(crate) fn at_endpoint(claims: &InfoClaims, groups_claim: Option<&str>) -> Self {
        let others = claims.additional_claims();
        let is_verified = claims.email_verified() == Some(true) || others.say_verified();
        Self {
            email: claims.email().filter(|_| is_verified).and_then(|email| bounded(email.as_str())),
            preferred_username: claims.preferred_username().and_then(|name| bounded(name.as_str())),
            name: claims.name().and_then(|name| name.get(None)).and_then(|name| bounded(name.as_str())),
            groups: groups_claim.and_then(|claim| others.groups(claim)),
        }
    }

    /// The same, and what else the other says.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            email: self.email.or(other.email),
            preferred_username: self.preferred_username.or(other.preferred_username),
            name: self.name.or(other.name),
            groups: self.groups.or(other.groups),
        }
    }

    /// The person whom the provider calls so.
    pub(crate) fn of(self, issuer: &str, subject: &str) -> Result<Person, Error> {
        let subject = bounded(subject).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| {
            Error::Invalid("the subject of its ID token is empty, too long, or no plain text".into())
        })?;
        Ok(Person {
            issuer: issuer.to_owned(),
            subject,
            email: self.email,
            preferred_username: self.preferred_username,
            name: self.name,
            groups: self.groups.unwrap_or_default(),
        })
    }
}

impl Others {
    fn say_verified(&self) -> bool {
        match self.0.get(DOMAIN_VERIFIED) {
            Some(Value::Bool(said)) => *said,
            Some(Value::Number(said)) => said.as_i64() == Some(1),
            Some(Value::String(said)) => said == "1" || said == "true",
            _ => false,
        }
    }

    /// The texts of a claim, which is a list or one text.
    fn groups(&self, claim: &str) -> Option<Vec<String>> {
        let texts: Vec<&str> = match self.0.get(claim)? {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => vec![one.as_str()],
            _ => Vec::new(),
        };
        Some(texts.into_iter().filter_map(bounded).take(GROUPS_MAX).collect())
    }
}

fn bounded(text: &str) -> Option<String> {
    (text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
