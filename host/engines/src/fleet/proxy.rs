//! One address for each port of a deployment, whichever replicas serve it: requests are spread over those that are ready, and
//! a replica that is to end gets no new ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chandlery_package::problem::{PROBLEM_MEDIA_TYPE, Problem};
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sqlx::SqlitePool;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::credentials;
use crate::Error;
use crate::endpoints::{self, Key};
use crate::replicas::{self, ReplicaRow};
use crate::{Desired, EngineContext};
use chandlery_package::Digest;
use chandlery_package::plan::Protocol;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What concerns one connection alone (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 4] = ["keep-alive", "proxy-connection", "te", "trailer"];

type Body = BoxBody<Bytes, hyper::Error>;

pub(super) struct Proxy {
    db: SqlitePool,
    expose: IpAddr,
    host_token: Digest,
    doors: tokio::sync::Mutex<HashMap<Key, Door>>,
    /// The requests that each replica is answering, by its address.
    busy: Busy,
}

/// A port that listens.
struct Door {
    asked: u16,
    address: SocketAddr,
    backends: Arc<Backends>,
    serving: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone, Default)]
struct Busy(Arc<Mutex<HashMap<String, Arc<AtomicUsize>>>>);

impl Busy {
    fn counter(&self, address: &str) -> Arc<AtomicUsize> {
        lock(&self.0).entry(address.to_owned()).or_default().clone()
    }

    fn keep(&self, addresses: &BTreeSet<String>) {
        lock(&self.0)
            .retain(|address, count| addresses.contains(address) || count.load(Ordering::SeqCst) > 0);
    }
}

/// The replicas that may be sent requests.
struct Backends {
    busy: Busy,
    /// What none of them is sent.
    host_token: Digest,
    ready: Mutex<Vec<Backend>>,
    turn: AtomicUsize,
}

#[derive(Clone)]
struct Backend {
    address: String,
    busy: Arc<AtomicUsize>,
}

/// A request that is being answered.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    pub(super) fn new(db: SqlitePool, context: &EngineContext) -> Self {
        let (expose, host_token) = (context.expose, context.token);
        Self { db, expose, host_token, doors: tokio::sync::Mutex::default(), busy: Busy::default() }
    }

    /// Whether a replica is answering requests.
    pub(super) fn is_busy(&self, row: &ReplicaRow) -> bool {
        let counts = lock(&self.busy.0);
        let addresses = row.ports.keys().filter_map(|port| row.address(port));
        addresses.into_iter().any(|a| counts.get(&a).is_some_and(|count| count.load(Ordering::SeqCst) > 0))
    }

    /// Opens a door for each served port of what is desired, closes those that are not, and sends requests to what is ready.
    pub(super) async fn serve(&self, all: &[Desired], rows: &[ReplicaRow]) -> Result<(), Error> {
        let mut doors = self.doors.lock().await;
        let mut wanted = BTreeMap::new();
        for desired in all.iter().filter(|desired| !desired.removing) {
            for workload in &desired.plan.workloads {
                for port in workload.served_ports() {
                    let key = Key {
                        deployment: desired.name.clone(),
                        workload: workload.name.clone(),
                        port: port.name.clone(),
                    };
                    wanted.insert(key, (port.number, port.protocol));
                }
            }
        }
        for key in doors.keys().filter(|key| !wanted.contains_key(key)).cloned().collect::<Vec<_>>() {
            doors.remove(&key);
            endpoints::forget(&self.db, &key).await?;
        }
        for (key, (asked, protocol)) in wanted {
            if doors.get(&key).is_none_or(|door| door.asked != asked) {
                doors.remove(&key);
                let door = self.open(&key, asked, protocol).await?;
                doors.insert(key.clone(), door);
            }
            if let Some(door) = doors.get(&key) {
                let of = rows
                    .iter()
                    .filter(|row| row.deployment == key.deployment && row.workload == key.workload);
                let ready = of.filter(|row| row.serves()).filter_map(|row| row.address(&key.port));
                door.backends.set(ready.collect());
            }
        }
        let addresses = rows.iter().flat_map(|row| row.ports.keys().filter_map(|port| row.address(port)));
        self.busy.keep(&addresses.collect());
        Ok(())
    }

    /// Listens where it did before, else at the number that was asked for, else at the next that is free.
    async fn open(&self, key: &Key, asked: u16, protocol: Protocol) -> Result<Door, Error> {
        let before = endpoints::find(&self.db, key).await?;
        let before = before.filter(|(former, _)| *former == i64::from(asked));
        let before = before.and_then(|(_, address)| address.parse::<SocketAddr>().ok()).map(|at| at.port());
        let taken = replicas::ports(&self.db).await?;
        let mut found = None;
        for number in before.into_iter().chain(asked..=u16::MAX) {
            if !taken.contains(&number)
                && let Ok(listener) = TcpListener::bind((self.expose, number)).await
            {
                found = Some((listener, SocketAddr::new(self.expose, number)));
                break;
            }
        }
        let Some((listener, address)) = found else {
            let reason = format!("no port from {asked} up is free for '{}'", key.port);
            return Err(Error::CannotRun { target: "local".into(), reason });
        };
        endpoints::set(&self.db, key, asked, &address.to_string()).await?;
        let backends = Arc::new(Backends {
            busy: self.busy.clone(),
            host_token: self.host_token,
            ready: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        let serving = tokio::spawn(accept(listener, protocol, backends.clone()));
        Ok(Door { asked, address, backends, serving })
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

impl Backends {
    fn set(&self, addresses: Vec<String>) {
        let backend = |address: String| Backend { busy: self.busy.counter(&address), address };
        *lock(&self.ready) = addresses.into_iter().map(backend).collect();
    }

    /// The replica with the fewest requests under way that is not among these; in turn, where several are equal.
    fn choose(&self, tried: &[String]) -> Option<(String, InFlight)> {
        let ready = lock(&self.ready);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let open: Vec<_> = ready.iter().filter(|backend| !tried.contains(&backend.address)).collect();
        let from = turn.checked_rem(open.len())?;
        let in_turn = open[from..].iter().chain(&open[..from]);
        let chosen = in_turn.min_by_key(|backend| backend.busy.load(Ordering::SeqCst))?;
        chosen.busy.fetch_add(1, Ordering::SeqCst);
        Some((chosen.address.clone(), InFlight(chosen.busy.clone())))
    }

    /// A connection to a replica that accepts one.
    async fn connect(&self) -> Option<(TcpStream, InFlight)> {
        let mut tried = Vec::new();
        while let Some((address, in_flight)) = self.choose(&tried) {
            match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&address)).await {
                Ok(Ok(stream)) => {
                    // Tokens are written one by one: waiting to fill a packet would only delay them.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, in_flight));
                }
                _ => tried.push(address),
            }
        }
        None
    }
}

async fn accept(listener: TcpListener, protocol: Protocol, backends: Arc<Backends>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others have to end first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let backends = backends.clone();
        tokio::spawn(async move {
            match protocol {
                Protocol::Http => forward_requests(stream, backends).await,
                Protocol::Tcp => forward_bytes(stream, &backends).await,
            }
        });
    }
}

