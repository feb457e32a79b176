//! The figures of the business by month, what they are meant to be, and the rows that they are made of.

mod cohorts;
mod figure;
mod quantity;
mod ratio;
mod rows;

pub use cohorts::*;
pub use figure::*;
pub use quantity::*;
pub use ratio::Ratio;
pub use rows::*;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Month, Tier};

/// All months, what their figures mean, and what they are meant to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Every month since the first transaction, in order; the last one is not over.
    pub months: Vec<MonthFigures>,
    /// What each figure is, in the order in which they are shown.
    pub definitions: Vec<Definition>,
    /// What operators have set as targets, by month, and how the figures compare with them.
    pub targets: Vec<TargetRow>,
}

impl Figures {
    /// What a figure of a month is compared with: the target that was set, or else what is planned for every month.
    pub fn compared(&self, month: &MonthFigures, figure: Figure) -> Option<TargetRow> {
        let set = self.targets.iter().find(|row| (row.figure, row.month) == (figure, month.month));
        set.cloned().or_else(|| {
            figure.planned().map(|target| TargetRow::of(figure, month.month, target, Some(month)))
        })
    }
}

/// What a figure means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definition {
    /// The word that it is named by where a target is set.
    pub name: Figure,
    /// What people call it, such as `MRR`.
    pub figure: String,
    /// How it is computed, in a sentence or two.
    pub meaning: String,
}

/// The figures of a month (UTC). One that is not there is named in `none`, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthFigures {
    /// The month, in UTC.
    pub month: Month,
    /// The moment up to which it is counted, while it is not over; none: it is over.
    pub to_date: Option<Timestamp>,
    /// Monthly recurring revenue; what this and all others are is in [`Figures::definitions`].
    pub mrr: Option<Balance>,
    /// MRR of a year.
    pub arr: Option<Balance>,
    /// Of the change of MRR: by accounts that had none a month before.
    pub new: Option<Balance>,
    /// By accounts that have more.
    pub expansion: Option<Balance>,
    /// By accounts that have less.
    pub contraction: Option<Balance>,
    /// By accounts that have none any more.
    pub churn: Option<Balance>,
    /// Accounts with MRR.
    pub accounts: i64,
    /// Net revenue retention.
    pub nrr: Option<Ratio>,
    /// Gross revenue retention.
    pub grr: Option<Ratio>,
    /// Average revenue per account.
    pub arpa: Option<Balance>,
    /// What was earned from subscriptions and sales.
    pub revenue: Option<Balance>,
    /// Earned from subscriptions.
    pub plans: Option<Balance>,
    /// Earned from sales of partners.
    pub commission: Option<Balance>,
    /// How revenue is made up.
    pub mix: Mix,
    /// What was sold through the marketplace.
    pub gmv: Option<Balance>,
    /// What the marketplace kept of that.
    pub take_rate: Option<Ratio>,
    /// Given back to customers by credit notes.
    pub refunds: Option<Balance>,
    /// Taken back by customers' banks for good.
    pub chargebacks: Option<Balance>,
    /// Invoiced and earned, and never paid.
    pub bad_debt: Option<Balance>,
    /// What earning it cost.
    pub cost: Option<Balance>,
    /// Of revenue, what is left after cost and bad debt.
    pub gross_margin: Option<Ratio>,
    /// Spent on winning customers.
    pub acquisition: Option<Balance>,
    /// What winning an account has cost, of whichever segment.
    pub cac: Option<Balance>,
    /// What an account will have brought, of whichever segment.
    pub ltv: Option<Balance>,
    /// The one by the other.
    pub ltv_to_cac: Option<Ratio>,
    /// Months until an account has brought what winning it has cost.
    pub payback: Option<Ratio>,
    /// Growth of MRR in 12 months.
    pub growth: Option<Ratio>,
    /// Of the revenue of 12 months, what is left after all expenses.
    pub operating_margin: Option<Ratio>,
    /// Growth and operating margin together.
    pub rule_of_40: Option<Ratio>,
    /// Growth by what was spent for it.
    pub magic_number: Option<Ratio>,
    /// Accounts that were opened in it.
    pub sign_ups: i64,
    /// Of these, those that have deployed within a week.
    pub activation_7: Option<Ratio>,
    /// Of these, those that have deployed within 30 days.
    pub activation_30: Option<Ratio>,
    /// The same for the accounts of each tier that is paid for.
    pub segments: Vec<Segment>,
    /// The figures that this month does not have, and why.
    pub none: Vec<NoFigure>,
}

