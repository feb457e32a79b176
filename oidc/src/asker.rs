//! Requests to a provider, within bounds: in time, in bytes, without redirects, and to addresses that nobody between can answer for.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use chandlery_package::publisher::is_asked_safely;
use openidconnect::http::Response;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

use crate::error::{Error, short};

/// How long a provider may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much a provider may answer with, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

static HTTP: OnceLock<reqwest::Client> = OnceLock::new();

/// What asks one provider.
pub(crate) struct Asker {
    http: reqwest::Client,
    /// By which scheme it is reached: one that is asked by TLS leads to nothing that is not.
    scheme: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Away(String);

impl Asker {
    /// What asks the provider with this issuer.
    pub(crate) fn new(issuer: &str) -> Result<Self, Error> {
        if !is_asked_safely(issuer) {
            return Err(Error::Invalid(format!("'{}' is asked by https alone", short(issuer))));
        }
        Ok(Self { http: http()?, scheme: scheme(issuer).to_owned() })
    }

    /// Whether the provider may lead to this URL, which may have a query.
    pub(crate) fn may_ask(&self, url: &str) -> bool {
        let plain = url.split_once('?').map_or(url, |(plain, _)| plain);
        is_asked_safely(plain) && scheme(url) == self.scheme
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Away> {
        let url = request.uri().to_string();
        if !self.may_ask(&url) {
            return Err(Away(format!("it leads to '{}', which is not asked", short(&url))));
        }
        let request = reqwest::Request::try_from(request).map_err(away)?;
        let mut answer = self.http.execute(request).await.map_err(away)?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Away(format!("it answers with more than {ANSWER_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body).map_err(away)
    }
}

impl<'c> AsyncHttpClient<'c> for Asker {
    type Error = Away;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Away>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

fn http() -> Result<reqwest::Client, Error> {
    if let Some(http) = HTTP.get() {
        return Ok(http.clone());
    }
    // No connection is kept: a sign-in is rare, and a provider's address may change.
    let built = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| Error::Unreachable(error.to_string()))?;
    Ok(HTTP.get_or_init(|| built).clone())
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

fn away(error: impl std::error::Error) -> Away {
    Away(short(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_leads_to_nothing_that_others_can_answer_for() {
        // Fails only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (issuer, url, may) in [
            ("https://id.example", "https://id.example/token", true),
            ("https://id.example", "https://other.example/token?policy=a", true),
            ("https://id.example", "http://127.0.0.1:7600/token", false),
            ("https://id.example", "http://id.example/token", false),
            ("https://id.example", "javascript:alert(1)", false),
            ("https://id.example", "https://id.example@evil.example/", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/token", true),
            ("http://127.0.0.1:9000", "https://id.example/token", false),
        ] {
            assert_eq!(Asker::new(issuer).unwrap().may_ask(url), may, "{issuer} {url}");
        }
        for issuer in ["http://id.example", "ftp://id.example", "https://", "id.example", "https://a@b"] {
            assert!(matches!(Asker::new(issuer), Err(Error::Invalid(_))), "{issuer}");
        }
    }
}
