//! A registry, a host and the people who use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub use crate::person::Person;
pub use crate::process::{PATIENCE, Server, binary, until, workspace};
use crate::replicas::Replicas;
use crate::stores::Stores;

/// A plugin that `make plugins` or `make fixtures` has built.
pub fn plugin(name: &str) -> Vec<u8> {
    let path = workspace().join("target/plugins").join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make fixtures`", path.display()))
}

/// The same plugin as another version.
pub fn as_version(bytes: &[u8], version: &str) -> Vec<u8> {
    let (from, to) = (b"\"version\":\"1.0.0\"", format!("\"version\":\"{version}\""));
    assert_eq!(from.len(), to.len(), "the manifest's length must stay");
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

/// The same plugin with a section more, which changes nothing but its digest.
pub fn with_other_content(bytes: &[u8]) -> Vec<u8> {
    [bytes, b"\0\x05\x04note"].concat()
}

/// A registry and a host of their own.
pub struct World {
    pub folder: TempDir,
    pub registry: Replicas,
    pub host: Server,
    pub runtime: Runtime,
    pub stores: Stores,
    /// What the host finds in its environment.
    pub environment: Vec<(String, String)>,
}

impl World {
    pub fn start() -> Self {
        Self::with_hold(30)
    }

    pub fn with_hold(hold_days: u32) -> Self {
        let world = Self::with(hold_days, Vec::new());
        world.lift_limits();
        world
    }

    /// A world whose customer has not subscribed to anything.
    pub fn with_limits() -> Self {
        Self::with(30, Vec::new())
    }

    /// The host finds these variables in its environment.
    pub fn with_environment(environment: Vec<(String, String)>) -> Self {
        let world = Self::with(30, environment);
        world.lift_limits();
        world
    }

    /// Tests of other things are not about how much one operator records or gives back in a day.
    pub fn lift_approvals(&self) {
        self.stores.sql("update approval_rules set above_minor = 100000000 where above_minor > 0");
    }

    /// Tests of other things are not about limits.
    fn lift_limits(&self) {
        self.operator().ok(&["subscription", "agree", "globex", "0.00 USD"]);
    }

    fn with(hold_days: u32, environment: Vec<(String, String)>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::new(folder.path());
        let registry = Replicas::start(&stores, hold_days);
        let operator = Person {
            name: "operator".into(),
            home: folder.path().join("operator"),
            registry: registry.address.clone(),
            host: None,
        };
        let password = fs::read_to_string(folder.path().join("registry/operator.password")).unwrap();
        operator.login(&password);
        let customer = Person {
            name: "globex".into(),
            home: folder.path().join("globex"),
            registry: registry.address.clone(),
            host: None,
        };
        customer.register();
        let host = start_host(
            folder.path(),
            "host",
            &crate::process::free_address(),
            &registry.address,
            &[],
            &environment,
        );
        Self { folder, registry, host, runtime: Runtime::new().unwrap(), stores, environment }
    }

    pub fn restart_registry(&mut self) {
        self.registry.restart(&self.stores);
    }

    /// The same, with other arguments from now on.
    pub fn restart_registry_with(&mut self, arguments: &[String]) {
        self.registry.arguments = arguments.to_vec();
        self.restart_registry();
    }

    /// Starts another host in the place of this one, with arguments.
    pub fn restart_host_with(&mut self, arguments: &[String]) {
        self.host.kill();
        self.start_host(arguments);
    }

    pub fn restart_host(&mut self) {
        self.restart_host_after(|| ());
    }

    /// The same, with something done while no host is there.
    pub fn restart_host_after(&mut self, meanwhile: impl FnOnce()) {
        self.host.kill();
        meanwhile();
        self.start_host(&[]);
    }

    /// Starts another host in the place of one that has ended.
    pub fn start_host(&mut self, arguments: &[String]) {
        let address = self.host.address.clone();
        let folder = self.folder.path();
        self.host =
            start_host(folder, "host", &address, &self.registry.address, arguments, &self.environment);
    }

    /// Another host of the same customer, beside this one.
    pub fn another_host(&self, name: &str) -> (Server, Person) {
        self.host_at(&self.registry.address, name, &[])
    }

    /// The same, with arguments, and a registry at another address.
    pub fn host_at(&self, registry: &str, name: &str, arguments: &[String]) -> (Server, Person) {
        let folder = self.folder.path();
        let host =
            start_host(folder, name, &crate::process::free_address(), registry, arguments, &self.environment);
        let at = Some((host.address.clone(), folder.join(name).join("host.token")));
        (host, Person { host: at, ..self.customer() })
    }

    pub fn registry_data(&self) -> PathBuf {
        self.stores.data.clone()
    }

    pub fn host_data(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// Someone with a folder of their own, who may use the host.
    pub fn person(&self, name: &str) -> Person {
        Person {
            name: name.into(),
            home: self.folder.path().join(name),
            registry: self.registry.address.clone(),
            host: Some((self.host.address.clone(), self.host_data().join("host.token"))),
        }
    }

    /// Whoever operates the registry; logged in.
    pub fn operator(&self) -> Person {
        self.person("operator")
    }

    /// Another operator, who has a password for the pages, too.
    pub fn another_operator(&self, name: &str) -> Person {
        let person = self.person(name);
        person.register();
        self.promote(name);
        person
    }

    /// Whoever the host's usage is counted for; logged in.
    pub fn customer(&self) -> Person {
        self.person("globex")
    }

    /// A new publisher with an account, a namespace and a signing key of the same name.
    pub fn publisher(&self, name: &str) -> Person {
        let publisher = self.person(name);
        publisher.register();
        publisher.ok(&["namespace", "take", name]);
        publisher.ok(&["keys", "new", name]);
        publisher.ok(&["keys", "add", name]);
        publisher
    }

    /// Runs a command on the registry's own machine, as whoever holds it may while the registry serves.
    pub fn on_machine(&self, command: &str, account: &str) -> Value {
        let (data, own) = (self.registry_data(), self.stores.arguments());
        let mut words = vec!["registry", command, account, "--data", data.to_str().unwrap()];
        words.extend(own.iter().map(String::as_str));
        self.operator().ok(&words)
    }

    /// Makes an account an operator at once.
    pub fn promote(&self, account: &str) {
        self.on_machine("promote", account);
    }

    /// Whoever operates the registry, as the publisher of first-party plugins.
    pub fn vendor(&self) -> Person {
        let vendor = self.operator();
        vendor.ok(&["namespace", "take", "chandlery"]);
        vendor.ok(&["keys", "new", "chandlery"]);
        vendor.ok(&["keys", "add", "chandlery"]);
        vendor
    }

    /// Rows of one text column of the host's database.
    pub fn host_texts(&self, sql: &'static str) -> Vec<String> {
        self.runtime.block_on(async {
            let rows: Vec<(String,)> =
                sqlx::query_as(sql).fetch_all(&mut self.host_database().await).await.unwrap();
            rows.into_iter().map(|(text,)| text).collect()
        })
    }

    /// Changes the host's database behind its back.
    pub fn change_host(&self, sql: &'static str) {
        self.runtime.block_on(async {
            sqlx::query(sql).execute(&mut self.host_database().await).await.unwrap();
        });
    }

    async fn host_database(&self) -> sqlx::SqliteConnection {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", self.host_data().join("host.db").display());
        sqlx::SqliteConnection::connect(&url).await.unwrap()
    }

    /// The word that the host answers with when it is asked for a plan with this attack; for many at once.
    pub fn plan_by_http(&self, plugin: &str, attack: &str) -> String {
        let token = fs::read_to_string(self.host_data().join("host.token")).unwrap();
        let url = format!("http://{}/api/v1/plans", self.host.address);
        let new = serde_json::json!({ "plugin": plugin, "parameters": { "attack": attack } });
        self.send("POST", &url, Some(&token), &[("content-type", "application/json")], new.to_string()).json()
            ["type"]
            .as_str()
            .unwrap_or("planned")
            .to_owned()
    }

    /// Where the registry's pages are from, as browsers say it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.registry.address)
    }

    /// Sends the form of the log-in as a page of this origin does.
    pub fn log_in_from(&self, origin: &str, person: &Person) -> Answer {
        let form = format!("name={}&password={}", person.name, person.password().replace(' ', "+"));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin)];
        self.send("POST", "/login", None, &headers, form)
    }

    /// Sets the registry's clock, which stands until it is set again.
    pub fn set_clock(&self, now: &str) {
        let body = json!({ "now": now }).to_string();
        let headers = [("content-type", "application/json")];
        let answer = self.send("PUT", "/api/v1/clock", Some(&self.operator().token()), &headers, body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The cookie of a session on the registry's pages.
    pub fn session(&self, person: &Person) -> String {
        let answer = self.log_in_from(&self.origin(), person);
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Asks the registry's pages or API as they are, with headers.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let answer = self.send("GET", path, None, headers, "");
        (answer.status, answer.text())
    }

    /// Sends the registry a request as it is.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("http://{}{path}", self.registry.address),
        };
        self.runtime.block_on(async {
            // Reading the machine's certificates takes longer than most answers, and nobody here has one.
            let client = reqwest::Client::builder().tls_certs_only([]);
            let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
            let mut request = client.request(method.parse().unwrap(), url).body(body.into());
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
        })
    }
}

/// What the registry answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of an OCI error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().into()
    }
}

impl Drop for World {
    /// Replicas outlive their host; not their world.
    fn drop(&mut self) {
        self.host.end();
        end_replicas(&self.host_data());
    }
}

/// Ends what a host that has ended has deployed on this machine.
pub fn end_replicas(host_data: &Path) {
    let Ok(id) = fs::read_to_string(host_data.join("local/id")) else { return };
    let marker = format!("CHANDLERY_HOST_ID={id}");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|pair| pair == marker.as_bytes()) {
            // It may have ended with another one meanwhile.
            let pid = entry.file_name();
            let _ = Command::new("kill").arg("-9").arg(pid).stderr(Stdio::null()).status();
        }
    }
}

fn start_host(
    folder: &Path,
    name: &str,
    listen: &str,
    registry: &str,
    arguments: &[String],
    environment: &[(String, String)],
) -> Server {
    let data = folder.join(name);
    let token = folder.join("globex.token");
    let credentials = fs::read_to_string(folder.join("globex/credentials.toml")).unwrap();
    let line = credentials.lines().find(|line| line.starts_with("globex")).unwrap();
    fs::write(&token, line.split('"').nth(1).unwrap()).unwrap();
    let registry = format!("http://{registry}");
    let words = [
        "host",
        "run",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        listen,
        "--registry",
        &registry,
        "--registry-token-file",
        token.to_str().unwrap(),
        "--meter-seconds",
        "1",
        "--follow-seconds",
        "1",
    ];
    let words: Vec<&str> = words.into_iter().chain(arguments.iter().map(String::as_str)).collect();
    Server::start_with(folder, &words, "host at", environment)
}