/// How revenue is made up: three parts of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mix {
    /// Earned by subscriptions.
    pub subscriptions: Option<Ratio>,
    /// Kept of what partners sold, other than services.
    pub revenue_share: Option<Ratio>,
    /// Kept of consultants' services.
    pub services: Option<Ratio>,
}

/// A figure that a month does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoFigure {
    /// Which one it is.
    pub figure: Figure,
    /// Why there is none, such as an exchange rate that is missing.
    pub reason: String,
}

impl MonthFigures {
    /// A figure of this month, with its unit.
    pub fn value(&self, figure: Figure) -> Option<Quantity> {
        let money = |found: Option<Balance>| found.map(Quantity::from);
        let share = |found: Option<Ratio>| found.map(Quantity::percent);
        let number = |found: Option<Ratio>| found.map(Quantity::number);
        match figure {
            Figure::Mrr => money(self.mrr),
            Figure::Arr => money(self.arr),
            Figure::New => money(self.new),
            Figure::Expansion => money(self.expansion),
            Figure::Contraction => money(self.contraction),
            Figure::Churn => money(self.churn),
            Figure::Accounts => number(Ratio::of(self.accounts.into(), 1)),
            Figure::Nrr => share(self.nrr),
            Figure::Grr => share(self.grr),
            Figure::Arpa => money(self.arpa),
            Figure::Revenue => money(self.revenue),
            Figure::Subscriptions => share(self.mix.subscriptions),
            Figure::RevenueShare => share(self.mix.revenue_share),
            Figure::Services => share(self.mix.services),
            Figure::Gmv => money(self.gmv),
            Figure::TakeRate => share(self.take_rate),
            Figure::Refunds => money(self.refunds),
            Figure::Chargebacks => money(self.chargebacks),
            Figure::BadDebt => money(self.bad_debt),
            Figure::Cost => money(self.cost),
            Figure::GrossMargin => share(self.gross_margin),
            Figure::Acquisition => money(self.acquisition),
            Figure::Cac => money(self.cac),
            Figure::Ltv => money(self.ltv),
            Figure::LtvToCac => number(self.ltv_to_cac),
            Figure::Payback => number(self.payback),
            Figure::Growth => share(self.growth),
            Figure::OperatingMargin => share(self.operating_margin),
            Figure::RuleOf40 => share(self.rule_of_40),
            Figure::MagicNumber => number(self.magic_number),
            Figure::SignUps => number(Ratio::of(self.sign_ups.into(), 1)),
            Figure::Activation7 => share(self.activation_7),
            Figure::Activation30 => share(self.activation_30),
        }
    }

    /// A figure of this month as people read it; where there is none, the reason.
    pub fn shown(&self, figure: Figure) -> String {
        match self.value(figure) {
            Some(value) => value.to_string(),
            None => format!("none: {}", self.why_none(figure).unwrap_or("it was not computed")),
        }
    }

    /// Why there is no such figure of this month, if there is none.
    pub fn why_none(&self, figure: Figure) -> Option<&str> {
        self.none.iter().find(|none| none.figure == figure).map(|none| none.reason.as_str())
    }
}

/// The figures of a month by segment: the tier that accounts have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// The tier of its accounts.
    pub tier: Tier,
    /// Accounts with MRR.
    pub accounts: i64,
    /// The sum of their MRR; none: an exchange rate is missing.
    pub mrr: Option<Balance>,
    /// Accounts that had none a month before.
    pub won: i64,
    /// Accounts that had this tier a month before, and have none now.
    pub lost: i64,
    /// Spent on winning them; none: an exchange rate is missing.
    pub acquisition: Option<Balance>,
    /// What winning one has cost.
    pub cac: Option<Balance>,
    /// What one will have brought.
    pub ltv: Option<Balance>,
    /// The one by the other.
    pub ltv_to_cac: Option<Ratio>,
}
