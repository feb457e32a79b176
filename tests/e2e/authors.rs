//! From nothing to a published plugin, in each language, by the commands that authors have.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::world::{PATIENCE, Person, World};

/// A new plugin's folder.
fn begin(author: &Person, world: &World, language: &str) -> PathBuf {
    let folder = world.folder.path().join(format!("hello-{language}"));
    let name = format!("acme:hello-{language}");
    author.ok(&["new", &name, "--lang", language, "--folder", folder.to_str().unwrap()]);
    folder
}

/// Changes a file as an editor does.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

/// The starter passes its cases, which are the same for every language, and gives the same plans in two engines.
fn passes_its_cases(world: &World, author: &Person, language: &str) -> PathBuf {
    let folder = begin(author, world, language);
    let tested = author.ok(&["test", folder.to_str().unwrap()]);
    assert_eq!((tested["cases"].as_u64(), tested["failed"].as_array().unwrap().len()), (Some(3), 0));
    author.ok(&["check", folder.to_str().unwrap()]);
    folder
}

#[test]
fn a_template_in_rust_passes_its_cases() {
    let world = World::start();
    passes_its_cases(&world, &world.publisher("acme"), "rust");
}

#[test]
fn a_template_in_python_passes_its_cases_and_tells_its_exceptions() {
    let world = World::start();
    let author = world.publisher("acme");
    let folder = passes_its_cases(&world, &author, "python");
    edit(&folder.join("plugin.py"), "replicas = parameters", "replicas = nothing");
    let (problem, _) = author.refused(&["test", folder.to_str().unwrap()]);
    assert_eq!(problem.r#type, "panicked", "{problem:?}");
    assert!(problem.detail.contains("NameError: name 'nothing' is not defined"), "{problem:?}");
}

#[test]
fn a_template_in_javascript_is_tested_checked_published_and_planned() {
    let world = World::start();
    let author = world.publisher("acme");
    let folder = begin(&author, &world, "javascript");
    let (path, source) = (folder.to_str().unwrap(), folder.join("plugin.js"));
    author.ok(&["test", path]);

    // Another answer is shown, and kept when it is right.
    edit(&source, "memoryMib: 128", "memoryMib: 256");
    let (problem, code) = author.refused(&["test", path]);
    assert_eq!((problem.r#type.as_str(), code), ("cases-failed", 1), "{problem:?}");
    assert!(problem.detail.contains("2 of 3 cases: kubernetes, local"), "{problem:?}");
    assert_eq!(
        author.refused(&["check", path]).0.r#type,
        "cases-failed",
        "another answer than the one that is kept"
    );
    author.ok(&["test", path, "--accept"]);
    author.ok(&["test", path]);

    // What publishing would refuse, it refuses before.
    let stranger = world.person("stranger");
    stranger.register();
    assert_eq!(stranger.refused(&["check", path]).0.r#type, "forbidden");
    author.ok(&["check", path]);
    author.ok(&["publish", path]);
    assert_eq!(author.refused(&["check", path]).0.r#type, "version-exists");

    let customer = world.customer();
    customer.ok(&["install", "acme:hello-javascript"]);
    let planned = customer.ok(&["plan", "hello-javascript", "--set", "replicas=2"]);
    assert_eq!(planned["release"], "acme:hello-javascript@0.1.0");
    assert_eq!(planned["plan"]["workloads"][0]["resources"]["memory-mib"], 256);
    assert_eq!(planned["plan"]["workloads"][0]["scale"]["replicas-min"], 2);
}

#[test]
fn javascript_has_no_clock_no_chance_and_no_silence() {
    let world = World::start();
    let author = world.person("acme");
    let folder = begin(&author, &world, "javascript");
    let (path, source) = (folder.to_str().unwrap(), folder.join("plugin.js"));
    edit(&source, "\"Look at it: curl http://ADDRESS/\"", "`${Math.random()} ${Date.now()} ${new Date()}`");
    author.ok(&["test", path, "--accept"]);
    let checked = author.text(&["check", path, "--offline"]);
    assert!(checked.contains("README.md is the one that `chandlery new` wrote"), "{checked}");
    // What is no answer by the contract is told to whoever wrote it.
    edit(&source, "kind: \"service\"", "kind: \"servise\"");
    let (problem, _) = author.refused(&["test", path]);
    let remedy = problem.remedy.clone().unwrap();
    assert!(remedy.contains("contract") && !remedy.contains("publisher"), "{problem:?}");
    edit(&source, "kind: \"servise\"", "kind: \"service\"");
    edit(&source, "Math.random()", "nothing.at.all");
    let (problem, _) = author.refused(&["test", path]);
    assert_eq!(problem.r#type, "panicked");
    assert!(problem.detail.contains("nothing is not defined"), "{problem:?}");
}

#[test]
fn the_plan_is_shown_again_at_every_save() {
    let world = World::start();
    let author = world.person("acme");
    let folder = begin(&author, &world, "javascript");
    let mut command = author.command(&["dev", folder.to_str().unwrap(), "--target", "slurm", "--json"]);
    let mut dev = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let (send, plans) = channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
    let next = || serde_json::from_str::<Value>(&plans.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!(next()["workloads"][0]["grace-seconds"], 10);
    // A save that cannot be planned is told, and the next one that can is shown.
    edit(&folder.join("plugin.js"), "graceSeconds: 10", "graceSeconds: ten");
    edit(&folder.join("plugin.js"), "graceSeconds: ten", "graceSeconds: 20");
    while next()["workloads"][0]["grace-seconds"] != 20 {}
    dev.kill().unwrap();
    dev.wait().unwrap();
}

#[test]
fn mistakes_in_a_manifest_are_told_in_its_own_words_before_anything_is_built() {
    let world = World::start();
    let author = world.person("acme");
    let folder = begin(&author, &world, "python");
    let (path, manifest) = (folder.to_str().unwrap(), folder.join("chandlery.toml"));
    for (from, to, said) in [
        (
            "version = \"0.1.0\"",
            "version = \"1.0\"",
            "'1.0' is not a version: write three numbers, such as 1.0.0",
        ),
        ("default = 8080", "default = \"lots\"", "/port: \"lots\" is not of type \"integer\""),
        ("default = 8080", "default = 80", "/port: 80 is less than the minimum"),
        (
            "type = \"integer\"\nminimum = 1024",
            "type = \"int\"\nminimum = 1024",
            "port: \"int\" is no type; the types are",
        ),
    ] {
        edit(&manifest, from, to);
        for command in [&["check", path, "--offline"][..], &["publish", path], &["test", path]] {
            let (problem, _) = author.refused(command);
            assert_eq!(problem.r#type, "invalid-manifest", "{problem:?}");
            assert!(problem.detail.contains(said), "{command:?}: {problem:?}");
        }
        edit(&manifest, to, from);
    }
    fs::remove_dir_all(folder.join("cases")).unwrap();
    for command in ["check", "test"] {
        assert_eq!(author.refused(&[command, path]).0.r#type, "no-cases");
    }
    assert!(!folder.join("target").exists(), "nothing was built");
}

#[test]
fn nothing_of_anybodys_is_written_over() {
    let world = World::start();
    let author = world.person("acme");
    let folder = begin(&author, &world, "python");
    let again = ["new", "acme:hello", "--folder", folder.to_str().unwrap()];
    assert_eq!(author.refused(&again).0.r#type, "folder-exists");
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(author.refused(&["test", empty.path().to_str().unwrap()]).0.r#type, "no-manifest");
    assert_eq!(author.refused(&["build", empty.path().to_str().unwrap()]).0.r#type, "no-manifest");
}
