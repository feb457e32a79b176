//! Use, prices, orders, invoices, shares and payouts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Currency, Money, Namespace, Offer, PluginId, Policy, Rate, Release, Tier};

/// So much use of a plugin's release in a span of time. `id` makes it count once however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEvent {
    /// Unique for ever.
    pub id: uuid::Uuid,
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// What was used.
    pub release: Release,
    /// From when.
    pub from: Timestamp,
    /// Until when: it counts in the month (UTC) of this moment.
    pub to: Timestamp,
    /// Milliseconds that replicas ran, summed over replicas.
    pub replica_millis: u64,
    /// Milliseconds that GPUs were held, summed over GPUs.
    pub gpu_millis: u64,
    /// What the plugin itself reported, by unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, u64>,
    /// An event of the same account and plugin that does not count any more, whichever comes first: this one counts instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<uuid::Uuid>,
}

/// What became of a batch of usage events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageReceipt {
    /// Stored now.
    pub accepted: u64,
    /// Stored before.
    pub known: u64,
    /// Refused, with the reason; the others of the batch are not held up.
    pub refused: Vec<RefusedUsage>,
}

/// A usage event that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedUsage {
    /// Which.
    pub id: uuid::Uuid,
    /// Why.
    pub reason: String,
}

/// The use of one deployment so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTotal {
    /// The deployment, as its host calls it.
    pub deployment: String,
    /// What was used.
    pub plugin: PluginId,
    /// How many events.
    pub events: u64,
    /// See [`UsageEvent::replica_millis`].
    pub replica_millis: u64,
    /// See [`UsageEvent::gpu_millis`].
    pub gpu_millis: u64,
}

/// Sets what a plugin costs from now on. What was ordered before keeps its price.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPrice {
    /// What it costs.
    pub offer: Offer,
    /// Offered to this customer alone; none: to everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Namespace>,
}

/// A coupon for orders of one plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewCoupon {
    /// What the customer types.
    pub code: String,
    /// What is taken off the price, for as long as the order lasts.
    pub discount: Rate,
    /// Until when it can be used.
    pub until: Timestamp,
    /// How often it can be used.
    pub uses_max: u32,
}

/// Orders a plugin for the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewOrder {
    /// Which.
    pub plugin: PluginId,
    /// Who referred the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<Namespace>,
    /// A coupon's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<String>,
}

/// An order of a plugin, at the price that was offered then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What a transfer must name.
    pub reference: String,
    /// Who ordered.
    pub customer: Namespace,
    /// What.
    pub plugin: PluginId,
    /// At what price.
    pub offer: Offer,
    /// What is taken off that.
    pub discount: Rate,
    /// What is to be paid once, with taxes; none: it is invoiced by the month.
    pub due: Option<Money>,
    /// Who referred the customer.
    pub referrer: Option<Namespace>,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it ended, for what is invoiced by the month.
    pub ended_at: Option<Timestamp>,
    /// When the payment was recorded, for what is paid once.
    pub paid_at: Option<Timestamp>,
    /// The invoice of that payment.
    pub invoice: Option<i64>,
}

/// A payment that arrived, recorded by an operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPayment {
    /// The bank's own reference of the transfer.
    pub bank_reference: String,
    /// What arrived; it must be what is due.
    pub amount: Money,
}

/// Where a customer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingProfile {
    /// ISO 3166-1 alpha-2, such as `DE`.
    pub country: String,
    /// Where reminders go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its number for value added tax: with one, it accounts for the tax itself (reverse charge).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
}

/// A sales tax of a country, from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Numbers have no gaps.
    pub number: i64,
    /// Who owes it.
    pub account: Namespace,
    /// For what.
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
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it is to be paid.
    pub due_at: Timestamp,
    /// How it stands.
    pub state: InvoiceState,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// `plan`, `unused`, `once`, `month`, `use` or `service`.
    pub kind: String,
    /// For people.
    pub description: String,
    /// How much of it.
    pub quantity: String,
    /// What it costs; below zero where it was paid before.
    pub amount: Money,
    /// The sale that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<i64>,
}

