//! Who may connect to a registry how often at a time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::Request;
use chandlery_edge::{Client, Peer, Proxies};
use chandlery_tasks::connections::Door;

/// How many connections one client may have; more are closed at once. Proxies that are trusted may have any number.
const CONNECTIONS_MAX: usize = 1024;

/// The door of a registry.
#[derive(Clone)]
pub struct Gate {
    proxies: Proxies,
    clients: Arc<Clients>,
}

impl Gate {
    /// A door that these proxies pass.
    pub fn new(proxies: Proxies) -> Self {
        Self { proxies, clients: Arc::default() }
    }
}

impl Door for Gate {
    type Place = Option<Connection>;

    fn admit(&self, peer: SocketAddr) -> Option<Option<Connection>> {
        match self.proxies.trust(peer.ip()) {
            true => Some(None),
            false => self.clients.take(Client::at(peer.ip())).map(Some),
        }
    }

    fn note(&self, peer: SocketAddr, request: &mut Request) {
        request.extensions_mut().insert(Peer(peer.ip()));
    }
}

/// How many connections each client has.
#[derive(Default)]
struct Clients(Mutex<HashMap<Client, usize>>);

/// A connection of a client, which counts for as long as this is kept.
pub struct Connection {
    clients: Arc<Clients>,
    client: Client,
}

impl Clients {
    /// Counts one more, unless the client has as many as it may.
    fn take(self: &Arc<Self>, client: Client) -> Option<Connection> {
        let mut all = self.lock();
        let count = all.entry(client).or_default();
        if *count >= CONNECTIONS_MAX {
            return None;
        }
        *count += 1;
        Some(Connection { clients: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut all = self.clients.lock();
        let left = all.get(&self.client).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => all.remove(&self.client),
            _ => all.insert(self.client, left),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_client_has_so_many_connections() {
        let clients = Arc::<Clients>::default();
        let [one, other] = [1, 2].map(|last| Client::at(IpAddr::from([10, 0, 0, last])));
        let mut open: Vec<_> = (0..2000).map_while(|_| clients.take(one)).collect();
        assert_eq!(open.len(), CONNECTIONS_MAX);
        assert!(clients.take(one).is_none() && clients.take(other).is_some());
        open.pop();
        open.extend(clients.take(one));
        assert_eq!(open.len(), CONNECTIONS_MAX);
        drop(open);
        assert!(clients.lock().is_empty());
    }
}
