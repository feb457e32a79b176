//! An object of Stripe's, as an event or an answer has it.

use chandlery_package::{Currency, Money};
use serde_json::Value;

use crate::Error;

/// How long the id of anything may be.
const ID_BYTES_MAX: usize = 255;

/// A payment intent, a charge, a refund, a dispute, a transfer or a payout.
#[derive(Debug, Clone)]
pub(super) struct Object(pub(super) Value);

impl Object {
    /// A field that must be there. Why it is not followed is kept, and so it has no U+0000.
    pub(super) fn text(&self, name: &str) -> Result<&str, Error> {
        self.0[name].as_str().filter(|text| !text.contains('\0')).ok_or_else(|| lacks(name))
    }

    /// Its own id.
    pub(super) fn id(&self) -> Result<String, Error> {
        let id = self.text("id")?;
        match is_id(id) {
            true => Ok(id.to_owned()),
            false => Err(lacks("id")),
        }
    }

    /// The id of another object that it names, whether that one is written out or not.
    pub(super) fn reference(&self, name: &str) -> Option<&str> {
        let other = &self.0[name];
        other.as_str().or_else(|| other["id"].as_str()).filter(|id| is_id(id))
    }

    /// An amount in its currency.
    pub(super) fn money(&self, name: &str) -> Result<Money, Error> {
        let currency: Currency = self.text("currency")?.to_uppercase().parse()?;
        let minor = self.0[name].as_i64().ok_or_else(|| lacks(name))?;
        Ok(Money::new(minor, currency)?)
    }

    /// Objects within it.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}

fn lacks(name: &str) -> Error {
    Error::Processor(format!("what it told has no {name} that can be read"))
}

/// What may stand in an address.
pub(super) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_that_cannot_be_kept_is_none() {
        let object = Object(json!({ "status": "paid", "reason": "a\u{0}", "id": "a\u{0}", "amount": 1 }));
        assert_eq!(object.text("status").unwrap(), "paid");
        for name in ["reason", "amount", "nothing"] {
            assert!(matches!(object.text(name), Err(Error::Processor(_))), "{name}");
        }
        assert!(object.id().is_err() && object.reference("id").is_none());
    }
}
