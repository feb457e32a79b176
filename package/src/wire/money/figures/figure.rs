//! Which figures there are, and what they are meant to be.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MonthFigures, Quantity};
use crate::Month;

crate::words! {
    /// A figure of a month.
    pub enum Figure: "figure" {
        /// Monthly recurring revenue at its end.
        Mrr = "mrr",
        /// Twelve times that.
        Arr = "arr",
        /// MRR of new accounts.
        New = "new",
        /// More MRR of accounts that had some.
        Expansion = "expansion",
        /// Less MRR of accounts that still have some.
        Contraction = "contraction",
        /// MRR of accounts that have none now.
        Churn = "churn",
        /// How many accounts have MRR.
        Accounts = "accounts",
        /// Net revenue retention over 12 months.
        Nrr = "nrr",
        /// Gross revenue retention over 12 months.
        Grr = "grr",
        /// Average revenue per account.
        Arpa = "arpa",
        /// Earned by subscriptions and sales.
        Revenue = "revenue",
        /// Part of revenue from subscriptions.
        Subscriptions = "subscriptions",
        /// Part of revenue from what partners sell.
        RevenueShare = "revenue-share",
        /// Part of revenue from consultants' services.
        Services = "services",
        /// Gross merchandise value of the month.
        Gmv = "gmv",
        /// Part of GMV that the marketplace kept.
        TakeRate = "take-rate",
        /// Given back by credit notes.
        Refunds = "refunds",
        /// Taken back by customers' banks for good.
        Chargebacks = "chargebacks",
        /// Earned, and never paid by customers.
        BadDebt = "bad-debt",
        /// Cost of the month's revenue.
        Cost = "cost",
        /// Part of revenue left after its cost.
        GrossMargin = "gross-margin",
        /// Spent on winning customers.
        Acquisition = "acquisition",
        /// Cost of winning an account.
        Cac = "cac",
        /// Value of an account over its life.
        Ltv = "ltv",
        /// Value of an account by its cost.
        LtvToCac = "ltv-to-cac",
        /// Months until that cost is back.
        Payback = "payback",
        /// Growth of MRR over 12 months.
        Growth = "growth",
        /// Part of revenue left after all expenses.
        OperatingMargin = "operating-margin",
        /// Growth and margin together.
        RuleOf40 = "rule-of-40",
        /// Growth by what was spent for it.
        MagicNumber = "magic-number",
        /// How many accounts were opened in it.
        SignUps = "sign-ups",
        /// Part of them that has deployed within a week.
        Activation7 = "activation-7",
        /// Part of them that has deployed within 30 days.
        Activation30 = "activation-30",
    }
}

impl Figure {
    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mrr => "MRR",
            Self::Arr => "ARR",
            Self::New => "New",
            Self::Expansion => "Expansion",
            Self::Contraction => "Contraction",
            Self::Churn => "Churn",
            Self::Accounts => "Accounts",
            Self::Nrr => "NRR",
            Self::Grr => "GRR",
            Self::Arpa => "ARPA",
            Self::Revenue => "Revenue",
            Self::Subscriptions => "Subscriptions",
            Self::RevenueShare => "Revenue share",
            Self::Services => "Services",
            Self::Gmv => "GMV",
            Self::TakeRate => "Take rate",
            Self::Refunds => "Refunds",
            Self::Chargebacks => "Chargebacks",
            Self::BadDebt => "Bad debt",
            Self::Cost => "Cost of revenue",
            Self::GrossMargin => "Gross margin",
            Self::Acquisition => "Acquisition",
            Self::Cac => "CAC",
            Self::Ltv => "LTV",
            Self::LtvToCac => "LTV/CAC",
            Self::Payback => "CAC payback",
            Self::Growth => "Growth",
            Self::OperatingMargin => "Operating margin",
            Self::RuleOf40 => "Rule of 40",
            Self::MagicNumber => "Magic number",
            Self::SignUps => "Sign-ups",
            Self::Activation7 => "Activation in 7 days",
            Self::Activation30 => "Activation in 30 days",
        }
    }

    /// What a value of it looks like, such as `80 %`.
    pub const fn example(self) -> Quantity {
        match self {
            Self::Nrr
            | Self::Grr
            | Self::Subscriptions
            | Self::RevenueShare
            | Self::Services
            | Self::TakeRate
            | Self::GrossMargin
            | Self::Growth
            | Self::OperatingMargin
            | Self::RuleOf40
            | Self::Activation7
            | Self::Activation30 => Quantity::Percent(800),
            Self::Accounts | Self::LtvToCac | Self::Payback | Self::MagicNumber | Self::SignUps => {
                Quantity::Number(30)
            }
            _ => Quantity::FIFTY_THOUSAND,
        }
    }

    /// Whether its values are measured as this one is.
    pub fn takes(self, value: Quantity) -> bool {
        self.example().is_like(value)
    }

    /// What the business plan has for every month: of revenue, 70 % from subscriptions, 20 % from shares and 10 % from services.
    pub const fn planned(self) -> Option<Quantity> {
        match self {
            Self::Subscriptions => Some(Quantity::Percent(700)),
            Self::RevenueShare => Some(Quantity::Percent(200)),
            Self::Services => Some(Quantity::Percent(100)),
            _ => None,
        }
    }
}

/// What a figure of a month is meant to be, as an operator sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureTarget {
    /// Which figure it is.
    pub figure: Figure,
    /// Of which month.
    pub month: Month,
    /// What it is meant to be; none: there is no target any more.
    pub target: Option<Quantity>,
}

/// What a figure of a month is meant to be, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetRow {
    /// Which figure it is.
    pub figure: Figure,
    /// Of which month.
    pub month: Month,
    /// What it is meant to be.
    pub target: Quantity,
    /// What it is; none: the month has not begun, or has no such figure.
    pub actual: Option<Quantity>,
    /// The actual less the target.
    pub difference: Option<Quantity>,
}

impl TargetRow {
    /// Compares a target with the figures of its month, where there are some.
    pub fn of(figure: Figure, month: Month, target: Quantity, found: Option<&MonthFigures>) -> Self {
        let actual = found.and_then(|found| found.value(figure));
        let difference = actual.and_then(|actual| actual.minus(target));
        Self { figure, month, target, actual, difference }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_takes_what_it_is_measured_in() {
        let value = |text: &str| text.parse::<Quantity>().unwrap();
        for figure in Figure::ALL {
            let values = ["50000.00 USD", "80 %", "3"].map(value);
            assert_eq!(values.iter().filter(|value| figure.takes(**value)).count(), 1, "{figure}");
            assert!(figure.planned().is_none_or(|planned| figure.takes(planned)), "{figure}");
        }
        assert!(!Figure::Mrr.takes(value("50000.00 EUR")), "figures are in dollars");
        let planned = Figure::ALL.iter().filter_map(|figure| figure.planned());
        assert_eq!(planned.map(|part| part.to_string()).collect::<Vec<_>>(), ["70.0 %", "20.0 %", "10.0 %"]);
    }
}
