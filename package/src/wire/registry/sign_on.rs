//! Single sign-on: the OpenID provider of an organisation, and programs that somebody signs in on a page.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OrganisationRole;
use crate::name::text_form;
use crate::{Issuer, Namespace};

/// The longest client id, and the longest secret, in bytes.
const CLIENT_BYTES_MAX: usize = 512;
/// The letters of a user code (RFC 8628, 6.1): no vowels, so that it is no word, and nothing that looks like another.
const USER_CODE_LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters a user code has, and after how many there is a dash.
const USER_CODE_LENGTH: usize = 8;
const USER_CODE_GROUP: usize = 4;

/// What a provider calls the registry, or its secret: up to 512 visible letters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientText(String);

/// A text that no provider gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a client id and its secret have 1 to {CLIENT_BYTES_MAX} letters of ASCII, without spaces")]
pub struct ClientTextError;

impl ClientText {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientText {
    type Err = ClientTextError;

    fn from_str(text: &str) -> Result<Self, ClientTextError> {
        let is_bounded = (1..=CLIENT_BYTES_MAX).contains(&text.len());
        match is_bounded && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text.into())),
            false => Err(ClientTextError),
        }
    }
}

impl fmt::Display for ClientText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(ClientText, pattern: "^[!-~]+$", bytes_max: CLIENT_BYTES_MAX);

/// Sets the OpenID provider by which people of an organisation sign in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewIdentityProvider {
    /// The provider's issuer, exactly as its tokens name it.
    pub issuer: Issuer,
    /// What the provider calls the registry.
    pub client_id: ClientText,
    /// What the registry proves to the provider that it is by; none: what was set before for the same issuer and client, else nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientText>,
    /// What people become who sign in first by the provider.
    pub role: OrganisationRole,
    /// Whether members whose verified address is in a proved domain of the organisation sign in by nothing else.
    #[serde(default)]
    pub enforced: bool,
}

/// The OpenID provider of an organisation, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IdentityProvider {
    /// The provider's issuer.
    pub issuer: Issuer,
    /// What the provider calls the registry.
    pub client_id: ClientText,
    /// Whether the registry has a secret of the provider.
    pub has_secret: bool,
    /// What people become who sign in first by it.
    pub role: OrganisationRole,
    /// Whether members in proved domains sign in by nothing else.
    pub enforced: bool,
    /// When it was set.
    pub set_at: Timestamp,
    /// Where people come back to, which the provider is told; none: the registry was started without `--url`, and nobody signs in.
    pub redirect_uri: Option<String>,
}

/// Whom an account is at the provider of an organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinkedIdentity {
    /// The organisation whose provider it is.
    pub organisation: Namespace,
    /// The provider's issuer.
    pub issuer: Issuer,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody signed in by it last.
    pub seen_at: Timestamp,
}

/// What somebody types on a page for a program that waits: eight consonants, shown as `WDJB-MJHT` (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserCode(String);

/// A text that is no user code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("that is no code of a program: it has eight letters, such as WDJB-MJHT")]
pub struct UserCodeError;

impl UserCode {
    /// A code that nobody can guess.
    pub fn random() -> Self {
        let letters = USER_CODE_LETTERS.len();
        // Each byte below the largest multiple of 20 stands for a letter as often as for any other.
        let fair = 256 - 256 % letters;
        let mut code = String::new();
        while code.len() < USER_CODE_LENGTH {
            for byte in crate::random_bytes::<16>().map(usize::from) {
                if byte < fair && code.len() < USER_CODE_LENGTH {
                    code.push(char::from(USER_CODE_LETTERS[byte % letters]));
                }
            }
        }
        Self(code)
    }

    /// Its letters, without the dash.
    pub fn letters(&self) -> &str {
        &self.0
    }
}

/// However it is typed: in small letters, with another dash or none.
impl FromStr for UserCode {
    type Err = UserCodeError;

    fn from_str(text: &str) -> Result<Self, UserCodeError> {
        if text.len() > 4 * USER_CODE_LENGTH {
            return Err(UserCodeError);
        }
        let is_between = |letter: &char| letter.is_whitespace() || matches!(letter, '-' | '_' | '.');
        let code: String = text
            .chars()
            .filter(|letter| !is_between(letter))
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        match code.len() == USER_CODE_LENGTH && code.bytes().all(|byte| USER_CODE_LETTERS.contains(&byte)) {
            true => Ok(Self(code)),
            false => Err(UserCodeError),
        }
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(USER_CODE_GROUP);
        write!(f, "{first}-{second}")
    }
}

text_form!(UserCode, pattern: "^[A-Za-z]{4}-?[A-Za-z]{4}$", bytes_max: 4 * USER_CODE_LENGTH);

/// Asks that somebody signs a program in on a page.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct NewDeviceLogIn {
    /// What asks, in its own words, as the page shows it: up to 100 characters in one line.
    #[serde(default)]
    pub program: String,
}

/// What a program waits with (RFC 8628).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceLogIn {
    /// What the program asks with. Nobody else sees it.
    pub device_code: String,
    /// What the person compares, or types.
    pub user_code: UserCode,
    /// The page on which that is done: a URL or, of a registry that was started without `--url`, a path of it.
    pub verification_uri: String,
    /// The same page, with the code.
    pub verification_uri_complete: String,
    /// For how many seconds it counts.
    pub expires_in: u32,
    /// How many seconds the program waits before it asks again.
    pub interval: u32,
}

/// Asks whether somebody has signed a program in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceLogInAsked {
    /// What the program was given to ask with.
    pub device_code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_read_however_it_is_typed() {
        for text in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB_MJHT"] {
            assert_eq!(text.parse::<UserCode>().unwrap().to_string(), "WDJB-MJHT", "{text}");
        }
        for text in ["", "WDJB", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "WDJB-MJHÉ", &"W".repeat(100)] {
            assert!(text.parse::<UserCode>().is_err(), "{text}");
        }
        let codes: Vec<String> = (0..100).map(|_| UserCode::random().to_string()).collect();
        for code in &codes {
            assert_eq!(code.parse::<UserCode>().unwrap().to_string(), *code);
            assert_eq!(codes.iter().filter(|other| *other == code).count(), 1);
        }
    }

    #[test]
    fn a_client_has_a_text_that_can_be_sent() {
        for text in ["chandlery", "0oa1-b_c.d~e", &"x".repeat(CLIENT_BYTES_MAX)] {
            assert_eq!(text.parse::<ClientText>().unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\n", "é", &"x".repeat(CLIENT_BYTES_MAX + 1)] {
            assert!(text.parse::<ClientText>().is_err(), "{text}");
        }
    }
}