async fn forward_bytes(mut stream: TcpStream, backends: &Backends) {
    if let Some((mut replica, _in_flight)) = backends.connect().await {
        // Either side may break off.
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut replica).await;
    }
}

async fn forward_requests(stream: TcpStream, backends: Arc<Backends>) {
    let answer = service_fn(move |request| {
        let backends = backends.clone();
        async move { Ok::<_, Infallible>(forward(request, &backends).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Each request has a connection of its own, so that none is lost with one that its replica had just closed.
async fn forward(mut request: Request<Incoming>, backends: &Backends) -> Response<Body> {
    let Some((stream, in_flight)) = backends.connect().await else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no-replica", "no replica is ready to answer");
    };
    let asked = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
    drop_hop_by_hop(request.headers_mut(), asked.is_some());
    credentials::take_from_request(request.headers_mut(), backends.host_token);
    let sent = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await
    };
    let mut response = match sent.await {
        Ok(response) => response,
        Err(error) => {
            return refuse(
                StatusCode::BAD_GATEWAY,
                "replica-failed",
                &format!("the replica broke off: {error}"),
            );
        }
    };
    credentials::take_from_answer(response.headers_mut());
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(asked)) = (response.status(), asked) {
        let answered = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let _in_flight = in_flight;
            if let (Ok(asked), Ok(answered)) = tokio::join!(asked, answered) {
                let (mut asked, mut answered) = (TokioIo::new(asked), TokioIo::new(answered));
                let _ = tokio::io::copy_bidirectional(&mut asked, &mut answered).await;
            }
        });
        return response.map(|body| body.boxed());
    }
    drop_hop_by_hop(response.headers_mut(), false);
    response.map(|body| {
        let until_the_end = move |frame| {
            let _ = &in_flight;
            frame
        };
        body.map_frame(until_the_end).boxed()
    })
}

fn drop_hop_by_hop(headers: &mut HeaderMap, is_upgrade: bool) {
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
    if !is_upgrade {
        headers.remove(CONNECTION);
    }
}

fn refuse(status: StatusCode, word: &str, detail: &str) -> Response<Body> {
    let problem = Problem {
        r#type: word.into(),
        title: "Not answered".into(),
        status: status.as_u16(),
        detail: detail.into(),
        remedy: Some("`chandlery status` shows how the replicas fare".into()),
    };
    let text = serde_json::json!(problem).to_string();
    let mut response = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    response
}

#[cfg(test)]
mod tests;
