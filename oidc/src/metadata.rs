//! What providers say of themselves, and their keys (OpenID Connect Discovery), remembered for minutes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::CoreProviderMetadata;
use openidconnect::{DiscoveryError, IssuerUrl};

use crate::asker::{Asker, Away};
use crate::error::{Error, short};

/// How long what a provider says of itself is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// How long a provider that did not answer is not asked again: else each visitor would make the server ask.
const AWAY_FOR: Duration = Duration::from_secs(10);
/// How many providers are remembered.
const KNOWN_MAX: usize = 1000;

static KNOWN: LazyLock<Mutex<HashMap<String, Known>>> = LazyLock::new(Mutex::default);

struct Known {
    said: Result<CoreProviderMetadata, Error>,
    asked_at: Instant,
}

impl Known {
    fn is_good(&self) -> bool {
        let good_for = if self.said.is_ok() { BELIEVED_FOR } else { AWAY_FOR };
        self.asked_at.elapsed() < good_for
    }
}

/// What the provider with this issuer says of itself.
pub(crate) async fn find(issuer: &str) -> Result<CoreProviderMetadata, Error> {
    let known = lock().get(issuer).filter(|known| known.is_good()).map(|known| known.said.clone());
    match known {
        Some(said) => said,
        None => renew(issuer).await,
    }
}

/// The same, asked again: its keys may be others by now.
pub(crate) async fn renew(issuer: &str) -> Result<CoreProviderMetadata, Error> {
    let asked_at = Instant::now();
    let said = ask(issuer).await;
    let mut all = lock();
    all.retain(|_, known| known.is_good());
    if all.len() < KNOWN_MAX || all.contains_key(issuer) {
        all.insert(issuer.to_owned(), Known { said: said.clone(), asked_at });
    }
    said
}

async fn ask(issuer: &str) -> Result<CoreProviderMetadata, Error> {
    let asker = Asker::new(issuer)?;
    let url = IssuerUrl::new(issuer.to_owned()).map_err(|error| Error::Invalid(error.to_string()))?;
    let metadata = CoreProviderMetadata::discover_async(url, &asker).await.map_err(undiscovered)?;
    let page = metadata.authorization_endpoint().as_str();
    match asker.may_ask(page) {
        true => Ok(metadata),
        false => Err(Error::Invalid(format!("it signs people in at '{}', which is not safe", short(page)))),
    }
}

fn undiscovered(error: DiscoveryError<Away>) -> Error {
    match error {
        DiscoveryError::Request(away) => Error::Unreachable(away.to_string()),
        DiscoveryError::Response(status, _, _) => {
            Error::Unreachable(format!("its document or its keys come with status {status}"))
        }
        DiscoveryError::Parse(error) => {
            Error::Invalid(short(format!("its document or its keys cannot be read: {error}")))
        }
        other => Error::Invalid(short(other)),
    }
}

fn lock() -> MutexGuard<'static, HashMap<String, Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}
