//! Every published version of the contract is served for ever: of each, a plugin that was built against it is kept as the
//! component that it was.

use std::fs;
use std::sync::Arc;

use chandlery_package::Component;
use chandlery_package::component::CONTRACTS;
use chandlery_package::plan::Plan;
use chandlery_sandbox::{
    Capabilities, Control, DeploymentState, Limits, Plugin, Request, Review, Running, Sandbox, Verdict,
};

use crate::plans::local;
use crate::world::{World, workspace};

fn kept(world: &str, contract: &str) -> Vec<u8> {
    let path = workspace().join(format!("tests/fixtures/contracts/{world}-{contract}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The kept plugin of each contract, ready to be called.
fn each(world: &str, mut call: impl FnMut(&Sandbox, &Plugin, &str)) {
    let sandbox = Sandbox::unoptimised(Limits::default()).unwrap();
    for contract in CONTRACTS {
        let bytes = kept(world, &contract.to_string());
        let component = Component::parse(&bytes).unwrap();
        assert_eq!(component.manifest.contract, contract);
        let plugin = sandbox.load(&component, &bytes).unwrap();
        call(&sandbox, &plugin, &contract.to_string());
    }
}

fn planned(sandbox: &Sandbox) -> Plan {
    let bytes = kept("template", "0.1.0");
    let template = sandbox.load(&Component::parse(&bytes).unwrap(), &bytes).unwrap();
    let request = Request {
        deployment: "kept".into(),
        parameters: r#"{"port":8000,"replicas":2,"image":null}"#.into(),
        target: local(),
    };
    sandbox.plan(&template, &request).unwrap()
}

#[test]
fn a_template_of_each_contract_plans_what_it_did() {
    each("template", |sandbox, template, contract| {
        let request = Request {
            deployment: "kept".into(),
            parameters: r#"{"port":8000,"replicas":2,"image":null}"#.into(),
            target: local(),
        };
        let plan = sandbox.plan(template, &request).unwrap();
        insta::assert_json_snapshot!(format!("template-{contract}"), plan);
    });
}

#[test]
fn a_policy_of_each_contract_reviews_as_it_did() {
    each("policy", |sandbox, policy, contract| {
        let plan = planned(sandbox);
        let review = Review {
            deployment: "kept".into(),
            team: Some("research".into()),
            release: "acme:kept@1.0.0".parse().unwrap(),
            target: local(),
            others: vec![Running {
                deployment: "other".into(),
                team: None,
                release: "acme:kept@1.0.0".parse().unwrap(),
                target: "local".into(),
                plan: plan.clone(),
            }],
            settings: r#"{"does":"amend"}"#.into(),
        };
        let Verdict::Amend { plan, changes } = sandbox.review(policy, &plan, &review).unwrap() else {
            panic!("it amends every plan");
        };
        assert_eq!(changes, ["every workload is marked as reviewed"]);
        insta::assert_json_snapshot!(format!("policy-{contract}"), plan);
    });
}

#[test]
fn an_integration_of_each_contract_does_what_it_did() {
    struct Host;

    impl Control for Host {
        fn deployments(&self) -> Result<Vec<DeploymentState>, String> {
            Err("the host's own words".into())
        }
        fn restart(&self, deployment: &str) -> Result<(), String> {
            Err(format!("'{deployment}' is not restarted"))
        }
        fn scale(&self, _: &str, _: &str, _: u32) -> Result<(), String> {
            Ok(())
        }
    }

    each("integration", |sandbox, integration, _| {
        let answer = |does: &str| {
            let granted = ["keyvalue", "secret:token", "deployments:read", "deployments:act"];
            let capabilities = Capabilities::new(
                granted.map(|permission| permission.parse().unwrap()).into(),
                [("does".into(), does.into()), ("url".into(), "http://127.0.0.1/".into())].into(),
                [("a".to_owned(), b"b".to_vec())].into(),
                [("token".parse().unwrap(), "s3cr3t".into())].into(),
                Arc::new(Host),
            );
            let event = serde_json::json!({
                "id": "1", "kind": "rolled-out", "at": "2026-01-01T00:00:00Z", "deployment": "kept",
                "target": "local", "team": null, "release": "acme:kept@1.0.0", "revision": 1, "detail": "",
            });
            let reaction = sandbox.notify(integration, &serde_json::from_value(event).unwrap(), capabilities);
            reaction.result.err().map(|error| error.to_string()).unwrap_or_default()
        };
        for (does, says) in [
            (r#"{"read":{"key":"a"}}"#, r#"Ok(Some("b"))"#),
            (r#"{"deployments":null}"#, "the host's own words"),
            (r#"{"restart":{"name":"x"}}"#, "'x' is not restarted"),
            (r#"{"scale":{"name":"x","workload":"y","replicas":1}}"#, "Ok(())"),
            (r#"{"sign":{"message":"x"}}"#, "Ok(["),
            (r#"{"request":{"url":"http://127.0.0.1/"}}"#, "HttpRequestDenied"),
        ] {
            let answer = answer(does);
            assert!(answer.contains(says), "{does}: {answer}");
        }
    });
}

#[test]
fn a_plugin_for_a_newer_contract_is_refused_with_the_version_that_it_needs() {
    let world = World::start();
    let author = world.publisher("acme");
    let file = world.folder.path().join("newer.wasm");
    let (from, to) = (br#""contract":"0.1.0""#, br#""contract":"0.9.0""#);
    let bytes = kept("template", "0.1.0");
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    fs::write(&file, [&bytes[..at], to, &bytes[at + from.len()..]].concat()).unwrap();
    let (problem, _) = author.refused(&["publish", file.to_str().unwrap()]);
    assert_eq!(problem.r#type, "unknown-contract", "{problem:?}");
    assert!(problem.detail.contains("built for contract 0.9.0; this chandlery serves 0.1.0"), "{problem:?}");
}
