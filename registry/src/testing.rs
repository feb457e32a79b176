//! A registry of its own for each unit test.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::audit::Exports;
use crate::{Limits, Registry, Settings};

/// An empty registry, which lasts as long as its folder.
pub(crate) async fn registry() -> (tempfile::TempDir, Registry) {
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        data: folder.path().into(),
        database: None,
        storage: None,
        origin: "example.com/log".into(),
        witnesses: Vec::new(),
        url: None,
        passkeys_at: None,
        private_webhooks: false,
        hold_days: 30,
        usage_days: 35,
        approval_hours: 24,
        virtual_clock: true,
        worker: chandlery_sandbox::Worker::Here,
        processor: None,
        mail: None,
        vies: None,
        dns: None,
        exports: Exports::default(),
        security: crate::security_txt::SecurityTxt::default(),
        styleguide: false,
        limits: Limits::default(),
    };
    let registry = Registry::open(&settings).await.unwrap();
    (folder, registry)
}

/// What a registry answers to a GET: the status, the headers, and the body as JSON; null where it is none.
pub(crate) async fn get(registry: &Registry, path: &str, token: &str) -> (StatusCode, HeaderMap, Value) {
    let mut request = Request::get(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = registry.clone().router().oneshot(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

/// Where the next page of an OCI list is.
pub(crate) fn next_link(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(header::LINK)?.to_str().unwrap();
    Some(link.split_once('<').unwrap().1.split_once('>').unwrap().0.to_owned())
}

/// Does statements in the registry's database, as its operator could.
pub(crate) async fn write(registry: &Registry, statements: &[String]) {
    let mut write = registry.db.write().await.unwrap();
    for sql in statements {
        sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
}