/// How an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvoiceState {
    /// It waits to be paid.
    Open,
    /// It is paid.
    Paid,
    /// It was never paid, and is given up.
    Uncollectible,
}

/// Gives back what an invoice was paid with, or takes it off what is due.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewRefund {
    /// Unique for ever: the same refund is given once.
    pub key: String,
    /// How much, without taxes, which follow.
    pub amount: Money,
    /// Of which line, counted from 0; none: of all that are left, in proportion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// For people.
    pub reason: String,
    /// Kept as credit for the next invoice.
    #[serde(default)]
    pub as_credit: bool,
}

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// Numbers have no gaps.
    pub number: i64,
    /// Of which invoice.
    pub invoice: i64,
    /// Without taxes.
    pub net: Money,
    /// Taxes.
    pub tax: Money,
    /// What of both was sent back the way that it was paid, or is not due any more; the rest is credit.
    pub cash: Money,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A policy of shares, and from when on it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Its number.
    pub version: i64,
    /// From when on.
    pub since: String,
    /// What it says.
    pub policy: Policy,
}

/// Lets a policy follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPolicy {
    /// From when on; not in the past.
    pub since: Timestamp,
    /// What it says.
    pub policy: Policy,
}

/// Says with whom a publisher belongs together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewVolumeGroup {
    /// Publishers with the same one count their sales together; none: it counts alone.
    pub group: Option<String>,
}

/// The customer's bank has taken a payment back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewDispute {
    /// As the processor calls it.
    pub id: String,
    /// Of which sale.
    pub sale: i64,
    /// How much of it.
    pub amount: Money,
    /// What the processor takes for it.
    pub fee: Money,
}

/// The bank has decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClosedDispute {
    /// For the marketplace.
    pub won: bool,
}

/// A partner's money in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Earned, and not yet paid by customers.
    pub accrued: Money,
    /// Paid, and not yet to be paid out.
    pub on_hold: Money,
    /// Kept back for refunds.
    pub reserve: Money,
    /// To be paid out.
    pub available: Money,
    /// Part of payments that are disputed.
    pub disputed: Money,
    /// Being paid out.
    pub in_transit: Money,
    /// Paid out.
    pub paid: Money,
    /// Owed by the partner, and recovered from what it earns next.
    pub owed: Money,
    /// What would be paid out next.
    pub next_payout: NextPayout,
}

/// What a partner would be paid next in a currency, as things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextPayout {
    /// All that is available and that no payout has taken on.
    pub amount: Money,
    /// The least that is paid out.
    pub minimum: Money,
    /// From when on a run takes it on, by the partner's schedule; none: any run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// One change of a partner's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// The ledger's transaction.
    pub transaction: i64,
    /// When.
    pub at: Timestamp,
    /// `sale`, `refund`, `payout`, …
    pub kind: String,
    /// What it was about.
    pub description: String,
    /// The plugin, where it was about one.
    pub plugin: Option<PluginId>,
    /// What the customer pays, for a sale.
    pub gross: Option<Money>,
    /// What the partner gained or, below zero, gave back or was paid out.
    pub net: Money,
    /// When a sale's earning becomes available, once the customer has paid.
    pub available_at: Option<Timestamp>,
}

/// The state of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayoutState {
    /// One operator has proposed it.
    Proposed,
    /// It was taken back before anybody approved it.
    Cancelled,
    /// A second one has approved it; the money has left the available balance.
    Approved,
    /// The rail has it.
    Sent,
    /// The bank has confirmed it.
    Paid,
    /// The bank has returned it; the money is available again.
    Returned,
}

/// Money on its way to a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// Its number.
    pub id: i64,
    /// The run that it is part of.
    pub run: Option<i64>,
    /// To whom.
    pub partner: Namespace,
    /// How much of what was available.
    pub amount: Money,
    /// What of that was withheld for the state.
    pub withheld: Money,
    /// What is sent, in the currency that the partner is paid in.
    pub sent: Money,
    /// By which rail: `manual`, `sepa` or `stripe`.
    pub rail: String,
    /// How far it is.
    pub state: PayoutState,
    /// Who proposed it.
    pub proposed_by: Namespace,
    /// Who approved it.
    pub approved_by: Option<Namespace>,
    /// The bank's reference.
    pub bank_reference: Option<String>,
}

