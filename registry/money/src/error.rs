//! Why something about money was not done.

use axum::response::{IntoResponse, Response};
use chandlery_package::chain::Fault;
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, Kind, NOT_FOUND};
use chandlery_package::wire::IncidentKind;
use chandlery_package::words::UnknownWord;
use chandlery_package::{Currency, MoneyError, NameError, Namespace, PolicyError, PriceError};
use jiff::Timestamp;

/// An idempotency key that was used for something else.
pub const KEY_REUSED: Kind = Kind {
    word: "key-reused",
    status: 422,
    title: "The idempotency key was used for something else",
    when: "the same key, bank reference or dispute came before with another amount or body",
    remedy: Some("repeat the first request unchanged, or use a new key"),
};
/// A posting in a month that is closed.
pub const MONTH_CLOSED: Kind = Kind {
    word: "month-closed",
    status: 409,
    title: "The month is closed",
    when: "something is dated in a month whose books are closed",
    remedy: Some("date it in the month that is open: what is late is an adjustment"),
};
/// A balance that would pass its bound.
pub const BALANCE_TOO_LARGE: Kind = Kind {
    word: "balance-too-large",
    status: 409,
    title: "A balance would be too large",
    when: "a posting would bring the balance of an account past the largest one",
    remedy: Some("nothing was posted; settle what stands on the account first, or look for a wrong amount"),
};
/// Records of a host that are missing.
pub const USAGE_GAP: Kind = Kind {
    word: "usage-gap",
    status: 409,
    title: "Records of usage are missing",
    when: "a host's report does not begin where the last one ended; the text says which record is missing",
    remedy: Some("nothing was taken: send from that record on"),
};
/// A report that does not continue what its host has said.
pub const USAGE_REFUSED: Kind = Kind {
    word: "usage-refused",
    status: 409,
    title: "The report of usage was refused",
    when: "a host's report is not signed by its key for this account and host, or is not what the host had said before",
    remedy: Some(
        "nothing was taken, and it was written down: `chandlery usage hosts` shows it; look at the host's log and at who has its data folder",
    ),
};
/// A host that has stopped reporting.
pub const HOST_SILENT: Kind = Kind {
    word: "host-silent",
    status: 409,
    title: "A host has stopped reporting",
    when: "a licence is asked for by a host that has not reported for 7 days",
    remedy: Some(
        "let the host reach the registry, which it reports to every hour; where it is no more, `chandlery subscription forget HOST`",
    ),
};
/// An exchange rate that nobody has set.
pub const NO_RATE: Kind = Kind {
    word: "no-exchange-rate",
    status: 409,
    title: "An exchange rate is missing",
    when: "something is converted between two currencies for which no rate was set by its day; the text says what it stops",
    remedy: Some(
        "an operator sets it with `chandlery books rate`; what it stopped is done when it is asked for again",
    ),
};
/// The processor of payments refused, or does not answer.
pub const PROCESSOR: Kind = Kind {
    word: "processor",
    status: 502,
    title: "The processor of payments failed",
    when: "the processor of payments refuses a request or does not answer",
    remedy: Some("try again: what was done is not done twice"),
};
/// A payment of what was quoted before a tax changed.
pub const QUOTED_ANEW: Kind = Kind {
    word: "quoted-anew",
    status: 409,
    title: "The tax has changed since it was quoted",
    when: "an order is paid more than 14 days after it was quoted, and its tax is another one by now",
    remedy: Some(
        "order it again, which quotes it anew; what arrived is in suspense until it is allotted or sent back",
    ),
};
/// A webhook that leads to where the registry sends nothing.
pub const PRIVATE_ADDRESS: Kind = Kind {
    word: "private-address",
    status: 400,
    title: "The address is not on the public internet",
    when: "the URL of a webhook is, or its host has by the DNS, no address but those of private networks, of the registry's machine or of a cloud's metadata",
    remedy: Some(
        "name a host on the public internet; in an intranet, its operator starts the registry with `--private-webhooks`",
    ),
};

/// The kinds of this crate.
pub const KINDS: &[&Kind] = &[
    &KEY_REUSED,
    &MONTH_CLOSED,
    &BALANCE_TOO_LARGE,
    &NO_RATE,
    &USAGE_GAP,
    &USAGE_REFUSED,
    &HOST_SILENT,
    &QUOTED_ANEW,
    &PROCESSOR,
    &PRIVATE_ADDRESS,
];

