//! What a plugin costs: nothing, once, by the month, or by what is used.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::divide_half_even;
use crate::name::text_form;
use crate::{Currency, Money, MoneyError, words};

/// Millionths of a currency's major unit.
const MICROS: i64 = 1_000_000;
const HOUR_MILLIS: u64 = 3_600_000;

/// The largest price that is paid once or by the month, in minor units: a thousandth of the largest amount, so that hundreds of
/// them, with their taxes, still make one invoice.
pub const PRICE_MAX: i64 = Money::LARGEST / 1000;

/// Why a price was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// An amount that is not above zero.
    #[error(
        "a price is above zero, not {0}: a plugin that has no price is free, and a coupon of 100% gives one away that has"
    )]
    NotAbove(Money),
    /// An amount that is more than the largest price.
    #[error("{amount} is too much: the largest price is {largest}")]
    TooHigh {
        /// What was asked for.
        amount: Money,
        /// What a price may be at most.
        largest: Money,
    },
    /// Not a unit.
    #[error(
        "'{0}' is not a unit: use gpu-hour, deployment-hour, or a word that the plugin reports, such as pages"
    )]
    Unit(String),
    /// Not a price per unit.
    #[error(
        "'{0}' is not a price per unit: write digits and a currency, such as 0.002500 USD, with at most 9 digits before the point and 6 after it"
    )]
    UnitPrice(String),
    /// Steps that are not in order.
    #[error("the steps of a metered price rise, have one currency, and the last one has no end: {0}")]
    Steps(&'static str),
    /// An amount in it is refused.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The price of one unit, in millionths of the currency's major unit, so that a fraction of a cent can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitPrice {
    micros: i64,
    currency: Currency,
}

impl UnitPrice {
    /// The largest, in millionths: a billion of the currency's major unit, less a millionth.
    pub const LARGEST: i64 = 1_000_000_000 * MICROS - 1;

    /// So many millionths of a currency's major unit, from nothing to [`UnitPrice::LARGEST`].
    pub fn new(micros: i64, currency: Currency) -> Result<Self, PriceError> {
        match (0..=Self::LARGEST).contains(&micros) {
            true => Ok(Self { micros, currency }),
            false => Err(PriceError::UnitPrice(format!("{micros} millionths of 1 {currency}"))),
        }
    }

    /// Millionths of the currency's major unit.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Of which currency it is.
    pub const fn currency(self) -> Currency {
        self.currency
    }
}

impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.micros / MICROS, self.micros % MICROS);
        let digits = self.currency.digits();
        let mut part = format!("{part:06}");
        while part.len() > digits && part.ends_with('0') {
            part.pop();
        }
        let dot = if part.is_empty() { "" } else { "." };
        write!(f, "{whole}{dot}{part} {}", self.currency)
    }
}

impl FromStr for UnitPrice {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let refuse = || PriceError::UnitPrice(text.into());
        let (amount, currency) = text.split_once(' ').ok_or_else(refuse)?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 || whole.len() > 9 {
            return Err(refuse());
        }
        let micros = format!("{whole}{part:0<6}").parse().map_err(|_| refuse())?;
        Ok(Self { micros, currency: currency.parse()? })
    }
}

text_form!(UnitPrice, pattern: r"^[0-9]{1,9}(\.[0-9]{1,6})? [A-Z]{3}$");

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Unit {
    /// An hour of one GPU; counted in milliseconds.
    GpuHour,
    /// An hour of one replica; counted in milliseconds.
    DeploymentHour,
    /// What the plugin itself reports, counted by ones.
    Reported(String),
}

impl Unit {
    /// How much of what is counted makes one unit.
    pub fn size(&self) -> u64 {
        match self {
            Self::GpuHour | Self::DeploymentHour => HOUR_MILLIS,
            Self::Reported(_) => 1,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GpuHour => f.write_str("gpu-hour"),
            Self::DeploymentHour => f.write_str("deployment-hour"),
            Self::Reported(word) => f.write_str(word),
        }
    }
}

impl FromStr for Unit {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        match text {
            "gpu-hour" => Ok(Self::GpuHour),
            "deployment-hour" => Ok(Self::DeploymentHour),
            _ => {
                let plain = |b: u8| b.is_ascii_lowercase() || b == b'-';
                match !text.is_empty() && text.len() <= 40 && text.bytes().all(plain) {
                    true => Ok(Self::Reported(text.into())),
                    false => Err(PriceError::Unit(text.into())),
                }
            }
        }
    }
}

text_form!(Unit, pattern: "^[a-z-]+$", bytes_max: 40);

words! {
    /// For whom a monthly price is paid once.
    pub enum Per: "billed party" {
        /// The organisation, however much it deploys.
        Organisation = "organisation",
        /// Each deployment that was there in the month.
        Deployment = "deployment",
    }
}

