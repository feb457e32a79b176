//! What each figure means.

use chandlery_package::wire::{Definition, Figure};

/// What a figure means, in a sentence or two. All of a month that is not over are of what has happened by now.
pub const fn meaning(figure: Figure) -> &'static str {
    match figure {
        Figure::Mrr => {
            "The prices of the subscriptions that cover the last moment of the month, or now while it is not over, each divided by the months that it is billed for. A trial has none; what was never paid has it until it was written off, what was ended until it was, and what was given back until nothing of it was left."
        }
        Figure::Arr => "12 × MRR.",
        Figure::New => "MRR of accounts that had none at the end of the month before.",
        Figure::Expansion => "What accounts that had MRR at the end of the month before have more of it.",
        Figure::Contraction => {
            "What accounts that had MRR at the end of the month before, and still have, have less of it."
        }
        Figure::Churn => {
            "MRR at the end of the month before of accounts that have none now. MRR = MRR before + new + expansion − contraction − churn."
        }
        Figure::Accounts => "The accounts that have MRR.",
        Figure::Nrr => {
            "Net revenue retention: MRR now of the accounts that had MRR 12 months before, divided by what they had then."
        }
        Figure::Grr => "Gross revenue retention: the same, but of each account at most what it had then.",
        Figure::Arpa => "Average revenue per account: MRR ÷ accounts with MRR.",
        Figure::Revenue => {
            "Postings to revenue:plans (earned by the day) and revenue:commission in the month: what refunds and chargebacks took off it is taken off."
        }
        Figure::Subscriptions => "Revenue from subscriptions (revenue:plans) ÷ revenue; the plan has 70 %.",
        Figure::RevenueShare => {
            "What revenue:commission has beside services, less what was given back of either, ÷ revenue; the plan has 20 %."
        }
        Figure::Services => {
            "What the marketplace kept of consultants' services when they were sold ÷ revenue; the plan has 10 %."
        }
        Figure::Gmv => {
            "Gross merchandise value: what was sold of plugins and services in the month, without taxes, before refunds, paid or not. What is sold again, since it was paid after it was given up, counts once."
        }
        Figure::TakeRate => "What the marketplace kept of these sales when they were sold ÷ GMV.",
        Figure::Refunds => {
            "The credit notes of the month, without taxes; what of it had been earned is taken off revenue, too."
        }
        Figure::Chargebacks => {
            "Payments, with taxes, that customers' banks took back in the month for good; what of it had been earned is taken off revenue, too."
        }
        Figure::BadDebt => {
            "Postings to expenses:bad debt in the month: earned, and never paid; below zero where more of that was paid after all."
        }
        Figure::Cost => {
            "Postings to expenses for processors, disputes, payouts, the bank and hosting in the month."
        }
        Figure::GrossMargin => {
            "(Revenue − cost of revenue − bad debt) ÷ revenue, over the month; refunds and chargebacks have lowered the revenue already."
        }
        Figure::Acquisition => "Postings to expenses:acquisition in the month: spent on winning customers.",
        Figure::Cac => {
            "What was spent on winning customers in this month and the two before, divided by the accounts won in them; by segment of what was spent on it."
        }
        Figure::Ltv => {
            "ARPA × gross margin of the month ÷ churn rate, which is the accounts lost in 12 months divided by the sum of the accounts at the beginning of each of them; also by segment."
        }
        Figure::LtvToCac => "LTV ÷ CAC.",
        Figure::Payback => {
            "Months until an account has brought what winning it has cost: CAC ÷ (ARPA × gross margin)."
        }
        Figure::Growth => "(MRR − MRR 12 months before) ÷ MRR 12 months before.",
        Figure::OperatingMargin => {
            "(Revenue − everything posted to expenses but exchange losses) ÷ revenue, over this month and the 11 before."
        }
        Figure::RuleOf40 => {
            "Growth + operating margin, each rounded to a ten-thousandth of a percent: 40 % or more is sound."
        }
        Figure::SignUps => {
            "The accounts that were opened in the month: people and organisations, but not whoever operates the registry."
        }
        Figure::Activation7 => {
            "Of the accounts that were opened in the month, those that have deployed within 7 days: for which a host has reported use that began by then. Of those whose days are not over, what has happened by now."
        }
        Figure::Activation30 => "The same within 30 days.",
        Figure::MagicNumber => {
            "4 × (revenue:plans of this month and the two before − of the three before those) ÷ what was spent on winning customers in the three before."
        }
    }
}

/// What all figures mean, in the order in which they are shown.
pub(super) fn all() -> Vec<Definition> {
    let define =
        |name: Figure| Definition { name, figure: name.title().into(), meaning: meaning(name).into() };
    Figure::ALL.map(define).into()
}
