//! The rails that money comes in and leaves by: the bank (statements in, payment files out) and Stripe (payments in, transfers and
//! refunds out). Another one is a file here, and a word in `Rail`.

mod bank;
mod bank_file;
mod routes;
mod sending;
mod stripe;

use chandlery_accounts::Actor;
use chandlery_package::Money;
use chandlery_package::wire::{CreditNote, NewRefund};
use chandlery_store::Write;
use jiff::Timestamp;

use crate::billing::invoices::Paid;
use crate::billing::{self, invoices, orders};
use crate::{Error, Finance};

pub use bank::{read as read_statement, reconcile};
pub use bank_file::bank_file;
pub use routes::routes;
pub use sending::send;
pub use stripe::{begin as begin_payment, receive as receive_event};

/// What a payment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An invoice, as a transfer names it: `INVOICE-7`.
    Invoice(i64),
    /// An order, by its reference: `CH-2345678923`.
    Order(String),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invoice(number) => write!(f, "INVOICE-{number}"),
            Self::Order(reference) => f.write_str(reference),
        }
    }
}

impl Subject {
    /// The first subject that a text names.
    pub fn find(text: &str) -> Option<Self> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        words.filter_map(Self::read).next()
    }

    fn read(word: &str) -> Option<Self> {
        if let Some(number) = word.strip_prefix("INVOICE-") {
            return number.parse().ok().map(Self::Invoice);
        }
        let code = word.strip_prefix("CH-")?;
        let plain = code.len() == 10 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        plain.then(|| Self::Order(word.to_owned()))
    }

    /// That there is none, in the words that its room has where it looks for one: whoever asks for another's learns no more.
    fn missing(&self) -> Error {
        Error::NotFound(match self {
            Self::Invoice(number) => format!("invoice {number}"),
            Self::Order(reference) => format!("order '{reference}'"),
        })
    }

    /// What is due for it.
    async fn due(&self, db: &mut sqlx::AnyConnection) -> Result<Money, Error> {
        match self {
            Self::Invoice(number) => {
                let invoice = invoices::find(db, *number).await?;
                Ok(invoice.total.minus(invoice.refunded)?)
            }
            Self::Order(reference) => {
                let due = orders::find(db, reference).await?.due;
                due.ok_or_else(|| Error::Invalid(format!("order '{reference}' is invoiced by the month")))
            }
        }
    }

    async fn pay(
        &self,
        write: &mut Write,
        paid: &Paid<'_>,
        amount: Money,
        hold_days: u32,
        now: Timestamp,
    ) -> Result<(), Error> {
        match self {
            Self::Invoice(number) => {
                invoices::pay(write, *number, paid, amount, hold_days, now).await.map(drop)
            }
            Self::Order(reference) => {
                orders::pay(write, reference, paid, amount, hold_days, now).await.map(drop)
            }
        }
    }
}

/// Gives back so much of an invoice, through the processor where it was paid by that. The same key again gives the same credit note.
pub async fn refund(
    finance: &Finance,
    actor: &Actor,
    number: i64,
    new: &NewRefund,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    let note = billing::refund(&finance.db, actor, finance.hold_days, number, new, now).await?;
    // Written down before it is sent: if we die in between, the same request sends it, once.
    if let (Some(payment), false) =
        (billing::refunds::processor_payment(&finance.db, number).await?, new.as_credit)
    {
        finance.processor()?.refund(&payment, note.cash, &new.key).await?;
    }
    Ok(note)
}