/// Units up to some number cost this much each; those above it, what the next step says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The last unit of this step, counted from the first one of the month; none: all that come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
    /// What each costs.
    pub price: UnitPrice,
}

/// What a plugin costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Price {
    /// Once, for ever.
    Once {
        /// The price, without taxes.
        amount: Money,
    },
    /// By the month, invoiced when it is over; a part of a month costs its part by days.
    Monthly {
        /// The price, without taxes.
        amount: Money,
        /// What the price is paid for, each month.
        per: Per,
    },
    /// By use, invoiced when the month is over.
    Metered {
        /// What is counted.
        unit: Unit,
        /// How many units of each month cost nothing; the steps count from the first one that does.
        #[serde(default)]
        free: u64,
        /// What each unit costs, by how many there were.
        steps: Vec<Step>,
    },
}

/// Refuses what is more than the largest price: an order is not charged more for a month, either.
pub fn must_be_chargeable(amount: Money) -> Result<(), PriceError> {
    let largest = amount.with_minor(PRICE_MAX)?;
    match amount.minor() > largest.minor() {
        true => Err(PriceError::TooHigh { amount, largest }),
        false => Ok(()),
    }
}

impl Price {
    /// Which kind of price it is, by the word that its JSON has.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Once { .. } => "once",
            Self::Monthly { .. } => "monthly",
            Self::Metered { .. } => "metered",
        }
    }

    /// Refuses a price that cannot be charged.
    pub fn check(&self) -> Result<(), PriceError> {
        match self {
            Self::Once { amount } | Self::Monthly { amount, .. } => {
                if !amount.is_positive() {
                    return Err(PriceError::NotAbove(*amount));
                }
                must_be_chargeable(*amount)
            }
            Self::Metered { steps, .. } => {
                let Some(last) = steps.last() else { return Err(PriceError::Steps("there are none")) };
                if last.up_to.is_some() {
                    return Err(PriceError::Steps("the last one has an end"));
                }
                for pair in steps.windows(2) {
                    let rises = match (pair[0].up_to, pair[1].up_to) {
                        (Some(here), Some(next)) => here < next,
                        (Some(_), None) => true,
                        (None, _) => false,
                    };
                    if !rises {
                        return Err(PriceError::Steps("they do not rise"));
                    }
                    if pair[0].price.currency != pair[1].price.currency {
                        return Err(PriceError::Steps("they have several currencies"));
                    }
                }
                Ok(())
            }
        }
    }

    /// The currency that it is paid in.
    pub fn currency(&self) -> Currency {
        match self {
            Self::Once { amount } | Self::Monthly { amount, .. } => amount.currency(),
            Self::Metered { steps, .. } => steps.first().map_or(Currency::Usd, |step| step.price.currency),
        }
    }

    /// What so much use in a month costs, in what [`Unit`] counts: each step's exact price, rounded once, half to even.
    /// Nothing for prices that are not metered.
    pub fn charge(&self, used: u64) -> Result<Money, MoneyError> {
        let Self::Metered { unit, free, steps } = self else { return Ok(Money::zero(self.currency())) };
        let size = i128::from(unit.size());
        let mut left = (i128::from(used) - i128::from(*free) * size).max(0);
        let (mut from, mut exact) = (0_i128, 0_i128);
        for step in steps {
            let room = step.up_to.map_or(left, |to| (i128::from(to) * size - from).max(0));
            let here = left.min(room);
            // 64 bits of use, 50 of a price: what the steps add up to is no more than all the use at the highest of them.
            exact += here * i128::from(step.price.micros);
            (left, from) = (left - here, from + here);
        }
        let unit = 10_i128.pow(self.currency().digits() as u32);
        Money::new(divide_half_even(exact * unit, size * i128::from(MICROS))?, self.currency())
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once { amount } => write!(f, "{amount} once"),
            Self::Monthly { amount, per: Per::Organisation } => write!(f, "{amount} a month"),
            Self::Monthly { amount, per: Per::Deployment } => write!(f, "{amount} a month per deployment"),
            Self::Metered { unit, free, steps } => {
                for (index, step) in steps.iter().enumerate() {
                    match (index, index.checked_sub(1).and_then(|before| steps[before].up_to)) {
                        (_, Some(above)) => write!(f, ", above {above} {}", step.price)?,
                        _ => write!(f, "{} per {unit}", step.price)?,
                    }
                }
                if *free > 0 {
                    write!(f, ", the first {free} free")?;
                }
                Ok(())
            }
        }
    }
}

/// A price as it is offered, and as it is kept once it was agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// What it costs.
    pub price: Price,
    /// How many days after the order cost nothing, for what is paid by month or by use.
    #[serde(default)]
    pub trial_days: u32,
}

