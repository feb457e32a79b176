//! A request as it is kept: what is owed, and how it has fared so far.

use chandlery_package::column::Text;
use chandlery_package::wire::RequestKind;
use chandlery_package::{Currency, Money};
use jiff::{SignedDuration, Timestamp};

use crate::Error;

/// For how long the processor surely knows a key, in hours. After that it is asked whether it has done it.
const KEY_HOURS: i64 = 20;
/// How many requests are sent in one go.
pub(super) const BATCH: i64 = 50;

/// What is said of a transfer that is not to be made after all.
pub(super) const OVERTAKEN: &str = "the payout is not to be sent any more";

/// What is owed to be sent.
#[derive(Debug, Clone)]
pub(in crate::rails) struct Request {
    pub(super) key: String,
    pub(super) kind: RequestKind,
    /// The payment to give back, or the payout to send.
    pub(super) about: String,
    /// The connected account that a transfer is for.
    pub(super) destination: String,
    pub(super) amount: Money,
    pub(super) owed_at: Timestamp,
    pub(super) due_at: Timestamp,
    pub(super) tries: i64,
    pub(super) reason: String,
    /// Why it is refused for good; none: it is not.
    pub(super) refused: Option<String>,
    /// How often it was refused for now.
    pub(super) refusals: i64,
    /// By which of its keys it is sent, from 1: there is another one after each refusal.
    pub(super) generation: i64,
    /// Until when what was sent of it may still arrive, by real time; none: nothing is on its way.
    pub(super) in_flight_until: Option<Timestamp>,
}

impl Request {
    /// Whether the processor may have done it without our knowing: keys are forgotten by real time, and a process may die before it
    /// has written down what was answered.
    pub(super) fn may_be_made(&self, now: Timestamp) -> bool {
        let is_old = now.duration_since(self.owed_at) > SignedDuration::from_hours(KEY_HOURS);
        is_old || self.tries > 0 || self.in_flight_until.is_some()
    }

    /// Refuses to decide of what is on its way at this moment.
    pub(super) fn must_have_landed(&self) -> Result<(), Error> {
        match self.in_flight_until.is_some_and(|until| until > Timestamp::now()) {
            true => Err(on_its_way(&self.key)),
            false => Ok(()),
        }
    }
}

pub(super) fn on_its_way(key: &str) -> Error {
    Error::Conflict(format!(
        "request '{key}' is on its way to the processor of payments: try again when that has answered, in two minutes at the latest"
    ))
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) key: String,
    kind: Text<RequestKind>,
    about: String,
    destination: String,
    currency: Text<Currency>,
    minor: i64,
    owed_at: Text<Timestamp>,
    due_at: Text<Timestamp>,
    tries: i64,
    reason: String,
    refused: Option<String>,
    refusals: i64,
    generation: i64,
    in_flight_until: Option<Text<Timestamp>>,
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select key, kind, about, destination, currency, minor, owed_at, due_at, tries, reason, refused, refusals, generation,
                    in_flight_until
             from processor_outbox where answered_at is null ",
            $condition
        )
    };
}

pub(super) use select;

/// What a row says.
pub(super) fn read(row: Row) -> Result<Request, Error> {
    Ok(Request {
        key: row.key,
        kind: row.kind.0,
        about: row.about,
        destination: row.destination,
        amount: Money::new(row.minor, row.currency.0)?,
        owed_at: row.owed_at.0,
        due_at: row.due_at.0,
        tries: row.tries,
        reason: row.reason,
        refused: row.refused,
        refusals: row.refusals,
        generation: row.generation,
        in_flight_until: row.in_flight_until.map(|Text(until)| until),
    })
}

/// The payout that a transfer is of.
pub(super) fn number(request: &Request) -> Result<i64, Error> {
    let unreadable = || Error::Damaged(format!("the payout of request '{}' cannot be read", request.key));
    request.about.parse().map_err(|_| unreadable())
}

/// The key that an operator has given a refund.
pub(super) fn own_key(request: &Request) -> &str {
    request.key.strip_prefix("refund:").unwrap_or(&request.key)
}
