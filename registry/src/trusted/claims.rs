//! What the claims of a token that its issuer has signed must be, and what of them the log keeps.

use std::collections::BTreeMap;

use chandlery_package::oidc::Unique;
use chandlery_package::publisher::CLAIM_BYTES_MAX;
use chandlery_package::{Digest, Identity, Issuer, TrustedPublisher};
use jiff::Timestamp;
use serde_json::Value;

use super::error::Error;

/// How far the clock of an issuer may be from this one, in seconds.
const CLOCKS_APART_SECONDS: i64 = 60;
/// What the log says of whoever published: where a release comes from, and nothing of the people there.
const KEPT: [&str; 18] = [
    "ci_config_ref_uri",
    "ci_config_sha",
    "environment",
    "event_name",
    "job_workflow_ref",
    "namespace_id",
    "pipeline_id",
    "project_id",
    "project_path",
    "ref",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner_id",
    "run_attempt",
    "run_id",
    "sha",
    "workflow_ref",
];
/// The ids of a repository, which another one of the same name does not have.
const PINNED: [&str; 4] = ["namespace_id", "project_id", "repository_id", "repository_owner_id"];

/// What makes a token one of a kind: it is exchanged once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// What its issuer calls it or, where it does not, what its text comes to.
    pub(super) id: String,
    /// From when on it is no token any more, even by a clock that is late.
    pub(super) ends_at: Timestamp,
}

/// Refuses a token that is not meant for this audience alone, or not for now.
pub(super) fn check(claims: &Unique, audience: &str, now: Timestamp) -> Result<Ticket, Error> {
    let at = |name| {
        let seconds = claims.number(name).ok_or(Error::NoClaim(name))?;
        Timestamp::from_second(seconds).map_err(|_| Error::NoClaim(name))
    };
    let (issued, expires) = (at("iat")?, at("exp")?);
    let begins =
        claims.get("nbf").map(|_| at("nbf")).transpose()?.map_or(issued, |begins| begins.max(issued));
    let late = |moment: Timestamp| now.as_second().saturating_sub(moment.as_second());
    if late(expires) > CLOCKS_APART_SECONDS {
        return Err(Error::Expired(expires));
    }
    if late(begins) < -CLOCKS_APART_SECONDS {
        return Err(Error::Early(begins));
    }
    let found = claims.get("aud").ok_or(Error::NoClaim("aud"))?;
    let is_ours = |said: &Value| said.as_str().is_some_and(|said| said.trim_end_matches('/') == audience);
    let is_for_us = match found {
        Value::Array(all) => all.len() == 1 && all.iter().all(is_ours),
        one => is_ours(one),
    };
    if !is_for_us {
        return Err(Error::Audience { found: found.to_string(), expected: audience.into() });
    }
    let id = match claims.get("jti") {
        None => String::new(),
        Some(_) => claims.text("jti").ok_or(Error::NoClaim("jti"))?.to_owned(),
    };
    let ends_at = Timestamp::from_second(expires.as_second().saturating_add(2 * CLOCKS_APART_SECONDS));
    Ok(Ticket { id, ends_at: ends_at.map_err(|_| Error::NoClaim("exp"))? })
}

impl Ticket {
    /// What a token is remembered by.
    pub(super) fn mark(&self, token: &str) -> String {
        match self.id.as_str() {
            "" => Digest::of(token).to_string(),
            id => Digest::of(id).to_string(),
        }
    }
}

/// Who has all texts of a token as claims; what no claim of a publisher may be is nobody's.
pub(super) fn whole(issuer: &Issuer, claims: &Unique) -> Identity {
    let is_plain = |text: &str| text.len() <= CLAIM_BYTES_MAX && !text.chars().any(char::is_control);
    let kept = claims.texts().filter(|(_, text)| is_plain(text));
    let claims: BTreeMap<String, String> =
        kept.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    Identity { issuer: issuer.clone(), claims }
}

/// The same with what the log keeps: where it comes from, and by what this publisher is known.
pub(super) fn kept(whole: &Identity, publisher: &TrustedPublisher) -> Identity {
    only(whole, |name| KEPT.contains(&name) || publisher.claims().contains_key(name))
}

