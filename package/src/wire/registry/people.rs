//! People behind accounts: where they are written to, where they are logged in, and by what they are known.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DomainName;
use crate::name::text_form;
use crate::{Namespace, words};

/// The longest address, in bytes, by RFC 5321.
const EMAIL_BYTES_MAX: usize = 254;
/// What may stand before the `@` beside letters and digits, by RFC 5322.
const LOCAL_SIGNS: &[u8] = b"!#$%&'*+-/=?^_`{|}~.";

/// An e-mail address of plain ASCII, `LOCAL@DOMAIN`, without quotes or comments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// A text that is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("that is not an e-mail address: write NAME@DOMAIN, in plain letters")]
pub struct EmailAddressError;

impl EmailAddress {
    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain whose mail server takes its mail, in lower case; none: what follows the `@` is no domain that anybody could prove.
    pub fn domain(&self) -> Option<DomainName> {
        let (_, domain) = self.0.split_once('@')?;
        domain.to_ascii_lowercase().parse().ok()
    }
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let (local, domain) = text.split_once('@').ok_or(EmailAddressError)?;
        let is_dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
        let is_local = local.len() <= 64
            && is_dotted(local)
            && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || LOCAL_SIGNS.contains(&byte));
        let is_domain = domain.contains('.')
            && is_dotted(domain)
            && domain.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'))
            && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
        match text.len() <= EMAIL_BYTES_MAX && is_local && is_domain {
            true => Ok(Self(text.into())),
            false => Err(EmailAddressError),
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(EmailAddress, pattern: "^[^@ ]+@[^@ ]+$", bytes_max: EMAIL_BYTES_MAX);

/// An account as its owner sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountProfile {
    /// What it is called.
    pub name: Namespace,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Whether it operates the registry.
    pub operator: bool,
    /// Where it is written to; none: no address was verified.
    pub email: Option<EmailAddress>,
    /// The address that was asked for and is not verified yet.
    pub pending_email: Option<PendingEmail>,
    /// When it is deleted, which its owner has asked for; none: it stays.
    pub deleted_at: Option<Timestamp>,
}

/// Asks for the deletion of the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeletionRequest {
    /// The account's password.
    pub password: String,
    /// A code of the second factor, or a recovery code, where the account has one.
    #[serde(default)]
    pub code: String,
}

/// That an account is to be deleted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccountDeletion {
    /// When that is done, unless its owner takes it back.
    pub due_at: Timestamp,
}

/// An e-mail address that nobody has verified yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingEmail {
    /// Where the token was sent.
    pub email: EmailAddress,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// Asks for another e-mail address of the account that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EmailChange {
    /// Where a token is sent, by which the address is verified.
    pub email: EmailAddress,
    /// The account's password.
    pub password: String,
}

/// Verifies an e-mail address.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EmailToken {
    /// What was sent to the address.
    pub token: String,
}

/// An address that was verified.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EmailVerified {
    /// Whose it is.
    pub account: Namespace,
    /// Where it is written to from now on.
    pub email: EmailAddress,
}

/// Asks for a mail with a token by which an account's password is set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResetRequest {
    /// The account's name.
    pub name: Namespace,
}

words! {
    /// What a log-in has shown.
    pub enum LogInBy: "way to log in" {
        /// The password alone, or that of a new account.
        Password = "password",
        /// The password, and a code of the second factor.
        Totp = "totp",
        /// The password, and a recovery code.
        RecoveryCode = "recovery-code",
        /// A passkey, which has verified its user.
        Passkey = "passkey",
        /// What an organisation's provider asks for, which counts as with a second factor.
        Provider = "provider",
    }
}

/// A log-in that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Tells it apart from the account's others.
    pub id: String,
    /// What it has shown.
    pub opened_by: LogInBy,
    /// Where it was made: by `login`, by registering (`registered`), on the `pages`, or for a `program` there.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last; none: an earlier version of the registry has made it, and nobody has used it since.
    pub used_at: Option<Timestamp>,
    /// Where it was used from last, if that is known.
    pub address: Option<String>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
    /// The organisation that it acts for; none: its account itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<Namespace>,
}

/// What came of ending all sessions but the one that asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    /// How many there were.
    pub ended: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_a_domain() {
        for (text, domain) in [
            ("ann@example.org", Some("example.org")),
            ("ann@Mail.EXAMPLE.org", Some("mail.example.org")),
            ("ann@10.0.0.1", None),
            ("ann@ab--cd.org", None),
        ] {
            let found = text.parse::<EmailAddress>().unwrap().domain();
            assert_eq!(found.as_ref().map(DomainName::as_str), domain, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["ann@example.org", "a.b+c@mail.example.co", "o'neil@x-y.example", "1@2.de"] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().to_string(), text);
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "ann@example",
            "ann@example.",
            "ann@.org",
            "a..b@example.org",
            "ann@-x.org",
            "ann bob@example.org",
            "ann@exa mple.org",
            "ann@example.org\r\nBcc: bob@example.org",
            "<ann@example.org>",
            "ann@example.org,bob@example.org",
            "ann@bob@example.org",
            "änn@example.org",
            &long,
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text}");
        }
    }
}
