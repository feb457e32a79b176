//! Other people's tools against the registry, as they are. What each one does here stands in `docs/clients.md`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chandlery_package::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Person, World, plugin, workspace};

/// A folder in which a person uses tools, with a home of its own.
struct Bench<'a> {
    folder: TempDir,
    world: &'a World,
    owner: Person,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), world, owner: world.publisher("acme") }
    }

    fn registry(&self) -> &str {
        &self.world.registry.address
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, tool: &str, words: &[impl AsRef<OsStr>]) -> Command {
        let ours = workspace().join("target/tools/bin").join(tool);
        let mut command = Command::new(if ours.exists() { ours } else { tool.into() });
        command.args(words).current_dir(&self.folder).env("HOME", self.folder.path());
        for unset in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "RUST_BACKTRACE"] {
            command.env_remove(unset);
        }
        command
    }

    /// Runs a tool that must succeed, and gives what it prints.
    fn ok(&self, tool: &str, words: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
        let output = self.command(tool, words).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {words:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a tool that must fail, and gives what it says of that.
    fn refused(&self, tool: &str, words: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
        let output = self.command(tool, words).output().unwrap();
        assert!(!output.status.success(), "{tool} {words:?} was not refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn credentials(&self) -> String {
        format!("{}:{}", self.owner.name, self.owner.token())
    }

    /// Asks as anybody.
    fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.world.send("GET", path, None, &[], "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    }
}

/// An OCI layout with an image of one empty layer, tagged `1.0`.
fn image(folder: &Path) -> Digest {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let store = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let layer = store("application/vnd.oci.image.layer.v1.tar", &[0; 1024]);
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = store("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
    let mut manifest = store(media_type, manifest.to_string().as_bytes());
    let digest = manifest["digest"].as_str().unwrap().parse().unwrap();
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "1.0" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string()).unwrap();
    digest
}

#[test]
fn skopeo_copies_inspects_lists_and_deletes() {
    let world = World::start();
    let bench = Bench::new(&world);
    let digest = image(&bench.path("image"));
    let remote = format!("docker://{}/acme/tools/image:1.0", bench.registry());
    let credentials = bench.credentials();

    let push = [
        "--insecure-policy",
        "copy",
        "--preserve-digests",
        "--dest-tls-verify=false",
        "oci:image:1.0",
        &remote,
    ];
    let refused = bench.refused("skopeo", &push);
    assert!(refused.contains("unauthorized") || refused.contains("denied"), "{refused}");
    bench.ok("skopeo", &[&push[..], &["--dest-creds", &credentials]].concat());
    let seen: Value =
        serde_json::from_str(&bench.ok("skopeo", &["inspect", "--tls-verify=false", &remote])).unwrap();
    assert_eq!(seen["Digest"], digest.to_string());
    let raw = bench.ok("skopeo", &["inspect", "--raw", "--tls-verify=false", &remote]);
    assert_eq!(Digest::of(raw), digest);
    let repository = remote.strip_suffix(":1.0").unwrap();
    let tags = bench.ok("skopeo", &["list-tags", "--tls-verify=false", repository]);
    assert_eq!(serde_json::from_str::<Value>(&tags).unwrap()["Tags"], json!(["1.0"]));

    let pull = [
        "--insecure-policy",
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        &remote,
        "oci:pulled:1.0",
    ];
    bench.ok("skopeo", &pull);
    let pulled = bench.path("pulled/blobs/sha256").join(digest.hex());
    assert_eq!(Digest::of(fs::read(pulled).unwrap()), digest);
    bench.ok("skopeo", &["delete", "--tls-verify=false", "--creds", &credentials, &remote]);
    assert!(bench.refused("skopeo", &pull).contains("manifest unknown"));

    // A release of ours travels to another registry's layout and keeps its name.
    let published = bench.owner.publish(&plugin("ocr-server"));
    let remote = format!("docker://{}/acme/ocr-server:1.0.0", bench.registry());
    let raw = bench.ok("skopeo", &["inspect", "--raw", "--tls-verify=false", &remote]);
    assert_eq!(Digest::of(raw).to_string(), published["artifact"]);
}

#[test]
fn helm_pushes_pulls_and_renders_a_chart() {
    let world = World::start();
    let bench = Bench::new(&world);
    bench.ok("helm", &["create", "shop"]);
    bench.ok("helm", &["package", "shop"]);
    let (folder, registry) = (format!("oci://{}/acme", bench.registry()), bench.registry());
    assert!(bench.refused("helm", &["push", "shop-0.1.0.tgz", &folder, "--plain-http"]).contains("401"));
    let (user, token) = (&bench.owner.name, &bench.owner.token());
    bench.ok("helm", &["registry", "login", registry, "--plain-http", "-u", user, "-p", token]);
    bench.ok("helm", &["push", "shop-0.1.0.tgz", &folder, "--plain-http"]);
    bench.ok("helm", &["registry", "logout", registry]);

    let chart = format!("{folder}/shop");
    let pull = ["pull", &chart, "--version", "0.1.0", "--plain-http", "--destination", "pulled"];
    fs::create_dir(bench.path("pulled")).unwrap();
    bench.ok("helm", &pull);
    let read = |name: &str| fs::read(bench.path(name)).unwrap();
    assert_eq!(read("pulled/shop-0.1.0.tgz"), read("shop-0.1.0.tgz"));
    let rendered = bench.ok("helm", &["template", "one", &chart, "--version", "^0.1", "--plain-http"]);
    assert!(rendered.contains("kind: Deployment"));
}

#[test]
fn oras_pushes_and_pulls_a_file() {
    let world = World::start();
    let bench = Bench::new(&world);
    fs::write(bench.path("notes.txt"), "one").unwrap();
    let script = workspace().join("tests/e2e/clients/push_pull.py");
    let (user, token) = (&bench.owner.name, &bench.owner.token());
    let words =
        [script.to_str().unwrap(), bench.registry(), user, token, "acme/notes:1.0", "notes.txt", "pulled"];
    let pulled = bench.ok("python3", &words);
    assert!(pulled.trim().ends_with("pulled/notes.txt"), "{pulled}");
    assert_eq!(fs::read_to_string(bench.path("pulled/notes.txt")).unwrap(), "one");
}

/// What wkg does, without it: it finds where packages are by this file, and its package's releases by their tags.
#[test]
fn what_wkg_asks_for_is_there() {
    let world = World::start();
    let bench = Bench::new(&world);
    let bytes = plugin("ocr-server");
    bench.owner.publish(&bytes);
    let json = |path: &str| serde_json::from_slice::<Value>(&bench.get(path)).unwrap();
    let found = json("/.well-known/wasm-pkg/registry.json");
    let at = found["oci"]["registry"].as_str().unwrap();
    assert!(at.ends_with(bench.registry()), "{found}");
    let tags = json("/v2/acme/ocr-server/tags/list");
    assert!(tags["tags"].as_array().unwrap().contains(&Value::from("1.0.0")), "{tags}");
    let layer = json("/v2/acme/ocr-server/manifests/1.0.0")["layers"][0].clone();
    assert_eq!(layer["mediaType"], "application/wasm");
    let path = format!("/v2/acme/ocr-server/blobs/{}", layer["digest"].as_str().unwrap());
    assert_eq!(bench.get(&path), bytes);
}

#[test]
#[ignore = "wkg takes longer to build than all other clients together: make soak"]
fn wkg_finds_the_registry_and_pushes_pulls_publishes_and_gets() {
    let world = World::start();
    let bench = Bench::new(&world);
    let (registry, user, token) = (bench.registry(), &bench.owner.name, &bench.owner.token());
    let bytes = plugin("ocr-server");
    fs::write(bench.path("plugin.wasm"), &bytes).unwrap();
    let reference = format!("{registry}/acme/pushed:latest");
    let push = ["oci", "push", "--insecure", registry, "-u", user, "-p", token, &reference, "plugin.wasm"];
    bench.ok("wkg", &push);
    bench.ok("wkg", &["oci", "pull", "--insecure", registry, &reference, "-o", "pulled.wasm"]);
    assert_eq!(fs::read(bench.path("pulled.wasm")).unwrap(), bytes);

    let config = format!(
        "[namespace_registries]\nacme = \"{registry}\"\n\n\
         [registry.\"{registry}\".oci]\nprotocol = \"http\"\nauth = {{ username = \"{user}\", password = \"{token}\" }}\n"
    );
    fs::write(bench.path("config.toml"), config).unwrap();
    let with_config = |words: &[&str]| {
        let words = [words, &["--config", "config.toml", "--cache", "cache"]].concat();
        bench.ok("wkg", &words)
    };
    bench.owner.publish(&bytes);
    with_config(&["get", "acme:ocr-server@1.0.0", "-o", "./got.wasm"]);
    assert_eq!(fs::read(bench.path("got.wasm")).unwrap(), bytes);

    fs::create_dir(bench.path("wit")).unwrap();
    let wit = "package acme:greetings@1.2.3;\n\ninterface greet { hello: func() -> string; }\n";
    fs::write(bench.path("wit/greetings.wit"), wit).unwrap();
    bench.ok("wkg", &["wit", "build", "--wit-dir", "wit", "-o", "greetings.wasm"]);
    with_config(&["publish", "greetings.wasm"]);
    with_config(&["get", "acme:greetings", "-o", "./again.wasm"]);
    let read = |name: &str| fs::read(bench.path(name)).unwrap();
    assert_eq!(read("again.wasm"), read("greetings.wasm"));
}

/// What cosign reads is there in both of its forms, and libraries that share no code with us verify it.
#[test]
fn openssl_and_in_toto_verify_signatures() {
    let world = World::start();
    let bench = Bench::new(&world);
    let published = bench.owner.publish(&plugin("ocr-server"));
    let digest = published["artifact"].as_str().unwrap();
    let at = |path: &str| bench.get(&format!("/v2/acme/ocr-server/{path}"));
    let json = |path: &str| serde_json::from_slice::<Value>(&at(path)).unwrap();
    let key = bench.owner.path("keys/acme.pub");
    let other = bench.path("other.pub");
    fs::write(&other, chandlery_package::PrivateKey::generate().public().to_string()).unwrap();

    // The older form: a signature over a payload, under a tag.
    let signature = json(&format!("manifests/{}.sig", digest.replace(':', "-")));
    let layer = &signature["layers"][0];
    fs::write(bench.path("payload"), at(&format!("blobs/{}", layer["digest"].as_str().unwrap()))).unwrap();
    let encoded = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap();
    fs::write(bench.path("signature.base64"), encoded).unwrap();
    bench.ok("openssl", &["base64", "-d", "-A", "-in", "signature.base64", "-out", "signature"]);
    let verify = |key: &Path| {
        let key = key.to_str().unwrap().to_owned();
        let words = ["pkeyutl", "-verify", "-rawin", "-in", "payload", "-sigfile", "signature", "-pubin"];
        words.map(str::to_owned).into_iter().chain(["-inkey".into(), key]).collect::<Vec<_>>()
    };
    assert!(bench.ok("openssl", &verify(&key)).contains("Signature Verified Successfully"));
    bench.refused("openssl", &verify(&other));

    // The newer form: a bundle among the referrers.
    let bundles = "application/vnd.dev.sigstore.bundle.v0.3%2Bjson";
    let referrers = json(&format!("referrers/{digest}?artifactType={bundles}"));
    let manifest = json(&format!("manifests/{}", referrers["manifests"][0]["digest"].as_str().unwrap()));
    let bundle = manifest["layers"][0]["digest"].as_str().unwrap();
    fs::write(bench.path("bundle.json"), at(&format!("blobs/{bundle}"))).unwrap();
    let script = workspace().join("tests/e2e/clients/verify_bundle.py");
    let verify = |key: &Path| {
        [script.to_str().unwrap(), "bundle.json", key.to_str().unwrap(), digest].map(str::to_owned)
    };
    assert_eq!(bench.ok("python3", &verify(&key)).trim(), "https://sigstore.dev/cosign/sign/v1");
    assert!(bench.refused("python3", &verify(&other)).contains("VerificationError"));
}
