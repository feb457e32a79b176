//! Requests over HTTP: to granted hosts alone, at addresses that are looked at after the name was resolved, within
//! bounds of time and size. Redirects are not followed; a plugin that follows one asks again, and is checked again.

mod reach;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chandlery_package::Permission;
use chandlery_package::reach::literal;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use reqwest::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpHooks};

use self::reach::{Gate, Names, Resolver, System};
use super::origin::{Origin, origins};
use super::uses::Uses;

pub(crate) type Body = wasmtime_wasi_http::WasiBody;
pub(crate) type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// One call's way out.
#[derive(Clone)]
pub(crate) struct Outgoing {
    origins: Arc<[Origin]>,
    private_network: bool,
    names: Arc<dyn Names>,
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
            names: Arc::new(System),
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
        let gate = Gate::of(&host, self.private_network, is_plain);
        if literal(&host).is_some_and(|address| !gate.is_open(address)) {
            return Err(self.deny_address(&host));
        }
        let body = self.count(body).await?;
        let url = normal_url(&self.with_secrets_in_path(parts.uri)?)?;
        let headers = self.with_secrets_in_headers(parts.headers)?;

        let denied = Arc::new(AtomicBool::new(false));
        let resolver =
            Arc::new(Resolver { gate, names: Arc::clone(&self.names), denied: Arc::clone(&denied) });
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

/// The URL in the one spelling of the WHATWG's standard, which is what the HTTP client connects to: `http://0x7f.1` is
/// `http://127.0.0.1/`.
fn normal_url(uri: &Uri) -> Result<Url, Error> {
    Url::parse(&uri.to_string()).map_err(|_| Error::HttpRequestUriInvalid)
}

/// The host of that URL: what is granted, what is looked at and what is connected to are the same text.
fn normal_host(uri: &Uri) -> Result<String, Error> {
    normal_url(uri)?.host_str().map(str::to_owned).ok_or(Error::HttpRequestUriInvalid)
}

#[cfg(test)]
mod tests {
    use chandlery_package::reach::{Reach, reach};

    use super::*;

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
}
