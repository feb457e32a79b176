//! Consultants, what they offer, and orders of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Money, Namespace};

/// What a consultant says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewConsultant {
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub about: String,
}

/// Certifies a consultant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewCertification {
    /// Until when; a moment that is past ends it.
    pub until: Timestamp,
}

/// What a consultant offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// A few words.
    pub title: String,
    /// What it costs, without taxes.
    pub price: Money,
}

/// A consultant who is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consultant {
    /// Whose sales its services are.
    pub namespace: Namespace,
    /// What the consultant calls its work, in a few words.
    pub title: String,
    /// What the consultant says of itself, in a sentence or two.
    pub about: String,
    /// When the certification ends.
    pub certified_until: Timestamp,
    /// What it offers, by name.
    pub services: BTreeMap<String, Service>,
}

/// Orders a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewServiceOrder {
    /// Chosen by the customer, unique for ever: the same order again is the same order.
    pub reference: String,
    /// The namespace of the consultant who does it.
    pub consultant: Namespace,
    /// The service's name in [`Consultant::services`].
    pub service: String,
    /// In which parts, each with its price; they sum to the service's. None: in one.
    #[serde(default)]
    pub milestones: Vec<(String, Money)>,
}

/// An order of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceOrder {
    /// The customer's own reference of the order.
    pub reference: String,
    /// The namespace of the consultant who does it.
    pub consultant: Namespace,
    /// The service's name in [`Consultant::services`].
    pub service: String,
    /// The account that ordered and is invoiced.
    pub customer: Namespace,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// In which parts.
    pub milestones: Vec<Milestone>,
}

/// A part of a service's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
