//! Customers by the month in which they first paid, and what became of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Ratio;
use crate::{Balance, Month, Namespace};

/// All cohorts, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cohorts {
    /// By month; those of all months together are all customers that have ever paid.
    pub cohorts: Vec<Cohort>,
    /// How they are computed, in a sentence or two.
    pub definition: String,
}

/// The customers whose first payment was in the same month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cohort {
    /// The month of their first payment.
    pub month: Month,
    /// How many they are.
    pub customers: i64,
    /// Who they are, by name.
    pub accounts: Vec<Namespace>,
    /// What was left of them in each month from the first one on; the last one is not over.
    pub months: Vec<CohortMonth>,
}

/// What was left of a cohort in a month (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CohortMonth {
    /// The month, in UTC.
    pub month: Month,
    /// How many had MRR at its end, or bought something in it.
    pub active: i64,
    /// The part of all that they are.
    pub by_count: Option<Ratio>,
    /// Their MRR at its end.
    pub mrr: Option<Balance>,
    /// The part of the MRR at the end of their first month that it is.
    pub by_mrr: Option<Ratio>,
    /// Why there is no MRR, or no part of it; none: there is.
    pub none: Option<String>,
}
