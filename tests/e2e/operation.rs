//! What an operator does: collects garbage, backs up and restores, looks at metrics, stops the registry.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use chandlery_package::Digest;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::images::png;
use crate::world::{World, as_version, plugin, until};

fn blob_path(digest: Digest) -> String {
    format!("/v2/acme/some/blobs/{digest}")
}

/// Pushes a blob at once.
fn push(world: &World, token: &str, content: &str) -> Digest {
    let digest = Digest::of(content);
    let path = format!("/v2/acme/some/blobs/uploads/?digest={digest}");
    assert_eq!(world.send("POST", &path, Some(token), &[], content).status, 201);
    digest
}

#[test]
fn garbage_is_what_nothing_names() {
    let world = World::start();
    let acme = world.publisher("acme");
    let token = acme.token();
    acme.publish(&plugin("ocr-server"));
    let (kept, config) = (push(&world, &token, "kept"), push(&world, &token, "{}"));
    let lost = push(&world, &token, "lost");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "text/plain", "digest": kept, "size": 4 }],
    });
    let kind = [("content-type", "application/vnd.oci.image.manifest.v1+json")];
    let put = world.send("PUT", "/v2/acme/some/manifests/v1", Some(&token), &kind, manifest.to_string());
    assert_eq!(put.status, 201, "{}", put.text());
    world.send("POST", "/v2/acme/some/blobs/uploads/", Some(&token), &[], "");

    let operator = world.operator();
    let collect = |older_than: &str| operator.ok(&["registry", "collect", "--older-than", older_than]);
    assert_eq!(collect("1"), json!({ "uploads": 0, "blobs": 0, "contents": 0 }), "all of it is young");
    let status = |digest| world.send("GET", &blob_path(digest), None, &[], "").status;
    assert_eq!((status(kept), status(lost)), (200, 200));
    // Times of stored content have whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let found = collect("0");
    assert_eq!((&found["uploads"], &found["blobs"]), (&json!(1), &json!(1)));
    assert_eq!((status(kept), status(lost)), (200, 404));
    world.customer().ok(&["install", "acme:ocr-server"]);

    // What a manifest named is garbage once the manifest is gone.
    let delete = |path: &str| world.send("DELETE", path, Some(&token), &[], "");
    assert_eq!(delete(&blob_path(kept)).code(), "DENIED");
    let digest = Digest::of(manifest.to_string());
    assert_eq!(delete(&format!("/v2/acme/some/manifests/{digest}")).status, 202);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(collect("0")["blobs"], 2);
    assert_eq!(status(kept), 404);
    // What is pushed again is there again.
    push(&world, &token, "lost");
    assert_eq!(status(lost), 200);
    world.person("auditor").ok(&["log", "audit"]);
}

#[test]
fn a_backup_restores_everything_on_another_kind_of_store() {
    let world = World::start();
    let (acme, customer) = (world.publisher("acme"), world.customer());
    acme.publish(&plugin("ocr-server"));
    let icon = png(64, 64);
    acme.ok(&["listing", "icon", "acme:ocr-server", &acme.file("icon.png", &icon)]);
    acme.ok(&["orders", "price", "acme:ocr-server", "100.00 USD"]);
    let order = customer.ok(&["orders", "place", "acme:ocr-server"]);
    let reference = order["reference"].as_str().unwrap();
    let operator = world.operator();
    operator.ok(&["orders", "paid", reference, "100.00 USD", "--bank-reference", "B-1"]);
    customer.ok(&["install", "acme:ocr-server"]);
    let auditor = world.person("auditor");
    auditor.ok(&["log", "audit"]);

    let data = world.registry_data();
    let folder = world.folder.path().join("backup");
    let (data, folder) = (data.to_str().unwrap(), folder.to_str().unwrap());
    let own: Vec<String> = world.stores.arguments();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let made = operator.ok(&[&["registry", "backup", "--data", data, folder], &own[..]].concat());
    assert!(made["rows"].as_u64().unwrap() > 10 && made["blobs"].as_u64().unwrap() >= 4, "{made}");
    let kept: BTreeSet<String> = std::fs::read_dir(format!("{folder}/tables"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let created: BTreeSet<String> = tables();
    let left_out =
        ["uploads", "upload_chunks", "passkey_challenges", "drafts", "idempotent_answers", "replicas"];
    let left_out = left_out.map(str::to_owned).into();
    assert_eq!(created.difference(&kept).cloned().collect::<BTreeSet<_>>(), left_out, "every table is kept");

    // Restored into SQLite and a folder, whatever it was before.
    let restored = world.folder.path().join("restored");
    let restored = restored.to_str().unwrap();
    operator.ok(&["registry", "restore", "--data", restored, folder]);
    let again = operator.refused(&["registry", "restore", "--data", restored, folder]);
    assert_eq!(again.0.r#type, "conflict");
    let mut world = world;
    world.registry.kill();
    world.registry.serve_instead(world.folder.path(), restored);
    let journal = operator.text(&["books", "journal"]);
    assert!(journal.contains("B-1") || journal.contains("85"), "{journal}");
    operator.ok(&["books", "check"]);
    assert_eq!(auditor.ok(&["log", "audit"])["faults"], Value::Array(Vec::new()));
    customer.ok(&["verify"]);
    let shown = world.send("GET", &format!("/images/acme/ocr-server/{}", Digest::of(&icon)), None, &[], "");
    assert_eq!((shown.status, shown.body), (200, icon));
    acme.publish(&as_version(&plugin("ocr-server"), "1.0.1"));
    assert_eq!(customer.ok(&["install", "acme:ocr-server"])["release"], "acme:ocr-server@1.0.1");
}

/// The tables that the migrations leave behind.
fn tables() -> BTreeSet<String> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("migrations/registry");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut tables = BTreeSet::new();
    for text in paths.iter().map(|path| std::fs::read_to_string(path).unwrap()) {
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                ["create", "table", name, ..] => drop(tables.insert(name.to_owned())),
                ["drop", "table", name] => drop(tables.remove(name.trim_end_matches(';'))),
                ["alter", "table", from, "rename", "to", to] => {
                    tables.remove(from);
                    tables.insert(to.trim_end_matches(';').to_owned());
                }
                _ => {}
            }
        }
    }
    tables
}

