//! The site that passkeys are made for. A browser lets an authenticator sign for no other, and says which origin has asked.

use chandlery_package::Namespace;
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};

use crate::Error;

/// What browsers call the site beside its domain.
const NAME: &str = "Chandlery";

/// The site that passkeys are made for.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    webauthn: Webauthn,
    domain: String,
    origin: String,
}

impl RelyingParty {
    /// The registry at this URL; none: browsers have no passkeys for what is there, since it is no name, or reached without TLS.
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let domain = url.domain()?.to_owned();
        let is_local = domain == "localhost" || domain.ends_with(".localhost");
        if url.scheme() != "https" && !is_local {
            return None;
        }
        let webauthn = WebauthnBuilder::new(&domain, &url).ok()?.rp_name(NAME).build().ok()?;
        Some(Self { webauthn, domain, origin: url.origin().ascii_serialization() })
    }

    /// The name by which browsers know it: passkeys work there alone.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Where its pages are, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What a browser is asked to make a passkey of an account that has these already, and what its answer is compared with.
    pub(super) fn ask_for_new(
        &self,
        account: &Namespace,
        has: Vec<CredentialID>,
    ) -> Result<(Value, PasskeyRegistration), Error> {
        let name = account.as_str();
        let (asked, state) = self
            .webauthn
            .start_passkey_registration(handle(account), name, name, Some(has))
            .map_err(|error| Error::damaged(error.to_string()))?;
        let mut asked = public_key(&asked)?;
        // An authenticator that did not remember whose it is could not sign anybody in who gives no name.
        asked["authenticatorSelection"]["residentKey"] = json!("required");
        asked["authenticatorSelection"]["requireResidentKey"] = json!(true);
        Ok((asked, state))
    }

    /// The passkey that was made, by the JSON of a browser's answer.
    pub fn register(&self, answer: &Value, state: &PasskeyRegistration) -> Result<Passkey, Error> {
        let answer = RegisterPublicKeyCredential::deserialize(answer)
            .map_err(|error| Error::Invalid(format!("this is no answer of an authenticator: {error}")))?;
        self.webauthn
            .finish_passkey_registration(&answer, state)
            .map_err(|error| Error::PasskeyRefused(error.to_string()))
    }

    /// What a browser is asked to sign somebody in, and what its answer is compared with.
    pub(super) fn ask_who(&self) -> Result<(Value, DiscoverableAuthentication), Error> {
        let (asked, state) = self
            .webauthn
            .start_discoverable_authentication()
            .map_err(|error| Error::damaged(error.to_string()))?;
        Ok((public_key(&asked)?, state))
    }

    /// Whether an answer says that it is of this account.
    pub(super) fn is_of(&self, answer: &PublicKeyCredential, account: &Namespace) -> bool {
        let said = self.webauthn.identify_discoverable_authentication(answer);
        said.is_ok_and(|(user, _)| user == handle(account))
    }

    /// What an answer says that this passkey has signed; none: it has signed no more often than when it was shown last.
    pub(super) fn verify(
        &self,
        answer: &PublicKeyCredential,
        state: DiscoverableAuthentication,
        passkey: &Passkey,
    ) -> Result<Option<AuthenticationResult>, Error> {
        match self.webauthn.finish_discoverable_authentication_v2(answer, state, passkey) {
            Ok(signed) => Ok(Some(signed)),
            Err(WebauthnError::CredentialPossibleCompromise) => Ok(None),
            Err(error) => Err(Error::PasskeyRefused(error.to_string())),
        }
    }
}

/// What an authenticator knows an account by, which tells nothing of it.
fn handle(account: &Namespace) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("chandlery:account:{account}").as_bytes())
}

/// The part of a question that a browser is given.
fn public_key(asked: &impl Serialize) -> Result<Value, Error> {
    let mut asked = serde_json::to_value(asked).map_err(|error| Error::damaged(error.to_string()))?;
    Ok(asked["publicKey"].take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_of_a_name_that_is_reached_by_tls() {
        for (url, expected) in [
            ("https://plugins.example.com", Some(("plugins.example.com", "https://plugins.example.com"))),
            (
                "https://plugins.example.com:8443/",
                Some(("plugins.example.com", "https://plugins.example.com:8443")),
            ),
            ("http://localhost:7600", Some(("localhost", "http://localhost:7600"))),
            ("http://plugins.example.com", None),
            ("https://192.0.2.7", None),
            ("http://127.0.0.1:7600", None),
            ("https://[::1]", None),
            ("", None),
        ] {
            let site = RelyingParty::at(url);
            let found = site.as_ref().map(|site| (site.domain(), site.origin()));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn a_passkey_remembers_whose_it_is_and_verifies_its_user() {
        let site = RelyingParty::at("https://plugins.example.com").unwrap();
        let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let (asked, _) = site.ask_for_new(&ann, vec![vec![1, 2, 3]]).unwrap();
        assert_eq!(asked["rp"]["id"], "plugins.example.com");
        assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(asked["excludeCredentials"][0]["id"], "AQID");
        let (again, _) = site.ask_for_new(&ann, Vec::new()).unwrap();
        let (other, _) = site.ask_for_new(&bob, Vec::new()).unwrap();
        assert_eq!(asked["user"]["id"], again["user"]["id"]);
        assert_ne!(asked["user"]["id"], other["user"]["id"]);
        assert_ne!(asked["challenge"], again["challenge"]);
        let (asked, _) = site.ask_who().unwrap();
        assert_eq!(asked["userVerification"], "required");
        assert!(asked["allowCredentials"].as_array().unwrap().is_empty(), "whoever has one");
    }
}
