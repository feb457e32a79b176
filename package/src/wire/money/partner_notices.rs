//! What a partner is told of what it earns: by mail, and by webhooks to a program of its own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Namespace, words};

words! {
    /// Of what a partner is told.
    pub enum NoticeKind: "kind of notice" {
        /// Something of the partner's was sold, or something that it has referred.
        Sale = "sale",
        /// Some of a sale was given back, and of the partner's share with it.
        Refund = "refund",
        /// A customer's bank has taken a payment back, or has decided.
        Dispute = "dispute",
        /// A payout is on its way, or has arrived.
        Payout = "payout",
        /// A payout, or a part of one, came back.
        PayoutFailed = "payout-failed",
    }
}

impl NoticeKind {
    /// Whether a partner that has chosen nothing is told of it by mail: of what does not come with every sale.
    pub const fn is_mailed_unless_chosen(self) -> bool {
        matches!(self, Self::Dispute | Self::Payout | Self::PayoutFailed)
    }
}

/// Of what a partner is told by mail: of these kinds, and of no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailedNotices {
    /// In any order.
    pub kinds: Vec<NoticeKind>,
}

/// A program of a partner's, which is to be told.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewWebhook {
    /// Where it listens: `https://…`, on the public internet.
    pub url: String,
    /// Of what it is told.
    pub kinds: Vec<NoticeKind>,
}

/// A webhook of a partner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerWebhook {
    /// What it is known by.
    pub id: String,
    /// Where notices are sent.
    pub url: String,
    /// Of what it is told.
    pub kinds: Vec<NoticeKind>,
    /// Why nothing is sent there any more; none: it is.
    pub disabled: Option<String>,
    /// Who answers for it: whoever has made it, or has enabled it last. Once that account speaks for the partner no more, it is told nothing.
    pub made_by: Namespace,
    /// When it was made.
    pub made_at: Timestamp,
}

/// A webhook, and its secret, which is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WebhookWithSecret {
    /// What was made, or has another secret now.
    pub webhook: PartnerWebhook,
    /// By what each message is signed: `whsec_…`.
    pub secret: String,
}

words! {
    /// How the delivery of a notice to a webhook stands.
    pub enum DeliveryState: "state of a delivery" {
        /// It is sent, again and again, until it is taken.
        Waiting = "waiting",
        /// It was answered with a status of 2xx.
        Taken = "taken",
        /// It was tried for three days.
        GivenUp = "given-up",
    }
}

/// A notice on its way to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    /// The webhook that it is sent to.
    pub webhook: String,
    /// The notice: its `webhook-id`, the same each time that it is sent.
    pub notice: String,
    /// What it tells of: a kind of notice, or `test`.
    pub kind: String,
    /// What it says, in a sentence.
    pub text: String,
    /// When that was.
    pub at: Timestamp,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was sent, since it was last asked for.
    pub attempts: u32,
    /// When it was last sent.
    pub last_at: Option<Timestamp>,
    /// What came of that, in words.
    pub answer: Option<String>,
    /// When it is sent next; none: not any more.
    pub next_at: Option<Timestamp>,
}
