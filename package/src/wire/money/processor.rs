//! What the processor of payments has told, and what it is owed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Money, Namespace};

crate::words! {
    /// What became of an event of the processor of payments.
    pub enum EventState: "state of an event" {
        /// The books follow it.
        Applied = "applied",
        /// What it is about is not there, or could not be asked for: it is tried again.
        Parked = "parked",
        /// It moves none of the marketplace's money.
        Ignored = "ignored",
        /// Its kind is not known here: an operator should look at it.
        Unhandled = "unhandled",
    }

    /// What is asked of the processor of payments.
    pub enum RequestKind: "kind of request" {
        /// To give back what a customer has paid.
        Refund = "refund",
        /// To send a payout to a connected account.
        Transfer = "transfer",
    }

    /// How something that the processor of payments is asked stands.
    pub enum RequestState: "state of a request" {
        /// It is sent until it is answered.
        Waits = "waits",
        /// The processor refuses it for good, or has refused it too often: an operator says what becomes of it.
        Refused = "refused",
    }

    /// What becomes of a request that the processor of payments is sent no more.
    pub enum SettlementWay: "way to settle a request" {
        /// It is the customer's credit, which pays for its next invoices.
        Credit = "credit",
        /// It goes back to the customer by the bank.
        Bank = "bank",
        /// The processor is sent it again: what stood in its way is gone.
        Again = "again",
    }
}

/// An event of the processor of payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessorEvent {
    /// The processor's own id of it, `evt_…`.
    pub id: String,
    /// What happened, as the processor calls it: `charge.refunded`.
    pub kind: String,
    /// The id of the object that it is about; empty for events that came before objects were kept.
    pub object: String,
    /// When it happened, as the processor says; none: it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was first told.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// Why it is parked; empty otherwise.
    pub reason: String,
}

/// An event of the processor of payments, as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldEvent {
    /// What became of it.
    pub event: ProcessorEvent,
    /// How often it was tried while it was parked.
    pub tries: i64,
    /// JSON, as the processor has sent it; empty for events that came before they were kept.
    pub body: String,
}

/// A payment of which more arrived than was due, or whose refund failed: that is the customer's credit until it is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SurplusPayment {
    /// The processor's own id of it, `pi_…`.
    pub id: String,
    /// What it was for: `INVOICE-7`, or an order's reference; empty, where all of it is credit.
    pub subject: String,
    /// Who has paid.
    pub customer: Namespace,
    /// What was more than due, or came back, and was not given back since.
    pub surplus: Money,
}

/// What the processor of payments is owed to be asked, and has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwedRequest {
    /// Its idempotency key.
    pub key: String,
    /// What is asked.
    pub kind: RequestKind,
    /// The payment to give back, or the payout to send.
    pub about: String,
    /// How much of it.
    pub amount: Money,
    /// When it was written down with its cause.
    pub owed_at: Timestamp,
    /// When it is tried again.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub tries: i64,
    /// What the processor said last; empty before the first try.
    pub reason: String,
    /// Whether it is tried again.
    pub state: RequestState,
}

/// Says what becomes of a request that the processor is sent no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSettlement {
    /// The idempotency key of the request.
    pub request: String,
    /// What becomes of it.
    #[serde(rename = "as")]
    pub way: SettlementWay,
}

/// What became of a request that the processor has refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settlement {
    /// The idempotency key of the request.
    pub request: String,
    /// How much was to be given back or sent.
    pub amount: Money,
    /// How much of it is the customer's: less, where it has got something by itself at the processor, or by its bank; zero, where it is
    /// sent again.
    pub kept: Money,
    /// The reference of the transfer by which that goes back; none: it is credit, or sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}
