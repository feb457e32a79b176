//! Readiness probes.

use std::time::Duration;

use tokio::net::TcpStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A `GET` that is answered with a status from 200 to 399.
pub(super) async fn http(client: &reqwest::Client, port: u16, path: &str) -> Result<(), String> {
    let path = path.trim_start_matches('/');
    match client.get(format!("http://127.0.0.1:{port}/{path}")).send().await {
        Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => Ok(()),
        Ok(answer) => Err(format!("GET /{path} answers {}", answer.status())),
        Err(error) if error.is_connect() => Err(format!("nothing listens on port {port} yet")),
        Err(error) => Err(format!("GET /{path}: {error}")),
    }
}

/// A connection that is accepted.
pub(super) async fn tcp(port: u16) -> Result<(), String> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(("127.0.0.1", port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(format!("nothing listens on port {port} yet")),
        Err(_) => Err(format!("port {port} does not answer")),
    }
}
