//! What can be asked for: each with all that is needed to do it later.

use std::fmt;

use chandlery_package::wire::{
    Agreement, Allotment, ApprovalKind, ApprovalRule, BankAccount, NewAllotment, NewExchange, NewExpense,
    NewPayment, NewPolicy, NewRefund, Payee, SellerVersion, TaxRule,
};
use chandlery_package::{Money, Namespace};
use serde::{Deserialize, Serialize};

/// Something that others approve before it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "act", content = "of", rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// Sends a payout that was proposed on its way.
    Payout { id: i64 },
    /// Gives back so much of an invoice.
    Refund { invoice: i64, refund: NewRefund },
    /// Gives back so much of a payment at the processor that was more than due: all that is left of that by now.
    Surplus { payment: String, amount: Money },
    /// Says what a line of the bank's statement is for, of which something is sent back.
    Allotment { allotment: NewAllotment },
    /// Says where a transfer goes by which a customer gets something back.
    Payee { reference: String, to: Payee },
    /// Records what was spent.
    Expense { expense: NewExpense },
    /// Records that the bank has exchanged one currency for another.
    Exchange { exchange: NewExchange },
    /// Gives up what a partner owes, as was proposed.
    WriteOff { id: i64 },
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
    /// Lets documents name another account to pay to.
    Seller { version: Box<SellerVersion> },
    /// Lets another policy share sales.
    Policy { policy: Box<NewPolicy> },
    /// Adds a rule of sales taxes.
    TaxRule { rule: TaxRule },
    /// Sets one of the rules of approval.
    Rule { rule: ApprovalRule },
}

/// What somebody asks for.
pub(crate) struct Ask<'a> {
    /// Who: an operator or, for how a partner is paid, whoever wrote it.
    pub by: &'a Namespace,
    /// What it asks for.
    pub wanted: &'a Wanted,
    /// What the rules compare.
    pub amount: Option<Money>,
}

impl Wanted {
    /// What the rules call it.
    pub fn kind(&self) -> ApprovalKind {
        match self {
            Self::Payout { .. } => ApprovalKind::Payout,
            Self::Refund { .. } | Self::Surplus { .. } | Self::Allotment { .. } | Self::Payee { .. } => {
                ApprovalKind::Refund
            }
            Self::Expense { .. } | Self::Exchange { .. } => ApprovalKind::Expense,
            Self::WriteOff { .. } => ApprovalKind::WriteOff,
            Self::InvoicePayment { .. } | Self::OrderPayment { .. } => ApprovalKind::Payment,
            Self::Agreement { .. } => ApprovalKind::Agreement,
            Self::PartnerBank { .. } => ApprovalKind::PartnerBank,
            Self::HouseBank { .. } | Self::Seller { .. } => ApprovalKind::HouseBank,
            Self::Policy { .. } => ApprovalKind::Policy,
            Self::TaxRule { .. } => ApprovalKind::TaxRule,
            Self::Rule { .. } => ApprovalKind::Rules,
        }
    }

    /// What is recorded, spent or given back by it, where many small ones of one operator are as one; none: it is one by itself.
    pub fn moves(&self) -> Option<Money> {
        match self {
            Self::Refund { refund, .. } => Some(refund.amount),
            Self::Surplus { amount, .. } => Some(*amount),
            Self::Allotment { allotment } => {
                let back = allotment.to.iter().filter_map(|part| match part {
                    Allotment::SendBack { amount } => Some(*amount),
                    _ => None,
                });
                back.reduce(|sum, amount| sum.plus(amount).unwrap_or(sum))
            }
            Self::Expense { expense } => Some(expense.amount),
            Self::Exchange { exchange } => Some(exchange.sold),
            Self::InvoicePayment { payment, .. } | Self::OrderPayment { payment, .. } => Some(payment.amount),
            Self::Payout { .. }
            | Self::Payee { .. }
            | Self::WriteOff { .. }
            | Self::Agreement { .. }
            | Self::PartnerBank { .. }
            | Self::HouseBank { .. }
            | Self::Seller { .. }
            | Self::Policy { .. }
            | Self::TaxRule { .. }
            | Self::Rule { .. } => None,
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
            Self::Surplus { payment, amount } => {
                write!(f, "give back {amount} of payment {payment} that was more than due")
            }
            Self::Allotment { allotment } => {
                write!(f, "send back what arrived as bank line {}", allotment.line)
            }
            Self::Payee { reference, to } => {
                write!(f, "send {reference} back to {} of {}", to.iban, to.holder)
            }
            Self::Expense { expense } => {
                write!(f, "record {} as spent: {}", expense.amount, expense.description)
            }
            Self::Exchange { exchange } => {
                write!(f, "record that {} were exchanged for {}", exchange.sold, exchange.bought)
            }
            Self::WriteOff { id } => write!(f, "give up what write-off {id} says that a partner owes"),
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
            Self::Seller { version } => {
                let iban = version.seller.bank.as_ref().map_or("no account", |bank| bank.iban.as_str());
                write!(f, "ask customers to pay to {iban} from {} on", version.since)
            }
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
