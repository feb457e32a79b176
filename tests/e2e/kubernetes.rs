//! Kubernetes: the conversation with an API server, with a stand-in for it that injects faults, and with a real one where
//! there is one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::world::{Person, World, plugin, until, workspace};

/// The newest minor versions, whose schemas every object must satisfy.
const VERSIONS: [&str; 3] = ["1.35", "1.36", "1.37"];

/// Objects of Kubernetes, as YAML or as a list in JSON, each of which has to be one of every version.
pub fn validated(text: &str) -> Vec<Value> {
    let mut validate = Command::new(workspace().join("target/tools/bin/python3"));
    validate.arg(workspace().join("tests/e2e/validate_objects.py")).args(VERSIONS);
    let mut validate =
        validate.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    validate.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = validate.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A world with a stand-in as its target `k8s`, and an installed errand.
pub fn cluster() -> (ApiServer, World) {
    let server = ApiServer::start();
    let world = World::start();
    add(&world.customer(), &server.kubeconfig());
    world.publisher("acme").publish(&plugin("errand"));
    world.customer().ok(&["install", "acme:errand"]);
    (server, world)
}

fn add(customer: &Person, kubeconfig: &str) -> Value {
    add_with(customer, kubeconfig, "shared=[\"runs\"]")
}

pub fn add_with(customer: &Person, kubeconfig: &str, setting: &str) -> Value {
    let file = customer.file("kubeconfig", kubeconfig.as_bytes());
    let words = ["target", "add", "k8s", "--engine", "kubernetes", "--credential", &file, "--set", setting];
    customer.ok(&words)
}

pub fn command(words: &[&str]) -> String {
    format!("command={}", json!(words))
}

/// Words that deploy an errand that serves HTTP.
pub fn serve<'a>(name: &'a str, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = ["deploy", "errand", "--name", name, "--target", "k8s", "--set", command, "--set"];
    let web = ["image=python:3.13-alpine", "--set", "port=8080"];
    [&words[..], &web, more].concat()
}

pub fn server_command() -> String {
    command(&["python3", "-m", "http.server", "$(PORT)"])
}

pub fn status(customer: &Person, name: &str) -> Value {
    customer.ok(&["status", name])[0].clone()
}

