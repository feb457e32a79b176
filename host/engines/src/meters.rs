//! What workloads count beside time, as their plugin's meters name it: read from each replica, as Prometheus would.

mod counters;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chandlery_package::Meter;
use chandlery_package::column::{Json, Text};
use chandlery_package::meter::{Exposed, expose};
use chandlery_package::wire::host::ReplicaState;
use http::Request;
use http::header::{ACCEPT, HOST};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use sqlx::SqlitePool;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::Error;

pub(super) use counters::count;

/// How long a replica may take to show its counters.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much it may show.
const BYTES_MAX: usize = 4 << 20;
/// What is asked for: the text format, whatever else the server has.
const TEXT_FORMAT: &str = "text/plain;version=0.0.4";

/// What a replica has shown of its meters.
pub(super) struct Reading {
    /// When the program began whose counters they are.
    pub run: Timestamp,
    /// How often they had been read before.
    pub before: i64,
    /// How far the replica was: a program that begins has nothing to show yet, and one that ends may not any more.
    pub state: ReplicaState,
    /// What it has shown, or why that cannot be counted.
    pub shown: Result<Exposed, String>,
}

type Row =
    (Json<Vec<Meter>>, Json<BTreeMap<String, u16>>, String, Text<ReplicaState>, Option<Text<Timestamp>>, i64);

/// Reads the meters of a replica that runs; nothing, where it has none.
pub(super) async fn read(db: &SqlitePool, replica: &str) -> Result<Option<Reading>, Error> {
    let found: Option<Row> = sqlx::query_as(
        "select revisions.meters, replicas.ports, replicas.node, replicas.state, replicas.started_at, replicas.readings
         from replicas join revisions on revisions.deployment = replicas.deployment
                                     and revisions.revision = replicas.revision
         where replicas.id = $1 and replicas.handle is not null and replicas.metered_until is not null",
    )
    .bind(replica)
    .fetch_optional(db)
    .await?;
    let Some((Json(meters), Json(ports), node, Text(state), Some(Text(run)), before)) = found else {
        return Ok(None);
    };
    if meters.is_empty() {
        return Ok(None);
    }
    let shown = scrape(&meters, &ports, &node).await;
    Ok(Some(Reading { run, before, state, shown }))
}

/// What a replica shows of these meters, each place asked once. A workload that has no such port is not metered there.
async fn scrape(meters: &[Meter], ports: &BTreeMap<String, u16>, node: &str) -> Result<Exposed, String> {
    let mut places: BTreeMap<(&str, &str), Vec<&Meter>> = BTreeMap::new();
    for meter in meters {
        places.entry((meter.port.as_str(), meter.path.as_str())).or_default().push(meter);
    }
    let mut all = Exposed::default();
    for ((port, path), meters) in places {
        let Some(number) = ports.get(port) else { continue };
        let text = get(&format!("{node}:{number}"), path, TIMEOUT).await?;
        let exposed = expose(&text, &meters).map_err(|error| format!("GET {path}: {error}"))?;
        for ((unit, series), count) in exposed.counts {
            all.counts.insert((unit, format!("{port}{path} {series}")), count);
        }
        all.missing = all.missing.or(exposed.missing);
    }
    Ok(all)
}

async fn get(address: &str, path: &str, timeout: Duration) -> Result<String, String> {
    match tokio::time::timeout(timeout, exchange(address, path)).await {
        Ok(shown) => shown,
        Err(_) => Err(format!("{address} does not answer within {} ms", timeout.as_millis())),
    }
}

/// A connection that is broken off with whoever waits for it.
struct Driven(JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks nobody but this address: what it says of another place is not followed.
async fn exchange(address: &str, path: &str) -> Result<String, String> {
    let failed = |error: String| format!("GET {path}: {error}");
    let stream = TcpStream::connect(address).await.map_err(|_| format!("nothing listens at {address}"))?;
    let request = Request::get(path).header(HOST, address).header(ACCEPT, TEXT_FORMAT);
    let request = request.body(Empty::new()).map_err(|error| failed(error.to_string()))?;
    let shaken = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| failed(error.to_string()))?;
    let _driven = Driven(tokio::spawn(async move {
        // How it ends is told to whoever waits for the answer.
        let _ = connection.await;
    }));
    let answer = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
    if !answer.status().is_success() {
        return Err(format!("GET {path} answers {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), BYTES_MAX).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => failed(format!("it shows more than {} MiB", BYTES_MAX >> 20)),
        false => failed(error.to_string()),
    })?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| failed("it is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use chandlery_package::Unit;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn meter(port: &str, path: &str) -> Meter {
        Meter {
            unit: "tokens".parse().unwrap(),
            port: port.into(),
            path: path.into(),
            series: "tokens_total".into(),
            labels: BTreeMap::new(),
        }
    }

    /// What is read of a server that answers each request with these bytes, as often as they are said, and what it was asked.
    async fn read_from(answer: &'static [u8], times: usize) -> (Result<Exposed, String>, String) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let number = server.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            for _ in 0..times {
                if stream.write_all(answer).await.is_err() {
                    break;
                }
            }
            String::from_utf8(asked).unwrap()
        });
        let meters = [meter("http", "/metrics"), meter("none", "/metrics")];
        let shown = scrape(&meters, &[("http".to_owned(), number)].into(), "127.0.0.1").await;
        (shown, serving.await.unwrap())
    }

    #[tokio::test]
    async fn a_replica_is_asked_for_the_text_format() {
        let (shown, asked) = read_from(b"HTTP/1.0 200 OK\r\n\r\ntokens_total 12\n", 1).await;
        let key = ("tokens".parse::<Unit>().unwrap(), "http/metrics tokens_total".to_owned());
        assert_eq!(shown, Ok(Exposed { counts: [(key, 12)].into(), missing: None }));
        assert!(asked.starts_with("GET /metrics HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("accept: text/plain;version=0.0.4\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_a_replica_may_not_show_is_told_in_words() {
        let large = b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n";
        let endless = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        for (answer, times, why) in [
            (&b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..], 1, "GET /metrics answers 503"),
            (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", 1, "GET /metrics answers 302"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntokens", 1, "GET /metrics: "),
            (b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe", 1, "GET /metrics: it is not UTF-8"),
            (b"HTTP/1.1 200 OK\r\n\r\ntokens_total NaN", 1, "GET /metrics: tokens_total is NaN"),
            (b"rubbish\r\n\r\n", 1, "GET /metrics: "),
            (large, 2_500_000, "GET /metrics: it shows more than 4 MiB"),
            (endless, 2_800_000, "GET /metrics: it shows more than 4 MiB"),
        ] {
            let (shown, _) = read_from(answer, times).await;
            let refused = shown.unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_replica_that_is_not_there_is_told_of() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let ports = [("http".to_owned(), gone)].into();
        let refused = scrape(&[meter("http", "/metrics")], &ports, "127.0.0.1").await.unwrap_err();
        assert_eq!(refused, format!("nothing listens at 127.0.0.1:{gone}"));
        // A workload without the port is not metered there.
        let none = scrape(&[meter("other", "/metrics")], &ports, "127.0.0.1").await;
        assert_eq!(none, Ok(Exposed::default()));
    }

    #[tokio::test]
    async fn a_replica_that_does_not_answer_is_not_waited_for() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        let refused = get(&address, "/metrics", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(refused, format!("{address} does not answer within 50 ms"));
    }
}
