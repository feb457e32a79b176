//! What every request passes: how often one may ask, and how long an answer may take.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Address;
use chandlery_edge::{Client, Peer, Proxied, Proxies};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::Error;
use crate::oci;
use crate::shell::PUBLISH;

/// How long any answer but a push's may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many seconds' worth of requests may come at once.
const BURST_SECONDS: u32 = 10;

/// How often one may ask.
pub struct Guard {
    requests: DefaultKeyedRateLimiter<Asker>,
    proxies: Proxies,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Asker {
    Client(Client),
    /// By the hash of what it authenticates with.
    Token(u64),
}

impl Guard {
    /// So many requests per second for each client and each token. A client is who asks these proxies, or who asks without them.
    pub fn new(requests_per_second: NonZeroU32, proxies: Proxies) -> Self {
        let burst = requests_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self {
            requests: RateLimiter::keyed(Quota::per_second(requests_per_second).allow_burst(burst)),
            proxies,
        }
    }

    /// Forgets whoever has not asked for a while.
    pub fn tidy(&self) {
        self.requests.retain_recent();
    }

    /// Who may say for others where a request comes from.
    pub fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Notes in a request which client it is from, and whether a proxy that is trusted has sent it.
    fn note_client(&self, request: &mut Request) -> Client {
        let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
        let origin = peer.map(|peer| self.proxies.origin(peer, request.headers()));
        let client = origin.map_or_else(|| Client::of(request.extensions()), Client::at);
        if peer.is_some_and(|peer| self.proxies.trust(peer)) {
            request.extensions_mut().insert(Proxied);
        }
        request.extensions_mut().insert(Address(origin));
        request.extensions_mut().insert(client);
        client
    }

    fn admit(&self, client: Client, token: Option<u64>) -> Result<(), chandlery_edge::Error> {
        for asker in [Some(Asker::Client(client)), token.map(Asker::Token)].into_iter().flatten() {
            if let Err(refused) = self.requests.check_key(&asker) {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                return Err(chandlery_edge::Error::too_many("too many requests", wait.as_secs() + 1));
            }
        }
        Ok(())
    }
}

/// Admits a request, and bounds its answer in time.
pub async fn pass(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let client = guard.note_client(&mut request);
    let secret = request.headers().get(header::AUTHORIZATION).map(|value| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    });
    if let Err(error) = guard.admit(client, secret) {
        return match oci::speaks(request.uri().path()) {
            true => oci::OciError::unasked(error).into_response(),
            false => error.into_response(),
        };
    }
    let path = request.uri().path();
    let is_push = path.starts_with("/v2/") || (request.method() == Method::POST && path == PUBLISH);
    match is_push {
        true => next.run(request).await,
        false => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Error::TooSlow { seconds: PATIENCE.as_secs() }.into_response(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn each_address_and_each_token_has_its_own_allowance() {
        let guard = Guard::new(NonZeroU32::new(1).unwrap(), Proxies::default());
        let client = |last: u8| Client::at(IpAddr::from([10, 0, 0, last]));
        let admitted = |client, token| (0..100).filter(|_| guard.admit(client, token).is_ok()).count();
        assert_eq!(admitted(client(1), None), 10, "a burst of ten seconds");
        assert_eq!(admitted(client(2), Some(7)), 10);
        // The same token from elsewhere has used its allowance up.
        assert_eq!(admitted(client(3), Some(7)), 0);
    }
}
