//! The short-lived tokens that OCI clients exchange their credentials for: JSON Web Tokens (RFC 7519), so that clients
//! see when they expire. They are not stored: what one says is authenticated by a key that all replicas of the registry
//! share, and the account's rights are looked up at each use.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::Namespace;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Error;
use crate::actor::Address;
use crate::credential::{Bearer, Credential, Parent};
use crate::enforced::is_bound;
use crate::grant::{Access, Grant};
use crate::people::find_account;
use crate::principal::Principal;
use crate::second_factor::is_on;
use crate::state::Accounts;
use crate::tokens::token_owner;

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

/// Whether a token is one of these.
pub fn is_one(token: &str) -> bool {
    token.trim().starts_with(HEADER)
}

/// Issues a token to whoever asks, and says how it is bound.
pub fn issue(accounts: &Accounts, principal: &Principal, access: Vec<Access>) -> (String, Bearer) {
    let bearer = Bearer::of(&principal.credential);
    // Whom it acts for is told by the token that it follows from, each time that it is shown.
    let account = principal.account.as_ref().map(|account| account.person().clone());
    let claims = Claims { account, access, bearer };
    let body = BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!(claims).to_string());
    let tag = BASE64_URL_SAFE_NO_PAD.encode(mac(accounts, HEADER, &body).finalize().into_bytes());
    (format!("{HEADER}{body}.{tag}"), claims.bearer)
}

/// Who carries a token, and for what; none: it is not ours, or has expired.
pub async fn read(accounts: &Accounts, token: &str) -> Result<Option<Principal>, Error> {
    let Some(claims) = authentic(accounts, token) else { return Ok(None) };
    if claims.bearer.seconds_left() == 0 {
        return Ok(None);
    }
    let (account, acts_for) = match (&claims.account, &claims.bearer.parent) {
        (None, _) => (None, None),
        (Some(name), Parent::Nothing) => {
            return Err(Error::damaged(format!("a token of '{name}' follows from nothing")));
        }
        (Some(name), Parent::Password(mark)) => {
            // A second factor that was set up since then was not shown.
            let owes_code = is_on(&accounts.db, name).await?;
            let is_bound = is_bound(&mut *accounts.db.read().acquire().await?, name).await?;
            match find_account(&accounts.db, name).await? {
                Some((account, now)) if now == *mark && !owes_code && !is_bound => (Some(account), None),
                _ => return Ok(None),
            }
        }
        (Some(name), Parent::Token(hash)) => match token_owner(&accounts.db, hash).await? {
            Some((account, acts_for)) if account.name == *name => (Some(account), acts_for),
            _ => return Ok(None),
        },
    };
    let (grant, credential) = (Grant::Oci(claims.access), Credential::Bearer(claims.bearer));
    Ok(Some(Principal { account, grant, credential, acts_for, address: Address(None) }))
}

fn authentic(accounts: &Accounts, token: &str) -> Option<Claims> {
    let (body, tag) = token.strip_prefix(HEADER)?.split_once('.')?;
    let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
    // Takes as long for a wrong tag as for a right one.
    mac(accounts, HEADER, body).verify_slice(&tag).ok()?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

/// What authenticates a text of a kind that its header tells.
#[allow(clippy::expect_used)]
pub(crate) fn mac(accounts: &Accounts, header: &str, body: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&accounts.bearer_key).expect("HMAC takes keys of any length");
    mac.update(header.as_bytes());
    mac.update(body.as_bytes());
    mac
}
