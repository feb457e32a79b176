//! What users copy from `examples/` works as it stands.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{World, binary, plugin, workspace};

fn example(name: &str) -> String {
    fs::read_to_string(workspace().join("examples").join(name)).unwrap()
}

/// A shell that finds the binary and nothing of this process's own settings.
fn shell(home: &Path, script: &str) -> Command {
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).env("PATH", path).env("CHANDLERY_HOME", home).stdin(Stdio::null());
    shell.env("CARGO_TARGET_DIR", workspace().join("target"));
    shell
}

/// The scripts of a workflow's steps.
fn steps(workflow: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let mut block = None;
    for line in workflow.lines() {
        let depth = line.len() - line.trim_start().len();
        if let Some(begun) = block {
            if depth > begun {
                steps.last_mut().unwrap().push_str(&format!("{}\n", line.trim_start()));
                continue;
            }
            block = None;
        }
        match line
            .trim_start()
            .trim_start_matches("- ")
            .strip_prefix("run: ")
            .or(line.trim_start().strip_prefix("script: "))
        {
            Some("|") => {
                block = Some(depth);
                steps.push(String::new());
            }
            Some(script) => steps.push(script.into()),
            None => {}
        }
    }
    steps
}

#[test]
fn the_workflow_publishes_with_a_token_that_may_do_nothing_else() {
    let world = World::start();
    let acme = world.publisher("acme");
    let folder = acme.path("hello");
    acme.text(&["new", "acme:hello", "--lang", "rust", "--folder", folder.to_str().unwrap()]);
    let token = acme.ok(&["tokens", "new", "publish acme:hello", "--days", "90"]);
    let steps = steps(&example("github/publish.yml"));
    assert_eq!(steps.len(), 3, "{steps:?}");
    for script in steps {
        let output = shell(&acme.path("nobody"), &script)
            .current_dir(&folder)
            .env("CHANDLERY_REGISTRY", format!("http://{}", acme.registry))
            .env("CHANDLERY_ACCOUNT", "acme")
            .env("CHANDLERY_TOKEN", token["token"].as_str().unwrap())
            .env("CHANDLERY_KEY", fs::read_to_string(acme.home.join("keys/acme.pem")).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(acme.text(&["show", "acme:hello"]).contains("acme:hello"));
}

/// A folder whose program of this name does nothing but write down what it is told.
fn scribe(folder: &Path, name: &str) {
    let program = folder.join(name);
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\" >>called\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn workflows_show_what_would_change_and_apply_what_is_merged() {
    let world = World::start();
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    customer.ok(&["host", "users", "add", "ann", "deployer"]);
    let token =
        customer.ok(&["host", "tokens", "new", "ann", "deployer"])["token"].as_str().unwrap().to_owned();
    for (workflow, commenter) in [("github", "gh"), ("gitlab", "curl")] {
        let steps = steps(&example(&format!("{workflow}/apply.yml")));
        let folder = tempfile::tempdir().unwrap();
        scribe(folder.path(), commenter);
        let path = format!(
            "{}:{}:{}",
            folder.path().display(),
            binary().parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let file = format!(
            "owner = \"{workflow}\"\n[deployments.of-{workflow}]\nplugin = \"acme:errand@^1\"\n\
             parameters = {{ command = [\"sleep\", \"600\"] }}\n"
        );
        fs::write(folder.path().join("deployments.toml"), file).unwrap();
        for script in &steps {
            let mut shell = shell(&customer.path("nobody"), script);
            shell.current_dir(folder.path()).env("PATH", &path);
            shell.env("CHANDLERY_HOST", format!("http://{}", world.host.address));
            shell.env("CHANDLERY_HOST_TOKEN", &token).env("PULL_REQUEST", "7");
            for name in ["CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID", "GITLAB_TOKEN"] {
                shell.env(name, name);
            }
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let comment = read("plan.md");
        assert!(
            comment.contains(&format!("| create | `of-{workflow}` | `acme:errand@1.0.0` |")),
            "{comment}"
        );
        assert!(read("called").contains("plan.md"), "{}", read("called"));
        assert_eq!(customer.ok(&["status", &format!("of-{workflow}")])[0]["health"], "ready");
    }
}

#[test]
fn the_files_of_deployments_are_planned_as_they_stand() {
    let world = World::start();
    world.vendor().publish(&plugin("llama-cpp"));
    let customer = world.customer();
    customer.ok(&["install", "chandlery:llama-cpp", "--deny", "secret:hf-token"]);
    let folder = workspace().join("examples");
    let (all, production) = (folder.join("deployments.toml"), folder.join("production.toml"));
    let (all, production) = (all.to_str().unwrap(), production.to_str().unwrap());
    for (words, owner) in
        [(vec!["-f", all], "platform"), (vec!["-f", all, "-f", production], "platform-production")]
    {
        let output = customer.command(&[&["diff", "--json"][..], &words[..]].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        let compared: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (compared["owner"].as_str(), compared["steps"].as_array().unwrap().len()),
            (Some(owner), 2)
        );
    }
}

#[test]
fn guardrails_takes_its_rules() {
    let world = World::start();
    let vendor = world.vendor();
    vendor.publish(&plugin("guardrails"));
    let customer = world.customer();
    customer.ok(&["install", "chandlery:guardrails"]);
    let (address, token) = customer.host.as_ref().unwrap();
    let script = workspace().join("examples/guardrails.sh");
    let output = shell(&customer.home, script.to_str().unwrap())
        .env("CHANDLERY_HOST", format!("http://{address}"))
        .env("CHANDLERY_HOST_TOKEN", fs::read_to_string(token).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let settings = customer.ok(&["configure", "guardrails"]);
    assert_eq!(settings["given"]["spend"]["research"], 4000, "{settings}");
    assert!(settings["problem"].is_null(), "{settings}");
}

/// The metrics that queries name.
fn metrics(text: &str) -> BTreeSet<String> {
    let begin = text.match_indices("chandlery_").map(|(at, _)| &text[at..]);
    let end = |from: &str| from.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(from.len());
    begin.map(|from| from[..end(from)].to_owned()).collect()
}

#[test]
fn alerts_and_the_dashboard_ask_for_what_registries_and_hosts_tell() {
    let world = World::start();
    world.publisher("acme").publish(&plugin("ocr-server"));
    world.customer().ok(&["install", "acme:ocr-server"]);
    world.customer().ok(&["plan", "ocr-server"]);
    let scrape = |url: &str| world.send("GET", url, None, &[], "").text();
    let told = scrape("/metrics") + &scrape(&format!("http://{}/metrics", world.host.address));
    let (rules, dashboard) = (example("prometheus/rules.yml"), example("grafana/chandlery.json"));
    let asked = metrics(&(rules.clone() + &dashboard));
    assert!(asked.len() > 8, "{asked:?}");
    for name in asked {
        let endings = ["_total", "_bucket", "_sum", "_count"];
        let base = endings.iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(&name);
        assert!(told.contains(&format!("# TYPE {base} ")), "nobody tells of {name}: {told}");
    }
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(dashboard["uid"], "chandlery");

    let promtool = workspace().join("target/tools/bin/promtool");
    assert!(promtool.exists(), "{} is missing: run `make system`", promtool.display());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    fs::copy(workspace().join("tests/e2e/alerts.yml"), folder.path().join("alerts.yml")).unwrap();
    for words in [["check", "rules", "rules.yml"], ["test", "rules", "alerts.yml"]] {
        let output = Command::new(&promtool).args(words).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
