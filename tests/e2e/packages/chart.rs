//! The chart is one of Helm, its objects are ones of Kubernetes, and its pods may run where pods are restricted.

use std::fs;

use serde_json::{Value, json};

use super::{helm, said};
use crate::kubernetes::validated;
use crate::process::workspace;

/// The objects of a release `one` in the namespace `shop` with these values.
fn rendered(values: &[&str]) -> Vec<Value> {
    let set = values.iter().flat_map(|value| ["--set", *value]);
    let words: Vec<&str> =
        ["template", "one", "helm", "--namespace", "shop"].into_iter().chain(set).collect();
    let output = helm(&words);
    assert!(output.status.success(), "{}", said(&output));
    validated(&String::from_utf8(output.stdout).unwrap())
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The value of a variable of a server's container.
fn variable<'a>(server: &'a Value, name: &str) -> &'a str {
    let variables = server["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    let found = variables.iter().find(|variable| variable["name"] == name);
    found.and_then(|variable| variable["value"].as_str()).unwrap_or_default()
}

/// Whether a server is left alone for an hour, while it migrates its database and does not listen.
fn has_time_to_start(server: &Value) -> bool {
    let probe = &server["spec"]["template"]["spec"]["containers"][0]["startupProbe"];
    let seconds = probe["periodSeconds"].as_u64().zip(probe["failureThreshold"].as_u64());
    probe["httpGet"]["path"] == "/healthz" && seconds.is_some_and(|(period, times)| period * times >= 3600)
}

/// As the pod security standard `restricted` asks.
fn is_restricted(server: &Value) -> bool {
    let pod = &server["spec"]["template"]["spec"];
    let container = &pod["containers"][0]["securityContext"];
    pod["securityContext"]["runAsNonRoot"] == true
        && pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        && container["allowPrivilegeEscalation"] == false
        && container["capabilities"] == json!({ "drop": ["ALL"] })
        && container["readOnlyRootFilesystem"] == true
}

#[test]
fn the_chart_is_linted_and_its_objects_are_ones_of_kubernetes() {
    let linted = helm(&["lint", "--strict", "helm"]);
    assert!(linted.status.success(), "{}", said(&linted));
    let chart = fs::read_to_string(workspace().join("packaging/helm/Chart.yaml")).unwrap();
    for field in ["version", "appVersion"] {
        let line = format!("\n{field}: {}\n", env!("CARGO_PKG_VERSION"));
        assert!(chart.contains(&line), "the chart's {field} is not that of the binary: {chart}");
    }

    let objects = rendered(&[]);
    let servers = of_kind(&objects, "StatefulSet");
    assert!(servers.len() == 2 && servers.iter().all(|server| is_restricted(server)), "{servers:?}");
    assert!(servers.iter().all(|server| has_time_to_start(server)), "{servers:?}");
    assert!(of_kind(&objects, "Ingress").is_empty() && of_kind(&objects, "Secret").is_empty());
    let [host, registry] = servers[..] else { panic!("{servers:?}") };
    assert_eq!(variable(host, "CHANDLERY_REGISTRY"), "http://one-registry:7600");
    assert_eq!(variable(registry, "CHANDLERY_REGISTRY_PUBLISH_FIRST_PARTY"), "true");

    let objects = rendered(&[
        "host.namespaces={models,research}",
        "host.ingress.enabled=true,host.ingress.host=host.example.com,host.ingress.tlsSecret=tls",
        "registry.url=https://p.example.com,registry.environment.CHANDLERY_REGISTRY_ORIGIN=p.example.com/log",
        "registry.environmentSecret=secrets,registry.persistence.storageClass=fast",
        "image.digest=sha256:0000000000000000000000000000000000000000000000000000000000000000,image.pullSecrets={pull}",
    ]);
    let namespaces: Vec<_> =
        of_kind(&objects, "Role").iter().map(|role| role["metadata"]["namespace"].clone()).collect();
    assert_eq!(namespaces, ["models", "research"]);
    assert_eq!(of_kind(&objects, "Ingress")[0]["spec"]["tls"][0]["hosts"], json!(["host.example.com"]));
    let registry = of_kind(&objects, "StatefulSet")[1];
    assert_eq!(variable(registry, "CHANDLERY_REGISTRY_URL"), "https://p.example.com");
    assert_eq!(
        variable(registry, "CHANDLERY_REGISTRY_ORIGIN"),
        "p.example.com/log",
        "a variable of one's own goes before"
    );
    let container = &registry["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["envFrom"], json!([{ "secretRef": { "name": "secrets" } }]));
    assert!(container["image"].as_str().unwrap().contains("@sha256:"));
}

#[test]
fn values_that_the_chart_cannot_mean_are_refused_by_name() {
    for (value, named) in [
        ("regsitry.enabled=true", "'regsitry' not allowed"),
        ("registry.url=https://p.example.com/path", "/registry/url"),
        ("registry.ingress.enabled=true", "/registry/ingress/host"),
        ("host.service.type=External", "/host/service/type"),
        ("host.environment.lower=1", "/host/environment"),
        ("registry.persistence.size=many", "/registry/persistence/size"),
        ("registry.enabled=false", "host.registry is missing"),
    ] {
        let refused = helm(&["template", "one", "helm", "--set", value]);
        assert!(!refused.status.success() && said(&refused).contains(named), "{value}: {}", said(&refused));
    }
}
