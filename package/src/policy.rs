//! How what customers pay is shared: a policy that holds from a date on. A sale keeps the version that it was shared by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Currency, Money, MoneyError, PluginId, Rate, words};

/// Why a policy was refused, or an amount could not be shared by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Steps that are not in order.
    #[error("the commission's steps rise, have one currency, and the last one has no end: {0}")]
    Steps(&'static str),
    /// An amount in it is refused.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What the marketplace keeps of sales, up to some volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommissionStep {
    /// The volume up to which it holds; none: whatever is above.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional")]
    #[schema(value_type = Option<String>)]
    pub up_to: Option<Money>,
    /// What the marketplace keeps.
    pub rate: Rate,
}

mod optional {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::Money;

    pub fn serialize<S: Serializer>(money: &Option<Money>, to: S) -> Result<S::Ok, S::Error> {
        match money {
            Some(money) => to.collect_str(money),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

words! {
    /// Which of a publisher's earlier sales count for the steps. Sales of publishers that belong together count together.
    #[derive(Default)]
    pub enum Volume: "span of sales" {
        /// All of them.
        #[default]
        Lifetime = "lifetime",
        /// Those of the 365 days before.
        TrailingYear = "trailing-year",
    }
}

/// What is kept back of each share for a while, so that refunds can be paid from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// How much of it.
    pub rate: Rate,
    /// For how many days after the payment.
    pub days: u32,
}

/// How what customers pay is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevenueSharePolicy {
    /// What the marketplace keeps, by what the publisher has sold before.
    pub commission: Vec<CommissionStep>,
    /// Which sales count for that.
    #[serde(default)]
    pub volume: Volume,
    /// Plugins for which it is something else.
    #[serde(default)]
    pub exceptions: BTreeMap<PluginId, Rate>,
    /// What whoever referred the customer gets, from what the marketplace keeps.
    #[serde(default)]
    pub referral: Rate,
    /// What the marketplace keeps of consultants' services.
    #[serde(default)]
    pub services: Rate,
    /// What is kept back for a while.
    #[serde(default)]
    pub reserve: Reserve,
    /// The least that is paid out, by currency.
    #[serde(default)]
    pub minimum: BTreeMap<Currency, MinimumText>,
}

/// An amount as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String)]
pub struct MinimumText(#[serde(with = "crate::money::as_text")] pub Money);

/// What is to be shared.
#[derive(Debug, Clone, Copy)]
pub struct Sold<'a> {
    /// The plugin; none: a consultant's service.
    pub plugin: Option<&'a PluginId>,
    /// What was paid, without taxes.
    pub gross: Money,
    /// What the publisher had sold before, in the currency of the steps.
    pub before: Balance,
    /// The gross in that currency.
    pub volume: Money,
    /// Whether somebody referred the customer.
    pub referred: bool,
}

/// Parts of a payment that sum to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// For whoever sold it.
    pub seller: Money,
    /// For whoever referred the customer.
    pub referrer: Money,
    /// What the marketplace keeps.
    pub marketplace: Money,
}

impl RevenueSharePolicy {
    /// The same rate for everybody.
    pub fn flat(rate: Rate) -> Self {
        Self {
            commission: vec![CommissionStep { up_to: None, rate }],
            volume: Volume::Lifetime,
            exceptions: BTreeMap::new(),
            referral: Rate::ZERO,
            services: rate,
            reserve: Reserve::default(),
            minimum: BTreeMap::new(),
        }
    }

    /// Refuses a policy that some sale could not be shared by.
    pub fn check(&self) -> Result<(), PolicyError> {
        match self.commission.last() {
            None => return Err(PolicyError::Steps("there are none")),
            Some(last) if last.up_to.is_some() => return Err(PolicyError::Steps("the last one has an end")),
            Some(_) => {}
        }
        let ends: Vec<_> = self.commission.iter().filter_map(|step| step.up_to).collect();
        if ends.len() + 1 != self.commission.len() {
            return Err(PolicyError::Steps("one before the last has no end"));
        }
        for pair in ends.windows(2) {
            if pair[0].currency() != pair[1].currency() || pair[0].minor() >= pair[1].minor() {
                return Err(PolicyError::Steps("they do not rise in one currency"));
            }
        }
        Ok(())
    }

    /// The currency in which volumes are counted.
    pub fn currency(&self) -> Currency {
        self.commission.iter().find_map(|step| step.up_to).map_or(Currency::Usd, Money::currency)
    }

    /// The least that is paid out in a currency; the currency's smallest unit where the policy says nothing.
    pub fn minimum(&self, currency: Currency) -> Money {
        self.minimum.get(&currency).map_or(Money::one(currency), |minimum| minimum.0)
    }

    /// Shares a payment: each step's part of it by the step's rate, with the largest remainder.
    pub fn share(&self, sold: &Sold<'_>) -> Result<Shares, PolicyError> {
        let zero = Money::zero(sold.gross.currency());
        let mut shares = Shares { seller: zero, referrer: zero, marketplace: zero };
        for (part, rate) in self.parts(sold)? {
            let referral = if sold.referred { self.referral.min(rate) } else { Rate::ZERO };
            let weights = [rate.rest().ppm(), referral.ppm(), rate.ppm() - referral.ppm()].map(u64::from);
            let split = part.split(&weights)?;
            shares.seller = shares.seller.plus(split[0])?;
            shares.referrer = shares.referrer.plus(split[1])?;
            shares.marketplace = shares.marketplace.plus(split[2])?;
        }
        Ok(shares)
    }

