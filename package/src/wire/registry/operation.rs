//! What an operator asks of a registry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Namespace;

/// What of the stored content is garbage.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GarbageQuery {
    /// What was pushed later is left alone.
    pub older_than_seconds: u32,
}

/// What a collection of garbage removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Garbage {
    /// Uploads that were given up.
    pub uploads: u64,
    /// Blobs that no manifest of their repository names.
    pub blobs: u64,
    /// Contents that are part of no repository.
    pub contents: u64,
}

/// Who operates the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    /// The operator's account.
    pub account: Namespace,
}

/// Proposes that an account operates the registry.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewOperator {
    /// The account, which is no operator yet.
    pub account: Namespace,
}

/// An account that is to operate the registry, once another operator confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorProposal {
    /// Who is to operate the registry.
    pub account: Namespace,
    /// The operator who has proposed it, and cannot confirm it as long as there is another.
    pub proposed_by: Namespace,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// From when on its proposer may confirm it, too, if nobody else operates the registry.
    pub alone_from: Timestamp,
    /// Until when it can be confirmed.
    pub lapses_at: Timestamp,
}
