//! Passkeys (WebAuthn, level 3): how they are added, shown and removed. What a browser is asked and answers is in the JSON of that standard.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Namespace;

/// Shows who changes the passkeys of the account that asks.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PasskeyChange {
    /// The account's password; none: the log-in that asks was made in the last ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// What a browser asks an authenticator. The first answer uses it up, right or wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyChallenge {
    /// What the answer is sent with.
    pub challenge: String,
    /// When it ends: five minutes after it was made.
    pub expires_at: Timestamp,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`.
    #[schema(value_type = Object)]
    pub public_key: Value,
}

/// Adds a passkey to the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPasskey {
    /// The challenge that it answers.
    pub challenge: String,
    /// What its owner calls it: from 1 to 60 characters.
    pub name: String,
    /// `RegistrationResponseJSON`, as the browser gives it.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// A passkey of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyRecord {
    /// Tells it apart from all others: 32 hexadecimal digits.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When somebody signed in by it last; none: nobody has.
    pub used_at: Option<Timestamp>,
}

/// Gives a passkey of the account that asks another name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyName {
    /// From 1 to 60 characters.
    pub name: String,
}

/// Signs in by a passkey, which says whose it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyLogIn {
    /// The challenge that it answers.
    pub challenge: String,
    /// `AuthenticationResponseJSON`, as the browser gives it.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// That somebody is signed in. The session itself is in the cookie of the answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasskeyLoggedIn {
    /// Whose passkey it was.
    pub account: Namespace,
}
