//! What operators ask the books: what customers owe, what is still to be earned, what a month came to, and what tax it owes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AccountBalance, InvoiceState, TaxCategory};
use crate::{Balance, Currency, Money, Month, Namespace};

/// An invoice of any customer. What it is of is what was paid, credited, written off, and is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomerInvoice {
    /// The invoice's number.
    pub number: i64,
    /// Who owes it.
    pub account: Namespace,
    /// How it stands.
    pub state: InvoiceState,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it is to be paid.
    pub due_at: Timestamp,
    /// Net and tax.
    pub total: Money,
    /// What was paid of it, also from the customer's credit, and not given back.
    pub paid: Money,
    /// What credit notes have taken off it, or given back.
    pub credited: Money,
    /// What was given up.
    pub written_off: Money,
    /// What is left to be paid.
    pub due: Money,
}

/// What a customer owes in one currency, by how long it is overdue: they sum to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgedReceivable {
    /// Who owes it.
    pub account: Namespace,
    /// What is not due yet.
    pub not_due: Balance,
    /// What has been overdue for up to 30 days.
    pub days_30: Balance,
    /// What has been overdue for 31 to 60 days.
    pub days_60: Balance,
    /// What has been overdue for 61 to 90 days.
    pub days_90: Balance,
    /// What has been overdue for longer.
    pub older: Balance,
    /// All of it.
    pub total: Balance,
}

crate::words! {
    /// What becomes of an invoice that stays unpaid.
    pub enum DunningStep: "step of dunning" {
        /// Its customer is reminded, on the day that it is due.
        FirstReminder = "first-reminder",
        /// Its customer is reminded again, a week later.
        SecondReminder = "second-reminder",
        /// It is written off, and the subscription that it is for ends.
        WrittenOff = "written-off",
    }
}

/// A reminder that a customer was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reminder {
    /// When it was shown to the customer.
    pub at: Timestamp,
    /// When it was sent by e-mail; none: it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Why it cannot be sent, where the mail server has refused it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// An invoice that is open, what its customer was told of it, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dunning {
    /// The invoice's number.
    pub invoice: i64,
    /// Who owes it.
    pub account: Namespace,
    /// What is left to be paid.
    pub due: Money,
    /// Until when it is to be paid.
    pub due_at: Timestamp,
    /// The reminders so far, the first one first.
    pub reminders: Vec<Reminder>,
    /// What becomes of it next, unless it is paid.
    pub next: DunningStep,
    /// When that is.
    pub next_at: Timestamp,
}

/// What is invoiced for subscriptions and will be earned in a month, in one currency. All months sum to `deferred:plans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeferredMonth {
    /// The month in which its days will have passed.
    pub month: Month,
    /// How much of it will be earned then.
    pub earned: Balance,
}

/// What was earned and spent in a month, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthResult {
    /// The month, in UTC.
    pub month: Month,
    /// What was earned, by account: above zero.
    pub revenue: Vec<AccountBalance>,
    /// What was spent, by account: above zero.
    pub expenses: Vec<AccountBalance>,
    /// All revenue less all expenses: by so much equity has changed.
    pub result: Balance,
}

/// What is owned and owed at a month's end, in one currency. Accounts of partners and of customers are summed by their kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BalanceSheet {
    /// At whose end, in UTC; of a month that is not over: so far.
    pub month: Month,
    /// What is owned, by account.
    pub assets: Vec<AccountBalance>,
    /// What is owed, by account: above zero.
    pub liabilities: Vec<AccountBalance>,
    /// What is the marketplace's own, by account, above zero; `equity:results` is what was ever earned less what was ever spent.
    pub equity: Vec<AccountBalance>,
    /// The sum of the assets, and of liabilities and equity.
    pub total: Balance,
}

/// What was sold to a country under one rule, less what was credited or given up, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxReturnLine {
    /// Whose tax it is, by ISO 3166-1 alpha-2; none: no country's.
    pub country: Option<String>,
    /// How the tax applies; none: it was invoiced before that was kept.
    pub category: Option<TaxCategory>,
    /// The rule by which it is taxed, such as `VAT 19%`, or why there is no tax.
    pub rule: String,
    /// How many invoices and credit notes.
    pub documents: i64,
    /// What the tax is on.
    pub taxable: Balance,
    /// The tax: all lines sum to the change of `tax:sales`.
    pub tax: Balance,
}

crate::words! {
    /// The program that an export of the ledger is written for.
    pub enum ExportFormat: "format of an export" {
        /// DATEV: a batch of postings (`EXTF` 700, Buchungsstapel 13), in Windows-1252.
        Datev = "datev",
        /// QuickBooks Online: journal entries as CSV.
        Quickbooks = "quickbooks",
        /// Xero: manual journals as CSV.
        Xero = "xero",
    }
}

/// Exports the postings of some months in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerExport {
    /// The program that it is for.
    pub format: ExportFormat,
    /// The first month.
    pub from: Month,
    /// The last month.
    pub to: Month,
    /// Of which currency: an export has one.
    pub currency: Currency,
    /// Which accounts the program has for the ledger's, and for whom.
    #[serde(default)]
    pub chart: ChartOfAccounts,
}

/// How the accounts of the ledger are called in another program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChartOfAccounts {
    /// For DATEV: the number of the tax adviser.
    pub adviser: Option<u32>,
    /// For DATEV: the adviser's number of the client.
    pub client: Option<u32>,
    /// For DATEV: the month that financial years begin with; January unless given.
    pub year_begins: Option<u8>,
    /// The account of the other program for the ledger's accounts that begin so: the longest one holds. What is not named has the
    /// number of a chart that is like DATEV's SKR03; in QuickBooks its own name.
    pub accounts: BTreeMap<String, String>,
}
