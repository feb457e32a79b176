//! The registry beside its peers, in one run: `docker-registry` and `nginx` serve the same bytes and take the same
//! pushes. `make bench-registry` builds and starts what is needed; figures are of the machine at hand, ratios travel.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chandlery_package::Digest;
use serde_json::{Value, json};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tokio::runtime::Runtime;

const CONNECTIONS: usize = 16;
const SECONDS: u32 = 8;
const BLOB_BYTES: usize = 256 << 10;
const ARTIFACTS: usize = 1000;
const PLUGINS: usize = 100_000;
const SEARCHES: usize = 2000;
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A server that ends with the bench.
struct Peer {
    name: &'static str,
    base: String,
    token: Option<String>,
    child: Child,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Asked first, so that those with workers take them along.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(name: &'static str, port: u16, command: &mut Command) -> Peer {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{name}: {error}: `make bench-registry` installs it"));
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "{name} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Peer { name, base: format!("http://127.0.0.1:{port}"), token: None, child }
}

fn chandlery(folder: &Path, arguments: &[&str]) -> Peer {
    let binary = workspace().join("target/release/chandlery");
    let (port, data) = (free_port(), folder.join("data"));
    let mut command = Command::new(binary);
    command.env("CHANDLERY_HOME", folder.join("home")).env("CHANDLERY_LOG", "error");
    command.args(["registry", "serve", "--requests-per-second", "10000000", "--data"]).arg(&data);
    command.args(["--listen", &format!("127.0.0.1:{port}")]).args(arguments);
    let mut peer = start("chandlery", port, &mut command);
    let token = data.join("operator.token");
    while !token.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    peer.token = Some(fs::read_to_string(token).unwrap());
    peer
}

fn docker_registry(folder: &Path) -> Peer {
    fs::create_dir_all(folder).unwrap();
    let port = free_port();
    let config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: {0}/data}}, cache: {{blobdescriptor: inmemory}}}}\n\
         http: {{addr: '127.0.0.1:{port}'}}\n",
        folder.display()
    );
    fs::write(folder.join("config.yml"), config).unwrap();
    start(
        "docker-registry",
        port,
        Command::new("docker-registry").arg("serve").arg(folder.join("config.yml")),
    )
}

