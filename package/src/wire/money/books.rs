//! The books: what they hold, whether they are right, and the close of months.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Balance, Currency, Digest, Money, Month, Namespace, PluginId};

crate::words! {
    /// What a transaction of the ledger is about.
    pub enum TransactionKind: "kind of transaction" {
        /// A customer owes what it ordered or used, and everybody who shares it has earned a part.
        Sale = "sale",
        /// The customer has paid for a sale: its shares are on hold.
        Collected = "collected",
        /// The hold of a share is over.
        Release = "release",
        /// What was kept back of a share is free.
        ReserveRelease = "reserve-release",
        /// A credit note gives back what was paid, or takes it off what is due.
        Refund = "refund",
        /// A processor holds a payment that a customer's bank has taken back.
        DisputeOpened = "dispute-opened",
        /// The shares of a sale that is disputed are held.
        DisputeHeld = "dispute-held",
        /// The customer's bank has decided for the marketplace.
        DisputeWon = "dispute-won",
        /// A share that was held by a dispute is where it was.
        DisputeFreed = "dispute-freed",
        /// The customer's bank has decided for the customer.
        DisputeLost = "dispute-lost",
        /// An invoice is issued.
        Invoice = "invoice",
        /// An invoice is paid.
        InvoicePaid = "invoice-paid",
        /// An invoice will never be paid.
        WrittenOff = "written-off",
        /// An invoice that was given up is paid after all.
        InvoiceRevived = "invoice-revived",
        /// The days of a subscription that have passed are earned.
        Earned = "earned",
        /// A payout is approved.
        Payout = "payout",
        /// A payout has arrived.
        PayoutPaid = "payout-paid",
        /// A payout that had arrived came back to the marketplace's bank.
        PayoutBounced = "payout-bounced",
        /// What a payout had taken is the partner's again.
        PayoutReturned = "payout-returned",
        /// What a partner owes in one currency is taken from what is available to it in another.
        DebtOffset = "debt-offset",
        /// What a partner owes is given up.
        DebtWrittenOff = "debt-written-off",
        /// A line of the bank's statement was seen: what it is for comes after.
        BankLine = "bank-line",
        /// A payment that nobody has begun was seen at the processor: what it is for comes after.
        PaymentSeen = "payment-seen",
        /// A line of the bank's statement is what was recorded by hand before.
        BankSeen = "bank-seen",
        /// What arrived at the bank is kept as a customer's credit.
        BankCredit = "bank-credit",
        /// What arrived at the bank is sent back.
        BankSentBack = "bank-sent-back",
        /// A line of the bank's statement moves money between the marketplace's own accounts.
        BankMoved = "bank-moved",
        /// What the bank has taken for transfers that it tells apart from it.
        BankCharges = "bank-charges",
        /// What the bank held before its first statement.
        BankOpening = "bank-opening",
        /// What moved at a processor is there in another currency.
        ProcessorExchange = "processor-exchange",
        /// A processor has sent what it held to the marketplace's bank.
        ProcessorPayout = "processor-payout",
        /// What a processor had sent did not arrive, and is held by it again.
        ProcessorPayoutFailed = "processor-payout-failed",
        /// More was paid at a processor than was due: the rest is the customer's credit.
        Surplus = "surplus",
        /// What was paid beyond what was due is given back.
        SurplusReturned = "surplus-returned",
        /// A part that an open invoice was paid with was given back: it is due again.
        PartReturned = "part-returned",
        /// A processor has given back what no invoice can: it is lost.
        RefundLost = "refund-lost",
        /// A refund did not reach the customer, who has it as credit.
        RefundFailed = "refund-failed",
        /// What a processor takes for a dispute.
        DisputeFee = "dispute-fee",
        /// The bank has exchanged one currency for another.
        Exchange = "exchange",
        /// What exchanges between two currencies have gained or lost.
        ExchangeResult = "exchange-result",
        /// The marketplace has spent money of its own.
        Expense = "expense",
    }
}

/// What a check of the books found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooksCheck {
    /// How many transactions there are.
    pub transactions: i64,
    /// How many postings there are.
    pub postings: i64,
    /// Everything that is wrong, in words; empty: the books balance.
    pub faults: Vec<String>,
    /// What was set aside by the close of a month and is not charged yet, in words: no fault of the books.
    #[serde(default)]
    pub set_aside: Vec<String>,
    /// What the processor of payments is sent no more until an operator says what becomes of it, in words with the commands: no fault
    /// of the books.
    #[serde(default)]
    pub undecided: Vec<String>,
    /// What the processor of payments has told and the books do not follow, in words with the commands that show it: no fault of the
    /// books.
    #[serde(default)]
    pub unfollowed: Vec<String>,
}

/// An account of the ledger and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountBalance {
    /// As the journal writes it, such as `assets:bank`.
    pub account: String,
    /// Debits less credits.
    pub balance: Balance,
}

/// The months that are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Months {
    /// Over and open, the earliest first.
    pub due: Vec<Month>,
    /// The latest first.
    pub closed: Vec<ClosedMonth>,
}

