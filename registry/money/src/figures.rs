//! The figures that investors ask for, each from the invoices and the ledger, with its definition beside it and its rows below it.
//! All of it is recomputed whenever it is asked for: nothing is kept that could disagree with the books.

mod months;
mod routes;
mod rows;

use chandlery_package::{Balance, Currency, Tier};
use serde::{Deserialize, Serialize};

pub use months::months;
pub use routes::routes;
pub use rows::{AccountRow, PostingRow, Rows, rows};

/// The currency of all figures: others are converted by the rate at the end of their month.
pub const CURRENCY: Currency = Currency::Usd;

/// A share or a multiple, as the two whole numbers that it is of. Without a denominator there is no ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i64,
    /// Below it; never 0.
    pub denominator: i64,
}

impl Ratio {
    /// None where nothing is below the line, or one of the two is more than 64 bits hold.
    fn of(numerator: i128, denominator: i128) -> Option<Self> {
        let (numerator, denominator) = (i64::try_from(numerator).ok()?, i64::try_from(denominator).ok()?);
        (denominator > 0).then_some(Self { numerator, denominator })
    }

    /// `104.2 %`.
    pub fn percent(self) -> String {
        let tenths = i128::from(self.numerator) * 1000 / i128::from(self.denominator);
        let sign = if tenths < 0 { "-" } else { "" };
        format!("{sign}{}.{} %", tenths.abs() / 10, tenths.abs() % 10)
    }

    /// `3.1`.
    pub fn times(self) -> String {
        let tenths = i128::from(self.numerator) * 10 / i128::from(self.denominator);
        let sign = if tenths < 0 { "-" } else { "" };
        format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
    }
}

/// The figures of a month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Month {
    /// `2026-11`.
    pub month: String,
    /// See [`DEFINITIONS`] for this and all others.
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
    /// By tier.
    pub segments: Vec<Segment>,
}

/// The figures of a month by segment: the tier that accounts have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Segment {
    /// Which.
    pub tier: Tier,
    /// Accounts with MRR.
    pub accounts: i64,
    /// Their MRR.
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

/// What each figure means.
pub const DEFINITIONS: [(&str, &str); 16] = [
    (
        "MRR",
        "The prices of the subscriptions that cover the last moment of the month, each divided by the months that it is billed for. A trial has none; what was never paid has it until it was written off.",
    ),
    ("ARR", "12 × MRR."),
    ("New", "MRR of accounts that had none at the end of the month before."),
    ("Expansion", "What accounts that had MRR at the end of the month before have more of it."),
    (
        "Contraction",
        "What accounts that had MRR at the end of the month before, and still have, have less of it.",
    ),
    (
        "Churn",
        "MRR at the end of the month before of accounts that have none now. MRR = MRR before + new + expansion − contraction − churn.",
    ),
    (
        "NRR",
        "Net revenue retention: MRR now of the accounts that had MRR 12 months before, divided by what they had then.",
    ),
    ("GRR", "Gross revenue retention: the same, but of each account at most what it had then."),
    ("ARPA", "Average revenue per account: MRR ÷ accounts with MRR."),
    ("Revenue", "Postings to revenue:plans (earned by the day) and revenue:commission in the month."),
    ("Cost of revenue", "Postings to expenses for processors, disputes, payouts and hosting in the month."),
    ("Gross margin", "(Revenue − cost of revenue) ÷ revenue, over the month."),
    (
        "CAC",
        "What was spent on winning customers of a segment in this month and the two before, divided by the accounts won for it in them.",
    ),
    (
        "LTV",
        "ARPA of the segment × gross margin of the month ÷ churn rate, which is the accounts lost in 12 months divided by the sum of the accounts at the beginning of each of them.",
    ),
    ("LTV/CAC", "The one divided by the other."),
    (
        "Magic number",
        "4 × (revenue:plans of this month and the two before − of the three before those) ÷ what was spent on winning customers in the three before.",
    ),
];
