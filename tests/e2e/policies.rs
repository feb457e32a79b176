//! Policies: what `guardrails` lets pass, and that nothing passes by them.

use chandlery_package::Component;
use chandlery_package::plan::{EnvValue, EnvVar, Gpu, Interconnect, Plan, Runtime, Workload};
use chandlery_sandbox::{Limits, Review, Running, Sandbox, Verdict};
use serde_json::{Value, json};

use crate::plans::local;
use crate::world::{World, plugin};

/// A plan of one service with this image and these GPUs.
fn plan(image: &str, gpu: Option<(&str, u32)>) -> Plan {
    let workload = json!({
        "name": "server", "kind": "service", "runtime": { "container": image }, "command": [], "env": [],
        "resources": { "cpu-millis": 1000, "memory-mib": 512, "gpu": null, "scratch-mib": 0 },
        "scale": { "replicas-min": 1, "replicas-max": 2, "target": null, "nodes-per-replica": 1, "spot-ok": false },
        "ports": [], "readiness": null, "volumes": [], "restart": "always", "grace-seconds": 10,
    });
    let mut workload: Workload = serde_json::from_value(workload).unwrap();
    workload.env.push(EnvVar { name: "A".into(), value: EnvValue::Text("b".into()) });
    workload.resources.gpu = gpu.map(|(kind, count)| Gpu {
        kinds: vec![kind.into()],
        count_per_replica: count,
        memory_mib_min: 0,
        interconnect: Interconnect::None,
    });
    Plan { workloads: vec![workload], notes: Vec::new() }
}

#[test]
fn guardrails_holds_plans_to_its_rules() {
    let sandbox = Sandbox::unoptimised(Limits::default()).unwrap();
    let bytes = plugin("guardrails");
    let component = Component::parse(&bytes).unwrap();
    let policy = sandbox.load(&component, &bytes).unwrap();
    let verdict = |plan: &Plan, team: Option<&str>, settings: Value| {
        let mut complete = json!({
            "images": "digest", "registries": [], "forbidden_flags": [], "additions": ["*"], "gpus": {}, "gpu_prices": {}, "spend": {},
        });
        complete.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let running = |name: &str, team: &str, plan: Plan| Running {
            deployment: name.into(),
            team: Some(team.into()),
            release: "acme:vllm@1.0.0".parse().unwrap(),
            target: "local".into(),
            plan,
        };
        let review = Review {
            deployment: "new".into(),
            team: team.map(str::to_owned),
            release: "acme:vllm@1.0.0".parse().unwrap(),
            target: local(),
            others: vec![
                running("a", "research", self::plan("x@sha256:0", Some(("h100", 2)))),
                running("b", "other", self::plan("x@sha256:0", Some(("h100", 50)))),
            ],
            settings: complete.to_string(),
        };
        match sandbox.review(&policy, plan, &review).unwrap() {
            Verdict::Allow { warnings } => Ok(warnings),
            Verdict::Deny { problems } => {
                Err(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))
            }
            amended @ Verdict::Amend { .. } => panic!("{amended:?}"),
        }
    };
    let fixed = "ghcr.io/acme/x@sha256:0000";
    assert_eq!(verdict(&plan(fixed, None), None, json!({})), Ok(vec![]));
    for (image, images, allowed) in [
        ("ghcr.io/acme/x:1.2", "digest", false),
        ("ghcr.io/acme/x:1.2", "tag", true),
        ("ghcr.io/acme/x:latest", "tag", false),
        ("ghcr.io/acme/x", "tag", false),
        ("localhost:5000/x", "tag", false),
        ("ghcr.io/acme/x:latest", "any", true),
        ("ghcr.io/acme/x:latest@sha256:0000", "tag", true),
    ] {
        assert_eq!(
            verdict(&plan(image, None), None, json!({ "images": images })).is_ok(),
            allowed,
            "{image} {images}"
        );
    }
    for (image, registries, allowed) in [
        (fixed, json!(["ghcr.io"]), true),
        (fixed, json!(["ghcr.io/acme"]), true),
        (fixed, json!(["ghcr.io/ac"]), false),
        ("ghcr.io.evil.example/acme/x@sha256:0", json!(["ghcr.io"]), false),
        ("library/x@sha256:0", json!(["docker.io"]), true),
        ("x@sha256:0", json!(["ghcr.io", "docker.io"]), true),
        ("x@sha256:0", json!(["ghcr.io"]), false),
    ] {
        let answer = verdict(&plan(image, None), None, json!({ "registries": registries }));
        assert_eq!(answer.is_ok(), allowed, "{image} {registries} {answer:?}");
    }
    // Two replicas of two GPUs are deployed for research already.
    let gpus = |count, team, limits: Value| {
        verdict(&plan(fixed, Some(("h100", count))), team, json!({ "gpus": limits }))
    };
    assert_eq!(gpus(1, Some("research"), json!({ "research": 8 })), Ok(vec![]));
    let warned = gpus(2, Some("research"), json!({ "research": 9 })).unwrap();
    assert_eq!(warned, ["team 'research' would have 8 GPUs of 9: 4 are deployed, this plan adds 4"]);
    assert!(gpus(3, Some("research"), json!({ "research": 9 })).unwrap_err().contains("10 GPUs of 9"));
    // Others' GPUs are not theirs; who has no budget of their own has the one for all others.
    assert!(gpus(2, Some("third"), json!({ "*": 4 })).is_ok());
    assert!(gpus(3, Some("third"), json!({ "*": 4 })).is_err());
    assert!(gpus(1, None, json!({ "*": 1 })).unwrap_err().contains("whoever names no team"));
    assert_eq!(gpus(100, Some("research"), json!({})), Ok(vec![]));
    let spend = |kind, limit: u64| {
        let settings = json!({ "gpu_prices": { "h100": 250, "*": 100 }, "spend": { "research": limit } });
        verdict(&plan(fixed, Some((kind, 1))), Some("research"), settings)
    };
    assert_eq!(spend("h100", 10_000), Ok(vec![]));
    // A slice that has no price of its own costs what its GPU does.
    assert_eq!(spend("h100-mig-1g.10gb", 1499), spend("h100", 1499));
    let denied = spend("h100", 1499).unwrap_err();
    assert_eq!(
        denied,
        "team 'research' would have $15.00 an hour on GPUs of $14.99: $10.00 are deployed, this plan adds $5.00"
    );
    // Flags are found however they are written, and what was added is what its template's note says.
    let mut serves = plan(fixed, None);
    let forbid = |serves: &Plan| verdict(serves, None, json!({ "forbidden_flags": ["--trust-remote-code"] }));
    for (words, allowed) in [
        (&["serve", "--model", "--x"][..], true),
        (&["serve", "trust-remote-code"], true),
        (&["serve", "--trust-remote-code"], false),
        (&["serve", "--trust_remote_code=true"], false),
        (&["serve", "--trust-remote"], false),
        (&["sh", "-c", "exec serve --trust-remote-code"], false),
    ] {
        serves.workloads[0].command = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(forbid(&serves).is_ok(), allowed, "{words:?}");
    }
    serves.notes = vec!["Added by whoever deploys: --enforce-eager, NCCL_DEBUG".into()];
    let add = |additions: Value| verdict(&serves, None, json!({ "additions": additions }));
    assert_eq!(add(json!(["*"])), Ok(vec![]));
    assert_eq!(add(json!(["--enforce-eager", "NCCL_*"])), Ok(vec![]));
    assert!(add(json!(["--enforce-eager"])).unwrap_err().contains("NCCL_DEBUG may not be added"));
    assert!(
        add(json!([]))
            .unwrap_err()
            .contains("--enforce-eager may not be added to what a template says; allowed is nothing")
    );
    // A program without an image or a GPU is nobody's concern.
    let mut bare = plan(fixed, None);
    bare.workloads[0].runtime = Runtime::Host;
    assert_eq!(verdict(&bare, None, json!({ "registries": ["ghcr.io"], "gpus": { "*": 0 } })), Ok(vec![]));
}

