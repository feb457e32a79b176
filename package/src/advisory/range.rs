//! Ranges of versions, as events on the line of all versions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::name::{parse_version, text_form};
use crate::{NameError, words};

words! {
    /// How a range is to be read.
    pub enum RangeType: "type of a range" {
        /// By Semantic Versioning 2.0.0.
        Semver = "SEMVER",
    }
}

/// A range of versions: what happens on the line of all versions, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// How it is to be read.
    pub r#type: RangeType,
    /// What happens; from 1 to 100, of which one at least introduces the fault.
    pub events: Vec<RangeEvent>,
}

/// What happens at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RangeEvent {
    /// From this version on it is affected; `0` comes before all.
    Introduced(Bound),
    /// From this version on it is not.
    Fixed(Bound),
    /// After this version it is not.
    LastAffected(Bound),
}

/// A version, or `0`, which comes before all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bound {
    /// Before all versions.
    Zero,
    /// Just where this version is.
    At(Version),
}

impl FromStr for Bound {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "0" => Ok(Self::Zero),
            version => parse_version(version).map(Self::At),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("0"),
            Self::At(version) => write!(f, "{version}"),
        }
    }
}

text_form!(Bound);

impl Bound {
    /// Where a version is to it.
    fn of(&self, version: &Version) -> Ordering {
        match self {
            Self::Zero => Ordering::Greater,
            Self::At(bound) => version.cmp(bound),
        }
    }
}

impl RangeEvent {
    /// Where it happens.
    pub(super) fn at(&self) -> &Bound {
        match self {
            Self::Introduced(at) | Self::Fixed(at) | Self::LastAffected(at) => at,
        }
    }
}

impl Range {
    /// Whether a version is in it, as the format's own algorithm has it.
    pub(super) fn has(&self, version: &Version) -> bool {
        let mut events: Vec<&RangeEvent> = self.events.iter().collect();
        events.sort_by(|one, other| one.at().cmp(other.at()));
        let mut affected = false;
        for event in events {
            affected = match (event, event.at().of(version)) {
                (RangeEvent::Introduced(_), Ordering::Equal | Ordering::Greater) => true,
                (RangeEvent::Fixed(_), Ordering::Equal | Ordering::Greater) => false,
                (RangeEvent::LastAffected(_), Ordering::Greater) => false,
                _ => affected,
            };
        }
        affected
    }
}