    /// The gross by the rates that hold for its parts.
    fn parts(&self, sold: &Sold<'_>) -> Result<Vec<(Money, Rate)>, PolicyError> {
        let Some(plugin) = sold.plugin else { return Ok(vec![(sold.gross, self.services)]) };
        if let Some(rate) = self.exceptions.get(plugin) {
            return Ok(vec![(sold.gross, *rate)]);
        }
        let mut from = i128::from(sold.before.minor());
        let to = from + i128::from(sold.volume.minor());
        let mut weights = Vec::new();
        for step in &self.commission {
            let end = step.up_to.map_or(to, |end| i128::from(end.minor()).min(to));
            // No step's part is more than the volume, which is an amount.
            weights.push((end - from).max(0) as u64);
            from = from.max(end);
        }
        if weights.iter().all(|weight| *weight == 0) {
            // Too little to be seen in the steps' currency: what holds at this volume holds for it.
            let at = |step: &&CommissionStep| step.up_to.is_none_or(|end| end.minor() > sold.before.minor());
            let rate = self.commission.iter().find(at).map_or(Rate::ZERO, |step| step.rate);
            return Ok(vec![(sold.gross, rate)]);
        }
        let parts = sold.gross.split(&weights)?;
        Ok(parts.into_iter().zip(&self.commission).map(|(part, step)| (part, step.rate)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Money {
        format!("{text} USD").parse().unwrap()
    }

    fn sold(gross: &str, before: &str) -> Sold<'static> {
        Sold {
            plugin: None,
            gross: usd(gross),
            before: usd(before).into(),
            volume: usd(gross),
            referred: false,
        }
    }

    fn policy() -> RevenueSharePolicy {
        serde_json::from_str(
            r#"{"commission": [{"up_to": "1000.00 USD", "rate": "0%"}, {"rate": "15%"}], "referral": "5%",
                "exceptions": {"acme:cheap": "3%"}, "services": "20%", "reserve": {"rate": "10%", "days": 90},
                "minimum": {"USD": "25.00 USD"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_first_of_it_is_free_and_what_crosses_the_step_is_shared_by_both() {
        let plugin: PluginId = "acme:ocr".parse().unwrap();
        let share = |gross, before| {
            let all = policy().share(&Sold { plugin: Some(&plugin), ..sold(gross, before) }).unwrap();
            [all.seller, all.referrer, all.marketplace].map(Money::minor)
        };
        assert_eq!(share("100.00", "0.00"), [10_000, 0, 0]);
        assert_eq!(share("100.00", "950.00"), [9250, 0, 750]);
        assert_eq!(share("100.00", "5000.00"), [8500, 0, 1500]);
        let referred = Sold { plugin: Some(&plugin), referred: true, ..sold("100.00", "5000.00") };
        assert_eq!(policy().share(&referred).unwrap().referrer, usd("5.00"));
        let cheap: PluginId = "acme:cheap".parse().unwrap();
        let referred = Sold { plugin: Some(&cheap), referred: true, ..sold("100.00", "0.00") };
        assert_eq!(policy().share(&referred).unwrap().referrer, usd("3.00"), "never more than is kept");
        assert_eq!(policy().share(&sold("10.00", "0.00")).unwrap().marketplace, usd("2.00"));
        assert_eq!(policy().minimum(Currency::Usd), usd("25.00"));
    }

    #[test]
    fn what_some_sale_could_not_be_shared_by_is_refused() {
        for text in [
            r#"{"commission": []}"#,
            r#"{"commission": [{"up_to": "1.00 USD", "rate": "1%"}]}"#,
            r#"{"commission": [{"rate": "1%"}, {"rate": "1%"}]}"#,
            r#"{"commission": [{"up_to": "2.00 USD", "rate": "1%"}, {"up_to": "1.00 USD", "rate": "1%"}, {"rate": "1%"}]}"#,
        ] {
            assert!(serde_json::from_str::<RevenueSharePolicy>(text).unwrap().check().is_err(), "{text}");
        }
        assert_eq!(policy().check(), Ok(()));
        let back: RevenueSharePolicy = serde_json::from_value(serde_json::json!(policy())).unwrap();
        assert_eq!(back, policy());
    }

    /// Small ones, and those at the bound.
    fn any_amount() -> impl Strategy<Value = i64> {
        prop_oneof![0i64..1_000_000, 0..=Money::LARGEST, (0i64..1000).prop_map(|less| Money::LARGEST - less)]
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_whole(gross in any_amount(), before in 0..=Balance::LARGEST, small in 0i64..300_000, few: bool, referred: bool) {
            let plugin: PluginId = "acme:ocr".parse().unwrap();
            let gross = Money::new(gross, Currency::Usd).unwrap();
            let before = Balance::new(if few { small } else { before }, Currency::Usd).unwrap();
            let sold = Sold { plugin: Some(&plugin), gross, before, volume: gross, referred };
            let shares = policy().share(&sold).unwrap();
            let sum = shares.seller.plus(shares.referrer).unwrap().plus(shares.marketplace).unwrap();
            prop_assert_eq!(sum, gross);
            prop_assert!([shares.seller, shares.referrer, shares.marketplace].iter().all(|part| part.minor() >= 0));
        }
    }
}
