//! Requests that no honest client makes, byte for byte: each ends in a refusal or in a closed connection, never in a fault of the
//! server's, nor in two answers to what another reader takes for one request.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use chandlery_package::Digest;

use crate::world::World;

/// After this long without a byte a server is taken to have said all that it has to say.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a server may keep a connection that its client has ended.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most memory that a server may ever have had afterwards, in KiB.
const PEAK_KIB_MAX: u64 = 512 << 10;

/// What a request may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A 4xx, or nothing.
    Refused,
    /// Anything but a fault of the server's.
    Answered,
}
use End::{Answered, Refused};

type Case = (String, Vec<u8>, End);

fn case(name: &str, request: impl Into<Vec<u8>>, end: End) -> Case {
    (name.to_owned(), request.into(), end)
}

/// A request to a path that everybody may read, with these lines in its head.
fn with(lines: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
}

/// A request to a path that takes JSON, with these lines in its head and this after it.
fn post(path: &str, lines: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lines}\r\n{body}")
}

/// Paths that lead nowhere, in whichever spelling.
const PATHS: [&str; 30] = [
    "",
    "healthz",
    "/health\0z",
    "/health z",
    "/none",
    "//evil.example/",
    "/\\evil.example",
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/v2/%2e%2e/%2e%2e/manifests/x",
    "/v2/acme%2focr/manifests/%2e%2e",
    "/v2/%00/tags/list",
    "/v2/%ff/tags/list",
    "/v2/%zz/tags/list",
    "/v2/acme/ocr/blobs/sha256:..%2f..%2fx",
    "/v2/acme/ocr/blobs/uploads/../x",
    "/log/tile/0/../../../log.key",
    "/log/tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    "/log/tile/255/000",
    "/log/tile/0/000.p/0",
    "/log/tile/0/000.p/%2b0",
    "/log/tile/0%2f000.p/0",
    "/log/tile/0/x018/x446/x744/x073/x709/x551/615",
    "/log/tile/entries/000.p/0",
    "/log/tile/entries/x018/x446/x744/x073/x709/x551/615",
    "/log/tile/0/000.p/99999999999999999999",
    "/api/v1/plugins/%2e%2e/x",
    "/api/v1/plugins/a/b/releases/%00",
    "/api/v1/deployments/%2e%2e%2fx",
    "/healthz/%2e%2e/account",
];

fn heads() -> Vec<Case> {
    let long = |count: usize| "a".repeat(count);
    let mut cases = vec![
        case("empty lines", "\r\n\r\n\r\n", Refused),
        case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), Refused),
        case("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused),
        case("HTTP/0.9", "GET /\r\n", Refused),
        case("a version to come", "GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n", Refused),
        case("no host", "GET /healthz HTTP/1.1\r\n\r\n", Refused),
        case("two hosts", with("Host: y\r\n"), Refused),
        case("one host twice", with("Host: x\r\n"), Refused),
        case("a method in small letters", "post /healthz HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        case("a method of a MiB", format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", long(1 << 20)), Refused),
        case("a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        case("no path at all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        case("another server", "GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", Answered),
        case("another scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        case("half of a head", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-", Refused),
        case("a head of a MiB", with(&format!("X: {}\r\n", long(1 << 20))), Refused),
        case("300 headers", with(&"X: a\r\n".repeat(300)), Refused),
        case(
            "a credential of 300 KiB",
            with(&format!("Authorization: Bearer {}\r\n", long(300 << 10))),
            Answered,
        ),
        case(
            "a credential that is no text",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\r\n\r\n".to_vec(),
            Answered,
        ),
        case("8,000 proxies", with(&format!("X-Forwarded-For: {}\r\n", "10.0.0.1,".repeat(8_000))), Answered),
        case(
            "an upgrade",
            with("Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n"),
            Answered,
        ),
    ];
    for line in
        ["Host : y", " X: a", ": a", "X", "X\0: a", "X: a\0b", "X: a\rb", "X: a\r\n b", "X(: a", "\u{fc}: a"]
    {
        cases.push(case(&format!("the line {line:?}"), with(&format!("{line}\r\n")), Refused));
    }
    for path in PATHS {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        cases.push(case(&format!("the path {path:?}"), request, Refused));
    }
    cases.push(case(
        "a path of 70 KiB",
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", long(70 << 10)),
        Refused,
    ));
    cases
}