#[test]
fn health_and_metrics_are_there_and_content_is_never_a_page() {
    let world = World::start();
    let acme = world.publisher("acme");
    assert_eq!(world.get("/healthz", &[]), (200, "ok\n".into()));
    assert_eq!(world.get("/readyz", &[]), (200, "ready\n".into()));
    let html = "<script>alert(1)</script>";
    let token = acme.token();
    let digest = push(&world, &token, html);
    let answer = world.send("GET", &blob_path(digest), None, &[], "");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let page = world.send("GET", "/login", None, &[], "");
    assert!(page.header("content-security-policy").contains("default-src 'none'"), "{page:?}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    let metrics = world.get("/metrics", &[]).1;
    assert!(metrics.contains("chandlery_log_entries 1"), "{metrics}");
    assert!(metrics.contains("route=\"/v2/{*path}\""), "{metrics}");
}

#[test]
fn what_is_too_much_is_refused_before_it_is_read() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let arguments = ["--blob-mib-max", "1", "--namespace-gib-max", "0", "--requests-per-second", "5"];
    world.restart_registry_with(&arguments.map(str::to_owned));
    let token = acme.token();
    let send = |method: &str, path: &str, body: Vec<u8>| world.send(method, path, Some(&token), &[], body);
    let large = vec![0; 2 << 20];
    let digest = Digest::of(&large);
    let answer = send("POST", &format!("/v2/acme/x/blobs/uploads/?digest={digest}"), large);
    assert_eq!((answer.status, answer.code().as_str()), (413, "SIZE_INVALID"));
    let answer =
        send("POST", &format!("/v2/acme/x/blobs/uploads/?digest={}", Digest::of("x")), b"x".to_vec());
    assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"), "{}", answer.text());
    assert!(answer.text().contains("may keep 0 bytes"), "{}", answer.text());
    let answer = send("PUT", "/v2/acme/x/manifests/v1", vec![b' '; 5 << 20]);
    assert_eq!((answer.status, answer.code().as_str()), (413, "SIZE_INVALID"));
    let answer = world.send(
        "POST",
        "/api/v1/namespaces",
        Some(&token),
        &[("content-type", "application/json")],
        vec![b' '; (1 << 20) + 1],
    );
    assert_eq!(answer.status, 413, "{}", answer.text());

    // A burst of ten seconds, then one has to wait: so many at once are too many however slow the machine is.
    let url = format!("{}/healthz", world.origin());
    let answers = world.runtime.block_on(async {
        let client = reqwest::Client::new();
        join_all((0..200).map(|_| client.get(&url).send())).await
    });
    let refused = answers.into_iter().map(Result::unwrap).find(|answer| answer.status() == 429);
    let refused = refused.expect("too many requests are refused");
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    let told: Value = world.runtime.block_on(refused.json()).unwrap();
    assert_eq!(told["type"], "too-many");
}

#[test]
fn who_guesses_passwords_is_shut_out() {
    let world = World::start();
    let url = format!("{}/api/v1/tokens", world.origin());
    let body = json!({ "name": "globex", "password": "a wrong password" });
    let client = reqwest::Client::new();
    let guess = || {
        let request = client.post(&url).json(&body);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(world.runtime.block_on(guess()), 401);
    // At once, since so many in a minute are allowed again.
    let statuses = world.runtime.block_on(join_all((0..80).map(|_| guess())));
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn a_registry_that_is_stopped_finishes_what_is_being_pushed() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let content = "a".repeat(200_000);
    let path = format!("/v2/acme/some/blobs/uploads/?digest={}", Digest::of(&content));
    let mut stream = TcpStream::connect(&world.registry.address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        acme.token(),
        content.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // What is being pushed is read: it is waited for.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(String::from_utf8_lossy(&go_on), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&content.as_bytes()[..100_000]).unwrap();
    world.registry.terminate();
    until("nobody else is let in", || (!is_let_in(&world.registry.address)).then_some(()));
    stream.write_all(&content.as_bytes()[100_000..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    world.registry.wait();
    world.restart_registry();
    assert_eq!(world.send("GET", &blob_path(Digest::of(&content)), None, &[], "").body.len(), content.len());
}

/// Whether somebody answers whoever comes.
fn is_let_in(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = [0; 1];
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read_exact(&mut answer).is_ok()
}