/// Serves files at the paths that the others have them at.
fn nginx(folder: &Path, files: &[(&str, &[u8])]) -> Peer {
    for (path, content) in files {
        let path = folder.join(format!("root{path}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::create_dir_all(folder.join("temp")).unwrap();
    let port = free_port();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/temp;", folder.display()))
        .join(" ");
    let config = format!(
        "daemon off; pid {0}/pid; error_log /dev/null; user root; worker_processes auto; events {{}}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; {temp}\n\
         server {{ listen 127.0.0.1:{port}; root {0}/root; }} }}\n",
        folder.display()
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    start("nginx", port, Command::new("nginx").arg("-c").arg(folder.join("nginx.conf")))
}

impl Peer {
    fn request(&self, http: &reqwest::Client, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let request = http.request(method.parse().unwrap(), url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Pushes as most clients do: it asks whether a blob is there, begins an upload, and ends it with the content.
    async fn push(&self, http: &reqwest::Client, repository: &str, tag: &str, blobs: &[Vec<u8>]) -> String {
        for blob in blobs {
            let digest = Digest::of(blob);
            let head =
                self.request(http, "HEAD", &format!("/v2/{repository}/blobs/{digest}")).send().await.unwrap();
            if head.status().is_success() {
                continue;
            }
            let begun =
                self.request(http, "POST", &format!("/v2/{repository}/blobs/uploads/")).send().await.unwrap();
            assert!(begun.status().is_success(), "{}: {}", self.name, begun.text().await.unwrap());
            let place = begun.headers()["location"].to_str().unwrap();
            let place = format!("{place}{}digest={digest}", if place.contains('?') { '&' } else { '?' });
            let put = self.request(http, "PUT", &place).body(blob.clone()).send().await.unwrap();
            assert_eq!(put.status(), 201, "{}: {}", self.name, put.text().await.unwrap());
        }
        let describe = |blob: &Vec<u8>| json!({ "mediaType": "application/octet-stream", "digest": Digest::of(blob), "size": blob.len() });
        let layers: Vec<Value> = blobs.iter().skip(1).map(describe).collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": describe(&blobs[0]), "layers": layers });
        let put = self.request(http, "PUT", &format!("/v2/{repository}/manifests/{tag}"));
        let put = put.header("content-type", IMAGE).body(manifest.to_string()).send().await.unwrap();
        assert_eq!(put.status(), 201, "{}: {}", self.name, put.text().await.unwrap());
        manifest.to_string()
    }

    /// Answers per second to `wrk`.
    fn gets_per_second(&self, path: &str) -> f64 {
        let output = Command::new("wrk")
            .args(["-t", "1", "-c", &CONNECTIONS.to_string(), "-d", &format!("{SECONDS}s")])
            .args(["-H", &format!("Accept: {IMAGE}")])
            .arg(format!("{}{path}", self.base))
            .output()
            .expect("wrk: `make bench-registry` installs it");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("Non-2xx"), "{}: {text}", self.name);
        let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        line.unwrap_or_else(|| panic!("{}: {text}", self.name)).trim().parse().unwrap()
    }
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let http = reqwest::Client::new();

    let ours = Arc::new(chandlery(&at("chandlery"), &[]));
    let theirs = Arc::new(docker_registry(&at("docker")));
    runtime.block_on(take_namespace(&ours, &http));
    let blobs = [b"{}".to_vec(), (0..BLOB_BYTES).map(|at| (at * 31 % 251) as u8).collect()];
    let manifest = runtime.block_on(async {
        let manifest = ours.push(&http, "bench/artifact", "v1", &blobs).await;
        assert_eq!(theirs.push(&http, "bench/artifact", "v1", &blobs).await, manifest);
        manifest
    });
    let manifest_path = "/v2/bench/artifact/manifests/v1".to_owned();
    let blob_path = format!("/v2/bench/artifact/blobs/{}", Digest::of(&blobs[1]));
    let files = [(manifest_path.as_str(), manifest.as_bytes()), (blob_path.as_str(), &blobs[1][..])];
    let floor = nginx(&at("nginx"), &files);

    println!(
        "{:<28}{:>14}{:>18}{:>14}{:>14}{:>12}",
        "", "chandlery", "docker-registry", "nginx", "× docker", "× nginx"
    );
    for (what, path) in [("manifest GET by tag, /s", &manifest_path), ("256 KiB blob GET, /s", &blob_path)] {
        let [a, b, c] = [&*ours, &*theirs, &floor].map(|peer| peer.gets_per_second(path));
        println!("{what:<28}{a:>14.0}{b:>18.0}{c:>14.0}{:>14.1}{:>12.2}", a / b, a / c);
    }
    let [a, b] = [&ours, &theirs].map(|peer| runtime.block_on(push_many(Arc::clone(peer))));
    println!("{:<28}{a:>14.0}{b:>18.0}{:>14}{:>14.1}", format!("{ARTIFACTS} pushes, /s"), "", a / b);
    drop((ours, theirs, floor));

    search(&runtime, "SQLite", &at("search-sqlite"), None);
    if let Ok(postgres) = std::env::var("CHANDLERY_TEST_POSTGRES") {
        runtime.block_on(async {
            install_default_drivers();
            let mut db = AnyConnection::connect(&format!("{postgres}/postgres")).await.unwrap();
            db.execute("create database bench").await.unwrap();
        });
        search(&runtime, "PostgreSQL", &at("search-postgres"), Some(format!("{postgres}/bench")));
    }
}

async fn take_namespace(ours: &Peer, http: &reqwest::Client) {
    let take = ours.request(http, "POST", "/api/v1/namespaces").json(&json!({ "name": "bench" }));
    assert_eq!(take.send().await.unwrap().status(), 201);
}

/// Small artifacts of one config and one layer of its own each, from as many clients at a time as there are connections.
async fn push_many(peer: Arc<Peer>) -> f64 {
    let started = Instant::now();
    let pushers: Vec<_> = (0..CONNECTIONS)
        .map(|pusher| {
            let peer = Arc::clone(&peer);
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                for artifact in (pusher..ARTIFACTS).step_by(CONNECTIONS) {
                    let blobs = [b"{}".to_vec(), format!("layer {artifact}").into_bytes()];
                    peer.push(&http, &format!("bench/p{}", pusher % 4), &format!("t{artifact}"), &blobs)
                        .await;
                }
            })
        })
        .collect();
    for pusher in pushers {
        pusher.await.unwrap();
    }
    ARTIFACTS as f64 / started.elapsed().as_secs_f64()
}

const NOUNS: [&str; 40] = [
    "server",
    "gateway",
    "router",
    "embedding",
    "tokenizer",
    "adapter",
    "scheduler",
    "cache",
    "balancer",
    "monitor",
    "trainer",
    "tuner",
    "pipeline",
    "index",
    "vector",
    "speech",
    "vision",
    "chat",
    "agent",
    "batch",
    "stream",
    "queue",
    "store",
    "proxy",
    "worker",
    "encoder",
    "decoder",
    "reranker",
    "crawler",
    "parser",
    "reader",
    "writer",
    "planner",
    "guard",
    "filter",
    "notebook",
    "dashboard",
    "exporter",
    "importer",
    "bridge",
];

/// How long searches over many plugins take, from the request to the whole answer.
fn search(runtime: &Runtime, name: &str, folder: &Path, database: Option<String>) {
    let arguments: Vec<&str> = database.iter().flat_map(|url| ["--database", url.as_str()]).collect();
    drop(chandlery(folder, &arguments));
    let url = database.clone().unwrap_or_else(|| format!("sqlite://{}/data/registry.db", folder.display()));
    runtime.block_on(fill(&url));
    let ours = chandlery(folder, &arguments);
    let queries: Vec<String> = (0..SEARCHES)
        .map(|at| {
            let (noun, other) = (NOUNS[at % 40], NOUNS[at / 7 % 40]);
            match at % 5 {
                0 => noun.to_owned(),
                1 => format!("{noun}%20{other}"),
                2 => format!("word{}", at * 37 % 5000),
                // A slip: the last two letters are swapped.
                3 => format!(
                    "{}{}",
                    &noun[..noun.len() - 2],
                    noun[noun.len() - 2..].chars().rev().collect::<String>()
                ),
                _ => format!("{}&gpu=h100&certified=true", &noun[..3]),
            }
        })
        .collect();
    runtime.block_on(async {
        let http = reqwest::Client::new();
        let ask = async |query: &str| {
            let started = Instant::now();
            let answer = ours.request(&http, "GET", &format!("/api/v1/plugins?q={query}")).send().await.unwrap();
            assert!(answer.status().is_success());
            let bytes = answer.bytes().await.unwrap().len();
            (started.elapsed().as_secs_f64() * 1000.0, bytes)
        };
        let (first, _) = ask("server").await;
        let mut times = Vec::new();
        let mut bytes = 0;
        for query in &queries {
            let (millis, read) = ask(query).await;
            times.push(millis);
            bytes += read;
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        println!(
            "search of {PLUGINS} plugins, {name}: median {:.1} ms, p99 {:.1} ms, worst {:.1} ms; {} KiB an answer; \
             first one, which builds the index, {first:.0} ms",
            at(0.5),
            at(0.99),
            times[times.len() - 1],
            (bytes / queries.len()) >> 10,
        );
    });
}

async fn fill(url: &str) {
    install_default_drivers();
    let mut db = AnyConnection::connect(url).await.unwrap();
    let mut write = db.begin().await.unwrap();
    let key = chandlery_package::PrivateKey::generate().public();
    for namespace in 0..100 {
        sqlx::query("insert into namespaces (name, created_at) values ($1, '2026-01-01T00:00:00.000000Z')")
            .bind(format!("ns{namespace}"))
            .execute(&mut *write)
            .await
            .unwrap();
        sqlx::query("insert into namespace_keys (namespace, key_id, pem, log_index) values ($1, 'k', $2, 0)")
            .bind(format!("ns{namespace}"))
            .bind(key.to_string())
            .execute(&mut *write)
            .await
            .unwrap();
    }
    let digest = Digest::of("bench").to_string();
    for at in 0..PLUGINS {
        let (noun, other) = (NOUNS[at % 40], NOUNS[at / 40 % 40]);
        let name = format!("{noun}-{other}-{at}");
        let plugin = format!("ns{}:{name}", at % 100);
        let manifest = json!({
            "name": plugin, "version": "1.0.0", "kind": "template", "contract": "0.1.0", "title": "t",
            "description": "d", "license": "MIT", "gpus": if at % 3 == 0 { vec!["h100"] } else { vec![] },
            "keywords": [format!("word{}", at % 5000)],
        });
        sqlx::query("insert into plugins (id, namespace, generation, certified_at) values ($1, $2, $3, $4)")
            .bind(&plugin)
            .bind(format!("ns{}", at % 100))
            .bind(2 + at as i64)
            .bind((at % 10 == 0).then_some("2026-01-01T00:00:00.000000Z"))
            .execute(&mut *write)
            .await
            .unwrap();
        sqlx::query(
            "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact,
                                   key_id, log_index, published_at, manifest, downloads)
             values ($1, '1.0.0', 'template', $2, $3, $4, 1000, $4, 'k', $5, '2026-01-01T00:00:00.000000Z', $6, $7)",
        )
        .bind(&plugin)
        .bind(format!("A {noun} for every {other}"))
        .bind(format!("Deploys a {noun} that works as {other}, number {at}, on the GPUs of your choice."))
        .bind(&digest)
        .bind(at as i64)
        .bind(manifest.to_string())
        .bind((at * 7919 % 10_000) as i64)
        .execute(&mut *write)
        .await
        .unwrap();
    }
    sqlx::query("update counters set value = $1 where name = 'catalog'")
        .bind(2 + PLUGINS as i64)
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
}
