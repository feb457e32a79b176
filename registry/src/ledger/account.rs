//! The chart of accounts.

use std::fmt;

use chandlery_package::Namespace;

/// Where money can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// The marketplace's own bank account.
    Bank,
    /// Earned by a partner, on hold.
    Pending(Namespace),
    /// Owed to a partner, to be paid out.
    Available(Namespace),
    /// On its way to a partner.
    InTransit(Namespace),
    /// The marketplace's share of sales.
    Commission,
    /// Invoiced to customers, and not paid yet.
    Receivable,
    /// Invoiced for subscriptions, and not earned yet.
    Deferred,
    /// Earned by subscriptions.
    Plans,
    /// Invoiced and earned, and never paid.
    BadDebt,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bank => f.write_str("assets:bank"),
            Self::Pending(partner) => write!(f, "liabilities:partner:{partner}:pending"),
            Self::Available(partner) => write!(f, "liabilities:partner:{partner}:available"),
            Self::InTransit(partner) => write!(f, "liabilities:partner:{partner}:in transit"),
            Self::Commission => f.write_str("revenue:commission"),
            Self::Receivable => f.write_str("assets:receivable:customers"),
            Self::Deferred => f.write_str("liabilities:deferred:plans"),
            Self::Plans => f.write_str("revenue:plans"),
            Self::BadDebt => f.write_str("expenses:bad debt"),
        }
    }
}