/// The ids by which the issuer knows the repository; none: it names no such.
pub(super) fn ids(whole: &Identity) -> Option<Identity> {
    Some(only(whole, |name| PINNED.contains(&name))).filter(|ids| !ids.claims.is_empty())
}

fn only(whole: &Identity, is_kept: impl Fn(&str) -> bool) -> Identity {
    let claims = whole.claims.iter().filter(|(name, _)| is_kept(name));
    let claims = claims.map(|(name, value)| (name.clone(), value.clone())).collect();
    Identity { issuer: whole.issuer.clone(), claims }
}

#[cfg(test)]
mod tests {
    use chandlery_package::problem::Explain as _;
    use serde_json::json;

    use super::*;

    const US: &str = "https://plugins.example.com";

    fn claims(change: Value) -> Unique {
        let mut all = json!({ "aud": US, "iat": 1000, "nbf": 1000, "exp": 1300, "jti": "1" });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                value => all[name] = value.clone(),
            }
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn each_claim_is_refused_by_its_word() {
        for (now, change, word) in [
            (1000, json!({}), ""),
            (940, json!({}), ""),
            (939, json!({}), "oidc-early"),
            (1360, json!({}), ""),
            (1361, json!({}), "oidc-expired"),
            (1000, json!({ "nbf": 1061 }), "oidc-early"),
            (1000, json!({ "nbf": null }), ""),
            (1000, json!({ "nbf": "1000" }), "invalid-oidc-token"),
            (1000, json!({ "iat": 1061, "nbf": null }), "oidc-early"),
            (1000, json!({ "iat": null }), "invalid-oidc-token"),
            (1000, json!({ "exp": null }), "invalid-oidc-token"),
            (1000, json!({ "exp": i64::MAX }), "invalid-oidc-token"),
            (1000, json!({ "exp": 1e300 }), "invalid-oidc-token"),
            (1000, json!({ "exp": "1300" }), "invalid-oidc-token"),
            (1000, json!({ "exp": true }), "invalid-oidc-token"),
            (1000, json!({ "jti": 1 }), "invalid-oidc-token"),
            (1000, json!({ "jti": null }), ""),
            (1000, json!({ "aud": [US] }), ""),
            (1000, json!({ "aud": format!("{US}/") }), ""),
            (1000, json!({ "aud": [US, "https://other.example"] }), "oidc-audience"),
            (1000, json!({ "aud": [] }), "oidc-audience"),
            (1000, json!({ "aud": "https://other.example" }), "oidc-audience"),
            (1000, json!({ "aud": format!("{US}.evil.example") }), "oidc-audience"),
            (1000, json!({ "aud": { "a": US } }), "oidc-audience"),
            (1000, json!({ "aud": null }), "invalid-oidc-token"),
        ] {
            let found = check(&claims(change.clone()), US, Timestamp::from_second(now).unwrap());
            let found = found.err().map(|error| error.problem().r#type);
            assert_eq!(found.unwrap_or_default(), word, "{now} {change}");
        }
    }

    #[test]
    fn a_token_is_remembered_by_its_name_or_by_its_text() {
        let ticket = |change| check(&claims(change), US, Timestamp::from_second(1000).unwrap()).unwrap();
        let named = ticket(json!({}));
        assert_eq!(named.mark("a"), named.mark("b"));
        let nameless = ticket(json!({ "jti": null }));
        assert_ne!(nameless.mark("a"), nameless.mark("b"));
        assert_eq!(named.ends_at.as_second(), 1420);
    }

    #[test]
    fn the_log_keeps_what_tells_where_a_release_comes_from() {
        let issuer: Issuer = "https://ci.example".parse().unwrap();
        let said = json!({ "sub": "a", "actor": "ann", "sha": "c", "run_id": 7, "project_id": "9", "run_attempt": "1\0", "ref": "x".repeat(600) });
        let whole = whole(&issuer, &serde_json::from_value(said).unwrap());
        let publisher = TrustedPublisher::new(issuer, [("sub".to_owned(), "a".to_owned())].into()).unwrap();
        let names: Vec<_> = kept(&whole, &publisher).claims.into_keys().collect();
        assert_eq!(names, ["project_id", "sha", "sub"]);
        assert_eq!(ids(&whole).unwrap().claims.into_keys().collect::<Vec<_>>(), ["project_id"]);
    }
}