/// Where a request ends and the next begins is what two readers must never disagree about.
fn bodies(path: &str) -> Vec<Case> {
    const NEXT: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = |chunks: &str| post(path, "Transfer-Encoding: chunked\r\n", chunks);
    let both = format!("0\r\n\r\n{NEXT}");
    let length = both.len();
    let mut cases = vec![
        case(
            "a length, then chunks",
            post(path, &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &both),
            Refused,
        ),
        case(
            "chunks, then a length",
            post(path, &format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &both),
            Refused,
        ),
        case("chunks in HTTP/1.0", chunked(&both).replacen("HTTP/1.1", "HTTP/1.0", 1), Refused),
        case("two lengths", post(path, "Content-Length: 0\r\nContent-Length: 38\r\n", NEXT), Refused),
        case("a body cut short", post(path, "Content-Length: 1000\r\n", "{\"name\":"), Refused),
        case(
            "a body that never comes",
            post(path, "Content-Length: 1000000000\r\nExpect: 100-continue\r\n", ""),
            Refused,
        ),
        case(
            "a length beyond what is taken",
            post(path, "Content-Length: 9223372036854775807\r\n", "{}"),
            Refused,
        ),
        case("100,000 lists", post(path, "Content-Length: 100000\r\n", &"[".repeat(100_000)), Refused),
        case(
            "a body in an encoding",
            post(path, "Content-Length: 4\r\nContent-Encoding: gzip\r\n", "\u{1f}\u{b}\u{8}\0"),
            Refused,
        ),
        case("chunks that do not end", chunked("5\r\n{\"a\":\r\n"), Refused),
        case(
            "a chunk's note of 100 KiB",
            chunked(&format!("1;a={}\r\n{{\r\n0\r\n\r\n", "a".repeat(100 << 10))),
            Refused,
        ),
        case("trailers of a MiB", chunked(&format!("0\r\nX: {}\r\n\r\n", "a".repeat(1 << 20))), Refused),
        case("10,000 chunks of a byte", chunked(&("1\r\n[\r\n".repeat(10_000) + "0\r\n\r\n")), Refused),
    ];
    for encoding in [
        "identity",
        "gzip",
        "chunked, identity",
        "xchunked",
        "chunked\r\nTransfer-Encoding: identity",
        "\u{b}chunked",
    ] {
        let request = post(path, &format!("Transfer-Encoding: {encoding}\r\n"), &both);
        cases.push(case(&format!("the encoding {encoding:?}"), request, Refused));
    }
    for length in ["-1", "+5", "0x5", "5, 5", "5;5", "", "18446744073709551616", "1e3", "5 5", "\u{665}"] {
        let request = post(path, &format!("Content-Length: {length}\r\n"), NEXT);
        cases.push(case(&format!("the length {length:?}"), request, Refused));
    }
    for size in ["-1", "+1", "0x1", "g", "", "ffffffffffffffff1", "1 1", "\n1"] {
        let request = chunked(&format!("{size}\r\n{{\r\n0\r\n\r\n"));
        cases.push(case(&format!("the chunk's size {size:?}"), request, Refused));
    }
    cases
}

