//! Invoices, credit notes and self-billed invoices as they were issued, and who is named on them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Money, Rate};

/// Somebody who is named on a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Party {
    /// The legal name.
    pub name: String,
    /// Street and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// The postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// City or town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2, such as `DE`.
    pub country: String,
    /// The number for value added tax or, where there is none, the one that the tax office knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_number: Option<String>,
    /// The number in the register of companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// The e-mail address for questions about documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the registry knows it by: an account or a namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Who sells here, as documents name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seller {
    /// The company, with a tax number.
    pub party: Party,
    /// Where customers pay to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<PrintedAccount>,
}

/// A bank account as documents print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrintedAccount {
    /// Whose it is.
    pub holder: String,
    /// The account's number (ISO 13616).
    pub iban: String,
    /// The bank's code (ISO 9362).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bic: Option<String>,
}

/// The seller from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SellerVersion {
    /// From this day on (UTC); documents of days before keep the seller that they name.
    pub since: Date,
    /// Who it is.
    pub seller: Seller,
}

crate::words! {
    /// What a document is.
    pub enum DocumentKind: "kind of document" {
        /// What a customer owes.
        Invoice = "invoice",
        /// What of an invoice is given back.
        CreditNote = "credit-note",
        /// What a partner has earned, invoiced in its name.
        SelfBilled = "self-billed",
        /// What a partner gives back, in its name.
        SelfBilledCredit = "self-billed-credit",
    }

    /// How value added tax applies, by the codes of UNTDID 5305 that EN 16931 uses.
    pub enum TaxCategory: "category of tax" {
        /// The rate of a country.
        Standard = "S",
        /// A country's rate, which is zero.
        Zero = "Z",
        /// The customer accounts for the tax itself.
        ReverseCharge = "AE",
        /// Not subject to the tax.
        OutOfScope = "O",
    }
}

/// By which rule a tax is charged, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxTerms {
    /// How the tax applies.
    pub category: TaxCategory,
    /// Of the net amount.
    pub rate: Rate,
    /// `VAT 19%`, or why there is none.
    pub name: String,
    /// The country whose tax it is; none: no country's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The rule of the table that it follows, by its country and first day, such as `DE 2026-01-01`; none: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the law wants a document to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What VIES has said of a tax number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxCheck {
    /// The number, with the letters of its state.
    pub number: String,
    /// Whether it was given to somebody who may trade in the Union.
    pub valid: bool,
    /// Whose it is, where the state tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address, where the state tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What proves that it was asked: given where the seller has a number of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consultation: Option<String>,
    /// When it was asked.
    pub at: Timestamp,
}

/// A document as it was issued. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Its series and its number in that, without gaps: `INV-7`, `CN-3`, `SB-acme-2`.
    pub number: String,
    /// The day of issue (UTC).
    pub issued_on: Date,
    /// Until when it is to be paid; none: it is not paid by whom it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<Date>,
    /// The first day of the supply.
    pub supplied_from: Date,
    /// The last day of the supply.
    pub supplied_to: Date,
    /// The document that it corrects, and that one's day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Corrected>,
    /// Who supplies; none: the registry's operator had not said who sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<Party>,
    /// Who is supplied; none: no operator had said so of a self-billed document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Party>,
    /// What is charged; they sum to the net amount.
    pub lines: Vec<DocumentLine>,
    /// The sum of the lines, which is what is taxed.
    pub net: Money,
    /// By which rule all of it is taxed.
    pub terms: TaxTerms,
    /// The tax on the net amount.
    pub tax: Money,
    /// Net and tax.
    pub total: Money,
    /// What of it was paid from the customer's credit.
    pub paid: Money,
    /// Where it is paid to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank: Option<PrintedAccount>,
    /// What a transfer must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What it says beside.
    pub notes: Vec<String>,
}

/// A document that another corrects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Corrected {
    /// The number of the document that is corrected.
    pub number: String,
    /// Its day of issue.
    pub issued_on: Date,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentLine {
    /// What it is for.
    pub description: String,
    /// How much of it, and in which unit.
    pub quantity: String,
    /// Without tax; below zero where it is taken off.
    pub net: Money,
    /// How the tax applies to it.
    pub category: TaxCategory,
    /// The rate of that tax.
    pub rate: Rate,
}