pub fn details(status: &Value) -> Vec<String> {
    let replicas = status["replicas"].as_array().unwrap();
    replicas.iter().map(|replica| replica["detail"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until some replica says this.
pub fn says(customer: &Person, name: &str, words: &str) {
    until(&format!("'{words}' is said of {name}"), || {
        details(&status(customer, name)).iter().any(|detail| detail.contains(words)).then_some(())
    });
}

/// The path of every engine: deploy, scale, upgrade to what cannot start and back, remove.
fn scenario(customer: &Person) {
    let serving = server_command();
    let deployed = customer.ok(&serve("web", &serving, &[]));
    assert_eq!(deployed["health"], "ready", "{deployed}");
    let address = deployed["endpoints"][0]["address"].as_str().unwrap();
    assert!(address.contains("web-errand.") && address.ends_with(".svc:8080"), "{address}");
    let scaled = customer.ok(&["scale", "web", "2"]);
    assert_eq!(scaled["replicas"].as_array().unwrap().len(), 2, "{scaled}");

    let dies = command(&["sh", "-c", "echo these are its last words; exit 3"]);
    let (problem, _) = customer.refused(&["upgrade", "web", "--set", &dies]);
    assert_eq!(problem.r#type, "not-ready", "{problem:?}");
    for words in
        ["revision 2 failed: errand-", "exit status: 3", "these are its last words", "revision 1 runs again"]
    {
        assert!(problem.detail.contains(words), "{words}: {problem:?}");
    }
    let back = until("only the first revision runs", || {
        let status = status(customer, "web");
        let all_old = status["replicas"].as_array().unwrap().iter().all(|replica| replica["revision"] == 1);
        (status["health"] == "ready" && all_old).then_some(status)
    });
    assert_eq!(back["replicas"].as_array().unwrap().len(), 2, "{back}");

    let (problem, _) = customer.refused(&["upgrade", "web", "--set", "image=registry.invalid/unpullable:1"]);
    assert!(problem.detail.contains("its image cannot be pulled"), "{problem:?}");
    let history = customer.ok(&["history", "web"]);
    let states: Vec<_> =
        history.as_array().unwrap().iter().map(|revision| revision["state"].clone()).collect();
    assert_eq!(states, ["failed", "failed", "rolled-out"], "{history}");

    assert_eq!(customer.ok(&["pause", "web"])["health"], "paused");
    assert_eq!(customer.ok(&["resume", "web"])["health"], "ready");
    customer.ok(&["remove", "web"]);
}

#[test]
fn kubernetes_rolls_out_and_back() {
    let (server, world) = cluster();
    scenario(&world.customer());
    assert_eq!(server.applied().iter().filter(|object| object["kind"] != "Namespace").count(), 0);
    assert!(server.all("pods").is_empty());
}

/// The same on a real cluster: `KUBECONFIG=… make test-kubernetes`.
#[test]
#[ignore = "needs a cluster, which KUBECONFIG names"]
fn a_real_cluster_rolls_out_and_back() {
    let path = std::env::var("KUBECONFIG").expect("KUBECONFIG names the kubeconfig of a cluster");
    let world = World::start();
    add(&world.customer(), &fs::read_to_string(path).unwrap());
    world.publisher("acme").publish(&plugin("errand"));
    world.customer().ok(&["install", "acme:errand"]);
    scenario(&world.customer());
}

#[test]
fn what_the_cluster_lacks_or_forbids_is_said_in_words() {
    let (server, world) = cluster();
    let customer = world.customer();
    let inventory = customer.ok(&["target", "inventory", "k8s"]);
    let pool = json!({ "kind": "h100", "memory-mib": 81559, "total": 16, "free": 16, "nodes": 2 });
    assert_eq!(inventory["gpu-pools"], json!([pool]));
    let (problem, _) = customer.refused(&serve("nine", &server_command(), &["--set", "gpus=9"]));
    assert!(problem.detail.contains("'k8s' has 16 × h100 on 2 nodes (16 free)"), "{problem:?}");

    let serving = server_command();
    let many = ["--set", "gpus=8", "--set", "gpu=h100", "--set", "replicas=3", "--no-wait"];
    customer.ok(&serve("many", &serving, &many));
    says(&customer, "many", "no node takes it: 0/2 nodes are available: 2 Insufficient nvidia.com/gpu.");
    assert_eq!(customer.ok(&["target", "inventory", "k8s"])["gpu-pools"][0]["free"], 0);
    customer.ok(&["remove", "many"]);

    let hog = command(&["hog"]);
    let (problem, _) = customer.refused(&serve("hog", &hog, &[]));
    assert!(problem.detail.contains("out of memory: it needed more than it was allowed"), "{problem:?}");
    customer.ok(&["remove", "hog"]);

    server.forbid(&["services"]);
    let (problem, _) = customer.refused(&serve("web", &serving, &[]));
    let words = "Service 'web-errand' is refused: services is forbidden: User \"robot\" cannot patch";
    assert!(problem.detail.contains(words), "{problem:?}");
    server.forbid(&[]);
    assert_eq!(customer.ok(&serve("web", &serving, &[]))["health"], "ready");
}

#[test]
fn what_others_have_set_is_shown_and_taken_back_when_asked() {
    let (server, world) = cluster();
    let customer = world.customer();
    let serving = server_command();
    customer.ok(&serve("web", &serving, &["--set", "replicas=2"]));
    server.set_as("kubectl", "deployments", "web-errand", &json!({ "spec": { "replicas": 3 } }));
    let drift = until("the drift is seen", || {
        let drift = status(&customer, "web")["drift"].clone();
        (!drift.is_null()).then_some(drift)
    });
    let expected =
        json!([{ "path": "Deployment web-errand spec.replicas", "should": "2", "is": "3 (set by kubectl)" }]);
    assert_eq!(drift, expected);

    // What we want to change is not taken from others by force.
    let plan = [&["plan"], &serve("web", &serving, &["--set", "replicas=1"])[1..]].concat();
    for words in [&["scale", "web", "4"][..], &plan[..]] {
        let (problem, _) = customer.refused(words);
        let why = "kubectl has set spec.replicas; `chandlery repair web` takes it back";
        assert_eq!((problem.r#type.as_str(), problem.detail.contains(why)), ("drifted", true), "{problem:?}");
    }
    let (problem, _) = customer.refused(&["restart", "web"]);
    for words in ["revision 2 failed", "kubectl has set spec.replicas", "revision 1 runs again"] {
        assert!(problem.detail.contains(words), "{words}: {problem:?}");
    }
    assert_eq!(server.all("deployments")[0]["spec"]["replicas"], 3);
    customer.ok(&["repair", "web"]);
    until("it is taken back", || status(&customer, "web")["drift"].is_null().then_some(()));
    customer.ok(&["scale", "web", "4"]);
    until("it is as it should be", || {
        let status = status(&customer, "web");
        (status["health"] == "ready" && status["drift"].is_null()).then_some(())
    });
    assert_eq!(server.all("deployments")[0]["spec"]["replicas"], 4);

    // What a revision no longer has is pruned.
    assert_eq!(server.all("poddisruptionbudgets").len(), 1);
    customer.ok(&["scale", "web", "1"]);
    until("one replica needs no budget", || server.all("poddisruptionbudgets").is_empty().then_some(()));
    let kept = customer.ok(&["upgrade", "web", "--set", "port=null"]);
    assert_eq!(kept["health"], "ready", "{kept}");
    until("it has no Service", || server.all("services").is_empty().then_some(()));
    assert!(status(&customer, "web")["endpoints"].as_array().unwrap().is_empty());
}

#[test]
fn a_cluster_that_is_away_forgets_or_turns_us_out_is_found_again() {
    let (mut server, world) = cluster();
    let customer = world.customer();
    let serving = server_command();
    customer.ok(&serve("web", &serving, &["--set", "replicas=2"]));
    let pods = |server: &ApiServer| -> BTreeSet<String> {
        server.all("pods").iter().map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect()
    };
    let before = pods(&server);
    let trouble = |words: &str| {
        until(&format!("'{words}' is its trouble"), || {
            let trouble = status(&customer, "web")["trouble"].as_str().unwrap_or_default().to_owned();
            trouble.contains(words).then_some(())
        });
    };
    let well = || {
        until("it is well again", || {
            let status = status(&customer, "web");
            (status["trouble"].is_null() && status["health"] == "ready").then_some(())
        });
    };
    server.go_away();
    trouble("refused");
    server.come_back();
    well();

    server.expire_token();
    trouble("it does not accept the credential any more; `chandlery target add k8s");
    add(&customer, &server.kubeconfig());
    well();
    assert_eq!(pods(&server), before, "what runs was not touched");

    // A watch that is told 410 Gone lists again, and misses nothing.
    server.compact();
    server.set_as("kubectl", "deployments", "web-errand", &json!({ "spec": { "replicas": 1 } }));
    let seen =
        |status: &Value| status["drift"][0]["is"] == "1 (set by kubectl)" && status["health"] == "degraded";
    until("what happened meanwhile is seen", || seen(&status(&customer, "web")).then_some(()));
}

#[test]
fn a_look_at_fifty_deployments_is_one_call() {
    let (server, world) = cluster();
    let customer = world.customer();
    let serving = server_command();
    for number in 0..50 {
        customer.ok(&serve(&format!("web-{number}"), &serving, &["--no-wait"]));
    }
    until("all are ready", || {
        let all = customer.ok(&["status"]);
        all.as_array().unwrap().iter().all(|it| it["health"] == "ready").then_some(())
    });
    let greeting = "GET /api/v1/namespaces/chandlery-k8s";
    server.calls();
    let mut calls = Vec::new();
    until("it was looked at five times", || {
        calls.extend(server.calls());
        (calls.iter().filter(|call| *call == greeting).count() >= 5).then_some(())
    });
    let others: Vec<_> = calls.iter().filter(|call| *call != greeting).collect();
    assert!(others.is_empty(), "{others:?}");
    let targets = customer.ok(&["target", "list"]);
    let target = targets.as_array().unwrap().iter().find(|target| target["name"] == "k8s").unwrap();
    println!("a look at 50 deployments: {} ms, 1 call", target["pass_millis"]);
}

/// Publishes a template and installs it, with every secret that it asks for.
pub fn install(publisher: &Person, customer: &Person, id: &str) {
    publisher.publish(&plugin(id.split_once(':').unwrap().1));
    let allow = ["secret:hf-token", "secret:llm-api-key", "secret:jupyter-token", "secret:wandb-api-key"];
    let shown = customer.ok(&["show", id]).to_string();
    let allow = allow.into_iter().filter(|permission| shown.contains(permission));
    let allow: Vec<_> = allow.flat_map(|permission| ["--allow", permission]).collect();
    customer.ok(&[&["install", id], &allow[..]].concat());
}

#[test]
fn what_is_somebody_elses_is_neither_applied_over_nor_mounted() {
    let (server, world) = cluster();
    let customer = world.customer();
    customer.set_secret("wandb-api-key", "open sesame");
    install(&world.vendor(), &customer, "chandlery:torchrun-job");
    let serving = server_command();
    let another_host = |name: &str| {
        json!({
            "app.kubernetes.io/managed-by": "chandlery",
            "app.kubernetes.io/instance": name,
            "chandlery.dev/host": "another",
        })
    };
    let train = ["deploy", "torchrun-job", "--target", "k8s", "--set", "script=train.py", "--name"];
    let serve_as = |name: &'static str| serve(name, &serving, &[]);
    let train_as = |name: &'static str| [&train[..], &[name]].concat();
    let keyed_as = |name| [&train_as(name)[..], &["--set", "secrets=[\"wandb-api-key\"]"]].concat();
    let cases = [
        ("services", "Service", "one-errand", json!({ "team": "other" }), serve_as("one")),
        ("deployments", "Deployment", "two-errand", Value::Null, serve_as("two")),
        ("services", "Service", "three-errand", another_host("three"), serve_as("three")),
        ("persistentvolumeclaims", "PersistentVolumeClaim", "four-cache", Value::Null, train_as("four")),
        (
            "persistentvolumeclaims",
            "PersistentVolumeClaim",
            "five-cache",
            another_host("five"),
            train_as("five"),
        ),
        ("secrets", "Secret", "six-secrets", Value::Null, keyed_as("six")),
    ];
    let before = server.applied().len();
    for (plural, kind, called, labels, deploy) in cases {
        let theirs = json!({ "metadata": { "labels": labels }, "spec": { "replicas": 0 } });
        server.make_as("kubectl", plural, called, &theirs);
        let there = |server: &ApiServer| {
            server.all(plural).into_iter().find(|object| object["metadata"]["name"] == called).unwrap()
        };
        let before = there(&server);
        let (problem, _) = customer.refused(&deploy);
        assert!(problem.detail.contains(&format!("{kind} '{called}' is there already")), "{problem:?}");
        customer.ok(&["remove", called.split_once('-').unwrap().0]);
        assert_eq!(there(&server), before, "{called}");
    }
    assert_eq!(server.applied().len(), before, "nothing of them was applied");
    assert!(server.all("pods").is_empty());
}

#[test]
fn a_claim_that_may_be_mounted_no_more_stays_where_it_is() {
    let (server, world) = cluster();
    let customer = world.customer();
    install(&world.vendor(), &customer, "chandlery:torchrun-job");
    let train = ["deploy", "torchrun-job", "--target", "k8s", "--set", "script=train.py"];
    let train = [&train[..], &["--set", "checkpoints=runs", "--name", "train"]].concat();
    customer.ok(&train);
    let pods = |server: &ApiServer| -> Vec<Value> {
        server.all("pods").iter().map(|pod| pod["metadata"]["uid"].clone()).collect()
    };
    let before = pods(&server);
    assert_eq!(before.len(), 1);

    add_with(&customer, &server.kubeconfig(), "shared=[\"others\"]");
    says(&customer, "train", "it is left as it is: workload 'trainer' mounts the claim 'runs'");
    assert_eq!(pods(&server), before, "what runs was not touched");
    add(&customer, &server.kubeconfig());
    until("nothing is said of it any more", || {
        let details = details(&status(&customer, "train"));
        details.iter().all(|detail| !detail.contains("it is left as it is")).then_some(())
    });
    assert_eq!(pods(&server), before);
}

/// Deploys every template that we publish, each in a way that shows its other objects, too.
fn deploy_every_template(world: &World) {
    let vendor = world.vendor();
    let acme = world.publisher("acme");
    let customer = world.customer();
    for secret in ["hf-token", "llm-api-key", "jupyter-token", "wandb-api-key"] {
        customer.set_secret(secret, "open sesame");
    }
    let templates: [(&str, &[&str]); 10] = [
        ("vllm", &["replicas=2", "gated=true"]),
        ("vllm", &["model=meta-llama/Llama-3.1-405B-Instruct", "nodes=2", "context_tokens=8192"]),
        ("sglang", &["model=meta-llama/Llama-3.3-70B-Instruct"]),
        ("llama-cpp", &["gpus=0"]),
        ("text-embeddings-inference", &["gpu=h100", "replicas=3"]),
        ("ray-serve", &["application=app:main", "nodes=2"]),
        ("torchrun-job", &["script=train.py", "gpus=4", "nodes=2", "secrets=[\"wandb-api-key\"]"]),
        ("torchrun-job", &["script=train.py", "checkpoints=runs"]),
        ("jupyter-gpu", &[]),
        ("ocr-server", &["image=registry.example/ocr:1", "replicas=2"]),
    ];
    let mut installed = BTreeSet::new();
    for (number, (name, settings)) in templates.iter().enumerate() {
        let (publisher, namespace) =
            if *name == "ocr-server" { (&acme, "acme") } else { (&vendor, "chandlery") };
        if installed.insert(*name) {
            install(publisher, &customer, &format!("{namespace}:{name}"));
        }
        let deployment = format!("t{number}");
        let set: Vec<_> = settings.iter().flat_map(|setting| ["--set", *setting]).collect();
        let words = ["deploy", *name, "--name", &deployment, "--target", "k8s", "--no-wait"];
        customer.ok(&[&words[..], &set].concat());
    }
}

#[test]
fn every_object_of_every_template_is_one_of_kubernetes() {
    let server = ApiServer::start();
    let world = World::start();
    add(&world.customer(), &server.kubeconfig());
    deploy_every_template(&world);
    let customer = world.customer();
    until("all is applied", || {
        let all = customer.ok(&["status"]);
        let made = |it: &Value| {
            let replicas = it["replicas"].as_array().unwrap();
            !replicas.is_empty() && replicas.iter().all(|replica| !replica["job"].is_null())
        };
        let all = all.as_array().unwrap();
        (all.len() == 10 && all.iter().all(made)).then_some(())
    });
    let mut objects = server.applied();
    for object in &mut objects {
        object.as_object_mut().unwrap().remove("status");
        let kept = ["name", "namespace", "labels", "annotations"];
        object["metadata"].as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
    }
    let kinds: BTreeSet<_> =
        objects.iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect();
    let all = ["Deployment", "Job", "Namespace", "PodDisruptionBudget", "Secret", "Service", "StatefulSet"];
    assert!(all.iter().all(|kind| kinds.contains(*kind)), "{kinds:?}");

    assert_eq!(validated(&json!(objects).to_string()), objects);

    let tools = workspace().join("target/tools/bin");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let list = customer.file("objects.json", list.to_string().as_bytes());
    let kubeconfig = customer.file("kubeconfig", server.kubeconfig().as_bytes());
    let words = ["create", "--dry-run=client", "--validate=false", "-o", "name", "-f", &list];
    let created =
        Command::new(tools.join("kubectl")).args(words).env("KUBECONFIG", kubeconfig).output().unwrap();
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let names = String::from_utf8_lossy(&created.stdout).lines().count();
    assert_eq!(names, objects.len());
}
