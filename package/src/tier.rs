//! The tiers of a subscription: how many deployments each allows, and what it costs.

use crate::money::{Currency, Money};
use crate::words;

words! {
    /// How often a subscription is billed.
    pub enum Billed: "billing interval" {
        /// Once in a calendar month.
        Monthly = "monthly",
        /// Once in a calendar year.
        Yearly = "yearly",
    }

    /// What an account has subscribed to, from the least to the most.
    pub enum Tier: "tier" {
        /// One deployment, for nothing.
        Free = "free",
        /// For one person: ten deployments.
        Developer = "developer",
        /// For a team: a hundred deployments.
        Team = "team",
        /// For an organisation: any number of deployments.
        Enterprise = "enterprise",
        /// As was agreed with one organisation.
        EnterprisePlus = "enterprise-plus",
    }
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

impl Tier {
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
