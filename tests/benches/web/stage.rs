//! The servers and the people of the bench.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{ORIGIN, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn binary() -> PathBuf {
    workspace().join("target/release/chandlery")
}

/// A server that ends with the bench.
pub struct Server {
    child: Child,
    pub base: String,
}

impl Server {
    pub fn start(home: &Path, words: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(binary());
        command.env("CHANDLERY_HOME", home).env("CHANDLERY_LOG", "error").args(words);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).stdout(Stdio::null());
        let child = command.spawn().expect("the binary is missing: run `make bench-web`");
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "{words:?} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, base: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A registry's data, and how it is served.
pub struct Stage {
    pub folder: PathBuf,
    pub database: Option<String>,
}

impl Stage {
    pub fn registry(&self) -> Server {
        let data = self.folder.join("registry");
        let more = ["--virtual-clock", "--requests-per-second", "10000000", "--trusted-proxies", "127.0.0.1"];
        let mut words = vec!["registry", "serve", "--data", data.to_str().unwrap()];
        words.extend(more);
        words.extend(self.database.iter().flat_map(|url| ["--database", url.as_str()]));
        Server::start(&self.folder, &words)
    }

    pub fn url(&self) -> String {
        let own = || format!("sqlite://{}", self.folder.join("registry/registry.db").display());
        self.database.clone().unwrap_or_else(own)
    }

    pub fn operator(&self) -> String {
        fs::read_to_string(self.folder.join("registry/operator.token")).unwrap().trim().to_owned()
    }

    /// Runs a command of somebody at a terminal, who is asked for a password where they have none, and reads what it prints.
    pub fn run(&self, server: &Server, more: &[(&str, &str)], words: &[&str]) -> Value {
        let mut command = Command::new(binary());
        command.args(words).arg("--json").env("CHANDLERY_HOME", self.folder.join("home"));
        command.env("CHANDLERY_REGISTRY", &server.base).envs(more.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(PASSWORD.as_bytes());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{words:?}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }
}

pub async fn ok(request: RequestBuilder) -> Response {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success() || answer.status().is_redirection(), "{answer:?}");
    answer
}

pub async fn set_clock(http: &Client, registry: &Server, operator: &str, now: &str) {
    let url = format!("{}/api/v1/clock", registry.base);
    ok(http.put(url).bearer_auth(operator).json(&json!({ "now": now }))).await;
}

/// The cookie of whoever sends this form.
pub async fn session(http: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> String {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = http.post(format!("{}{path}", server.base)).header(ORIGIN, &server.base);
    let answer = ok(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await;
    let cookie = answer.headers().get(SET_COOKIE).expect("nobody was let in").to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}