impl Offer {
    /// A price without a trial.
    pub fn of(price: Price) -> Self {
        Self { price, trial_days: 0 }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.price)?;
        match self.trial_days {
            0 => Ok(()),
            days => write!(f, ", {days} days on trial"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metered(free: u64, steps: &[(Option<u64>, &str)]) -> Price {
        let steps = steps.iter().map(|(up_to, price)| Step { up_to: *up_to, price: price.parse().unwrap() });
        Price::Metered { unit: Unit::GpuHour, free, steps: steps.collect() }
    }

    fn hours(count: u64) -> u64 {
        count * HOUR_MILLIS
    }

    #[test]
    fn use_is_charged_by_steps_and_rounded_once() {
        let price = metered(10, &[(Some(100), "0.50 USD"), (None, "0.333333 USD")]);
        let charge = |used| price.charge(used).unwrap().to_string();
        assert_eq!(charge(hours(10)), "0.00 USD");
        assert_eq!(charge(hours(11)), "0.50 USD");
        assert_eq!(charge(hours(110)), "50.00 USD");
        assert_eq!(charge(hours(113)), "51.00 USD");
        assert_eq!(price.to_string(), "0.50 USD per gpu-hour, above 100 0.333333 USD, the first 10 free");
        let yen = metered(0, &[(None, "12.5 JPY")]);
        assert_eq!(yen.charge(hours(1)).unwrap().to_string(), "12 JPY");
        assert_eq!(yen.charge(hours(3)).unwrap().to_string(), "38 JPY");
    }

    #[test]
    fn a_price_is_at_most_the_largest_price() {
        let once = |text: &str| Price::Once { amount: text.parse().unwrap() }.check();
        assert_eq!(once("10000000000.00 USD"), Ok(()));
        let refused = once("10000000000.01 USD").unwrap_err().to_string();
        assert_eq!(refused, "10000000000.01 USD is too much: the largest price is 10000000000.00 USD");
    }

    #[test]
    fn what_cannot_be_charged_is_refused() {
        for steps in [
            &[][..],
            &[(Some(1), "1 USD")],
            &[(None, "1 USD"), (None, "2 USD")],
            &[(Some(5), "1 USD"), (Some(5), "1 USD"), (None, "1 USD")],
            &[(Some(5), "1 USD"), (None, "1 EUR")],
        ] {
            assert!(metered(0, steps).check().is_err(), "{steps:?}");
        }
        assert!(Price::Once { amount: Money::zero(Currency::Usd) }.check().is_err());
        assert!("0.0000001 USD".parse::<UnitPrice>().is_err());
        assert!("GPU hours".parse::<Unit>().is_err());
    }

    proptest! {
        #[test]
        fn more_use_never_costs_less(a in 0u64..1 << 50, b in 0u64..1 << 50, free in 0u64..1000) {
            let price = metered(free, &[(Some(50), "2.5 USD"), (Some(5000), "1.999999 USD"), (None, "0 USD")]);
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(price.charge(less).unwrap().minor() <= price.charge(more).unwrap().minor());
        }

        #[test]
        fn any_use_at_any_price_is_charged_exactly_or_refused_by_name(
            used: u64, free: u64, micros in 0..=UnitPrice::LARGEST, then in 0..=UnitPrice::LARGEST, up_to: u64, currency in 0usize..4,
        ) {
            let currency = Currency::ALL[currency];
            let step = |up_to, micros| Step { up_to, price: UnitPrice::new(micros, currency).unwrap() };
            for unit in [Unit::GpuHour, Unit::Reported("pages".into())] {
                let price = Price::Metered { unit: unit.clone(), free, steps: vec![step(Some(up_to), micros), step(None, then)] };
                let size = i128::from(unit.size());
                let paid = (i128::from(used) - i128::from(free) * size).max(0);
                let first = paid.min(i128::from(up_to) * size);
                let exact = first * i128::from(micros) + (paid - first) * i128::from(then);
                let minor = divide_half_even(exact * 10_i128.pow(currency.digits() as u32), size * 1_000_000).unwrap();
                match price.charge(used) {
                    Ok(charged) => prop_assert_eq!(i128::from(charged.minor()), minor),
                    Err(error) => {
                        prop_assert!(minor > Money::LARGEST.into());
                        prop_assert_eq!(error, Money::new(minor, currency).unwrap_err());
                    }
                }
            }
        }

        #[test]
        fn unit_prices_read_back(micros in 0..=UnitPrice::LARGEST, currency in 0usize..4) {
            let price = UnitPrice::new(micros, Currency::ALL[currency]).unwrap();
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }
    }
}