/// Ranges of a blob of ten bytes.
fn ranges(blob: &str) -> Vec<Case> {
    let many = format!("bytes={}", "0-,".repeat(10_000));
    let ranges = [
        "bytes=10-",
        "bytes=5-1",
        "bytes=-",
        "bytes=--1",
        "bytes=a-b",
        "bytes=18446744073709551615-",
        "bytes=-18446744073709551616",
    ];
    let mut cases = vec![case("10,000 ranges", get(blob, &many), Answered)];
    cases.extend(ranges.map(|range| case(&format!("the range {range:?}"), get(blob, range), Refused)));
    for range in ["bytes=0-18446744073709551615", "bytes=-0", "bytes", "octets=0-1", "bytes=0-0,-1"] {
        cases.push(case(&format!("the range {range:?}"), get(blob, range), Answered));
    }
    cases
}

fn get(path: &str, range: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nRange: {range}\r\n\r\n")
}

/// What a server answers until it has no more to say, and whether it closes a connection that its client has ended.
fn exchange(address: &str, request: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    // Who refuses may close before all is written.
    let _ = stream.write_all(request);
    let (mut answer, mut piece, mut ended) = (Vec::new(), [0; 8192], false);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(bytes) => answer.extend_from_slice(&piece[..bytes]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if ended {
                    return Err(format!("it was kept open for {PATIENCE:?} after its end"));
                }
                ended = true;
                let _ = stream.shutdown(Shutdown::Write);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Bytes that were not read when it closed.
            Err(_) => return Ok(answer),
        }
    }
}

/// The statuses of all answers, without those that only say that more may come.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let found = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse::<u16>().ok());
    found.filter(|status| *status >= 200).collect()
}

/// What is wrong with how a request ended.
fn fault(address: &str, (name, request, end): &Case) -> Option<String> {
    let answer = match exchange(address, request) {
        Ok(answer) => answer,
        Err(reason) => return Some(format!("{name}: {reason}")),
    };
    let found = statuses(&answer);
    let good = |status: &u16| match end {
        Refused => (400..500).contains(status),
        Answered => *status < 500,
    };
    match found.len() <= 1 && found.iter().all(good) {
        true => None,
        false => Some(format!(
            "{name}: {end:?} expected, and not {found:?}: {:.300}",
            String::from_utf8_lossy(&answer)
        )),
    }
}

/// All at the same time: who waits for silence waits beside others.
fn faults(address: &str, cases: &[Case]) -> Vec<String> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = cases.iter().map(|case| scope.spawn(move || fault(address, case))).collect();
        asked.into_iter().filter_map(|asked| asked.join().unwrap()).collect()
    })
}

#[test]
fn hostile_requests_are_refused_and_leave_no_trace() {
    let world = World::start();
    let token = world.publisher("acme").token();
    let name = Digest::of("0123456789");
    let push = format!("/v2/acme/x/blobs/uploads/?digest={name}");
    assert_eq!(world.send("POST", &push, Some(&token), &[], "0123456789").status, 201);
    let blob = format!("/v2/acme/x/blobs/{name}");
    assert_eq!(world.get(&blob, &[]).1, "0123456789");

    let (registry, host) = (&world.registry.address, &world.host.address);
    let of_registry = [heads(), bodies("/api/v1/tokens"), ranges(&blob)].concat();
    let of_host = [heads(), bodies("/api/v1/plans")].concat();
    let found = [faults(registry, &of_registry), faults(host, &of_host)].concat();
    assert!(found.is_empty(), "{}", found.join("\n"));

    for server in [registry, host] {
        for path in ["/healthz", "/readyz"] {
            let answer = world.send("GET", &format!("http://{server}{path}"), None, &[], "");
            assert_eq!(answer.status, 200, "{server}{path}: {}", answer.text());
        }
    }
    assert_eq!(world.get(&blob, &[]).1, "0123456789");
    assert_eq!(world.registry.panics().into_iter().chain(world.host.panics()).collect::<Vec<_>>(), [""; 0]);
    let (of_registry, of_host) = (world.registry.peak_kib(), world.host.peak_kib());
    println!("memory at most: registry {} MiB, host {} MiB", of_registry >> 10, of_host >> 10);
    assert!(of_registry.max(of_host) < PEAK_KIB_MAX, "{of_registry} KiB and {of_host} KiB");
}
