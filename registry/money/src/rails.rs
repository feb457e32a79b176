//! The rails that money comes in and leaves by: the bank (statements in, payment files out) and Stripe (payments in, transfers and
//! refunds out). Another one is a file here, and a word in `Rail`.

mod bank;
mod bank_file;
mod claims;
mod outbox;
mod own_accounts;
mod processor_routes;
mod routes;
mod run_file;
mod send_backs;
mod sending;
mod stripe;

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record_once;
use chandlery_package::wire::{Act, CreditNote, EndedSubscription, InvoiceState, NewRefund, RequestKind};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;
use jiff::Timestamp;
use serde_json::json;

use crate::billing::invoices::Paid;
use crate::billing::{invoices, orders, payments, refunds, subscriptions};
use crate::ledger::{self, By};
use crate::{Error, Finance};

pub(crate) use bank::allot_within;
pub use bank::{
    BankPart, Rules as BankRules, allot, bring_statement, compare as compare_bank,
    count_open as count_open_lines, faults as bank_faults, find_line, list_lines, reconcile,
    texts as statement_texts,
};
pub(crate) use outbox::undecided_in_words as undecided_requests;
pub use outbox::{count_undecided as count_undecided_requests, return_payout, waiting as requests_waiting};
pub(crate) use own_accounts::set as set_own_account;
pub(crate) use processor_routes::give_back_within as give_surplus_back;
pub use routes::routes;
pub use run_file::run_file;
pub use send_backs::SendBackTotal;
pub use send_backs::desk::{
    count_waiting as count_send_backs, find as find_send_back, list as list_send_backs,
    make_file as make_send_back_file, named as send_back_named, next_file as next_send_back_file,
    print_file as print_send_back_file, say_where as say_where_send_back_goes, totals as send_back_totals,
    totals_of_file as send_back_file_totals,
};
pub(crate) use send_backs::send_to_within;
pub use sending::send;
pub use stripe::{
    PaymentPage, ToldDispute, begin as begin_payment, count_events,
    count_unfollowed as count_unfollowed_events, offers_page, payment_page, receive as receive_event,
};
pub(crate) use stripe::{
    answer_by, events_of, payer as payer_of, told as told_dispute, unfollowed_in_words as unfollowed_events,
};

/// How often what is due to be told to the processor is looked at in one go: 50 requests and 100 events each time.
const ROUNDS_MAX: usize = 1000;

/// What a payment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An invoice, as a transfer names it: `INVOICE-7`.
    Invoice(i64),
    /// An order, by its reference: `CH-2345678923`.
    Order(String),
}

/// What a creditor reference is of (ISO 11649).
fn without_check_digits(word: &str) -> &str {
    match word.strip_prefix("RF").and_then(|rest| rest.split_at_checked(2)) {
        Some((digits, rest)) if digits.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => word,
    }
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

    /// The first subject that a text nearly names: in small letters, without the stroke or with something else for it, as a
    /// structured reference (`RF18CH2345678923`).
    pub fn near(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let words: Vec<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        words.iter().enumerate().find_map(|(index, word)| {
            let word = without_check_digits(word);
            let code = |prefix: &str| match word.strip_prefix(prefix)? {
                "" => words.get(index + 1).copied(),
                code => Some(code),
            };
            let invoice = code("INVOICE").and_then(|code| Self::read(&format!("INVOICE-{code}")));
            invoice.or_else(|| Self::read(&format!("CH-{}", code("CH")?)))
        })
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

    /// What is due for it, also where it was given up; none: it is paid, or not paid once.
    async fn due(&self, db: &mut sqlx::AnyConnection) -> Result<Option<Money>, Error> {
        let number = match self {
            Self::Invoice(number) => *number,
            Self::Order(reference) => {
                let order = orders::find(db, reference).await?;
                match order.invoice {
                    Some(number) => number,
                    None => return Ok(order.due.filter(|_| order.paid_at.is_none())),
                }
            }
        };
        let invoice = invoices::find(db, number).await?;
        match invoice.state {
            // One that was given up is owed again when it is paid.
            InvoiceState::Open | InvoiceState::Uncollectible => Ok(Some(invoice.due()?)),
            InvoiceState::Paid => Ok(None),
        }
    }

    /// Whether a part of it may be paid: an order is invoiced when all of it is paid, and what was given up is owed again by all of it.
    async fn takes_parts(&self, db: &mut sqlx::AnyConnection) -> Result<bool, Error> {
        Ok(match self {
            Self::Invoice(number) => invoices::find(db, *number).await?.state == InvoiceState::Open,
            Self::Order(_) => false,
        })
    }

    /// Who owes it.
    async fn customer(&self, db: &mut sqlx::AnyConnection) -> Result<Namespace, Error> {
        Ok(match self {
            Self::Invoice(number) => invoices::find(db, *number).await?.account,
            Self::Order(reference) => orders::find(db, reference).await?.customer,
        })
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
                payments::pay(write, *number, paid, amount, hold_days, now).await.map(drop)
            }
            Self::Order(reference) => {
                orders::pay(write, reference, paid, amount, hold_days, now).await.map(drop)
            }
        }
    }
}

