//! The short-lived tokens that OCI clients exchange their credentials for: JSON Web Tokens (RFC 7519), so that clients
//! see when they expire. They are not stored: what one says is authenticated by a key that all replicas of the registry
//! share, and the account's rights are looked up at each use.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::Namespace;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Error;
use crate::grant::{Access, Grant};
use crate::people::find_account;
use crate::principal::{Credential, Principal};
use crate::state::Accounts;
use crate::tokens::token_owner;

/// How long one is good for.
pub const LIFETIME_SECONDS: i64 = 15 * 60;
/// `{"alg":"HS256","typ":"JWT"}`: no other algorithm is read or written.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The account; none: nobody in particular.
    #[serde(rename = "sub", skip_serializing_if = "Option::is_none")]
    account: Option<Namespace>,
    access: Vec<Access>,
    #[serde(flatten)]
    bearer: Bearer,
}

/// What a short-lived token follows from, and when it ends. What is issued for it follows from the same, and ends no later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// In seconds since 1970.
    #[serde(rename = "exp")]
    expires: i64,
    parent: Parent,
}

/// What was shown for a short-lived token. When it goes, so does the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Parent {
    /// Nothing: it is nobody's in particular.
    Nothing,
    /// The account's password, by its mark.
    Password(String),
    /// A token of the account, by its digest.
    Token(String),
}

impl Bearer {
    /// For how many seconds it is still good.
    pub fn seconds_left(&self) -> i64 {
        (self.expires - Timestamp::now().as_second()).max(0)
    }

    fn of(credential: &Credential) -> Self {
        let latest = Timestamp::now().as_second() + LIFETIME_SECONDS;
        match credential {
            Credential::None => Self { expires: latest, parent: Parent::Nothing },
            Credential::Password(mark) => Self { expires: latest, parent: Parent::Password(mark.clone()) },
            Credential::Token { hash, expires_at } => {
                let expires = expires_at.map_or(latest, |at| at.as_second().min(latest));
                Self { expires, parent: Parent::Token(hash.clone()) }
            }
            Credential::Bearer(bearer) => bearer.clone(),
        }
    }
}

/// Whether a token is one of these.
pub fn is_one(token: &str) -> bool {
    token.trim().starts_with(HEADER)
}

/// Issues a token to whoever asks, and says how it is bound.
pub fn issue(accounts: &Accounts, principal: &Principal, access: Vec<Access>) -> (String, Bearer) {
    let bearer = Bearer::of(&principal.credential);
    let account = principal.account.as_ref().map(|account| account.name.clone());
    let claims = Claims { account, access, bearer };
    let body = BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!(claims).to_string());
    let tag = BASE64_URL_SAFE_NO_PAD.encode(mac(accounts, &body).finalize().into_bytes());
    (format!("{HEADER}{body}.{tag}"), claims.bearer)
}

/// Who carries a token, and for what; none: it is not ours, or has expired.
pub async fn read(accounts: &Accounts, token: &str) -> Result<Option<Principal>, Error> {
    let Some(claims) = authentic(accounts, token) else { return Ok(None) };
    if claims.bearer.seconds_left() == 0 {
        return Ok(None);
    }
    let account = match (&claims.account, &claims.bearer.parent) {
        (None, _) => None,
        (Some(name), Parent::Nothing) => {
            return Err(Error::damaged(format!("a token of '{name}' follows from nothing")));
        }
        (Some(name), Parent::Password(mark)) => match find_account(&accounts.db, name).await? {
            Some((account, now)) if now == *mark => Some(account),
            _ => return Ok(None),
        },
        (Some(name), Parent::Token(hash)) => match token_owner(&accounts.db, hash).await? {
            Some(account) if account.name == *name => Some(account),
            _ => return Ok(None),
        },
    };
    let (grant, credential) = (Grant::Oci(claims.access), Credential::Bearer(claims.bearer));
    Ok(Some(Principal { account, grant, credential }))
}

fn authentic(accounts: &Accounts, token: &str) -> Option<Claims> {
    let (body, tag) = token.strip_prefix(HEADER)?.split_once('.')?;
    let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
    // Takes as long for a wrong tag as for a right one.
    mac(accounts, body).verify_slice(&tag).ok()?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

#[allow(clippy::expect_used)]
fn mac(accounts: &Accounts, body: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&accounts.bearer_key).expect("HMAC takes keys of any length");
    mac.update(HEADER.as_bytes());
    mac.update(body.as_bytes());
    mac
}
