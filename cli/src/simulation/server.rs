//! The registry under simulation: a process that is killed now and then, and asked again afterwards.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;

use super::Settings;
use crate::failure::{Failure, Result};

/// A registry's process.
pub struct Server {
    settings: Settings,
    child: Child,
    address: SocketAddr,
    client: Client,
}

/// What the registry answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON, or the text.
    pub body: Value,
}

impl Answer {
    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Server {
    /// Starts it, and waits until it listens.
    pub fn start(settings: &Settings) -> Result<Self> {
        let (child, address) = start(settings, "127.0.0.1:0")?;
        Ok(Self { settings: settings.clone(), child, address, client: Client::new() })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it something.
    pub async fn ask(&self, method: &Method, path: &str, token: &str, body: &Value) -> Result<Answer> {
        let mut request =
            self.client.request(method.clone(), format!("{}{path}", self.url())).bearer_auth(token);
        match body {
            Value::Null if *method == Method::GET => {}
            Value::String(text) => request = request.body(text.clone()),
            body => request = request.json(body),
        }
        let failed = |error: reqwest::Error| Failure::away("registry", &self.url(), &error);
        let response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(failed)?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// Asks it something, kills it after a moment whether it has answered or not, and starts it again.
    pub async fn ask_and_kill(
        &mut self,
        method: &Method,
        path: &str,
        token: &str,
        body: &Value,
        after: Duration,
    ) -> Result {
        let asked = self.ask(method, path, token, body);
        // The moment is random: whether the answer came makes no difference, since it is asked again.
        let _ = tokio::time::timeout(after, asked).await;
        self.child.kill()?;
        self.child.wait()?;
        self.client = Client::new();
        let (child, address) = start(&self.settings, &self.address.to_string())?;
        (self.child, self.address) = (child, address);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(settings: &Settings, listen: &str) -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "registry",
        "serve",
        "--virtual-clock",
        "--requests-per-second",
        "1000000",
        "--listen",
        listen,
    ]);
    command.arg("--data").arg(&settings.data).env("CHANDLERY_LOG", "error");
    if let Some(database) = &settings.database {
        command.env("CHANDLERY_REGISTRY_DATABASE", database);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(lost)?).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("http://"))).ok_or_else(lost)?;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split([' ', ',']).next());
    let address = address.and_then(|text| text.trim().parse().ok()).ok_or_else(lost)?;
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, address))
}

fn lost() -> Failure {
    Failure::new("away", "The registry did not start", "what it wrote to its errors above says why")
}
