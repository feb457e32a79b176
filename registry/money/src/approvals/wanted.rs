//! What can be asked for: each with all that is needed to do it later.

use std::fmt;

use chandlery_package::Namespace;
use chandlery_package::wire::{
    Agreement, ApprovalKind, ApprovalRule, BankAccount, NewPayment, NewPolicy, NewRefund, TaxRule,
};
use serde::{Deserialize, Serialize};

/// Something that others approve before it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "act", content = "of", rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// Sends a payout that was proposed on its way.
    Payout { id: i64 },
    /// Gives back so much of an invoice.
    Refund { invoice: i64, refund: NewRefund },
    /// Records a transfer that pays an invoice.
    InvoicePayment { invoice: i64, payment: NewPayment },
    /// Records a transfer that pays an order.
    OrderPayment { order: String, payment: NewPayment },
    /// Records what was agreed with a customer.
    Agreement { account: Namespace, agreement: Agreement },
    /// Lets a version of a partner's profile hold.
    PartnerBank { partner: Namespace, version: i64 },
    /// Sets the account that bank files pay from.
    HouseBank { account: BankAccount },
    /// Lets another policy share sales.
    Policy { policy: Box<NewPolicy> },
    /// Adds a rule of sales taxes.
    TaxRule { rule: TaxRule },
    /// Sets one of the rules of approval.
    Rule { rule: ApprovalRule },
}

impl Wanted {
    /// What the rules call it.
    pub fn kind(&self) -> ApprovalKind {
        match self {
            Self::Payout { .. } => ApprovalKind::Payout,
            Self::Refund { .. } => ApprovalKind::Refund,
            Self::InvoicePayment { .. } | Self::OrderPayment { .. } => ApprovalKind::Payment,
            Self::Agreement { .. } => ApprovalKind::Agreement,
            Self::PartnerBank { .. } => ApprovalKind::PartnerBank,
            Self::HouseBank { .. } => ApprovalKind::HouseBank,
            Self::Policy { .. } => ApprovalKind::Policy,
            Self::TaxRule { .. } => ApprovalKind::TaxRule,
            Self::Rule { .. } => ApprovalKind::Rules,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payout { id } => write!(f, "send payout {id}"),
            Self::Refund { invoice, refund } => {
                write!(f, "give back {} of invoice {invoice}: {}", refund.amount, refund.reason)
            }
            Self::InvoicePayment { invoice, payment } => {
                write!(
                    f,
                    "record {} by {} as paid for invoice {invoice}",
                    payment.amount, payment.bank_reference
                )
            }
            Self::OrderPayment { order, payment } => {
                write!(f, "record {} by {} as paid for order {order}", payment.amount, payment.bank_reference)
            }
            Self::Agreement { account, agreement } => {
                write!(f, "agree with '{account}' on {}, billed {}", agreement.price, agreement.billed)
            }
            Self::PartnerBank { partner, version } => {
                write!(f, "pay '{partner}' as version {version} of its profile says")
            }
            Self::HouseBank { account } => write!(f, "pay from {} of {}", account.iban, account.holder),
            Self::Policy { policy } => write!(f, "share sales by another policy from {} on", policy.since),
            Self::TaxRule { rule } => {
                write!(f, "tax {} by {} {} from {} on", rule.country, rule.name, rule.rate, rule.since)
            }
            Self::Rule { rule } => {
                write!(f, "need {} to approve each {}", rule.approvals, rule.kind)?;
                match rule.above {
                    Some(above) => write!(f, " above {above}"),
                    None => Ok(()),
                }
            }
        }
    }
}