/// How a partner is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutProfile {
    /// By which rail.
    pub rail: Rail,
    /// In which currency; none: in whatever was earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The least that is paid out, where it is more than the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Money>,
    /// How often.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is withheld for the state; set by operators.
    #[serde(default)]
    pub withheld: Rate,
}

/// How often a partner is paid: by each run of payouts, or by the first one in each period (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Whenever a run is made.
    #[default]
    EveryRun,
    /// Once in a week, which begins on Monday.
    Weekly,
    /// Once in a calendar month.
    Monthly,
    /// Once in a quarter of a calendar year.
    Quarterly,
}

impl std::str::FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_value(text.into())
            .map_err(|_| format!("'{text}' is none of every-run, weekly, monthly, quarterly"))
    }
}

/// By which way money leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rail {
    /// A transfer that an operator makes by hand.
    Manual,
    /// A bank file of transfers (ISO 20022 pain.001).
    Sepa {
        /// Whose account it is.
        holder: String,
        /// ISO 13616.
        iban: String,
        /// ISO 9362; none: the bank finds it by the IBAN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bic: Option<String>,
    },
    /// A transfer to a connected account at Stripe.
    Stripe {
        /// `acct_…`.
        account: String,
    },
}

impl Rail {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Sepa { .. } => "sepa",
            Self::Stripe { .. } => "stripe",
        }
    }
}

/// A version of a partner's payout profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileVersion {
    /// Its number.
    pub version: i64,
    /// What it says.
    pub profile: PayoutProfile,
    /// Who wrote it.
    pub changed_by: Namespace,
    /// The operator who approved it; none: it does not hold yet.
    pub approved_by: Option<Namespace>,
}

/// What an operator writes into the books by hand: what was spent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewExpense {
    /// Unique for ever.
    pub key: String,
    /// For people.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What a consultant says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewConsultant {
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub about: String,
}

/// Certifies a consultant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCertification {
    /// Until when; a moment that is past ends it.
    pub until: Timestamp,
}

/// What a consultant offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// A few words.
    pub title: String,
    /// What it costs, without taxes.
    pub price: Money,
}

/// A consultant who is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultant {
    /// Whose sales its services are.
    pub namespace: Namespace,
    /// See [`NewConsultant`].
    pub title: String,
    /// See [`NewConsultant`].
    pub about: String,
    /// Until when.
    pub certified_until: Timestamp,
    /// What it offers, by name.
    pub services: BTreeMap<String, Service>,
}

/// Orders a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewServiceOrder {
    /// Chosen by the customer, unique for ever: the same order again is the same order.
    pub reference: String,
    /// Of whom.
    pub consultant: Namespace,
    /// Which.
    pub service: String,
    /// In which parts, each with its price; they sum to the service's. None: in one.
    #[serde(default)]
    pub milestones: Vec<(String, Money)>,
}

/// An order of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceOrder {
    /// See [`NewServiceOrder::reference`].
    pub reference: String,
    /// Of whom.
    pub consultant: Namespace,
    /// Which.
    pub service: String,
    /// Who ordered.
    pub customer: Namespace,
    /// When.
    pub ordered_at: Timestamp,
    /// In which parts.
    pub milestones: Vec<Milestone>,
}

/// A part of a service's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// Counted from 1.
    pub number: i64,
    /// What is to be done.
    pub title: String,
    /// What it costs, without taxes.
    pub price: Money,
    /// When the customer accepted it.
    pub accepted_at: Option<Timestamp>,
    /// The invoice for it.
    pub invoice: Option<i64>,
}

/// What an account was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// In a few words.
    pub subject: String,
    /// What, and what to do.
    pub body: String,
    /// When.
    pub at: Timestamp,
    /// When it was sent by e-mail.
    pub sent_at: Option<Timestamp>,
}