#[test]
fn every_plan_passes_every_policy() {
    let world = World::start();
    world.vendor().publish(&plugin("guardrails"));
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("meddler"));
    mallory.publish(&plugin("hostile"));
    let customer = world.customer();
    for name in ["chandlery:guardrails", "mallory:meddler", "mallory:hostile"] {
        customer.ok(&["install", name]);
    }
    // A policy may change a plan, and says so.
    let planned = customer.ok(&["plan", "hostile", "--set", "attack=none"]);
    assert_eq!(planned["remarks"][0]["says"], "every workload is marked as reviewed", "{planned}");
    assert_eq!(planned["plan"]["workloads"][0]["env"][0]["name"], "REVIEWED");
    let deployed = customer.ok(&["deploy", "hostile", "--set", "attack=none", "--no-wait"]);
    assert_eq!(deployed["plan_digest"], planned["digest"]);
    // What was deployed is made again with the policies that it passed.
    let replayed = customer.ok(&["replay", "hostile"]);
    assert_eq!(replayed["replays"][0]["plan"], planned["digest"]);
    assert_eq!(replayed["replays"][1]["plan"], planned["digest"]);
    customer.ok(&["configure", "meddler", "--set", "does=deny"]);
    let (problem, _) = customer.refused(&["deploy", "hostile", "--set", "attack=none"]);
    assert_eq!(problem.r#type, "denied", "{problem:?}");
    assert!(problem.detail.contains("mallory:meddler@1.0.0 denies this plan: it was told to"), "{problem:?}");
    // One that fails lets nothing pass, and neither does one whose settings do not fit.
    customer.ok(&["configure", "meddler", "--set", "does=panic"]);
    let (problem, _) = customer.refused(&["plan", "hostile", "--set", "attack=none"]);
    assert_eq!(problem.r#type, "panicked", "{problem:?}");
    let (problem, _) = customer.refused(&["configure", "meddler", "--set", "does=sing"]);
    assert_eq!(problem.r#type, "invalid-settings", "{problem:?}");
    customer.ok(&["configure", "meddler", "--set", "does=break"]);
    let (problem, _) = customer.refused(&["plan", "hostile", "--set", "attack=none"]);
    assert_eq!(problem.r#type, "invalid-plan", "{problem:?}");
    // A policy is no template, and is not in anybody's way once it is gone.
    let (problem, _) = customer.refused(&["plan", "meddler"]);
    assert_eq!(problem.r#type, "other-kind", "{problem:?}");
    let (problem, _) = customer.refused(&["uninstall", "hostile"]);
    assert_eq!(problem.r#type, "in-use", "{problem:?}");
    customer.ok(&["uninstall", "meddler"]);
    let planned = customer.ok(&["plan", "hostile", "--set", "attack=none"]);
    assert!(planned.get("remarks").is_none(), "{planned}");
    // The record of the deployment holds all that it takes, though the policy is gone.
    let replayed = customer.ok(&["replay", "hostile"]);
    assert_eq!(replayed["recorded"], replayed["replays"][1]["plan"]);
}
