//! What is deployed on this machine does not reach what its host keeps, and what servers keep is closed to others.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{Person, World, plugin, until};

/// Whose programs may be other users: what is deployed, below a folder that nobody else enters.
const OF_DEPLOYMENTS: [&str; 5] =
    ["local/environments", "local/replicas", "local/shared", "local/tmp", "local/volumes"];

/// All that a server keeps.
fn kept(data: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (vec![data.to_owned()], vec![data.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_symlink() || OF_DEPLOYMENTS.iter().any(|name| path == data.join(name)) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).map_or(0, |meta| meta.permissions().mode() & 0o777)
}

/// As earlier versions left what they found.
fn open_to_others(data: &Path) {
    for path in kept(data) {
        let bits = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
    }
}

fn assert_closed(data: &Path) {
    let open: Vec<_> = kept(data).into_iter().filter(|path| mode(path) & 0o077 != 0).collect();
    assert!(open.is_empty(), "open to others: {open:?}");
}

/// Tries to read these, says of each whether it could, and ends well when it is asked to.
fn spy(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    format!(
        "for path in {}; do if head -c 1 \"$path\" >/dev/null 2>&1; then echo \"read $path\"; else echo \"kept $path\"; \
         fi; done; echo mine > \"$HOME/own\"; cat \"$HOME/own\"; readlink /proc/self/fd/*; echo looked around; \
         trap 'echo ended well; exit 0' TERM; while :; do sleep 1; done",
        paths.join(" ")
    )
}

fn pid(customer: &Person) -> Option<i64> {
    let status: Value = customer.ok(&["status", "spy"]);
    let ready = status[0]["health"] == "ready";
    status[0]["replicas"][0]["pid"].as_i64().filter(|_| ready)
}

#[test]
fn a_replica_does_not_reach_what_its_host_keeps() {
    let mut world = World::start();
    let (data, registry_data) = (world.host_data(), world.registry_data());
    assert_closed(&data);
    world.restart_host_after(|| open_to_others(&data));
    assert_closed(&data);
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    let mut secrets: Vec<_> = ["host.token", "secrets.key", "host.db", "chandlery.lock", "local/id"]
        .iter()
        .map(|name| data.join(name))
        .collect();
    secrets.extend([registry_data.join("log.key"), registry_data.join("operator.token")]);
    secrets.extend([world.folder.path().join("globex.token"), customer.path("credentials.toml")]);
    assert!(secrets.iter().all(|secret| secret.exists()), "{secrets:?}");
    let host = PathBuf::from(format!("/proc/{}", world.host.pid()));
    let around: Vec<_> = secrets
        .iter()
        .map(|secret| host.join("root").join(secret.strip_prefix("/").unwrap()))
        .chain(["environ", "mem", "cmdline"].map(|name| host.join(name)))
        .collect();
    secrets.extend(around);

    let command = format!("command={}", json!(["sh", "-c", spy(&secrets)]));
    customer.ok(&["deploy", "errand", "--name", "spy", "--set", &command]);
    let logs = until("it has looked around", || {
        let logs = customer.text(&["logs", "spy"]);
        logs.contains("looked around").then_some(logs)
    });
    assert!(logs.contains("mine"), "it has a folder of its own: {logs}");
    let handed_on = logs.lines().filter(|line| line.contains(data.to_str().unwrap()));
    let of_others =
        |line: &&str| !(line.contains("read ") || line.contains("kept ") || line.ends_with(".log"));
    assert_eq!(handed_on.filter(of_others).count(), 0, "an open file was handed on: {logs}");
    assert_closed(&data);

    // It is known again, and hears what it is asked.
    let before = pid(&customer);
    assert!(before.is_some());
    world.restart_host();
    until("the same one is known again", || (pid(&customer) == before).then_some(()));
    customer.ok(&["pause", "spy"]);
    until("it ends in its own way", || customer.text(&["logs", "spy"]).contains("ended well").then_some(()));

    let targets = customer.ok(&["target", "list"]);
    if let Some(warning) = targets[0]["warning"].as_str().filter(|text| text.contains("can read this host's"))
    {
        eprintln!("skipped that it reads nothing: {warning}");
        return;
    }
    let read: Vec<_> = logs.lines().filter(|line| line.contains("read /")).collect();
    assert!(read.is_empty(), "{read:#?}");
    assert_eq!(logs.matches("kept /").count(), secrets.len(), "{logs}");
    customer.ok(&["remove", "spy"]);
}

#[test]
fn a_host_that_must_isolate_does_not_start_where_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let customer = Person::at("globex", folder.path(), "127.0.0.1:9");
    let data = folder.path().join("host");
    let words = ["host", "run", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--json"];
    let isolated = [&words[..], &["--isolate", "require"]].concat();
    let output = customer.command(&isolated).env("PATH", "").output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("bubblewrap is not installed"), "{said}");
    assert_closed(&data);
}
