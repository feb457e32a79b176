//! Prices, orders, invoices and what is written into the books.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Acceptance, OrderDispute, TaxCheck, TaxTerms};
use crate::{Currency, Money, MoneyError, Namespace, Offer, PluginId, Rate, Tier};

/// Sets what a plugin costs from now on. What was ordered before keeps its price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPrice {
    /// What it costs.
    pub offer: Offer,
    /// Offered to this customer alone; none: to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Namespace>,
}

/// What a plugin costs, or has cost, from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceVersion {
    /// Its number: later versions have higher ones.
    pub version: i64,
    /// From when on.
    pub since: Timestamp,
    /// What it costs.
    pub offer: Offer,
    /// Offered to this customer alone; none: to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Namespace>,
}

/// A coupon as its publisher sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coupon {
    /// What the customer types.
    pub code: String,
    /// What is taken off the price, for as long as the order lasts.
    pub discount: Rate,
    /// Until when it can be used.
    pub until: Timestamp,
    /// How often it was used.
    pub uses: u32,
    /// How often it can be used.
    pub uses_max: u32,
}

/// A coupon for orders of one plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewCoupon {
    /// What the customer types: from 1 to 64 characters without spaces.
    pub code: String,
    /// What is taken off the price, for as long as the order lasts.
    pub discount: Rate,
    /// Until when it can be used.
    pub until: Timestamp,
    /// How often it can be used.
    pub uses_max: u32,
}

/// Orders a plugin for the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewOrder {
    /// The plugin, whose offer of this moment the order keeps. Where it costs something else than in the order that stands, that
    /// one ends now.
    pub plugin: PluginId,
    /// Who referred the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<Namespace>,
    /// A coupon's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
    /// What is agreed to; none: whatever is offered at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
}

/// An order of a plugin, at the price that was offered then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// What a transfer must name.
    pub reference: String,
    /// The account that ordered and is invoiced.
    pub customer: Namespace,
    /// The plugin that was ordered.
    pub plugin: PluginId,
    /// At what price.
    pub offer: Offer,
    /// What is taken off that.
    pub discount: Rate,
    /// What is to be paid once, with taxes; none: it is invoiced by the month.
    pub due: Option<Money>,
    /// Who referred the customer.
    pub referrer: Option<Namespace>,
    /// When its price was agreed on: use that began before is not charged to it.
    pub ordered_at: Timestamp,
    /// When it ended: use that began from then on is not charged to it.
    pub ended_at: Option<Timestamp>,
    /// When the payment was recorded, for what is paid once.
    pub paid_at: Option<Timestamp>,
    /// The invoice of that payment.
    pub invoice: Option<i64>,
    /// Whether all of what was paid once for it was given back.
    #[serde(default)]
    pub refunded: bool,
    /// That the customer's bank has taken a payment for it back: until it decides otherwise, nothing new of the plugin is pulled,
    /// installed or deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<OrderDispute>,
}

/// A payment that arrived, recorded by an operator.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPayment {
    /// The bank's own reference of the transfer.
    pub bank_reference: String,
    /// What arrived; it must be what is due. What the bank's statement tells of may be more or less.
    pub amount: Money,
}

/// Where a customer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillingProfile {
    /// ISO 3166-1 alpha-2, such as `DE`.
    pub country: String,
    /// Where reminders go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its tax number. One for value added tax of another member state, of which VIES has said that it is valid, makes that it
    /// accounts for the tax itself (reverse charge); any other makes no difference to the tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    /// The legal name that documents are made out to; the account's name, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// The postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// City or town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

/// Where a customer is, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillingStanding {
    /// What the customer has said; none: nothing.
    pub profile: Option<BillingProfile>,
    /// What VIES has said of its tax number; none: nothing yet, or the number is none of a member state.
    pub check: Option<TaxCheck>,
    /// By which rule it would be taxed now.
    pub terms: TaxTerms,
}

/// A sales tax of a country, from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxRule {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// From this day on.
    pub since: Date,
    /// `VAT`, `GST`, …
    pub name: String,
    /// Of the net amount.
    pub rate: Rate,
}

/// An exchange rate from a day on: `numerator` of the quote's major unit for `denominator` of the base's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FxRate {
    /// What is sold.
    pub base: Currency,
    /// What is bought.
    pub quote: Currency,
    /// From this day on.
    pub day: Date,
    /// Of the quote.
    pub numerator: i64,
    /// Of the base.
    pub denominator: i64,
}