/// Why something about money was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is not there.
    #[error("there is no {0}")]
    NotFound(String),
    /// What was sent is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// What was sent contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// A name outside its grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text that is none of the words that are known.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// An amount that cannot be read or computed with.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A price that cannot be charged.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// A policy that cannot be applied.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The same key with another body.
    #[error("'{key}' was used before for something else")]
    KeyReused {
        /// The idempotency key.
        key: String,
    },
    /// Postings that do not sum to zero.
    #[error("the postings of '{key}' do not balance: they sum to {sum}")]
    Unbalanced {
        /// The transaction's key.
        key: String,
        /// What is left over.
        sum: String,
    },
    /// A posting of which nobody has said who makes it.
    #[error("nobody is named who posts '{key}'")]
    Nameless {
        /// The transaction's key.
        key: String,
    },
    /// A posting that an account cannot take.
    #[error("'{key}' would bring the balance of {account} past its bound: {error}")]
    BalanceTooLarge {
        /// The transaction's key.
        key: String,
        /// The account, as the journal writes it.
        account: String,
        /// What the balance would have been, and what it may be at most.
        error: MoneyError,
    },
    /// A posting in a month that is closed.
    #[error("'{key}' is before {open_from}: the months before are closed")]
    Closed {
        /// The transaction's key.
        key: String,
        /// From when on months are open.
        open_from: String,
    },
    /// A payment of what was quoted before a tax changed.
    #[error("order '{reference}' was quoted at {was}, and is {now} by now")]
    QuotedAnew {
        /// The order's reference.
        reference: String,
        /// What was quoted, and the tax in it.
        was: String,
        /// What it would be quoted now.
        now: String,
    },
    /// A report of usage that does not continue what its host has said.
    #[error("{}", say(.host, .fault))]
    Chain {
        /// The host, as it calls itself.
        host: String,
        /// What is wrong.
        fault: Fault,
    },
    /// A host that has stopped reporting.
    #[error("host {host} has not reported since {}", .heard_at.strftime("%Y-%m-%d %H:%M UTC"))]
    HostSilent {
        /// The host, as it calls itself.
        host: String,
        /// When it was last heard of.
        heard_at: Timestamp,
    },
    /// An exchange rate that nobody has set.
    #[error("there is no rate from {base} to {quote} for {day}, which {stops} needs")]
    NoRate {
        /// What is sold.
        base: Currency,
        /// What is bought.
        quote: Currency,
        /// The day by which it must have been set, such as `2026-11-28`.
        day: String,
        /// What cannot be done without it.
        stops: String,
    },
    /// The processor of payments refused, or does not answer.
    #[error("the processor of payments did not do it: {0}")]
    Processor(String),
    /// The processor of payments has answered that it does not do something: it has not, and may later.
    #[error("the processor of payments refuses it: {0}")]
    Refused(String),
    /// The processor of payments refused something that it will not do later either.
    #[error("the processor of payments refuses it for good ({code}): {reason}")]
    RefusedForGood {
        /// Why, in its own word.
        code: String,
        /// Why, as people read it.
        reason: String,
    },
    /// A webhook that leads to where the registry sends nothing.
    #[error("'{0}' is not on the public internet")]
    PrivateAddress(String),
    /// A mail that could not be sent.
    #[error("mail could not be sent: {0}")]
    Mail(String),
    /// Who asks may not, or is not known.
    #[error(transparent)]
    Accounts(#[from] chandlery_accounts::Error),
    /// The transparency log.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// What was to be kept or found was not.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
    /// Stored data that no version of the registry writes.
    #[error("the registry's state is damaged: {0}")]
    Damaged(String),
}

/// What is wrong with a host's report, in words.
fn say(host: &str, fault: &Fault) -> String {
    let Fault { kind, sequence } = fault;
    let what = match kind {
        IncidentKind::Skipped => return format!("record {sequence} of host {host} is missing"),
        IncidentKind::Forked => "it is not what the host had said",
        IncidentKind::Rewritten => "what is before it is not what the host had said",
        IncidentKind::Replayed => "the report is an old one",
        IncidentKind::Unsigned => "the host's key did not sign this for this account and host",
        IncidentKind::OtherKey => "the host has another key, which it keeps",
        IncidentKind::OtherEvent => "its id was used before for another event",
    };
    format!("record {sequence} of host {host}: {what}")
}

impl Error {
    /// A request that this account may not make. `action` follows "may not".
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        chandlery_accounts::Error::forbidden(account, action).into()
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::Name(error) => return error.explain(),
            Self::Money(error) => return error.explain(),
            Self::Price(error) => return error.explain(),
            Self::Policy(error) => return error.explain(),
            Self::Accounts(error) => return error.explain(),
            Self::Log(error) => return error.explain(),
            Self::Store(error) => return error.explain(),
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) | Self::Word(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::KeyReused { .. } => &KEY_REUSED,
            Self::BalanceTooLarge { .. } => &BALANCE_TOO_LARGE,
            Self::Closed { .. } => &MONTH_CLOSED,
            Self::Chain { fault, .. } if fault.kind == IncidentKind::Skipped => &USAGE_GAP,
            Self::Chain { .. } => &USAGE_REFUSED,
            Self::HostSilent { .. } => &HOST_SILENT,
            Self::NoRate { .. } => &NO_RATE,
            Self::Processor(_) | Self::Refused(_) | Self::RefusedForGood { .. } => &PROCESSOR,
            Self::QuotedAnew { .. } => &QUOTED_ANEW,
            Self::PrivateAddress(_) => &PRIVATE_ADDRESS,
            Self::Unbalanced { .. } | Self::Nameless { .. } | Self::Mail(_) | Self::Damaged(_) => {
                &chandlery_store::INTERNAL
            }
        };
        kind.into()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        chandlery_edge::answer(&self)
    }
}
