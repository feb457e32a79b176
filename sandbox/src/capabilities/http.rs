//! Requests over HTTP: to granted hosts alone, at addresses that are looked at after the name was resolved, within
//! bounds of time and size. Redirects are not followed; a plugin that follows one asks again, and is checked again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chandlery_package::Permission;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpHooks};

use super::origin::{Origin, origins};
use super::uses::Uses;

pub(crate) type Body = wasmtime_wasi_http::WasiBody;
pub(crate) type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// One call's way out.
#[derive(Clone)]
pub(crate) struct Outgoing {
    origins: Arc<[Origin]>,
    private_network: bool,
    references: Arc<BTreeMap<String, String>>,
    uses: Uses,
    deadline: Instant,
    bytes_max: usize,
    bytes_sent: Arc<AtomicUsize>,
    exceeded: Arc<AtomicBool>,
}

impl Outgoing {
    pub(super) fn new(
        granted: &BTreeSet<Permission>,
        settings: &BTreeMap<String, String>,
        uses: Uses,
    ) -> Self {
        Self {
            origins: origins(granted, settings).into(),
            private_network: granted.contains(&Permission::PrivateNetwork),
            references: Arc::default(),
            uses,
            deadline: Instant::now(),
            bytes_max: 0,
            bytes_sent: Arc::default(),
            exceeded: Arc::default(),
        }
    }

    pub(super) fn begin(&mut self, deadline: Instant, bytes_max: usize) {
        (self.deadline, self.bytes_max) = (deadline, bytes_max);
    }

    pub(super) fn refer(&mut self, references: &BTreeMap<String, String>) {
        self.references = Arc::new(references.clone());
    }

    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Error> {
        match tokio::time::timeout(left(self.deadline), self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::HttpResponseTimeout),
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let is_plain = parts.uri.scheme() == Some(&Scheme::HTTP);
        let host = normal_host(&parts.uri)?;
        self.must_be_granted(&parts.uri, &host, is_plain)?;
        let gate = Gate { private_network: self.private_network, is_plain };
        if literal(&host).is_some_and(|address| !gate.is_open(address)) {
            return Err(self.deny_address(&host));
        }
        let body = self.count(body).await?;
        let url = normal_url(&self.with_secrets_in_path(parts.uri)?)?;
        let headers = self.with_secrets_in_headers(parts.headers)?;

        let denied = Arc::new(AtomicBool::new(false));
        let resolver = Arc::new(Resolver { gate, denied: denied.clone() });
        let mut client = reqwest::Client::builder();
        if is_plain {
            // Nothing to read certificates for, which takes longer than most answers.
            client = client.tls_certs_only([]);
        }
        let client = client
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(resolver)
            .build()
            .map_err(|_| Error::HttpProtocolError)?;
        let sent = client.request(parts.method, url).headers(headers).body(body).send().await;
        let response = sent.map_err(|error| match error {
            _ if denied.load(Ordering::Relaxed) => self.deny_address(&host),
            error if error.is_connect() => Error::ConnectionRefused,
            _ => Error::HttpProtocolError,
        })?;
        // Whatever was resolved: nothing is handed on that comes from where nothing may be asked.
        match response.remote_addr() {
            Some(peer) if gate.is_open(peer.ip()) => self.read(response).await,
            _ => Err(self.deny_address(&host)),
        }
    }

    fn must_be_granted(&self, uri: &Uri, host: &str, is_plain: bool) -> Result<(), Error> {
        let scheme_port = if is_plain { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(scheme_port);
        let granted = self.origins.iter().find(|origin| origin.holds(host, port, scheme_port));
        match granted {
            Some(origin) => {
                self.uses.note(&origin.permission, format!("request to {host}:{port}"), true);
                Ok(())
            }
            None => {
                self.uses.note(format!("http:{host}:{port}"), format!("request to {host}:{port}"), false);
                Err(Error::HttpRequestDenied)
            }
        }
    }

    fn deny_address(&self, host: &str) -> Error {
        let what = format!("request to {host}, which is not on the public internet");
        self.uses.note(Permission::PrivateNetwork, what, false);
        Error::DestinationIpProhibited
    }

    /// The whole body, if all requests together stay within their bound.
    async fn count(&self, body: Body) -> Result<Bytes, Error> {
        let left = self.bytes_max.saturating_sub(self.bytes_sent.load(Ordering::Relaxed));
        let exceeded = || {
            self.exceeded.store(true, Ordering::Relaxed);
            Error::HttpRequestBodySize(Some(self.bytes_max as u64))
        };
        let whole =
            Limited::new(body, left).collect().await.map_err(|error| match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(_) => exceeded(),
            })?;
        let whole = whole.to_bytes();
        self.bytes_sent.fetch_add(whole.len(), Ordering::Relaxed);
        Ok(whole)
    }

