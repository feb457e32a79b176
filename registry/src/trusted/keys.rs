//! What the tokens of issuers are signed with, asked of each as OpenID Connect Discovery has it, within bounds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chandlery_package::publisher::is_asked_safely;
use chandlery_package::wire::IssuerRecord;
use chandlery_package::{Authority, Issuer};
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::Deserialize;

use super::error::Error;
use super::jwks::{self, Jwk};

/// How long an issuer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much an issuer may answer with, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// How long an issuer's keys are believed that does not say it.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// How long they are believed at most: one that was taken back must end.
const BELIEVED_FOR_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long they are believed at least. Before, no token that names an unknown key makes the registry ask again.
const BELIEVED_FOR_MIN: Duration = Duration::from_secs(60);
/// How long an issuer that did not answer is not asked again.
const AWAY_FOR: Duration = Duration::from_secs(10);

/// The keys of issuers that were asked lately.
#[derive(Default)]
pub struct IssuerKeys {
    http: OnceLock<Client>,
    known: Mutex<HashMap<Issuer, Known>>,
    /// Who did not answer, since when, and why: else each token of a stranger would make the registry ask.
    away: Mutex<HashMap<Issuer, (Instant, String)>>,
}

struct Known {
    keys: Vec<Jwk>,
    asked_at: Instant,
    good_for: Duration,
}

/// What an issuer says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl IssuerKeys {
    /// The key that an issuer calls so; none: it has no such key.
    pub(super) async fn find(&self, believed: &IssuerRecord, id: &str) -> Result<Option<Jwk>, Error> {
        let issuer = &believed.issuer;
        if let Some(known) = lock(&self.known).get(issuer) {
            let age = known.asked_at.elapsed();
            let found = known.keys.iter().find(|key| key.id == id).cloned();
            // An unknown key may be a new one.
            if age < known.good_for && (found.is_some() || age < BELIEVED_FOR_MIN) {
                return Ok(found);
            }
        }
        let away = |reason| Error::IssuerAway { issuer: issuer.to_string(), reason };
        if let Some((since, reason)) = lock(&self.away).get(issuer)
            && since.elapsed() < AWAY_FOR
        {
            return Err(away(reason.clone()));
        }
        let known = self.ask(believed).await.map_err(|reason| {
            lock(&self.away).insert(issuer.clone(), (Instant::now(), reason.clone()));
            away(reason)
        })?;
        let found = known.keys.iter().find(|key| key.id == id).cloned();
        lock(&self.known).insert(issuer.clone(), known);
        Ok(found)
    }

    /// Forgets the keys of an issuer that is not believed any more.
    pub(super) fn forget(&self, issuer: &Issuer) {
        lock(&self.known).remove(issuer);
        lock(&self.away).remove(issuer);
    }

    async fn ask(&self, IssuerRecord { issuer, keys_host, .. }: &IssuerRecord) -> Result<Known, String> {
        let asked_at = Instant::now();
        let (document, _) = self.get(&issuer.discovery()).await?;
        let found: Discovered = serde_json::from_slice(&document)
            .map_err(|error| format!("its document cannot be read: {error}"))?;
        if found.issuer != issuer.as_str() {
            return Err(format!("its document is that of '{}'", found.issuer));
        }
        let scheme = |url: &str| url.split("://").next().unwrap_or_default().to_owned();
        if !is_asked_safely(&found.jwks_uri) || scheme(&found.jwks_uri) != scheme(issuer.as_str()) {
            return Err(format!("its keys are at '{}', which is not asked", found.jwks_uri));
        }
        // Else whoever may change the document, on a host that serves others' pages, too, would say who signs.
        let leads_to = Authority::of(&found.jwks_uri);
        if leads_to.is_none() || ![Authority::of(issuer.as_str()), keys_host.clone()].contains(&leads_to) {
            return Err(format!(
                "its keys are at '{}', another host than its own, which no operator has allowed with it",
                found.jwks_uri
            ));
        }
        let (set, headers) = self.get(&found.jwks_uri).await?;
        let good_for = max_age(&headers).unwrap_or(BELIEVED_FOR).clamp(BELIEVED_FOR_MIN, BELIEVED_FOR_MAX);
        Ok(Known { keys: jwks::read(&set)?, asked_at, good_for })
    }

    async fn get(&self, url: &str) -> Result<(Vec<u8>, HeaderMap), String> {
        let http = self.http.get_or_init(|| {
            // An issuer speaks for itself: it makes the registry ask nobody else.
            Client::builder().timeout(PATIENCE).redirect(Policy::none()).build().unwrap_or_default()
        });
        let mut answer = http.get(url).send().await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{url} answers with status {}", answer.status()));
        }
        let headers = answer.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("{url} answers with more than {ANSWER_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes, headers))
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For how long an answer says that it is good.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(CACHE_CONTROL)?.to_str().ok()?;
    let seconds = said.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reqwest::header::HeaderValue;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_issuer_that_is_away_is_not_asked_for_each_token() {
        // Fails only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer: Issuer = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                drop(stream);
            }
        });
        let keys = IssuerKeys::default();
        let believed =
            IssuerRecord { issuer: issuer.clone(), allowed_at: jiff::Timestamp::UNIX_EPOCH, keys_host: None };
        assert!(keys.find(&believed, "1").await.is_err());
        let once = asked.load(Ordering::Relaxed);
        for id in ["1", "2", "3"] {
            assert!(keys.find(&believed, id).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), once);
        keys.forget(&issuer);
        assert!(keys.find(&believed, "1").await.is_err());
        assert!(once > 0 && asked.load(Ordering::Relaxed) > once);
    }

    #[test]
    fn an_answer_says_how_long_it_is_good() {
        for (said, seconds) in [
            ("max-age=300", Some(300)),
            ("public, max-age=86400, immutable", Some(86400)),
            ("no-store", None),
            ("max-age=-1", None),
            ("max-age=99999999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(said))]);
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{said}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
