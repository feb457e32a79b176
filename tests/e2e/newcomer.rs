//! The first five minutes: somebody starts `chandlery up`, installs what it has published, deploys as much as is free, does what the
//! limit's message says, and deploys on.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chandlery_package::Component;
use chandlery_package::component::{MANIFEST_SECTION, embed};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Server;
use crate::world::{Person, end_replicas, plugin, until};

/// A machine on which `chandlery up` runs.
struct Machine {
    folder: TempDir,
    registry: String,
    host: String,
    up: Option<Server>,
}

/// An address at which nobody listens.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        Self { folder, registry: free(), host: free(), up: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path("plugins").join(name), bytes).unwrap();
    }

    /// It listens where its clients are told that it is.
    fn start(&mut self) {
        let [home, data, plugins] =
            ["home", "data", "plugins"].map(|name| self.path(name).to_str().unwrap().to_owned());
        let (registry, host) = (format!("http://{}", self.registry), format!("http://{}", self.host));
        let words = [
            "up",
            "--data",
            &data,
            "--registry",
            &registry,
            "--host",
            &host,
            "--meter-seconds",
            "1",
            "--plugins",
            &plugins,
            "--publish-first-party",
        ];
        let up = Server::start(Path::new(&home), &words, "host at");
        assert_eq!(up.address, self.host);
        self.up = Some(up);
    }

    /// Whoever has started it, whose commands find the host's token by themselves.
    fn newcomer(&self) -> Person {
        Person {
            name: "ann".into(),
            home: self.path("home"),
            registry: self.registry.clone(),
            host: Some((self.host.clone(), self.path("no token"))),
        }
    }

    /// Somebody else, who was given the token.
    fn other(&self, name: &str) -> Person {
        let host = Some((self.host.clone(), self.path("data/host/host.token")));
        Person { name: name.into(), home: self.path(name), registry: self.registry.clone(), host }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.up = None;
        end_replicas(&self.path("data/host"));
    }
}

/// The same plugin under another name.
pub fn renamed(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut manifest = Component::parse(bytes).unwrap().manifest;
    manifest.name = name.parse().unwrap();
    let section = MANIFEST_SECTION.as_bytes();
    let at = bytes.windows(section.len()).rposition(|window| window == section).unwrap();
    // It comes last: its id, its size, the length of its name, its name, and JSON to the end.
    let size = 1 + bytes.len() - at;
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(7) as usize;
    let begin = at - 2 - digits;
    assert_eq!(bytes[begin], 0, "a custom section");
    embed(&bytes[..begin], &manifest).unwrap()
}

fn deploy(name: &str) -> [&str; 7] {
    ["deploy", "errand", "--no-wait", "--name", name, "--set", "command=[\"sleep\", \"600\"]"]
}

fn installs(person: &Person, words: &[&str]) {
    until("it is published and installed", || {
        let output = person.command(&[&["install"][..], words, &["--json"]].concat()).output().unwrap();
        output.status.success().then_some(())
    });
}

/// The command of a remedy that tries a tier, word by word.
fn trial_of(remedy: &str) -> Vec<&str> {
    let is_trial = |part: &&str| part.starts_with("chandlery subscription trial ");
    remedy.split('`').find(is_trial).unwrap().split(' ').skip(1).collect()
}

#[test]
fn a_newcomer_deploys_what_up_has_published_and_the_remedy_lifts_the_limit() {
    let mut machine = Machine::new();
    machine.put("errand.wasm", &renamed(&plugin("errand"), "chandlery:errand"));
    machine.put("ocr-server.wasm", &plugin("ocr-server"));
    machine.put("broken.wasm", b"no component");
    machine.start();
    let ann = machine.newcomer();

    // Nobody has an account yet: one deployment is free, and the remedy leads to an account that has the host.
    installs(&ann, &["chandlery:errand"]);
    ann.ok(&deploy("one"));
    let (problem, _) = ann.refused(&deploy("two"));
    let remedy = problem.remedy.unwrap();
    assert_eq!(problem.r#type, "deployment-limit");
    assert!(
        remedy.contains("chandlery register NAME") && remedy.contains("chandlery host claim"),
        "{remedy}"
    );
    assert_eq!(ann.ok(&["host", "account"])["account"], Value::Null);

    // The first who logs in has it, and the limit is that account's.
    ann.register();
    assert_eq!(ann.ok(&["host", "account"])["account"], "ann");
    let (problem, _) = ann.refused(&deploy("two"));
    let remedy = problem.remedy.unwrap();
    assert!(remedy.contains("let 'ann' have more"), "{remedy}");
    let tried = ann.ok(&trial_of(&remedy));
    assert_eq!(tried["deployments"], json!(10));
    ann.ok(&deploy("two"));
    ann.ok(&deploy("three"));
    assert_eq!(ann.ok(&["subscription", "licence"])["account"], "ann");
    until("the registry hears of the host", || {
        let hosts = ann.ok(&["subscription", "hosts"]);
        (hosts[0]["deployments"] == json!(3)).then_some(())
    });

    // Whoever logs in later does not, unless an admin of the host says so.
    let bob = machine.other("bob");
    bob.register();
    let (problem, _) = bob.refused(&["host", "claim"]);
    assert_eq!(problem.r#type, "conflict");
    assert!(problem.remedy.unwrap().contains("chandlery host claim --from ann"));
    assert_eq!(bob.ok(&["host", "claim", "--from", "ann"])["account"], "bob");
    let (problem, _) = ann.refused(&deploy("four"));
    assert!(problem.remedy.unwrap().contains("let 'bob' have more"));
    assert_eq!(ann.ok(&["host", "claim", "--from", "bob"])["account"], "ann");
    ann.ok(&deploy("four"));

    // Started again, it publishes what is new and nothing twice, and the host is still its owner's.
    machine.up = None;
    machine.put("vllm.wasm", &plugin("vllm"));
    machine.start();
    installs(&ann, &["chandlery:vllm", "--deny", "secret:hf-token", "--deny", "secret:llm-api-key"]);
    for path in ["/api/v1/plugins/chandlery/errand/releases", "/api/v1/namespaces/chandlery/keys"] {
        assert_eq!(ann.list(path).len(), 1, "{path}");
    }
    let all = ann.list("/api/v1/plugins");
    assert_eq!(all.len(), 2, "what is of another namespace is left out: {all:?}");
    assert_eq!(ann.ok(&["host", "account"])["account"], "ann");

    remedies_are_true(&machine, &ann);
}

/// What is refused on the way says what helps here.
fn remedies_are_true(machine: &Machine, ann: &Person) {
    let (problem, _) = ann.refused(&["namespace", "take", "chandlery"]);
    assert!(problem.detail.contains("reserved") && problem.remedy.unwrap().contains("as an operator"));

    let data = machine.path("other");
    let taken = ann.refused_text(&["up", "--data", data.to_str().unwrap(), "--no-publish-first-party"]);
    assert!(taken.contains("--registry-listen ADDR"), "{taken}");

    let output = ann.command(&["status"]).env("CHANDLERY_HOST", "foo").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not begin with http:// or https://"), "{said}");

    let mut command = ann.command(&["login", "ann"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"not the password").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("check the name and the password"), "{said}");
    assert!(!said.contains("run `chandlery login`"), "{said}");
}
