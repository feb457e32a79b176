//! The chart of accounts.

use std::fmt;

use chandlery_package::{Currency, Namespace};

/// Where money can be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// The marketplace's first bank account, and what was recorded by hand of any.
    Bank,
    /// Another bank account of the marketplace's, by its name.
    BankOf(String),
    /// On its way between two of them.
    Transfers,
    /// Seen at the bank, and not known yet what for.
    Suspense,
    /// What a processor of payments holds for the marketplace.
    Processor,
    /// Used by customers, and not invoiced yet.
    Unbilled,
    /// Invoiced to customers, and not paid yet.
    Receivable,
    /// Taken back from a partner that had been paid already: it owes it.
    OwedBy(Namespace),
    /// What a processor holds back while a payment is disputed.
    DisputesHeld,
    /// Earned by a partner, and not yet paid by the customer.
    Accrued(Namespace),
    /// Earned by a partner, on hold.
    Pending(Namespace),
    /// Earned by a partner, and kept back for refunds.
    Reserve(Namespace),
    /// Owed to a partner, to be paid out.
    Available(Namespace),
    /// A partner's part of payments that are disputed.
    Disputed(Namespace),
    /// On its way to a partner.
    InTransit(Namespace),
    /// Sales taxes, owed to the state.
    SalesTax,
    /// Withheld from partners, owed to the state.
    WithheldTax,
    /// Invoiced for subscriptions, and not earned yet.
    Deferred,
    /// What a customer has paid or was credited beyond what it owes.
    Credit(Namespace),
    /// Earned by subscriptions.
    Plans,
    /// The marketplace's share of sales.
    Commission,
    /// Gained by exchange.
    FxGain,
    /// What processors of payments keep.
    ProcessorFees,
    /// What a dispute costs.
    DisputeFees,
    /// What paying out costs.
    PayoutFees,
    /// Lost by exchange.
    FxLoss,
    /// What banks take for transfers that arrive, or for several.
    BankFees,
    /// Invoiced and earned, and never paid.
    BadDebt,
    /// Running the service.
    Hosting,
    /// Winning customers, by segment.
    Acquisition(String),
    /// What the bank held before its first statement.
    Opening,
    /// Between two currencies, in the order of their codes.
    Exchange(Currency, Currency),
}

impl Account {
    /// The account between two currencies, whichever is given first: what was exchanged between others does not mix with it.
    pub fn between(one: Currency, other: Currency) -> Self {
        match one.code() <= other.code() {
            true => Self::Exchange(one, other),
            false => Self::Exchange(other, one),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bank => f.write_str("assets:bank"),
            Self::BankOf(name) => write!(f, "assets:bank:{name}"),
            Self::Transfers => f.write_str("assets:transfers"),
            Self::Suspense => f.write_str("liabilities:suspense"),
            Self::Processor => f.write_str("assets:processor clearing"),
            Self::Unbilled => f.write_str("assets:receivable:unbilled"),
            Self::Receivable => f.write_str("assets:receivable:customers"),
            Self::OwedBy(partner) => write!(f, "assets:receivable:partner:{partner}"),
            Self::DisputesHeld => f.write_str("assets:disputes held"),
            Self::Accrued(partner) => write!(f, "liabilities:partner:{partner}:accrued"),
            Self::Pending(partner) => write!(f, "liabilities:partner:{partner}:pending"),
            Self::Reserve(partner) => write!(f, "liabilities:partner:{partner}:reserve"),
            Self::Available(partner) => write!(f, "liabilities:partner:{partner}:available"),
            Self::Disputed(partner) => write!(f, "liabilities:partner:{partner}:disputed"),
            Self::InTransit(partner) => write!(f, "liabilities:partner:{partner}:in transit"),
            Self::SalesTax => f.write_str("liabilities:tax:sales"),
            Self::WithheldTax => f.write_str("liabilities:tax:withheld"),
            Self::Deferred => f.write_str("liabilities:deferred:plans"),
            Self::Credit(customer) => write!(f, "liabilities:credit:{customer}"),
            Self::Plans => f.write_str("revenue:plans"),
            Self::Commission => f.write_str("revenue:commission"),
            Self::FxGain => f.write_str("revenue:fx gain"),
            Self::ProcessorFees => f.write_str("expenses:processor fees"),
            Self::DisputeFees => f.write_str("expenses:dispute fees"),
            Self::PayoutFees => f.write_str("expenses:payout fees"),
            Self::BankFees => f.write_str("expenses:bank fees"),
            Self::FxLoss => f.write_str("expenses:fx loss"),
            Self::BadDebt => f.write_str("expenses:bad debt"),
            Self::Hosting => f.write_str("expenses:hosting"),
            Self::Acquisition(segment) => write!(f, "expenses:acquisition:{segment}"),
            Self::Opening => f.write_str("equity:opening balances"),
            Self::Exchange(one, other) => write!(f, "equity:fx:{one}-{other}"),
        }
    }
}

#[cfg(test)]
impl Account {
    /// One of each kind.
    pub(crate) fn one_of_each() -> Vec<Self> {
        std::iter::successors(Some(Self::Bank), Self::after).collect()
    }

    /// The kind after this one: a new kind has its place here, so that no test of all of them leaves it out.
    fn after(&self) -> Option<Self> {
        let acme = "acme".parse().ok()?;
        Some(match self {
            Self::Bank => Self::BankOf("second".into()),
            Self::BankOf(_) => Self::Transfers,
            Self::Transfers => Self::Suspense,
            Self::Suspense => Self::Processor,
            Self::Processor => Self::Unbilled,
            Self::Unbilled => Self::Receivable,
            Self::Receivable => Self::OwedBy(acme),
            Self::OwedBy(_) => Self::DisputesHeld,
            Self::DisputesHeld => Self::Accrued(acme),
            Self::Accrued(_) => Self::Pending(acme),
            Self::Pending(_) => Self::Reserve(acme),
            Self::Reserve(_) => Self::Available(acme),
            Self::Available(_) => Self::Disputed(acme),
            Self::Disputed(_) => Self::InTransit(acme),
            Self::InTransit(_) => Self::SalesTax,
            Self::SalesTax => Self::WithheldTax,
            Self::WithheldTax => Self::Deferred,
            Self::Deferred => Self::Credit(acme),
            Self::Credit(_) => Self::Plans,
            Self::Plans => Self::Commission,
            Self::Commission => Self::FxGain,
            Self::FxGain => Self::ProcessorFees,
            Self::ProcessorFees => Self::DisputeFees,
            Self::DisputeFees => Self::PayoutFees,
            Self::PayoutFees => Self::FxLoss,
            Self::FxLoss => Self::BankFees,
            Self::BankFees => Self::BadDebt,
            Self::BadDebt => Self::Hosting,
            Self::Hosting => Self::Acquisition("team".into()),
            Self::Acquisition(_) => Self::Opening,
            Self::Opening => Self::Exchange(Currency::Eur, Currency::Usd),
            Self::Exchange(..) => return None,
        })
    }
}
