//! Desired state: files say which deployments there should be, and what runs is compared with them and made so.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{free_port, until};
use crate::world::{Person, World, as_version, plugin};

/// Somebody with a folder of files, a host, and a template of whatever it is told to run.
fn started() -> (World, Person) {
    let world = World::start();
    world.publisher("acme").publish(&plugin("errand"));
    let ann = world.customer();
    ann.ok(&["install", "acme:errand"]);
    (world, ann)
}

/// A deployment in a file, which sleeps for so long.
fn sleeper(name: &str, seconds: u32) -> String {
    format!(
        "[deployments.{name}]\nplugin = \"acme:errand@^1\"\nparameters.command = [\"sleep\", \"{seconds}\"]\n\n"
    )
}

/// A file of an owner with these deployments.
fn written(person: &Person, file: &str, owner: &str, names: &[&str], more: &str) -> String {
    let all: String = names.iter().map(|name| sleeper(name, 600)).collect();
    person.file(file, format!("owner = \"{owner}\"\n\n{all}{more}").as_bytes())
}

/// How a comparison ends, and what it says.
fn diff(person: &Person, words: &[&str]) -> (i32, Value) {
    let output = person.command(&[&["diff", "--json"][..], words].concat()).output().unwrap();
    let code = output.status.code().unwrap();
    assert!([0, 2].contains(&code), "{}", String::from_utf8_lossy(&output.stderr));
    (code, serde_json::from_slice(&output.stdout).unwrap())
}

/// The names of the deployments to which something would be done, by what it is.
fn acts(compared: &Value) -> Vec<String> {
    let steps = compared["steps"].as_array().unwrap().iter().filter(|step| step["act"] != "unchanged");
    steps
        .map(|step| format!("{} {}", step["act"].as_str().unwrap(), step["deployment"].as_str().unwrap()))
        .collect()
}

/// What runs: name, owner and revision.
fn running(person: &Person) -> Vec<(String, Option<String>, i64)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |deployment: &Value| {
        (
            text(&deployment["name"]).unwrap(),
            text(&deployment["owner"]),
            deployment["revision"].as_i64().unwrap(),
        )
    };
    person.ok(&["status"]).as_array().unwrap().iter().map(one).collect()
}

