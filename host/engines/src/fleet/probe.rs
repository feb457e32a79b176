//! Readiness probes.

use std::time::Duration;

use tokio::net::TcpStream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const NO_PORT: &str = "its port is not known yet";

/// A `GET` that is answered with a status from 200 to 399.
pub(super) async fn http(
    client: &reqwest::Client,
    address: Option<String>,
    path: &str,
) -> Result<(), String> {
    let address = address.ok_or(NO_PORT)?;
    let path = path.trim_start_matches('/');
    match client.get(format!("http://{address}/{path}")).send().await {
        Ok(answer) if answer.status().is_success() || answer.status().is_redirection() => Ok(()),
        Ok(answer) => Err(format!("GET /{path} answers {}", answer.status())),
        Err(error) if error.is_connect() => Err(format!("nothing listens at {address} yet")),
        Err(error) => Err(format!("GET /{path}: {error}")),
    }
}

/// A connection that is accepted.
pub(super) async fn tcp(address: Option<String>) -> Result<(), String> {
    let address = address.ok_or(NO_PORT)?;
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(format!("nothing listens at {address} yet")),
        Err(_) => Err(format!("{address} does not answer")),
    }
}
