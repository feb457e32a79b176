//! Second factors: what an account shows beside its password.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether an account has a second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactor {
    /// Since when a log-in needs a code; none: it does not.
    pub since: Option<Timestamp>,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

/// Begins to set up a second factor of the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorSetUp {
    /// The account's password.
    pub password: String,
}

/// A secret for an authenticator (RFC 6238), shown once. It counts when a first code of it was shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorSecret {
    /// The secret in Base32, for an authenticator that is told it by hand: SHA-1, 6 digits, 30 seconds.
    pub secret: String,
    /// The same as `otpauth://totp/…`, as authenticators read it from a picture.
    pub uri: String,
}

/// Shows a code of the second factor, or a recovery code in its place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FactorCode {
    /// Six digits, or a recovery code.
    pub code: String,
}

/// Removes the second factor of the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorRemoval {
    /// The account's password.
    pub password: String,
    /// Six digits, or a recovery code.
    pub code: String,
}

/// Codes that stand for the second factor where the authenticator is lost, each once; shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// Those that were there before count no more.
    pub codes: Vec<String>,
}

/// That a log-in with the right password needs a code, too.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorNeeded {
    /// The word `second-factor-needed`, by which this answer is told from one with a token.
    pub r#type: String,
    /// What the code is shown with.
    pub challenge: String,
    /// When the challenge ends.
    pub expires_at: Timestamp,
}

/// Goes on with a log-in by a code.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorLogin {
    /// The challenge that the log-in was answered with.
    pub challenge: String,
    /// Six digits, or a recovery code.
    pub code: String,
}
