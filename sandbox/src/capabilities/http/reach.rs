//! Which addresses requests may go to, and how a name becomes one of them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chandlery_package::reach::{Reach, literal, reach};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses a request may go to.
#[derive(Clone, Copy)]
pub(super) struct Gate {
    pub(super) private_network: bool,
    /// Whether the request goes unencrypted, by `http:`.
    pub(super) is_plain: bool,
    /// Whether the granted host is an address, or the name that every machine has for itself.
    pub(super) names_this_machine: bool,
}

impl Gate {
    /// The gate for a host that was granted.
    pub(super) fn of(host: &str, private_network: bool, is_plain: bool) -> Self {
        let is_local_name = host == "localhost" || host.ends_with(".localhost");
        Self { private_network, is_plain, names_this_machine: is_local_name || literal(host).is_some() }
    }

    pub(super) fn is_open(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => !self.is_plain,
            Reach::Private => self.private_network,
            // Whoever has a name's zone could bind it to this machine at any time.
            Reach::ThisMachine => self.private_network && self.names_this_machine,
            Reach::Never => false,
        }
    }
}

pub(super) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where names are looked up.
pub(super) trait Names: Send + Sync {
    /// The addresses that a name has now.
    fn look_up(&self, name: String) -> Found;
}

/// As this machine looks names up.
pub(super) struct System;

impl Names for System {
    fn look_up(&self, name: String) -> Found {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Resolves names to the addresses that requests may go to; the connection goes to one of them, and to no other.
pub(super) struct Resolver {
    pub(super) gate: Gate,
    pub(super) names: Arc<dyn Names>,
    /// Set where a name has no address but those that requests may not go to.
    pub(super) denied: Arc<AtomicBool>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (gate, denied) = (self.gate, Arc::clone(&self.denied));
        let found = self.names.look_up(name.as_str().to_owned());
        Box::pin(async move {
            let found = found.await?;
            let open = found.into_iter().filter(|address| gate.is_open(*address));
            let open: Vec<SocketAddr> = open.map(|address| SocketAddr::new(address, 0)).collect();
            if open.is_empty() {
                denied.store(true, Ordering::Relaxed);
                return Err("none of its addresses is one that requests may go to".into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[test]
    fn what_is_not_encrypted_stays_in_the_private_network() {
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.0.0.1".parse().unwrap();
        let gate = |private_network, is_plain| Gate::of("example.com", private_network, is_plain);
        assert!(gate(false, false).is_open(public) && gate(true, false).is_open(public));
        assert!(!gate(true, true).is_open(public));
        assert!(gate(true, true).is_open(private) && gate(true, false).is_open(private));
        assert!(!gate(false, false).is_open(private) && !gate(false, true).is_open(private));
    }

    #[test]
    fn this_machine_is_reached_by_its_own_names_alone() {
        for (host, is_open) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("registry.localhost", true),
            ("example.com", false),
            ("localhost.example.com", false),
            ("notlocalhost", false),
        ] {
            for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                let address = address.parse().unwrap();
                assert_eq!(Gate::of(host, true, true).is_open(address), is_open, "{host}");
                assert!(!Gate::of(host, false, true).is_open(address), "{host}");
            }
        }
    }

    /// A zone that answers otherwise each time, the last time for ever.
    struct Rebinding(Mutex<Vec<Vec<&'static str>>>);

    impl Names for Rebinding {
        fn look_up(&self, _: String) -> Found {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
            let addresses = answer.into_iter().map(|address| address.parse().unwrap()).collect();
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_leads_to_no_address_that_may_not_be_asked() {
        for (private_network, then, open) in [
            (false, vec!["127.0.0.1"], vec![]),
            (false, vec!["::ffff:7f00:1", "10.0.0.1", "64:ff9b::10.0.0.1"], vec![]),
            (false, vec!["127.0.0.1", "93.184.216.35"], vec!["93.184.216.35"]),
            (true, vec!["127.0.0.1", "169.254.169.254"], vec![]),
            (true, vec!["127.0.0.1", "10.0.0.1"], vec!["10.0.0.1"]),
        ] {
            let denied = Arc::new(AtomicBool::new(false));
            let names = Rebinding(Mutex::new(vec![vec!["93.184.216.34"], then.clone()]));
            let gate = Gate::of("rebound.example", private_network, false);
            let resolver = Resolver { gate, names: Arc::new(names), denied: Arc::clone(&denied) };
            let resolve = async || {
                let found = resolver.resolve("rebound.example".parse().unwrap()).await;
                found.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>())
            };
            assert_eq!(resolve().await.unwrap(), ["93.184.216.34"]);
            assert!(!denied.load(Ordering::Relaxed));
            assert_eq!(resolve().await.unwrap_or_default(), open, "{then:?}");
            assert_eq!(denied.load(Ordering::Relaxed), open.is_empty(), "{then:?}");
        }
    }
}