/// An invoice, paid by a transfer that names its number or by a processor of payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invoice {
    /// Numbers have no gaps.
    pub number: i64,
    /// Who owes it.
    pub account: Namespace,
    /// What is charged, line by line.
    pub lines: Vec<InvoiceLine>,
    /// The sum of the lines.
    pub net: Money,
    /// The tax on it.
    pub tax: Money,
    /// By which rule, such as `VAT 19%`, or why there is none.
    pub tax_name: String,
    /// What of it was paid from the customer's credit.
    pub credit: Money,
    /// What is to be paid: net and tax less the credit.
    pub total: Money,
    /// What of it was given back, or is not to be paid any more, by credit notes.
    pub refunded: Money,
    /// What transfers have paid of it so far, while it is open; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_paid: Option<Money>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it is to be paid.
    pub due_at: Timestamp,
    /// How it stands.
    pub state: InvoiceState,
}

impl Invoice {
    /// What is left to be paid of an invoice that is open; of one that is paid, what was paid of it and not given back.
    pub fn due(&self) -> Result<Money, MoneyError> {
        let part_paid = self.part_paid.unwrap_or(Money::zero(self.total.currency()));
        self.total.minus(self.refunded)?.minus(part_paid)
    }
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceLine {
    /// What kind of thing is charged.
    pub kind: InvoiceLineKind,
    /// What it is for, as people read it.
    pub description: String,
    /// How much of it.
    pub quantity: String,
    /// What it costs; below zero where it was paid before.
    pub amount: Money,
    /// The sale that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<i64>,
}

crate::words! {
    /// How an invoice stands.
    pub enum InvoiceState: "state of an invoice" {
        /// It waits to be paid.
        Open = "open",
        /// It is paid.
        Paid = "paid",
        /// It was never paid, and is given up.
        Uncollectible = "uncollectible",
    }

    /// What a line of an invoice charges.
    pub enum InvoiceLineKind: "kind of line" {
        /// A subscription, which is earned by the day.
        Plan = "plan",
        /// What was left of the subscription before, which is taken off.
        Unused = "unused",
        /// A plugin that is paid once.
        Once = "once",
        /// A month of a plugin that is paid by the month.
        Month = "month",
        /// What was used of a plugin that is paid by use.
        Use = "use",
        /// A consultant's service.
        Service = "service",
    }
}

/// Gives back what an invoice was paid with, or takes it off what is due.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewRefund {
    /// Unique for ever: the same refund is given once.
    pub key: String,
    /// How much, without taxes, which follow.
    pub amount: Money,
    /// Of which line, counted from 0; none: of all that are left, in proportion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// Why, as the credit note tells the customer.
    pub reason: String,
    /// Kept as credit for the next invoice.
    #[serde(default)]
    pub as_credit: bool,
}

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreditNote {
    /// Numbers have no gaps.
    pub number: i64,
    /// Of which invoice.
    pub invoice: i64,
    /// What is credited, without taxes.
    pub net: Money,
    /// The taxes on what is credited.
    pub tax: Money,
    /// What of both was sent back the way that it was paid, or is not due any more; the rest is credit.
    pub cash: Money,
    /// Why, for people.
    pub reason: String,
    /// When it was written.
    pub at: Timestamp,
}

/// What an operator writes into the books by hand: what was spent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewExpense {
    /// Unique for ever.
    pub key: String,
    /// What it is for, as people read it.
    pub description: String,
    /// What was spent from the bank.
    pub amount: Money,
    /// On running the service, or on winning customers of a segment (a tier).
    pub on: Expense,
    /// When (UTC), in a month that is not closed; none: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Date>,
}

/// What money was spent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Expense {
    /// Running the service: part of the cost of revenue.
    Hosting,
    /// Sales and marketing.
    Acquisition {
        /// The tier that the customers are won for.
        segment: Tier,
    },
}

/// What an account was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// In a few words.
    pub subject: String,
    /// What, and what to do.
    pub body: String,
    /// When it was written.
    pub at: Timestamp,
    /// When it was sent by e-mail.
    pub sent_at: Option<Timestamp>,
}
