//! An HTTP server that keeps what it is sent, for integrations to send to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// How the server answers.
type Answer = dyn Fn(&Received) -> Response + Send + Sync;

/// The server, for as long as it is kept.
pub struct Receiver {
    pub address: String,
    received: Arc<Mutex<Vec<Received>>>,
    _runtime: Runtime,
}

impl Receiver {
    /// One that answers with 200.
    pub fn start() -> Self {
        Self::answering(|_| StatusCode::OK.into_response())
    }

    pub fn answering(answer: impl Fn(&Received) -> Response + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (kept, answer): (_, Arc<Answer>) = (received.clone(), Arc::new(answer));
        let router = Router::new().fallback(move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
            let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            let received = Received { method: parts.method.to_string(), path, headers: parts.headers, body };
            let answer = answer(&received);
            kept.lock().unwrap().push(received);
            answer
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, received, _runtime: runtime }
    }

    /// Everything that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