/// A month in which nothing is posted any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosedMonth {
    /// The month, in UTC.
    pub month: Month,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// The operator who closed it.
    pub closed_by: Namespace,
    /// The last transaction by then.
    pub last: i64,
    /// The digest of every balance at its end.
    pub balances_digest: Digest,
}

/// What the close of a month has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthClose {
    /// The month that is closed now.
    pub month: Month,
    /// The invoices that it issued.
    pub invoices: Vec<i64>,
    /// How many statements it made.
    pub statements: usize,
    /// What it could not charge, and why: it is set aside, and taken up again by each later close until it can be charged.
    pub left_out: Vec<String>,
}

/// What closing a month would do, before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonthTrial {
    /// The month that would be closed.
    pub month: Month,
    /// What the invoices come to that would be issued, by currency.
    pub invoiced: Vec<TrialInvoices>,
    /// These invoices by their numbers: the first thousand.
    pub invoices: Vec<TrialInvoice>,
    /// How many statements would be made.
    pub statements: usize,
    /// What each partner has of the month, by its name and the currency: the first thousand that have a statement.
    pub partners: Vec<TrialPartner>,
    /// What is earned and spent in the month, by account.
    pub results: Vec<TrialResult>,
    /// What could not be charged, and why: it would be set aside.
    pub left_out: Vec<String>,
}

/// What invoices of one currency would come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialInvoices {
    /// How many there are.
    pub count: i64,
    /// What they charge, without taxes.
    pub net: Balance,
    /// The taxes on that.
    pub tax: Balance,
    /// What of both the customers' credit would pay.
    pub credit: Balance,
    /// What customers would owe.
    pub total: Balance,
}

/// An invoice that would be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialInvoice {
    /// Its number, unless another one is issued before.
    pub number: i64,
    /// Who would owe it.
    pub customer: Namespace,
    /// What it charges, without taxes.
    pub net: Money,
    /// The tax on that.
    pub tax: Money,
    /// What of both the customer's credit would pay.
    pub credit: Money,
    /// What the customer would owe.
    pub total: Money,
}

/// A partner's month as its statement would have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialPartner {
    /// Whose statement it is.
    pub partner: Namespace,
    /// The price of the sales of the month.
    pub gross: Balance,
    /// What customers pay for them, less what was given back, is disputed or was never paid.
    pub paid: Balance,
    /// What of that is the partner's, with what it gets for referring.
    pub share: Balance,
    /// The same less the tax that was withheld from the payouts of the month.
    pub net: Balance,
    /// All that the partner had at the month's begin, less what it owed.
    pub opening: Balance,
    /// What payouts took of that and of the month's earnings, with the tax that was withheld, less what came back.
    pub paid_out: Balance,
    /// All that it would have at the month's end.
    pub closing: Balance,
}

/// What an account of revenue or of expenses comes to in a month, above zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrialResult {
    /// As the journal writes it, such as `revenue:plans`.
    pub account: String,
    /// Before the close.
    pub before: Balance,
    /// With what the close would recognise.
    pub after: Balance,
}

/// What the close of a month could not charge, and each later one takes up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetAside {
    /// The month that is not charged.
    pub month: Month,
    /// The customer, whose other months and orders are charged.
    pub account: Namespace,
    /// The plugin; none: nothing of that month could be charged to the customer.
    pub plugin: Option<PluginId>,
    /// Why, for people.
    pub reason: String,
    /// When it was set aside first.
    pub since: Timestamp,
}

/// Records that the bank has exchanged one currency for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewExchange {
    /// The bank's own reference, unique for ever: the same exchange is recorded once.
    pub key: String,
    /// What left the bank, above zero.
    pub sold: Money,
    /// What arrived for it, above zero, in another currency.
    pub bought: Money,
}

/// What time it is for the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Time {
    /// The moment by the registry's clock.
    pub now: Timestamp,
}

/// A bank account of the marketplace's own: payouts leave from it, and its statements are brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BankAccount {
    /// What it is called in the books: `main`, unless given.
    #[serde(default = "main_account")]
    pub name: String,
    /// The currency that it is of; none, for `main` alone: every one that no other account is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Whose it is: at most 70 letters.
    pub holder: String,
    /// ISO 13616, without spaces.
    pub iban: String,
    /// ISO 9362, with 8 or 11 letters.
    pub bic: String,
    /// The most that the bank takes for a transfer, one for each currency; 5.00 (500 JPY) where there is none. What leaves the bank
    /// beyond that is no fee.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees_max: Vec<Money>,
}

/// What a bank account is called that has no name.
pub(crate) fn main_account() -> String {
    "main".into()
}

/// A payment that the customer's browser completes at the processor of payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentIntent {
    /// The processor's own id of it, `pi_…`.
    pub id: String,
    /// The secret that the browser completes it with.
    pub client_secret: String,
    /// What is to be paid.
    pub amount: Money,
}
