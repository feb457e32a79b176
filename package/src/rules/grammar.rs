//! What install rules are written in: publishers, spans of time, and what a plugin may reach.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::name::text_form;
use crate::{Namespace, Permission};

const ALL: &str = "*";
const ANY_HOST: &str = "http:*";
const ANY_SECRET: &str = "secret:*";
const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;
/// Sightings of a log are kept for about as long.
const AGE_MAX: u32 = 365 * DAY;

/// Why a part of a rule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

/// Whose plugins may be installed: `acme`, or `*` for everybody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Publisher {
    /// Whoever it is.
    Anybody,
    /// This namespace, and no other.
    Namespace(Namespace),
}

impl Publisher {
    /// Whether this namespace is meant.
    pub fn is(&self, namespace: &Namespace) -> bool {
        match self {
            Self::Anybody => true,
            Self::Namespace(named) => named == namespace,
        }
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => f.write_str(ALL),
            Self::Namespace(namespace) => write!(f, "{namespace}"),
        }
    }
}

impl FromStr for Publisher {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.parse::<Namespace>() {
            _ if text == ALL => Ok(Self::Anybody),
            Ok(namespace) => Ok(Self::Namespace(namespace)),
            Err(error) => {
                Err(RuleError(format!("{error}; a rule names a whole namespace, or '{ALL}' for all")))
            }
        }
    }
}

text_form!(Publisher);

/// A span of time of whole minutes, from one to 365 days. Written `7 days`, `12 hours`, `1 minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Age(u32);

impl Age {
    /// The moment that is so long after another one.
    pub fn after(self, at: Timestamp) -> Timestamp {
        at.checked_add(SignedDuration::from_mins(i64::from(self.0))).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match self.0 {
            minutes if minutes % DAY == 0 => (minutes / DAY, "day"),
            minutes if minutes % HOUR == 0 => (minutes / HOUR, "hour"),
            minutes => (minutes, "minute"),
        };
        write!(f, "{number} {unit}{}", if number == 1 { "" } else { "s" })
    }
}

impl FromStr for Age {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let refuse = || {
            RuleError(format!(
                "'{text}' is no age: write '7 days', '12 hours' or '30 minutes', up to 365 days"
            ))
        };
        let (number, unit) = text.split_once(' ').ok_or_else(refuse)?;
        let minutes = match unit {
            "minute" | "minutes" => 1,
            "hour" | "hours" => HOUR,
            "day" | "days" => DAY,
            _ => return Err(refuse()),
        };
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number =
            number.parse::<u32>().ok().filter(|_| digits).and_then(|number| number.checked_mul(minutes));
        number.filter(|minutes| (1..=AGE_MAX).contains(minutes)).map(Self).ok_or_else(refuse)
    }
}

text_form!(Age);

/// Something that plugins may ask for: a permission as it is written everywhere, `http:*` or `secret:*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reach {
    /// Requests to any host, one that a setting names as well.
    AnyHost,
    /// Any secret that the host holds.
    AnySecret,
    /// This permission, and no other.
    Just(Permission),
}

impl Reach {
    /// Whether a permission is within it.
    pub fn covers(&self, asked: &Permission) -> bool {
        match (self, asked) {
            (Self::AnyHost, Permission::Http(_)) | (Self::AnySecret, Permission::Secret(_)) => true,
            (Self::Just(permission), asked) => permission == asked,
            _ => false,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyHost => f.write_str(ANY_HOST),
            Self::AnySecret => f.write_str(ANY_SECRET),
            Self::Just(permission) => write!(f, "{permission}"),
        }
    }
}

impl FromStr for Reach {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            ANY_HOST => Ok(Self::AnyHost),
            ANY_SECRET => Ok(Self::AnySecret),
            _ => text
                .parse::<Permission>()
                .map(Self::Just)
                .map_err(|error| RuleError(format!("{error}; and in rules {ANY_HOST} and {ANY_SECRET}"))),
        }
    }
}

text_form!(Reach);
