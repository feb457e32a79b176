//! Commands that meet: whichever comes first, the host's state is one that they could have left one after the other. Nothing
//! gets stuck, and no change that was answered with yes is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::crashes::rounds;
use crate::grants::ASKS;
use crate::world::{PATIENCE, World, plugin, until};

/// Somebody who speaks to a host over HTTP, at the same time as others.
#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Caller {
    fn of(world: &World) -> Self {
        let token = std::fs::read_to_string(world.host_data().join("host.token")).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base: format!("http://{}/api/v1", world.host.address), token }
    }

    /// What the host answers: its status, and JSON. It never fails.
    async fn call(&self, method: Method, path: &str, body: impl Into<Option<Value>>) -> (u16, Value) {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        request = request.bearer_auth(&self.token);
        if let Some(body) = body.into() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(status < 500, "{method} {path}: {status} {text}");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await.1
    }

    async fn deploy(&self, name: &str, target: Option<&str>, note: &str) -> (u16, Value) {
        // Kubernetes runs containers, and this machine programs of its own.
        let image = target.map(|_| "python:3.13-alpine");
        let parameters = json!({ "command": ["sleep", "3600"], "note": note, "image": image });
        let new = json!({ "plugin": "errand", "name": name, "target": target, "parameters": parameters });
        self.call(Method::POST, "/deployments", new).await
    }

    async fn pause(&self, name: &str, paused: bool) -> (u16, Value) {
        self.call(Method::PUT, &format!("/deployments/{name}/paused"), json!(paused)).await
    }

    async fn scale(&self, name: &str, replicas: u32) -> (u16, Value) {
        let to = json!({ "workload": "errand", "replicas": replicas });
        self.call(Method::PUT, &format!("/deployments/{name}/scale"), to).await
    }

    async fn restart(&self, name: &str) -> (u16, Value) {
        self.call(Method::POST, &format!("/deployments/{name}/restart"), json!({})).await
    }

    async fn rollback(&self, name: &str) -> (u16, Value) {
        self.call(Method::POST, &format!("/deployments/{name}/rollback"), json!({ "revision": null })).await
    }

    async fn remove(&self, name: &str) -> (u16, Value) {
        self.call(Method::DELETE, &format!("/deployments/{name}"), None).await
    }

    async fn set(&self, plugin: &str, changes: Value) -> (u16, Value) {
        self.call(Method::PATCH, &format!("/plugins/{plugin}/settings"), changes).await
    }

    /// Waits until a deployment is gone.
    async fn gone(&self, name: &str) {
        let began = Instant::now();
        loop {
            let (status, deployment) = self.call(Method::GET, &format!("/deployments/{name}"), None).await;
            if status == 404 {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{name} was removed, and is stuck: {deployment}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A world with an errand to deploy.
fn world() -> World {
    let world = World::start();
    world.publisher("acme").publish(&plugin("errand"));
    world.customer().ok(&["install", "acme:errand"]);
    world
}

#[test]
fn what_is_removed_while_it_is_paused_goes() {
    let world = world();
    let host = Caller::of(&world);
    world.runtime.block_on(async {
        for round in 0..rounds(8) {
            let name = format!("d{round}");
            assert_eq!(host.deploy(&name, None, "").await.0, 200);
            let pausing = (0..8).map(|nth| {
                let (host, name) = (host.clone(), name.clone());
                async move { host.pause(&name, nth % 2 == 0).await }
            });
            let (_, removed) = tokio::join!(futures::future::join_all(pausing), host.remove(&name));
            assert_eq!(removed.0, 200, "{removed:?}");
            host.gone(&name).await;
        }
    });
}

#[test]
fn two_changes_of_settings_both_last() {
    let world = World::start();
    world.vendor().publish(&plugin("guardrails"));
    world.customer().ok(&["install", "chandlery:guardrails"]);
    let host = Caller::of(&world);
    world.runtime.block_on(async {
        for round in 0..rounds(30) {
            let gpus = json!({ "gpus": { "research": round } });
            let spend = json!({ "spend": { "research": round } });
            let (a, b) = tokio::join!(host.set("guardrails", gpus), host.set("guardrails", spend));
            assert_eq!((a.0, b.0), (200, 200), "{a:?} {b:?}");
            let given = host.get("/plugins/guardrails/settings").await["given"].clone();
            let both = json!({ "gpus": { "research": round }, "spend": { "research": round } });
            assert_eq!(given, both, "round {round}: a budget is lost");
        }
    });
}

#[test]
fn a_target_goes_or_a_deployment_comes() {
    let (server, world) = (ApiServer::start(), world());
    let host = Caller::of(&world);
    let add = json!({ "engine": "kubernetes", "settings": {}, "credential": server.kubeconfig() });
    world.runtime.block_on(async {
        for round in 0..rounds(6) {
            let (status, answer) = host.call(Method::PUT, "/targets/k8s", add.clone()).await;
            assert_eq!(status, 200, "{answer}");
            let name = format!("d{round}");
            let removing = async {
                // While the deployment is being planned.
                tokio::time::sleep(Duration::from_millis(round * 5)).await;
                host.call(Method::DELETE, "/targets/k8s", None).await
            };
            let (deployed, removed) = tokio::join!(host.deploy(&name, Some("k8s"), ""), removing);
            assert!(deployed.0 == 200 || removed.0 == 200, "{deployed:?} {removed:?}");
            if deployed.0 == 200 {
                assert_eq!(removed.1["type"], "invalid-target", "{removed:?}");
                assert_eq!(host.remove(&name).await.0, 200);
                host.gone(&name).await;
            } else {
                assert_eq!(deployed.1["type"], "no-target", "{deployed:?}");
            }
        }
    });
}

#[test]
fn a_plugin_goes_or_a_deployment_of_it_comes() {
    let world = world();
    world.vendor().publish(&plugin("guardrails"));
    let (host, customer) = (Caller::of(&world), world.customer());
    for round in 0..rounds(6) {
        let name = format!("d{round}");
        customer.ok(&["install", "acme:errand"]);
        world.runtime.block_on(async {
            let uninstalling = async {
                tokio::time::sleep(Duration::from_millis(round * 3)).await;
                host.call(Method::DELETE, "/plugins/errand", None).await
            };
            let (deployed, uninstalled) = tokio::join!(host.deploy(&name, None, ""), uninstalling);
            assert!(
                (deployed.0 == 200) != (uninstalled.0 == 200),
                "a plugin that is not installed is deployed: {deployed:?} {uninstalled:?}"
            );
            if deployed.0 == 200 {
                assert_eq!(host.remove(&name).await.0, 200);
                host.gone(&name).await;
            }
        });
    }
}

/// Its default settings would deny what it was told to let pass: whoever finds it without its settings is told no by a policy that
/// nobody has.
#[test]
fn a_policy_goes_while_it_reviews_a_plan() {
    let (server, world) = (ApiServer::start(), world());
    world.vendor().publish(&plugin("guardrails"));
    let (host, customer) = (Caller::of(&world), world.customer());
    let add = json!({ "engine": "kubernetes", "settings": {}, "credential": server.kubeconfig() });
    assert_eq!(world.runtime.block_on(host.call(Method::PUT, "/targets/k8s", add)).0, 200);
    for round in 0..rounds(8) {
        customer.ok(&["install", "chandlery:guardrails"]);
        customer.ok(&["configure", "guardrails", "--set", "images=any"]);
        world.runtime.block_on(async {
            let uninstalling = async {
                tokio::time::sleep(Duration::from_millis(round * 2)).await;
                host.call(Method::DELETE, "/plugins/guardrails", None).await
            };
            let name = format!("d{round}");
            let (deployed, uninstalled) = tokio::join!(host.deploy(&name, Some("k8s"), ""), uninstalling);
            assert_eq!((deployed.0, uninstalled.0), (200, 200), "{deployed:?} {uninstalled:?}");
            assert_eq!(host.remove(&name).await.0, 200);
            host.gone(&name).await;
        });
    }
    assert!(world.host_texts("select plugin from plugin_settings").is_empty());
}

/// Settings that change while the integration is called with those of before.
#[test]
fn what_is_set_while_an_integration_is_tried_lasts() {
    let world = World::start();
    world.publisher("mallory").publish(&plugin("curious"));
    let customer = world.customer();
    let mut words = vec!["install", "mallory:curious"];
    ASKS.iter().for_each(|permission| words.extend(["--allow", *permission]));
    customer.ok(&words);
    let host = Caller::of(&world);
    let keep = |key: String| json!({ "url": "http://127.0.0.1:9/", "does": { "keep": { "key": key, "value": "there" } } });
    let attempt = || host.call(Method::POST, "/plugins/curious/try", None);
    let rounds = rounds(12);
    world.runtime.block_on(async {
        assert_eq!(host.set("curious", keep("first".into())).await.0, 200);
        for round in 0..rounds {
            // Others are under way when the settings change, and those that begin afterwards know them.
            let changing = async {
                let settings = keep(format!("key-{round:02}"));
                let changed = host.set("curious", settings.clone()).await;
                assert_eq!(changed.0, 200, "{changed:?}");
                let tried = attempt().await;
                assert!(tried.1["problem"]["detail"].as_str().unwrap().contains("Ok(())"), "{tried:?}");
                settings
            };
            let (settings, ..) = tokio::join!(changing, attempt(), attempt(), attempt());
            assert_eq!(host.get("/plugins/curious/settings").await["given"], settings);
        }
    });
}

/// What each caller was answered yes to last.
#[derive(Debug, Default)]
struct Accepted {
    scale: Option<u32>,
    paused: Option<bool>,
    settings: BTreeMap<&'static str, Value>,
}

/// Many callers at once, each with its own kind of command, in an order that a seed decides. `CHANDLERY_RACES_SECONDS`
/// makes it longer, `CHANDLERY_RACES_SEED` another one.
#[test]
fn any_commands_may_meet() {
    let number = |name: &str, short| {
        std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(short)
    };
    let (seconds, seed) = (number("CHANDLERY_RACES_SECONDS", 12), number("CHANDLERY_RACES_SEED", 1));
    println!("seed {seed}, {seconds} s");
    let (server, world) = (ApiServer::start(), world());
    world.vendor().publish(&plugin("guardrails"));
    world.publisher("mallory").publish(&plugin("hostile"));
    let customer = world.customer();
    customer.ok(&["install", "chandlery:guardrails"]);
    customer.ok(&["configure", "guardrails", "--set", "images=any"]);
    let host = Caller::of(&world);
    let end = Instant::now() + Duration::from_secs(seconds);
    let accepted = world.runtime.block_on(async {
        assert_eq!(host.deploy("steady", None, "").await.0, 200);
        let callers: Vec<_> = (0..8)
            .map(|role| tokio::spawn(act(host.clone(), server.kubeconfig(), role, seed, end)))
            .collect();
        let mut all = Vec::new();
        for caller in callers {
            all.push(caller.await.unwrap());
        }
        all
    });
    // What one caller alone has changed is as it was last answered.
    let steady = world.host_texts(
        "select json_object('scale', json(scale), 'desired', desired) from deployments where name = 'steady'",
    );
    let steady: Value = serde_json::from_str(&steady[0]).unwrap();
    if let Some(replicas) = accepted.iter().find_map(|accepted| accepted.scale) {
        assert_eq!(steady["scale"]["errand"], replicas, "seed {seed}: {steady}");
    }
    if let Some(paused) = accepted.iter().find_map(|accepted| accepted.paused) {
        assert_eq!(steady["desired"], if paused { "paused" } else { "running" }, "seed {seed}: {steady}");
    }
    let given = world.runtime.block_on(host.get("/plugins/guardrails/settings"))["given"].clone();
    for (key, value) in accepted.iter().flat_map(|accepted| &accepted.settings) {
        assert_eq!(given[key], *value, "seed {seed}: {key} of {given}");
    }
    // What runs is of what is installed, and where targets are; and all of it can be removed.
    world.runtime.block_on(async {
        let names = |list: Value, field: &'static str| -> Vec<String> {
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item[field].as_str().unwrap().to_owned())
                .collect()
        };
        let installed = names(host.get("/plugins").await, "release");
        let targets = names(host.get("/targets").await, "name");
        let deployments = host.get("/deployments").await;
        for deployment in deployments["items"].as_array().unwrap() {
            let (release, target) =
                (deployment["release"].as_str().unwrap(), deployment["target"].as_str().unwrap());
            assert!(
                installed.iter().any(|known| known == release),
                "seed {seed}: {deployment} of {installed:?}"
            );
            assert!(targets.iter().any(|known| known == target), "seed {seed}: {deployment} of {targets:?}");
        }
        for name in names(deployments, "name") {
            assert!([200, 404].contains(&host.remove(&name).await.0));
            host.gone(&name).await;
        }
    });
    until("nothing is left of them", || {
        world
            .host_texts("select id from replicas union all select deployment from revisions")
            .is_empty()
            .then_some(())
    });
}

/// One caller's commands until the end.
async fn act(host: Caller, kubeconfig: String, role: u64, seed: u64, end: Instant) -> Accepted {
    let mut random = rand::rngs::StdRng::seed_from_u64(seed * 1000 + role);
    let mut accepted = Accepted::default();
    let mut turn = 0_u32;
    while Instant::now() < end {
        turn += 1;
        let name = ["steady", "fleeting", "remote", "hostile"][random.random_range(0..4)];
        match role {
            0 => {
                let replicas = random.random_range(0..3);
                if host.scale("steady", replicas).await.0 == 200 {
                    accepted.scale = Some(replicas);
                }
            }
            1 => {
                let paused = random.random();
                if host.pause("steady", paused).await.0 == 200 {
                    accepted.paused = Some(paused);
                }
            }
            2 | 3 => {
                let key = ["gpus", "spend"][role as usize - 2];
                let value = json!({ "research": turn });
                assert_eq!(host.set("guardrails", json!({ key: value })).await.0, 200);
                accepted.settings.insert(key, value);
            }
            // What it deploys it upgrades, too.
            4 => {
                let note = turn.to_string();
                match random.random_range(0..3) {
                    0 => drop(host.deploy("fleeting", None, &note).await),
                    1 => drop(host.deploy("remote", Some("k8s"), &note).await),
                    _ => {
                        let new = json!({ "plugin": "hostile", "parameters": { "attack": "none" } });
                        host.call(Method::POST, "/deployments", new).await;
                    }
                }
            }
            5 => {
                if name != "steady" {
                    host.remove(name).await;
                    host.pause(name, random.random()).await;
                    host.scale(name, random.random_range(0..3)).await;
                }
                tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
            }
            6 => {
                match random.random_range(0..3) {
                    0 => host.restart(name).await,
                    1 => host.rollback(name).await,
                    _ => host.call(Method::POST, &format!("/deployments/{name}/heal"), json!({})).await,
                };
                tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
            }
            _ => {
                let (add, consent) = (
                    json!({ "engine": "kubernetes", "settings": {}, "credential": kubeconfig }),
                    json!({ "requirement": "mallory:hostile", "allow": [], "deny": [] }),
                );
                match random.random_range(0..4) {
                    0 => host.call(Method::PUT, "/targets/k8s", add).await,
                    1 => host.call(Method::DELETE, "/targets/k8s", None).await,
                    2 => host.call(Method::POST, "/plugins", consent).await,
                    _ => host.call(Method::DELETE, "/plugins/hostile", None).await,
                };
            }
        }
    }
    accepted
}
