//! Requests over `wasi:http`, to the hosts that the manifest asks for.

use crate::bindings::generated_integration::wasi::http::outgoing_handler;
use crate::bindings::generated_integration::wasi::http::types::{
    Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use crate::bindings::generated_integration::wasi::io::streams::StreamError;
use crate::bindings::template::Problem;

/// The most that one write may hold, by `wasi:io`.
const WRITE_BYTES_MAX: usize = 4096;
const READ_BYTES: u64 = 64 << 10;

/// A request that an integration may send where it was granted the host.
pub struct Request {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What a server has answered.
pub struct Response {
    /// The status code, such as 200.
    pub status: u16,
    /// Names in lower case, and values; those that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// A `GET` without headers or a body.
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::Get, url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of a JSON text.
    pub fn post_json(url: impl Into<String>, json: &serde_json::Value) -> Self {
        Self { method: Method::Post, body: json.to_string().into_bytes(), ..Self::get(url) }
            .header("content-type", "application/json")
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends it, and reads the whole answer.
    pub fn send(self) -> Result<Response, Problem> {
        let url = self.url.clone();
        self.exchange().map_err(|reason| Problem::of(format!("{}: {reason}", origin(&url))))
    }

    fn exchange(self) -> Result<Response, String> {
        let (scheme, rest) = self.url.split_once("://").ok_or("it is no URL")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
        let headers = Fields::new();
        for (name, value) in &self.headers {
            headers.append(name, value.as_bytes()).map_err(|error| format!("header {name}: {error:?}"))?;
        }
        headers
            .append("content-length", self.body.len().to_string().as_bytes())
            .map_err(|error| format!("{error:?}"))?;
        let request = OutgoingRequest::new(headers);
        let said = request
            .set_method(&self.method)
            .and_then(|()| request.set_scheme(Some(&scheme)))
            .and_then(|()| request.set_authority(Some(authority)))
            .and_then(|()| request.set_path_with_query(Some(path)));
        said.map_err(|()| "it is no URL".to_owned())?;
        let body = request.body().map_err(|()| "it has a body already".to_owned())?;
        let answer = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
        let written = write(body, &self.body);
        answer.subscribe().block();
        match answer.get() {
            Some(Ok(Ok(response))) => read(&response),
            // Why it was not sent says more than that writing its body failed.
            Some(Ok(Err(error))) => Err(format!("{error:?}")),
            _ => Err(written.err().unwrap_or("there was no answer".into())),
        }
    }
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The answer, if its status is from 200 to 299.
    pub fn ok(self) -> Result<Self, Problem> {
        match self.status {
            200..300 => Ok(self),
            status => {
                let text: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
                Err(Problem::of(format!("it answered with status {status}: {text}")))
            }
        }
    }
}

/// What of a URL may be told: its path may hold a secret.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or(url, |at| &url[..start + at])
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    let stream = body.write().map_err(|()| "its body cannot be written".to_owned())?;
    for chunk in bytes.chunks(WRITE_BYTES_MAX) {
        stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}

fn read(response: &IncomingResponse) -> Result<Response, String> {
    let incoming = response.consume().map_err(|()| "its answer has no body".to_owned())?;
    let stream = incoming.stream().map_err(|()| "its answer cannot be read".to_owned())?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(chunk) => body.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    let headers = response.headers().entries().into_iter();
    let headers = headers.filter_map(|(name, value)| Some((name, String::from_utf8(value).ok()?)));
    Ok(Response { status: response.status(), headers: headers.collect(), body })
}
