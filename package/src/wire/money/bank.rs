//! What the bank says: the lines of its statements, what becomes of each, and what it held.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::books::main_account;
use crate::{Balance, Currency, Money, Namespace};

/// A line of the bank's statement, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BankLine {
    /// The bank's own reference; of any account but the first one, behind the account's name.
    pub id: String,
    /// The name of the bank account that it is of; `processor:stripe`, where it is a payment there that nobody has begun here.
    #[serde(default = "main_account")]
    pub account: String,
    /// The bank's value date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Date>,
    /// What arrived or, below zero, left; none: it is of a currency that the books do not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The IBAN that it came from or, where it left, went to; none: the bank does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_iban: Option<String>,
    /// What the transfer says, and by what it is matched.
    pub text: String,
    /// Whether it is a transfer of ours that came back.
    #[serde(default)]
    pub returned: bool,
    /// What became of it: `paid …`, `confirmed …`, `returned …`, or why nothing did.
    #[serde(default)]
    pub outcome: String,
    /// What of it is in suspense still; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Money>,
    /// What it may be for, the likeliest first; for lines that are open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
}

/// What a line of the bank's statement may be for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suggestion {
    /// As it would be allotted.
    pub to: Allotment,
    /// What speaks for it.
    pub why: String,
}

/// Where a part of a bank line goes. Amounts are above zero, whether the line arrived or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Allotment {
    /// It pays an invoice, or a part of one.
    Invoice {
        /// The number of the invoice.
        number: i64,
        /// At most what is due.
        amount: Money,
    },
    /// It pays an order.
    Order {
        /// The reference of the order.
        reference: String,
        /// All that is due.
        amount: Money,
    },
    /// It is what a payout left by, with the bank's fee; or, where it arrived, what came back of it.
    Payout {
        /// The number of the payout.
        id: i64,
        /// What left or came back.
        amount: Money,
    },
    /// It is what was recorded by hand before, and takes up as much of the line as that has moved.
    Recorded {
        /// The number of the ledger's transaction.
        transaction: i64,
    },
    /// It moves money between bank accounts of the marketplace's own.
    Own {
        /// How much of it.
        amount: Money,
    },
    /// It is what the bank takes.
    Charges {
        /// At most what is a fee.
        amount: Money,
    },
    /// It is what came back of a transfer to a customer, whose credit it is again.
    CameBack {
        /// What the transfer was known by: `REFUND-3` or `BACK-4`.
        reference: String,
        /// At most what is out of it.
        amount: Money,
    },
    /// It is kept as a customer's credit, which pays for its next invoices.
    Credit {
        /// The account of the customer.
        customer: Namespace,
        /// How much of it.
        amount: Money,
    },
    /// It is sent back to whom it came from, by a transfer that an operator makes. Where nothing of the line is open: what of it is a
    /// customer's credit that is not used.
    SendBack {
        /// How much of it.
        amount: Money,
    },
}

/// Says what an open bank line is for: all of it or a part, in one go or in several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAllotment {
    /// The id of the line.
    pub line: String,
    /// All of them are done, or none.
    pub to: Vec<Allotment>,
}

crate::words! {
    /// Which lines of the bank's statements are meant.
    pub enum BankLineState: "state of a bank line" {
        /// What it is for is not known, or not of all of it.
        Open = "open",
        /// All of it is where it belongs.
        Settled = "settled",
    }
}

/// What the bank says that an account holds in a currency, beside what the books say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BankBalance {
    /// The name of the bank account.
    #[serde(default = "main_account")]
    pub account: String,
    /// Of what is in this currency.
    pub currency: Currency,
    /// The closing balances of the latest statements.
    pub bank: Balance,
    /// The day that the latest of them ended on.
    pub day: Date,
    /// What the books have at the bank.
    pub books: Balance,
    /// What of that was recorded by hand since the first statement, and no line has told of.
    pub unseen: Balance,
    /// What of the lines is in suspense: above zero where more arrived than left.
    pub suspense: Balance,
    /// What the bank has more than the books without what is unseen: zero, where every line was brought.
    pub difference: Balance,
}

crate::words! {
    /// How a transfer stands that goes back to a customer.
    pub enum SendBackState: "state of a transfer back" {
        /// It is in no bank file, and no line of the bank tells of it.
        Open = "open",
        /// It is in a bank file.
        Filed = "filed",
        /// A line of the bank tells that it left.
        Left = "left",
        /// All of it came back, and is the customer's credit.
        Returned = "returned",
    }
}

/// The account of somebody who is paid by a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payee {
    /// Whose it is: at most 70 letters.
    pub holder: String,
    /// ISO 13616, without spaces.
    pub iban: String,
    /// ISO 9362; none: the bank finds it by the IBAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
}

/// A transfer that goes back to a customer: a refund of what a transfer has paid, or a line that is sent back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendBack {
    /// What it is known by at both banks: `REFUND-3` or `BACK-4`.
    pub reference: String,
    /// How much goes back.
    pub amount: Money,
    /// Whose it is; none: nobody knows who has paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Namespace>,
    /// Where it goes; none: no bank has said where the money came from, and an operator has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Payee>,
    /// The number of the bank file that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<i64>,
    /// How it stands.
    pub state: SendBackState,
    /// What of it came back.
    pub returned: Money,
    /// What it goes back for, in the words of its transaction: a credit note, a part of a bank line, or of a payment.
    #[serde(default)]
    pub cause: String,
    /// The ledger's number of the transaction by which it leaves the bank.
    #[serde(default)]
    pub transaction: i64,
}

/// A bank file of transfers that go back to customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SendBackFile {
    /// Under which it is printed again.
    pub number: i64,
    /// The references of those in it.
    pub transfers: Vec<String>,
    /// The references of those that wait for an operator to say where they go.
    pub left_out: Vec<String>,
}
