//! The registry under simulation: a process that is killed now and then, and asked again afterwards.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Client, Method};
use serde_json::Value;

/// How the registry is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The `chandlery` that serves it.
    pub binary: PathBuf,
    /// The folder where it keeps everything.
    pub data: PathBuf,
    /// The URL of its database; none: SQLite in the data folder.
    pub database: Option<String>,
    /// Where Stripe is; none: nobody pays by it.
    pub stripe: Option<String>,
}

/// Where Stripe tells the registry what happened.
pub const WEBHOOK: &str = "/api/v1/stripe/webhook";
/// The key that the registry asks Stripe with.
pub const STRIPE_KEY: &str = "sk_test_simulated";
/// The secret that Stripe signs with.
pub const STRIPE_SECRET: &str = "whsec_simulated";

impl Launch {
    /// Makes an account an operator, as whoever holds the registry's machine may at once.
    pub fn promote(&self, name: &str) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["registry", "promote", name, "--data"]).arg(&self.data).env("CHANDLERY_LOG", "error");
        if let Some(database) = &self.database {
            command.env("CHANDLERY_REGISTRY_DATABASE", database);
        }
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "'{name}' could not be made an operator");
        Ok(())
    }
}

/// A registry's process, killed when it is dropped.
pub struct Registry {
    launch: Launch,
    child: Child,
    address: SocketAddr,
    client: Client,
}

/// What the registry answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status of the HTTP response.
    pub status: u16,
    /// The JSON of the response, or its text where it is none.
    pub body: Value,
}

impl Answer {
    /// Whether the registry did what it was asked.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Registry {
    /// Starts it, and waits until it listens.
    pub fn start(launch: Launch) -> Result<Self> {
        let (child, address) = start(&launch, "127.0.0.1:0")?;
        Ok(Self { launch, child, address, client: Client::new() })
    }

    /// How it was started.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// The address at which it answers, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends one request: a text as it is, anything else as JSON. The token of a webhook is its signature.
    pub async fn ask(&self, method: &Method, path: &str, token: &str, body: &Value) -> Result<Answer> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.url()));
        let mut request = match path {
            WEBHOOK => request.header("stripe-signature", token),
            _ => request.bearer_auth(token),
        };
        match body {
            Value::Null if *method == Method::GET => {}
            Value::String(text) => request = request.body(text.clone()),
            body => request = request.json(body),
        }
        let away = || format!("the registry at {} does not answer", self.url());
        let response = request.send().await.with_context(away)?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(away)?;
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
    ) -> Result<()> {
        let asked = self.ask(method, path, token, body);
        // The moment is random: whether the answer came makes no difference, since it is asked again.
        let _ = tokio::time::timeout(after, asked).await;
        self.child.kill()?;
        self.child.wait()?;
        self.client = Client::new();
        let (child, address) = start(&self.launch, &self.address.to_string())?;
        (self.child, self.address) = (child, address);
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(launch: &Launch, listen: &str) -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(&launch.binary);
    command.args([
        "registry",
        "serve",
        "--virtual-clock",
        "--requests-per-second",
        "1000000",
        "--registrations-per-hour",
        "1000000",
        "--approval-hours",
        "0",
        "--listen",
        listen,
    ]);
    command.arg("--data").arg(&launch.data).env("CHANDLERY_LOG", "error");
    if let Some(database) = &launch.database {
        command.env("CHANDLERY_REGISTRY_DATABASE", database);
    }
    if let Some(stripe) = &launch.stripe {
        command.args(["--stripe-url", stripe, "--stripe-key", STRIPE_KEY]);
        command.args(["--stripe-webhook-secret", STRIPE_SECRET]);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context(LOST)?).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("http://"))).context(LOST)?;
    let address = line.split("http://").nth(1).and_then(|rest| rest.split([' ', ',']).next());
    let address = address.and_then(|text| text.trim().parse().ok()).context(LOST)?;
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, address))
}

const LOST: &str = "the registry did not start: what it wrote to its errors above says why";