    fn with_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (reference, value) in &*self.references {
            text = text.replace(reference, value);
        }
        text
    }

    fn with_secrets_in_path(&self, uri: Uri) -> Result<Uri, Error> {
        let mut parts = uri.into_parts();
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        let path = self.with_secrets(path).parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)
    }

    fn with_secrets_in_headers(&self, headers: HeaderMap) -> Result<HeaderMap, Error> {
        let mut filled_in = HeaderMap::new();
        for (name, value) in &headers {
            // The client sets it from the address.
            if name == HOST {
                continue;
            }
            let value = match value.to_str() {
                Ok(text) => {
                    HeaderValue::from_str(&self.with_secrets(text)).map_err(|_| Error::HttpProtocolError)?
                }
                Err(_) => value.clone(),
            };
            filled_in.append(name, value);
        }
        Ok(filled_in)
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Response<Body>, Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut whole = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Error::HttpResponseIncomplete)? {
            if whole.len() + chunk.len() > self.bytes_max {
                return Err(Error::HttpResponseBodySize(Some(self.bytes_max as u64)));
            }
            whole.extend_from_slice(&chunk);
        }
        let body = Full::new(Bytes::from(whole)).map_err(|never| match never {}).boxed_unsync();
        let mut answer = Response::new(body);
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        Ok(answer)
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<Body>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<Body>, Io), Error>> + Send> {
        let sending = self.clone().send(request);
        Box::new(async move { Ok((sending.await?, Box::new(async { Ok(()) }) as Io)) })
    }
}

/// How long is left until then.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Which addresses requests may go to.
#[derive(Clone, Copy)]
struct Gate {
    private_network: bool,
    /// Whether the request goes unencrypted, by `http:`.
    is_plain: bool,
}

impl Gate {
    fn is_open(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => !self.is_plain,
            Reach::Private => self.private_network,
            Reach::Never => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    /// A private network, or this machine.
    Private,
    /// Link-local, where clouds keep the credentials of their machines; and what is no one machine's address.
    Never,
}

/// By IANA's registries of special-purpose addresses.
fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [10, ..] | [127, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if (16..32).contains(&second) => Reach::Private,
        // Shared between a provider and its customers.
        [100, second, ..] if (64..128).contains(&second) => Reach::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [224..=255, ..] => Reach::Never,
        // For documentation and measurements.
        [192, 0, 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let v4 = |high: u16, low: u16| reach_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Private,
        // These carry an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0x0db8, ..] | [0x2001, 0, ..] => Reach::Never,
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Never,
    }
}

/// The URL in the one spelling of the WHATWG's standard, which is what the HTTP client connects to: `http://0x7f.1` is
/// `http://127.0.0.1/`.
fn normal_url(uri: &Uri) -> Result<Url, Error> {
    Url::parse(&uri.to_string()).map_err(|_| Error::HttpRequestUriInvalid)
}

/// The host of that URL: what is granted, what is looked at and what is connected to are the same text.
fn normal_host(uri: &Uri) -> Result<String, Error> {
    normal_url(uri)?.host_str().map(str::to_owned).ok_or(Error::HttpRequestUriInvalid)
}

/// The address that a host is, where it is not a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names to the addresses that requests may go to; the connection goes to one of them, and to no other.
struct Resolver {
    gate: Gate,
    denied: Arc<AtomicBool>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (gate, denied) = (self.gate, self.denied.clone());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = found.filter(|address| gate.is_open(address.ip())).collect();
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
    use super::*;

    #[test]
    fn addresses_are_known_by_their_reach() {
        for (address, expected) in [
            ("93.184.216.34", Reach::Public),
            ("2606:2800:220:1::1", Reach::Public),
            ("10.0.0.1", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.32.0.1", Reach::Public),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("127.0.0.1", Reach::Private),
            ("::1", Reach::Private),
            ("fd00::1", Reach::Private),
            ("::ffff:127.0.0.1", Reach::Private),
            ("::ffff:93.184.216.34", Reach::Public),
            ("64:ff9b::a00:1", Reach::Private),
            ("2002:a00:1::1", Reach::Private),
            ("169.254.169.254", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("fe80::1", Reach::Never),
            ("0.0.0.0", Reach::Never),
            ("::", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("ff02::1", Reach::Never),
        ] {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for (spelling, expected) in [
            ("127.0.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0x7F.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.0.1", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("2852039166", "169.254.169.254"),
            ("0xa9fea9fe", "169.254.169.254"),
            ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
            ("[::ffff:a9fe:a9fe]", "[::ffff:a9fe:a9fe]"),
            ("[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]"),
        ] {
            for scheme in ["http", "https"] {
                let uri: Uri = format!("{scheme}://{spelling}:9/x").parse().unwrap();
                let host = normal_host(&uri).unwrap();
                assert_eq!(host, expected, "{spelling}");
                assert_ne!(reach(literal(&host).unwrap()), Reach::Public, "{spelling}");
            }
        }
        assert_eq!(normal_host(&Uri::from_static("https://Example.COM/")).unwrap(), "example.com");
        assert!(normal_host(&Uri::from_static("http://1.2.3.4.5/")).is_err());
        assert!(normal_host(&Uri::from_static("http://256.0.0.1/")).is_err());
    }

    #[test]
    fn what_is_not_encrypted_stays_in_the_private_network() {
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.0.0.1".parse().unwrap();
        let gate = |private_network, is_plain| Gate { private_network, is_plain };
        assert!(gate(false, false).is_open(public) && gate(true, false).is_open(public));
        assert!(!gate(true, true).is_open(public));
        assert!(gate(true, true).is_open(private) && gate(true, false).is_open(private));
        assert!(!gate(false, false).is_open(private) && !gate(false, true).is_open(private));
    }
}