fn names(person: &Person) -> Vec<String> {
    running(person).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn files_are_applied_compared_edited_pruned_and_written_again() {
    let (_world, ann) = started();
    let five = ["a", "b", "c", "d", "e"];
    let file = written(&ann, "deployments.toml", "team-a", &five, "");
    let f = ["-f", &file];
    let apply = |words: &[&str]| ann.ok(&[&["apply"][..], words].concat());

    // Nothing is done that nobody has agreed to.
    let (refused, code) = ann.refused(&[&["apply"][..], &f].concat());
    assert_eq!((refused.r#type.as_str(), code), ("not-approved", 1), "{refused:?}");
    let (code, compared) = diff(&ann, &f);
    assert_eq!((code, acts(&compared)), (2, five.map(|name| format!("create {name}")).to_vec()));
    assert!(refused.remedy.unwrap().contains(compared["digest"].as_str().unwrap()));
    assert!(names(&ann).is_empty() && !ann.path("deployments.lock").exists());

    // Five deployments, and again: no change.
    apply(&["-f", &file, "--approve", compared["digest"].as_str().unwrap()]);
    let all_first = |owner: &str| five.map(|name| (name.to_owned(), Some(owner.to_owned()), 1)).to_vec();
    assert_eq!(running(&ann), all_first("team-a"));
    assert!(fs::read_to_string(ann.path("deployments.lock")).unwrap().contains("acme:errand@1.0.0"));
    assert_eq!(diff(&ann, &f).0, 0);
    assert_eq!(acts(&apply(&f)), Vec::<String>::new());
    let checked = ann.command(&[&["apply", "--check"][..], &f].concat()).output().unwrap();
    assert_eq!((checked.status.code(), running(&ann)), (Some(0), all_first("team-a")));

    // One is edited: the difference is read at a glance, at a terminal and in a comment.
    let edited = fs::read_to_string(&file).unwrap().replacen("\"600\"", "\"700\"", 1);
    fs::write(&file, edited).unwrap();
    let check = |words: &[&str]| {
        let output = ann
            .command(&[&["apply", "--check"][..], &f[..], words].concat())
            .env("COLUMNS", "80")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = check(&[]);
    for part in ["1 to change, 4 unchanged", "- errand.command: sleep 600", "+ errand.command: sleep 700"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let digest = diff(&ann, &f).1["digest"].as_str().unwrap().to_owned();
    let is_narrow = |line: &&str| line.contains(&digest) || line.trim_end().chars().count() <= 80;
    assert!(shown.lines().all(|line| is_narrow(&line)), "{shown}");
    let comment = check(&["--markdown"]);
    assert!(
        comment.starts_with("### `team-a`: 1 to change") && comment.contains("```diff\n- errand.command"),
        "{comment}"
    );
    // What somebody else changes meanwhile makes the approval void.
    ann.ok(&["restart", "a"]);
    let (refused, _) = ann.refused(&["apply", "-f", &file, "--approve", &digest]);
    assert_eq!(refused.r#type, "changed-meanwhile", "{refused:?}");
    apply(&["-f", &file, "--yes"]);
    assert_eq!(running(&ann)[0], ("a".into(), Some("team-a".into()), 3));

    // One is taken out, and goes; what others have made stays.
    ann.ok(&["deploy", "errand", "--name", "by-hand", "--set", "command=[\"sleep\", \"600\"]"]);
    let others = written(&ann, "others.toml", "team-b", &["theirs"], "");
    apply(&["-f", &others, "--yes"]);
    let four = written(&ann, "deployments.toml", "team-a", &five[1..], "");
    assert_eq!(acts(&diff(&ann, &["-f", &four]).1), ["prune a"]);
    apply(&["-f", &four, "--yes"]);
    assert_eq!(names(&ann), ["b", "by-hand", "c", "d", "e", "theirs"]);

    // A name that is somebody else's is refused, until it is taken over.
    let wanted = written(&ann, "deployments.toml", "team-a", &["b", "by-hand", "c", "d", "e"], "");
    let (refused, _) = ann.refused(&["apply", "-f", &wanted, "--yes"]);
    assert_eq!(refused.r#type, "invalid-deployments");
    assert!(
        refused.detail.contains("deployments.toml:7:14: 'by-hand' is not in the files of 'team-a'"),
        "{refused:?}"
    );
    assert!(refused.detail.contains("`chandlery apply --adopt`"), "{refused:?}");
    assert_eq!(acts(&apply(&["-f", &wanted, "--adopt", "--yes"])), ["change by-hand"]);
    assert!(running(&ann).contains(&("by-hand".into(), Some("team-a".into()), 1)));
    let (refused, _) = ann.refused(&["apply", "-f", &written(&ann, "b.toml", "team-b", &["b"], ""), "--yes"]);
    assert!(refused.detail.contains("in those of 'team-a'"), "{refused:?}");
    assert!(names(&ann).contains(&"theirs".into()), "nothing is pruned where something is refused");

    // What runs is written as a file, by which nothing changes.
    let text = ann.text(&["export", "--owner", "team-a"]);
    assert!(!text.contains("theirs"), "{text}");
    let exported = ann.file("exported.toml", text.as_bytes());
    let (code, compared) = diff(&ann, &["-f", &exported]);
    assert_eq!((code, compared["steps"].as_array().unwrap().len()), (0, 5), "{compared}");
}

#[test]
fn what_ends_in_the_middle_goes_on_and_is_finished_by_the_next() {
    let (_world, ann) = started();
    let before = written(&ann, "deployments.toml", "team-a", &["old"], "");
    ann.ok(&["apply", "-f", &before, "--yes"]);
    let five = ["a", "b", "c", "d", "e"];
    let file = written(&ann, "deployments.toml", "team-a", &five, "");
    let mut command = ann.command(&["apply", "-f", &file, "--yes"]);
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("a deployment is there", || (names(&ann).len() > 1).then_some(()));
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().code(), None, "it was killed before it had ended");
    assert!(names(&ann).contains(&"old".into()), "nothing goes before what should run does");
    ann.ok(&["apply", "-f", &file, "--yes"]);
    assert_eq!(names(&ann), five);
    assert_eq!(diff(&ann, &["-f", &file]).0, 0);

    // Who does not wait removes nothing before what should run does, and is told so; the next `apply` does it.
    let fewer = written(&ann, "deployments.toml", "team-a", &five[1..], "");
    let never = format!(
        "[deployments.never]\nplugin = \"acme:errand\"\nparameters = {{ command = [\"sleep\", \"600\"], port = {} }}\n",
        free_port()
    );
    let waiting = ann.file("waiting.toml", format!("owner = \"team-a\"\n\n{never}").as_bytes());
    let no_wait = ["apply", "-f", &fewer, "-f", &waiting, "--yes", "--no-wait"];
    for _ in 0..2 {
        assert!(ann.text(&no_wait).contains("a stays until"));
        assert_eq!(names(&ann), ["a", "b", "c", "d", "e", "never"]);
    }
    ann.ok(&["apply", "-f", &fewer, "--yes", "--no-wait"]);
    until("they are gone", || (names(&ann) == five[1..]).then_some(()));

    // Ctrl-C ends the waiting and nothing else, and says so.
    let port = format!("port={}", free_port());
    let words =
        ["deploy", "errand", "--name", "slow", "--set", "command=[\"sleep\", \"600\"]", "--set", &port];
    let waiting = ann.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    until("it rolls out", || names(&ann).contains(&"slow".into()).then_some(()));
    until("it listens for Ctrl-C", || catches_interrupts(waiting.id()).then_some(()));
    let status =
        std::process::Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap();
    let ended = waiting.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(status.success() && ended.status.code() == Some(130), "{ended:?}");
    assert!(said.contains("goes on with revision 1") && said.contains("`chandlery status slow`"), "{said}");
    assert_eq!(ann.ok(&["status", "slow"])[0]["health"], "rolling-out");
}

/// Whether a process does something of its own where SIGINT would end it.
fn catches_interrupts(pid: u32) -> bool {
    const SIGINT: u64 = 1 << (2 - 1);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & SIGINT != 0
}

#[test]
fn layers_lie_over_each_other_and_the_lock_holds_what_was_chosen() {
    let (world, ann) = started();
    let base = written(&ann, "base.toml", "team-a", &["web"], &sleeper("db", 600));
    let production = ann.file(
        "production.toml",
        b"owner = \"production\"\n[deployments.web.parameters]\ncommand = [\"sleep\", \"800\"]\nmemory_mib = 128\n",
    );
    let f = ["-f", &base, "-f", &production];
    ann.ok(&[&["apply", "--yes"][..], &f].concat());
    let web = ann.ok(&["status", "web"])[0].clone();
    assert_eq!(web["parameters"], json!({ "command": ["sleep", "800"], "memory_mib": 128 }));
    assert_eq!(web["owner"], "production");
    let lock = fs::read_to_string(ann.path("production.lock")).unwrap();
    assert!(lock.contains("acme:errand@1.0.0") && !ann.path("base.lock").exists());

    // Another release is installed: it is taken when the lock is renewed, and not before.
    let acme = world.person("acme");
    let next = acme.file("next.wasm", &as_version(&plugin("errand"), "1.1.0"));
    acme.ok(&["publish", &next]);
    let outdated = |installed: &str, newest: &str, deployments: &[&str]| json!([{ "installed": installed, "newest": newest, "deployments": deployments }]);
    let (former, later) = ("acme:errand@1.0.0", "acme:errand@1.1.0");
    assert_eq!(ann.ok(&["outdated"]), outdated(former, later, &[]));
    ann.ok(&["install", "acme:errand"]);
    assert_eq!(ann.ok(&["outdated"]), outdated(later, later, &["db", "web"]));
    let (refused, _) = ann.refused(&[&["diff"][..], &f].concat());
    let at = format!("{base}:4:10: the lock holds acme:errand@1.0.0, and acme:errand@1.1.0 is installed");
    assert!(refused.detail.contains(&at), "{refused:?}");
    let update = [&f[..], &["--update"]].concat();
    let (code, compared) = diff(&ann, &update);
    assert_eq!((code, acts(&compared)), (2, vec!["change db".into(), "change web".into()]));
    assert_eq!(compared["steps"][0]["says"], json!(["acme:errand@1.0.0 runs, and acme:errand@1.1.0 would"]));
    assert_eq!(fs::read_to_string(ann.path("production.lock")).unwrap(), lock, "to look changes nothing");
    ann.ok(&[&["apply", "--yes"][..], &update[..]].concat());
    assert!(fs::read_to_string(ann.path("production.lock")).unwrap().contains("acme:errand@1.1.0"));
    assert_eq!(diff(&ann, &f).0, 0);

    // Without files, all that is outdated is brought to what is installed at once.
    let last = acme.file("last.wasm", &as_version(&plugin("errand"), "1.2.0"));
    acme.ok(&["publish", &last]);
    ann.ok(&["install", "acme:errand"]);
    ann.ok(&["pause", "db"]);
    let upgraded = ann.ok(&["upgrade", "--all"]);
    assert_eq!(
        (upgraded.as_array().unwrap().len(), &upgraded[0]["name"]),
        (1, &json!("web")),
        "what is paused stays"
    );
    ann.ok(&["upgrade", "db"]);
    assert_eq!((ann.ok(&["upgrade", "--all"]), ann.ok(&["outdated"])), (json!([]), json!([])));
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_and_where_it_is() {
    let (_world, ann) = started();
    let text = "owner = \"Team A\"\n\n[deployments.web]\nplugin = \"errand\"\nport = 80\n\n[deployments.My_db]\nplugin = \"acme:errand\"\n";
    let file = ann.file("wrong.toml", text.as_bytes());
    let (refused, code) = ann.refused(&["apply", "-f", &file, "--yes"]);
    assert_eq!((refused.r#type.as_str(), code), ("invalid-deployments", 1));
    let places = |detail: &str| -> Vec<String> {
        let line = |line: &str| {
            line.strip_prefix(&format!("{file}:")).and_then(|rest| rest.split(": ").next()).map(str::to_owned)
        };
        detail.lines().filter_map(line).collect()
    };
    assert_eq!(places(&refused.detail), ["1:9", "4:10", "5:1", "7:14"], "{}", refused.detail);

    // What only the host knows is told in the same way: a plugin that is not installed, or parameters that do not fit.
    fs::write(&file, "owner = \"a\"\n[deployments.web]\nplugin = \"acme:errand@^2\"\n[deployments.db]\nplugin = \"acme:db\"\n").unwrap();
    let (refused, _) = ann.refused(&["diff", "-f", &file]);
    assert_eq!(places(&refused.detail), ["3:10", "5:10"], "{}", refused.detail);
    assert!(refused.detail.contains("`chandlery install 'acme:errand@^2'`"), "{}", refused.detail);
    let parameters = "parameters = { command = [\"sleep\", \"1\"], memory_mib = \"lots\" }\n";
    let lacking = "[deployments.db]\nplugin = \"acme:errand\"\nparameters = { replicas = 1 }\n";
    fs::write(
        &file,
        format!("owner = \"a\"\n[deployments.web]\nplugin = \"acme:errand\"\n{parameters}{lacking}"),
    )
    .unwrap();
    let (refused, _) = ann.refused(&["diff", "-f", &file]);
    assert_eq!(places(&refused.detail), ["4:42", "5:14"], "{}", refused.detail);
    assert!(refused.detail.contains("lots") && refused.detail.contains("command"), "{}", refused.detail);
    assert_eq!(ann.ok(&["status"]), json!([]));

    // What is mistyped is not mistaken for a difference.
    for (words, code) in [(vec!["diff", "--fiel"], 1), (vec!["dif"], 1), (vec!["diff", "--help"], 0)] {
        let output = ann.command(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    }
}