/// Gives back so much of an invoice, through the processor where it was paid by that: what that is owed to be told is written down
/// with the credit note, and sent until it has answered. The same key again gives the same credit note.
pub async fn refund(
    finance: &Finance,
    actor: &Actor,
    number: i64,
    new: &NewRefund,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    refund_as_seen(finance, actor, number, new, None, now).await
}

/// The same where as much was given back of the invoice as somebody has seen: the rules of approval compare what it comes to.
async fn refund_as_seen(
    finance: &Finance,
    actor: &Actor,
    number: i64,
    new: &NewRefund,
    seen: Option<Money>,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    let (by, wanted, hold_days) = (actor.clone(), new.clone(), finance.hold_days);
    let note = finance
        .db
        .group_commit(move |write| {
            Box::pin(async move {
                if let Some(seen) = seen {
                    refunds::must_be_as_seen(write, number, &wanted.key, seen).await?;
                }
                refund_within(write, &by, number, &wanted, hold_days, now).await
            })
        })
        .await?;
    tell_of_refund(finance, actor, &new.key, now).await;
    Ok(note)
}

/// The same within a transaction, after which [`tell_of_refund`] sends it.
pub(crate) async fn refund_within(
    write: &mut Write,
    actor: &Actor,
    number: i64,
    new: &NewRefund,
    hold_days: u32,
    now: Timestamp,
) -> Result<CreditNote, Error> {
    ledger::by(write, By::Actor(actor));
    let known = refunds::is_known(write, &new.key).await?;
    let note = refunds::book_refund(write, number, new, hold_days, now).await?;
    let payment = refunds::processor_payment(write, number).await?;
    if let Some(payment) = payment.filter(|_| !known && !new.as_credit && note.cash.minor() > 0) {
        outbox::owe_refund(write, &new.key, &payment, note.cash, now).await?;
    }
    if !known {
        send_backs::owe_refund(write, &note).await?;
    }
    let subject = format!("invoice {number}");
    record_once(write, actor, Act::Refunded, &subject, json!(new)).await?;
    Ok(note)
}

/// Ends what an account has subscribed to, now, and gives back what is left of it: through the processor what was paid by that, and as
/// credit everything else.
pub async fn end_subscription(
    finance: &Finance,
    actor: &Actor,
    account: &Namespace,
    now: Timestamp,
) -> Result<EndedSubscription, Error> {
    let (by, account) = (actor.clone(), account.clone());
    let (subscription, notes) = finance
        .db
        .group_commit(move |write| {
            Box::pin(async move {
                let (subscription, notes) = subscriptions::end_now(write, &by, &account, now).await?;
                for (key, note) in &notes {
                    let payment = refunds::processor_payment(write, note.invoice).await?;
                    if let Some(payment) = payment.filter(|_| note.cash.is_positive()) {
                        outbox::owe_refund(write, key, &payment, note.cash, now).await?;
                    }
                }
                Ok::<_, Error>((subscription, notes))
            })
        })
        .await?;
    for (key, _) in &notes {
        tell_of_refund(finance, actor, key, now).await;
    }
    let credit_notes = notes.into_iter().map(|(_, note)| note).collect();
    Ok(EndedSubscription { subscription, credit_notes })
}

/// Sends a refund that is owed at once. Where the processor does not take it, it is sent later by itself.
pub(crate) async fn tell_of_refund(finance: &Finance, actor: &Actor, key: &str, now: Timestamp) {
    let Some(processor) = finance.processor.as_deref() else { return };
    let sent = outbox::send_one(&finance.db, actor, processor, RequestKind::Refund, key, now).await;
    if let Err(error) = sent {
        tracing::warn!(%error, %key, "a refund is booked, and is not sent yet");
    }
}

/// Sends all that the processor of payments is owed to be told and is due by `now`, and tries again all that it has told and the books
/// could not follow yet. Nothing, where there is none.
pub async fn catch_up_with_processor(finance: &Finance, now: Timestamp) -> Result<(), Error> {
    let Some(processor) = finance.processor.as_deref() else { return Ok(()) };
    // What fails is due later than `now`, so that this ends by itself.
    for _ in 0..ROUNDS_MAX {
        let is_sent = outbox::send_due(&finance.db, processor, now).await?;
        let is_followed = stripe::retry_parked(&finance.db, processor, finance.hold_days, now).await?;
        if !is_sent && !is_followed {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_however_it_is_written() {
        let order = || Some(Subject::Order("CH-2345678923".into()));
        for (text, exact, near) in [
            ("for CH-2345678923, thanks", order(), order()),
            ("ch-2345678923", None, order()),
            ("CH 2345678923", None, order()),
            ("CH2345678923", None, order()),
            ("order:ch/2345678923.", None, order()),
            ("RF18CH2345678923", None, order()),
            ("INVOICE-7", Some(Subject::Invoice(7)), Some(Subject::Invoice(7))),
            ("invoice 7 of May", None, Some(Subject::Invoice(7))),
            ("Invoice7", None, Some(Subject::Invoice(7))),
            // An account's number is no order.
            ("CH9300762011623852957", None, None),
            ("CH93 0076 2011 6238 5295 7", None, None),
            ("invoice of May", None, None),
            ("rent", None, None),
        ] {
            assert_eq!((Subject::find(text), Subject::near(text)), (exact, near), "{text}");
        }
    }
}
