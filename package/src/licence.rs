//! What an account may do, as a host can know it without asking: a JSON Web Token (RFC 7519) that the registry has signed with
//! EdDSA (RFC 8037).
//!
//! The key is the log's, which hosts have pinned. What is signed there never is a signed note, and a note never is a token:
//! each line of a note ends in a newline, and a token has none.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::log::{Signer, verify_raw};
use crate::name::{Namespace, PluginId};
use crate::tier::Tier;
use crate::wire::{DisputeState, OrderDispute};

/// What the header of every licence says.
const TYPE: &str = "chandlery-licence+jwt";
const ALGORITHM: &str = "EdDSA";

/// Why a licence was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LicenceError {
    /// Not a token of this kind.
    #[error("the licence cannot be read: {0}")]
    Malformed(String),
    /// Not signed by the registry's key.
    #[error("the licence is not signed by the key that was pinned for the registry")]
    Unsigned,
}

/// What an account may do, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// The log of the registry that says so.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// Whose it is.
    #[serde(rename = "sub")]
    pub account: Namespace,
    /// What the account has subscribed to.
    pub tier: Tier,
    /// How many deployments it may have; none: any number.
    pub deployments: Option<u32>,
    /// How many of them the account's other hosts have, as they have said.
    #[serde(default)]
    pub elsewhere: u32,
    /// Whether it is a trial.
    pub trial: bool,
    /// What that becomes when a trial or a period is over; none: what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextTier>,
    /// Which plugins that cost something it may deploy; none: the registry does not say, and does not guard them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitlements: Option<Entitlements>,
    /// When it was signed, in seconds since 1970.
    #[serde(rename = "iat")]
    pub issued_at: i64,
    /// Until when it holds, in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires_at: i64,
}

/// What an account will have instead of what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTier {
    /// The tier from then on.
    pub tier: Tier,
    /// When that is, in seconds since 1970.
    pub at: i64,
}

/// The plugins that cost something and that an account may deploy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    /// Those that it has ordered.
    pub plugins: Vec<PluginEntitlement>,
    /// Those that it has ordered and may not deploy, since its bank has taken a payment back. Hosts that know of no disputes read
    /// over them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed: Vec<DisputedOrder>,
    /// The namespaces that it is a member of: all that they sell.
    #[serde(default)]
    pub namespaces: Vec<Namespace>,
    /// Whether it operates the registry, and may have all that is sold there.
    #[serde(default)]
    pub everything: bool,
}

/// An order, as far as a host needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginEntitlement {
    /// What was ordered.
    pub plugin: PluginId,
    /// The order, as a transfer names it.
    pub reference: String,
    /// When something changes, in seconds since 1970: a trial becomes what costs, and what is not paid by then is over; none: nothing
    /// does.
    pub until: Option<i64>,
    /// How many deployments of it there may be on a host; none: any number.
    pub quantity: Option<u32>,
    /// Whether it is on trial.
    pub trial: bool,
}

impl PluginEntitlement {
    /// When something changes.
    pub fn until(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.until?).ok()
    }
}

/// An order that is disputed, as far as a host needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputedOrder {
    /// What was ordered.
    pub plugin: PluginId,
    /// The order, as a transfer names it.
    pub reference: String,
    /// Since when a payment of it is disputed, in seconds since 1970.
    pub since: i64,
    /// Whether the bank has decided for the customer, so that the money is theirs again.
    pub lost: bool,
}

impl DisputedOrder {
    /// The dispute; none: it began at no time that there is.
    pub fn dispute(&self) -> Option<OrderDispute> {
        let state = if self.lost { DisputeState::Lost } else { DisputeState::Open };
        Some(OrderDispute { since: Timestamp::from_second(self.since).ok()?, state })
    }
}

impl Licence {
    /// The signed token.
    pub fn sign(&self, signer: &Signer) -> String {
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({ "alg": ALGORITHM, "typ": TYPE })), part(json!(self)));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signer.sign_raw(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Reads a token that the log's key has signed. Whether it has expired is for the reader to judge.
    pub fn open(token: &str, verifier_key: &str) -> Result<Self, LicenceError> {
        let malformed = |what: &str| LicenceError::Malformed(what.into());
        let decode =
            |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|error| malformed(&error.to_string()));
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("it has no signature"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| malformed("it has no claims"))?;
        let header: serde_json::Value =
            serde_json::from_slice(&decode(header)?).map_err(|error| malformed(&error.to_string()))?;
        if header["alg"] != ALGORITHM || header["typ"] != TYPE {
            return Err(malformed("it is another kind of token"));
        }
        if !verify_raw(verifier_key, signed.as_bytes(), &decode(signature)?) {
            return Err(LicenceError::Unsigned);
        }
        serde_json::from_slice(&decode(claims)?).map_err(|error| malformed(&error.to_string()))
    }

    /// Until when it holds.
    pub fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.expires_at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_key_has_signed_is_read() {
        let signer = Signer::new(&Signer::generate("example.com/log")).unwrap();
        let other = Signer::new(&Signer::generate("example.com/log")).unwrap();
        let licence = Licence {
            issuer: "example.com/log".into(),
            account: "globex".parse().unwrap(),
            tier: Tier::Team,
            deployments: Some(100),
            elsewhere: 3,
            trial: false,
            next: Some(NextTier { tier: Tier::Free, at: 3_000 }),
            entitlements: Some(Entitlements {
                plugins: vec![PluginEntitlement {
                    plugin: "acme:ocr-server".parse().unwrap(),
                    reference: "CH-2345".into(),
                    until: Some(1_500),
                    quantity: None,
                    trial: true,
                }],
                disputed: vec![DisputedOrder {
                    plugin: "acme:serving".parse().unwrap(),
                    reference: "CH-6789".into(),
                    since: 900,
                    lost: false,
                }],
                namespaces: vec!["friends".parse().unwrap()],
                everything: false,
            }),
            issued_at: 1_000,
            expires_at: 2_000,
        };
        let token = licence.sign(&signer);
        assert_eq!(Licence::open(&token, signer.verifier_key()), Ok(licence));
        assert_eq!(Licence::open(&token, other.verifier_key()), Err(LicenceError::Unsigned));
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let (header, rest) = token.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let forged = format!("{header}.{}.{signature}", part("{\"tier\":\"enterprise\"}"));
        assert_eq!(Licence::open(&forged, signer.verifier_key()), Err(LicenceError::Unsigned));
        let none = format!("{}.{rest}", part("{\"alg\":\"none\",\"typ\":\"chandlery-licence+jwt\"}"));
        assert!(matches!(Licence::open(&none, signer.verifier_key()), Err(LicenceError::Malformed(_))));
        for broken in ["", "a", "a.b", "a.b.c", &token[..token.len() - 2]] {
            assert!(Licence::open(broken, signer.verifier_key()).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_licence_of_a_registry_that_does_not_guard_what_costs_is_read() {
        let old =
            r#"{"iss":"l","sub":"globex","tier":"team","deployments":100,"trial":false,"iat":1,"exp":2}"#;
        let licence: Licence = serde_json::from_str(old).unwrap();
        assert_eq!(licence.entitlements, None);
        assert!(!serde_json::to_string(&licence).unwrap().contains("entitlements"));
    }

    #[test]
    fn a_licence_without_disputes_is_written_as_before_there_were_any() {
        let old = r#"{"plugins":[],"namespaces":[],"everything":false}"#;
        let read: Entitlements = serde_json::from_str(old).unwrap();
        assert_eq!((read.disputed.len(), serde_json::to_string(&read).unwrap().as_str()), (0, old));
    }
}
