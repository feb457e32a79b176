//! What a log-in goes on with that has shown the right password and owes a code: nothing is stored of it.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::Namespace;
use hmac::Mac as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Accounts;
use crate::bearer::mac;

/// What a challenge begins with, so that it is no token, nor a token one of these.
const HEADER: &str = "second-factor.";
/// How long somebody may look for the code.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Whose log-in it is, and what was shown.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) account: Namespace,
    /// The mark of the password, which is another one when the password is.
    pub(crate) mark: String,
    /// In seconds since 1970.
    expires: i64,
}

/// A challenge for whoever has shown this account's password, and when it ends.
pub(crate) fn issue(accounts: &Accounts, account: &Namespace, mark: &str) -> (String, Timestamp) {
    issue_until(accounts, account, mark, Timestamp::now() + LIFETIME)
}

fn issue_until(
    accounts: &Accounts,
    account: &Namespace,
    mark: &str,
    expires_at: Timestamp,
) -> (String, Timestamp) {
    let says = Challenge { account: account.clone(), mark: mark.into(), expires: expires_at.as_second() };
    let body = BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!(says).to_string());
    let tag = BASE64_URL_SAFE_NO_PAD.encode(mac(accounts, HEADER, &body).finalize().into_bytes());
    (format!("{HEADER}{body}.{tag}"), expires_at)
}

/// What a challenge says; none: it is not ours, or has ended.
pub(crate) fn read(accounts: &Accounts, challenge: &str) -> Option<Challenge> {
    let (body, tag) = challenge.trim().strip_prefix(HEADER)?.split_once('.')?;
    let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
    // Takes as long for a wrong tag as for a right one.
    mac(accounts, HEADER, body).verify_slice(&tag).ok()?;
    let says: Challenge = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
    Some(says).filter(|says| says.expires > Timestamp::now().as_second())
}

#[cfg(test)]
mod tests {
    use chandlery_store::Db;

    use super::*;
    use crate::{SessionCookie, bearer};

    #[tokio::test]
    async fn a_challenge_is_read_unchanged_in_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let accounts = Accounts::open(Db::open(&url).await.unwrap(), SessionCookie::Plain).await.unwrap();
        let acme: Namespace = "acme".parse().unwrap();
        let (challenge, _) = issue(&accounts, &acme, "mark");
        let read_back = read(&accounts, &challenge).unwrap();
        assert_eq!((&read_back.account, read_back.mark.as_str()), (&acme, "mark"));
        let (late, _) = issue_until(&accounts, &acme, "mark", Timestamp::now());
        let other = challenge.replacen(HEADER, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", 1);
        let longer = format!("{challenge}A");
        for wrong in ["", "second-factor.", "second-factor.e30.AAAA", &late, &other, &longer] {
            assert_eq!(read(&accounts, wrong), None, "{wrong}");
        }
        assert!(bearer::read(&accounts, &other).await.unwrap().is_none(), "nor is it a token");
    }
}
