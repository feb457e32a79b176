//! What every request passes: how often one may ask, and how long an answer may take.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::Error;
use crate::server::Peer;

/// How long any answer but a push's may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many seconds' worth of requests may come at once.
const BURST_SECONDS: u32 = 10;
/// How many wrong passwords and tokens an address may try in a minute.
const WRONG_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// How often one may ask.
pub struct Guard {
    requests: DefaultKeyedRateLimiter<Asker>,
    wrong: DefaultKeyedRateLimiter<IpAddr>,
    /// Addresses that tried too many wrong secrets, until when.
    shut_out: Mutex<HashMap<IpAddr, Instant>>,
    behind_proxy: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Asker {
    Address(IpAddr),
    /// By the hash of what it authenticates with.
    Token(u64),
}

impl Guard {
    /// So many requests per second for each address and each token. Behind a proxy, the address is the one that the
    /// proxy added to `X-Forwarded-For`.
    pub fn new(requests_per_second: NonZeroU32, behind_proxy: bool) -> Self {
        let burst = requests_per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        Self {
            requests: RateLimiter::keyed(Quota::per_second(requests_per_second).allow_burst(burst)),
            wrong: RateLimiter::keyed(Quota::per_minute(WRONG_PER_MINUTE)),
            shut_out: Mutex::default(),
            behind_proxy,
        }
    }

    /// Forgets whoever has not asked for a while.
    pub fn tidy(&self) {
        self.requests.retain_recent();
        self.wrong.retain_recent();
        let now = Instant::now();
        self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }

    fn address(&self, request: &Request) -> IpAddr {
        let forwarded = request.headers().get("x-forwarded-for").filter(|_| self.behind_proxy);
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        last.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    fn admit(&self, address: IpAddr, token: Option<u64>) -> Result<(), Error> {
        let shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).get(&address).copied();
        if let Some(left) = shut_out.and_then(|until| until.checked_duration_since(Instant::now())) {
            return Err(Error::TooMany { seconds: left.as_secs() + 1 });
        }
        for asker in [Some(Asker::Address(address)), token.map(Asker::Token)].into_iter().flatten() {
            if let Err(refused) = self.requests.check_key(&asker) {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                return Err(Error::TooMany { seconds: wait.as_secs() + 1 });
            }
        }
        Ok(())
    }

    /// Counts a wrong secret; who tries too many is shut out for a while.
    fn was_wrong(&self, address: IpAddr) {
        if let Err(refused) = self.wrong.check_key(&address) {
            let until = Instant::now() + refused.wait_time_from(DefaultClock::default().now());
            self.shut_out.lock().unwrap_or_else(PoisonError::into_inner).insert(address, until);
        }
    }
}

/// Admits a request, and bounds its answer in time.
pub async fn pass(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let address = guard.address(&request);
    let secret = request.headers().get(header::AUTHORIZATION).map(|value| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    });
    if let Err(error) = guard.admit(address, secret) {
        return error.into_response();
    }
    let tries_a_secret = secret.is_some() || request.uri().path() == "/api/v1/tokens";
    let is_push = request.uri().path().starts_with("/v2/");
    let response = match is_push {
        true => next.run(request).await,
        false => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Error::TooSlow { seconds: PATIENCE.as_secs() }.into_response(),
        },
    };
    if tries_a_secret && response.status() == StatusCode::UNAUTHORIZED {
        guard.was_wrong(address);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_and_each_token_has_its_own_allowance() {
        let guard = Guard::new(NonZeroU32::new(1).unwrap(), false);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let admitted = |address, token| (0..100).filter(|_| guard.admit(address, token).is_ok()).count();
        assert_eq!(admitted(one, None), 10, "a burst of ten seconds");
        assert_eq!(admitted(other, Some(7)), 10);
        // The same token from elsewhere has used its allowance up.
        assert_eq!(admitted(IpAddr::from([10, 0, 0, 3]), Some(7)), 0);
    }

    #[test]
    fn who_guesses_is_shut_out() {
        let guard = Guard::new(NonZeroU32::new(1000).unwrap(), false);
        let address = IpAddr::from([10, 0, 0, 1]);
        (0..30).for_each(|_| guard.was_wrong(address));
        assert!(guard.admit(address, None).is_ok());
        guard.was_wrong(address);
        assert!(matches!(guard.admit(address, None), Err(Error::TooMany { .. })));
        assert!(guard.admit(IpAddr::from([10, 0, 0, 2]), None).is_ok());
    }
}
