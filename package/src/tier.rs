//! The tiers of a subscription: how many deployments each allows, and what it costs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::{Currency, Money};

/// How often a subscription is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Billed {
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

impl Billed {
    /// How many months one invoice is for.
    pub fn months(self) -> i32 {
        match self {
            Self::Monthly => 1,
            Self::Yearly => 12,
        }
    }
}

/// What an account has subscribed to, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// To try it.
    Free,
    /// For one person.
    Developer,
    /// For a team.
    Team,
    /// For an organisation.
    Enterprise,
    /// As was agreed with one organisation.
    EnterprisePlus,
}

impl Tier {
    /// Every tier, from the least to the most.
    pub const ALL: [Self; 5] =
        [Self::Free, Self::Developer, Self::Team, Self::Enterprise, Self::EnterprisePlus];

    /// How many deployments it allows; none: any number, or as was agreed.
    pub fn deployments(self) -> Option<u32> {
        match self {
            Self::Free => Some(1),
            Self::Developer => Some(10),
            Self::Team => Some(100),
            Self::Enterprise | Self::EnterprisePlus => None,
        }
    }

    /// So many deployments, in words; none: any number.
    pub fn in_words(deployments: Option<u32>) -> String {
        match deployments {
            Some(1) => "1 deployment".into(),
            Some(count) => format!("{count} deployments"),
            None => "any number of deployments".into(),
        }
    }

    /// What it costs each time that it is billed: a year at the price of ten months. None: nothing, or as was agreed.
    pub fn price(self, billed: Billed) -> Option<Money> {
        let dollars: i64 = match self {
            Self::Developer => 99,
            Self::Team => 499,
            Self::Enterprise => 2999,
            Self::Free | Self::EnterprisePlus => return None,
        };
        let months = match billed {
            Billed::Monthly => 1,
            Billed::Yearly => 10,
        };
        Money::new(dollars * 100 * months, Currency::Usd).ok()
    }

    /// The least tier that allows so many deployments and has a price.
    pub fn for_deployments(count: u32) -> Self {
        let allows = |tier: &Self| tier.deployments().is_none_or(|limit| limit >= count);
        Self::ALL.into_iter().find(allows).unwrap_or(Self::EnterprisePlus)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free => "free",
            Self::Developer => "developer",
            Self::Team => "team",
            Self::Enterprise => "enterprise",
            Self::EnterprisePlus => "enterprise-plus",
        })
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|tier| tier.to_string() == text);
        found.ok_or_else(|| {
            format!("'{text}' is no tier: free, developer, team, enterprise or enterprise-plus")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_costs_more_and_allows_more() {
        for pair in Tier::ALL[1..4].windows(2) {
            let minor = |tier: Tier, billed| tier.price(billed).unwrap().minor();
            for billed in [Billed::Monthly, Billed::Yearly] {
                assert!(minor(pair[0], billed) < minor(pair[1], billed));
            }
            // What a month of the greater one costs is more than what is left of any month of the lesser one.
            assert!(minor(pair[0], Billed::Monthly) < minor(pair[1], Billed::Monthly));
        }
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
        }
        assert_eq!(Tier::for_deployments(1), Tier::Free);
        assert_eq!(Tier::for_deployments(2), Tier::Developer);
        assert_eq!(Tier::for_deployments(101), Tier::Enterprise);
    }
}
