//! From connections to requests: how long they may take, how many there may be, and how they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use chandlery_edge::{Client, Peer, Proxies};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// How long a client may take to say what it wants.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// How long requests at hand, such as uploads, may go on after the registry was told to stop.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(60);
/// How many connections there may be at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 8192;
/// How many of them one client may have; more are closed at once. Proxies that are trusted may have all.
const CONNECTIONS_OF_CLIENT_MAX: usize = 1024;

/// Serves until `stop` completes, then finishes what is at hand.
pub async fn serve(
    listener: TcpListener,
    proxies: Proxies,
    router: Router,
    stop: impl Future<Output = ()> + Send,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let clients = Arc::<Clients>::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Usually too many open files: the connections at hand have to end first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let client = Client::at(peer.ip());
        let own = clients.take(client);
        if own.is_none() && !proxies.trust(peer.ip()) {
            continue;
        }
        let connection = graceful.watch(converse(stream, peer, router.clone()));
        tokio::spawn(async move {
            // A client that goes away in the middle is no fault of ours.
            let _ = connection.await;
            drop((place, own));
        });
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off: they did not end in {} s", SHUTDOWN_PATIENCE.as_secs());
    }
}

/// How many connections each client has.
#[derive(Default)]
struct Clients(Mutex<HashMap<Client, usize>>);

/// A connection of a client, which counts for as long as this is kept.
struct Connection {
    clients: Arc<Clients>,
    client: Client,
}

impl Clients {
    /// Counts one more, unless the client has as many as it may.
    fn take(self: &Arc<Self>, client: Client) -> Option<Connection> {
        let mut all = self.lock();
        let count = all.entry(client).or_default();
        if *count >= CONNECTIONS_OF_CLIENT_MAX {
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

fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    // Answers are written whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .serve_connection(TokioIo::new(stream), answer)
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
        assert_eq!(open.len(), CONNECTIONS_OF_CLIENT_MAX);
        assert!(clients.take(one).is_none() && clients.take(other).is_some());
        open.pop();
        open.extend(clients.take(one));
        assert_eq!(open.len(), CONNECTIONS_OF_CLIENT_MAX);
        drop(open);
        assert!(clients.lock().is_empty());
    }
}
