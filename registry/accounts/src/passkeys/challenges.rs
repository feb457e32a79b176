//! Challenges that wait for an authenticator's answer: each for one purpose and one account or none, used up by the first answer, right or
//! wrong.

use chandlery_package::column::{Json, Text};
use chandlery_package::{Digest, Namespace};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

use crate::Error;
use crate::passwords::random_text;

/// How long somebody may look for the authenticator.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// What an answer is compared with, by what it is for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Waiting {
    Registration(PasskeyRegistration),
    SignIn(DiscoverableAuthentication),
}

/// Keeps what an answer will be compared with, and gives by what it is found, and when it ends. An account has one at a time.
pub(super) async fn keep(
    write: &mut Write,
    account: Option<&Namespace>,
    waiting: &Waiting,
    now: Timestamp,
) -> Result<(String, Timestamp), Error> {
    let state = serde_json::to_string(waiting).map_err(|error| Error::damaged(error.to_string()))?;
    let (challenge, expires_at) = (random_text(), now + LIFETIME);
    sqlx::query("delete from passkey_challenges where expires_at <= $1 or account = $2")
        .bind(time(now))
        .bind(account.map_or("", Namespace::as_str))
        .execute(&mut **write)
        .await?;
    sqlx::query("insert into passkey_challenges (hash, account, state, expires_at) values ($1, $2, $3, $4)")
        .bind(Digest::of(&challenge).hex())
        .bind(account.map(ToString::to_string))
        .bind(state)
        .bind(time(expires_at))
        .execute(&mut **write)
        .await?;
    Ok((challenge, expires_at))
}

/// Uses up a challenge of this account, or of nobody in particular. Refuses one that was used or has ended.
pub(super) async fn take(
    write: &mut Write,
    account: Option<&Namespace>,
    challenge: &str,
    now: Timestamp,
) -> Result<Waiting, Error> {
    let found: Option<(Json<Waiting>, Text<Timestamp>)> = sqlx::query_as(
        "delete from passkey_challenges where hash = $1 and coalesce(account, '') = $2
         returning state, expires_at",
    )
    .bind(Digest::of(challenge).hex())
    .bind(account.map_or("", Namespace::as_str))
    .fetch_optional(&mut **write)
    .await?;
    match found {
        Some((Json(waiting), Text(expires_at))) if expires_at > now => Ok(waiting),
        _ => Err(ended()),
    }
}

/// What is said of a challenge that no answer fits any more.
pub(super) fn ended() -> Error {
    Error::NotFound("passkey that was asked for so: that has ended or was answered, so begin again".into())
}

#[cfg(test)]
mod tests {
    use chandlery_store::Db;

    use super::*;
    use crate::passkeys::RelyingParty;

    #[tokio::test]
    async fn a_challenge_is_answered_once_in_its_time_by_whom_it_was_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let site = RelyingParty::at("https://plugins.example.com").unwrap();
        let [ann, bob] = ["ann", "bob"].map(|name| name.parse::<Namespace>().unwrap());
        let (_, state) = site.ask_for_new(&ann, Vec::new()).unwrap();
        let for_ann = Waiting::Registration(state);
        let for_anybody = Waiting::SignIn(site.ask_who().unwrap().1);
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut write = db.write().await.unwrap();
        let (first, _) = keep(&mut write, Some(&ann), &for_ann, at(0)).await.unwrap();
        let (second, ends) = keep(&mut write, Some(&ann), &for_ann, at(0)).await.unwrap();
        let (open, _) = keep(&mut write, None, &for_anybody, at(0)).await.unwrap();
        let (late, _) = keep(&mut write, None, &for_anybody, at(0)).await.unwrap();
        assert_eq!(ends, at(300));
        for (what, account, challenge, now, is_taken) in [
            ("the one before", Some(&ann), &first, 1, false),
            ("another's", Some(&bob), &second, 1, false),
            ("nobody's", None, &second, 1, false),
            ("her own", Some(&ann), &second, 1, true),
            ("her own, again", Some(&ann), &second, 1, false),
            ("of a sign-in, by an account", Some(&ann), &open, 1, false),
            ("of a sign-in", None, &open, 1, true),
            ("of a sign-in, late", None, &late, 300, false),
        ] {
            let taken = take(&mut write, account, challenge, at(now)).await;
            assert_eq!(taken.is_ok(), is_taken, "{what}");
        }
    }
}
