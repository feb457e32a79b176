//! Payments in: by bank transfer, recorded by hand or from the bank's statement, and through a processor of payments.

mod bank;
mod stripe;

use chandlery_package::Money;
use chandlery_package::wire::{Invoice, NewPayment};
use jiff::Timestamp;

use super::invoices::{self, Paid};
use super::orders;
use crate::{Error, Registry, Write};

pub use bank::{BankLine, reconcile};
pub use stripe::{
    Intent, Processor, begin as begin_payment, receive as receive_event, refund as refund_payment,
};

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

/// Records the payment of an invoice by a bank transfer.
pub async fn record_invoice_payment(
    registry: &Registry,
    number: i64,
    payment: &NewPayment,
    now: Timestamp,
) -> Result<Invoice, Error> {
    let (payment, hold_days) = (payment.clone(), registry.hold_days);
    registry
        .db
        .group_commit(move |write| {
            Box::pin(async move {
                let paid = Paid::Bank(&payment.bank_reference);
                invoices::pay(write, number, &paid, payment.amount, hold_days, now).await
            })
        })
        .await
}
