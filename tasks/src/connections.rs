//! From connections to requests, for every server: how long they may take, how many there may be, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

/// How long a client may take to say what it wants.
const HEADER_PATIENCE: Duration = Duration::from_secs(15);
/// How long requests at hand, such as uploads, may go on after the server was told to stop.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(60);
/// How many connections there may be at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 8192;

/// Which connections a server takes, and what it notes of them.
pub trait Door: Clone + Send + Sync + 'static {
    /// What is kept for as long as a connection is.
    type Place: Send + 'static;

    /// A place for a connection from this address; none: it is closed at once.
    fn admit(&self, peer: SocketAddr) -> Option<Self::Place>;

    /// Notes in a request what has to be known of the connection that it came by.
    fn note(&self, peer: SocketAddr, request: &mut Request);
}

/// A door that is open to everybody.
impl Door for () {
    type Place = ();

    fn admit(&self, _: SocketAddr) -> Option<()> {
        Some(())
    }

    fn note(&self, _: SocketAddr, _: &mut Request) {}
}

/// Serves until `stop` completes, then finishes what is at hand, for a minute at most.
pub async fn serve<D: Door>(
    listener: TcpListener,
    router: Router,
    door: D,
    stop: impl Future<Output = ()> + Send,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let (place, accepted) = tokio::select! {
            Some(next) = next => next,
            () = &mut stop => break,
            else => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually too many open files: the connections at hand have to end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(own) = door.admit(peer) else { continue };
        let connection = graceful.watch(converse(stream, peer, router.clone(), door.clone()));
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

fn converse<D: Door>(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    door: D,
) -> impl GracefulConnection<Error = hyper::Error> {
    // Answers are written whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        door.note(peer, &mut request);
        let router = router.clone();
        async move {
            if !names_one_host(request.version(), request.headers()) {
                return Ok::<_, Infallible>(malformed());
            }
            Ok(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .serve_connection(TokioIo::new(stream), answer)
}

/// Whether a request names one host, as HTTP/1.1 asks (RFC 9112, section 3.2): of two, a proxy may believe the first and a server the
/// last.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => true,
        (Some(_), Some(_)) => false,
        (None, _) => version < Version::HTTP_11,
    }
}

/// The answer to what is no request, after which there is nothing more to be understood.
fn malformed() -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")]).into_response()
}
