//! The figures that investors ask for, each from the invoices and the ledger, with its definition beside it and its rows below it.
//! All of it is recomputed whenever it is asked for: nothing is kept that could disagree with the books.

mod months;
mod routes;
mod rows;

use chandlery_package::Currency;

pub use months::months;
pub use routes::routes;
pub use rows::rows;

/// The currency of all figures: others are converted by the rate at the end of their month.
pub const CURRENCY: Currency = Currency::Usd;

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
