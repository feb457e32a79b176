//! The figures of the business by month, and the rows that they are made of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Month, Namespace, Tier};

/// A share or a multiple, as the two whole numbers that it is of. Without a denominator there is no ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i64,
    /// Below it; never 0.
    pub denominator: i64,
}

impl Ratio {
    /// None where nothing is below the line, or one of the two is more than 64 bits hold.
    pub fn of(numerator: i128, denominator: i128) -> Option<Self> {
        let (numerator, denominator) = (i64::try_from(numerator).ok()?, i64::try_from(denominator).ok()?);
        (denominator > 0).then_some(Self { numerator, denominator })
    }

    /// As a percentage with one decimal: `104.2 %`.
    pub fn percent(self) -> String {
        format!("{} %", self.decimal(100))
    }

    /// As a multiple with one decimal: `3.1`.
    pub fn times(self) -> String {
        self.decimal(1)
    }

    fn decimal(self, unit: i128) -> String {
        // What was sent to us is not held to what we send.
        let tenths = i128::from(self.numerator) * unit * 10 / i128::from(self.denominator.max(1));
        let sign = if tenths < 0 { "-" } else { "" };
        format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
    }
}

/// All months, and what their figures mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Every month since the first transaction, in order; the last one is not over.
    pub months: Vec<MonthFigures>,
    /// What each figure is, in the order in which they are shown.
    pub definitions: Vec<Definition>,
}

/// What a figure means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definition {
    /// What it is called, such as `MRR`.
    pub figure: String,
    /// How it is computed, in a sentence or two.
    pub meaning: String,
}

/// The figures of a month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthFigures {
    /// The month, in UTC.
    pub month: Month,
    /// Monthly recurring revenue; what this and all others are is in [`Figures::definitions`].
    pub mrr: Balance,
    /// MRR of a year.
    pub arr: Balance,
    /// Of the change of MRR: by accounts that had none a month before.
    pub new: Balance,
    /// By accounts that have more.
    pub expansion: Balance,
    /// By accounts that have less.
    pub contraction: Balance,
    /// By accounts that have none any more.
    pub churn: Balance,
    /// Accounts with MRR.
    pub accounts: i64,
    /// Net revenue retention.
    pub nrr: Option<Ratio>,
    /// Gross revenue retention.
    pub grr: Option<Ratio>,
    /// Average revenue per account.
    pub arpa: Option<Balance>,
    /// Earned from subscriptions.
    pub plans: Balance,
    /// Earned from sales of partners.
    pub commission: Balance,
    /// What earning it cost.
    pub cost: Balance,
    /// Of revenue, what is left after that.
    pub gross_margin: Option<Ratio>,
    /// Spent on winning customers.
    pub acquisition: Balance,
    /// Growth by what was spent for it.
    pub magic_number: Option<Ratio>,
    /// The same for the accounts of each tier that is paid for.
    pub segments: Vec<Segment>,
    /// What is in none of the figures for want of an exchange rate, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The figures of a month by segment: the tier that accounts have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// The tier of its accounts.
    pub tier: Tier,
    /// Accounts with MRR.
    pub accounts: i64,
    /// The sum of their MRR.
    pub mrr: Balance,
    /// Accounts that had none a month before.
    pub won: i64,
    /// Accounts that had this tier a month before, and have none now.
    pub lost: i64,
    /// Spent on winning them.
    pub acquisition: Balance,
    /// What winning one has cost.
    pub cac: Option<Balance>,
    /// What one will have brought.
    pub ltv: Option<Balance>,
    /// The one by the other.
    pub ltv_to_cac: Option<Ratio>,
}

crate::words! {
    /// How an account's MRR has changed since the month before.
    pub enum Change: "change" {
        /// It had none.
        New = "new",
        /// It has more now.
        Expansion = "expansion",
        /// It has less now, but some.
        Contraction = "contraction",
        /// It has none any more.
        Churn = "churn",
        /// It has what it had.
        Same = "same",
    }
}

/// What an account had before and has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountRow {
    /// The account that has subscribed.
    pub account: Namespace,
    /// What it has; what it had, where it has none now.
    pub tier: Tier,
    /// How its MRR has changed.
    pub change: Change,
    /// MRR at the end of the month before.
    pub before: Balance,
    /// MRR at the end of this month.
    pub now: Balance,
    /// The invoice that says so.
    pub invoice: i64,
}

/// What was posted to an account of the ledger in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingRow {
    /// As the journal writes it, such as `revenue:plans`.
    pub account: String,
    /// Debits less credits.
    pub posted: Balance,
    /// The same in the currency of the figures.
    pub converted: Balance,
}

/// The rows behind a month's figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureRows {
    /// The month, in UTC.
    pub month: Month,
    /// Every account that had MRR at the end of this month or of the one before.
    pub accounts: Vec<AccountRow>,
    /// Every account of the ledger for revenue and expenses that was posted to.
    pub postings: Vec<PostingRow>,
    /// What is in no row for want of an exchange rate, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}
