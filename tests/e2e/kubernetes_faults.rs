//! What happens on real clusters: pods that are evicted or not let in, images that are pulled late, containers beside ours, jobs that
//! are cleaned up.

use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::kubernetes::{add_with, cluster, command, details, install, says, serve, server_command, status};
use crate::world::{Person, until};

/// Words that deploy an errand that runs to its end.
fn job<'a>(name: &'a str, command: &'a str) -> Vec<&'a str> {
    let words =
        ["deploy", "errand", "--name", name, "--target", "k8s", "--set", "job=true", "--set", command];
    [&words[..], &["--set", "image=python:3.13-alpine"]].concat()
}

/// The names of the pods of replicas that run.
fn pods(status: &Value) -> Vec<String> {
    let replicas = status["replicas"].as_array().unwrap().iter();
    let ready = replicas.filter(|replica| replica["state"] == "ready");
    ready.map(|replica| replica["job"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the cluster was looked at several times more.
fn looked_at(server: &ApiServer) {
    server.calls();
    let mut looks = 0;
    until("it was looked at again", || {
        looks += server.calls().iter().filter(|call| call.ends_with("/namespaces/chandlery-k8s")).count();
        (looks >= 4).then_some(())
    });
}

/// Takes the pod of a deployment away, and waits for another one in its place.
fn evict(server: &ApiServer, customer: &Person, name: &str) {
    let before = pods(&status(customer, name));
    server.evict(name);
    until("another pod runs", || {
        let now = pods(&status(customer, name));
        (!now.is_empty() && now != before).then_some(())
    });
    let replicas = status(customer, name)["replicas"].clone();
    assert_eq!(replicas.as_array().unwrap().len(), 1, "{replicas}");
    assert_eq!(replicas[0]["restarts"], 0, "{replicas}");
}

#[test]
fn a_pod_that_is_evicted_is_replaced_and_no_failure() {
    let (server, world) = cluster();
    let customer = world.customer();
    customer.ok(&serve("web", &server_command(), &[]));
    evict(&server, &customer, "web");
    assert_eq!(status(&customer, "web")["health"], "ready");
    // The evicted pod is still there, and takes no good upgrade back.
    assert_eq!(server.all("pods").len(), 2);
    assert_eq!(customer.ok(&["upgrade", "web", "--set", "note=again"])["revision"], 2);

    customer.ok(&[&job("train", &command(&["sleep", "1000"]))[..], &["--no-wait"]].concat());
    until("it runs", || (!pods(&status(&customer, "train")).is_empty()).then_some(()));
    for _ in 0..3 {
        evict(&server, &customer, "train");
    }
    assert_eq!(customer.ok(&["history", "train"])[0]["state"], "rolled-out");
    let dies = command(&["sh", "-c", "exit 3"]);
    let (problem, _) = customer.refused(&job("dies", &dies));
    assert!(problem.detail.contains("exit status: 3"), "{problem:?}");
}

#[test]
fn an_image_that_comes_late_is_waited_for() {
    let (_server, world) = cluster();
    let customer = world.customer();
    let late = ["--set", "image=registry.example/flaky:1"];
    let deployed = customer.ok(&serve("web", &server_command(), &late));
    assert_eq!(deployed["health"], "ready", "{deployed}");
    let missing = ["--set", "image=registry.invalid/unpullable:1"];
    for words in
        [serve("none", &server_command(), &missing), [&job("jobs", "command=[]")[..], &missing].concat()]
    {
        let (problem, _) = customer.refused(&words);
        let why = "its image cannot be pulled: Failed to pull image: manifest unknown";
        assert!(problem.detail.contains(why), "{problem:?}");
    }
}

#[test]
fn what_is_put_beside_a_program_is_not_taken_for_it() {
    let (server, world) = cluster();
    let customer = world.customer();
    server.inject("envoy");
    let deployed = customer.ok(&serve("web", &server_command(), &[]));
    let replica = &deployed["replicas"][0];
    assert_eq!((&replica["program"], &replica["restarts"]), (&"python:3.13-alpine".into(), &0.into()));
    assert!(customer.text(&["logs", "web"]).contains("these are its last words"));
    let dies = command(&["sh", "-c", "exit 3"]);
    let (problem, _) = customer.refused(&serve("dies", &dies, &[]));
    for words in ["exit status: 3", "these are its last words"] {
        assert!(problem.detail.contains(words), "{problem:?}");
    }
}

#[test]
fn a_pod_that_is_not_let_in_is_told_at_once_with_what_helps() {
    let (server, world) = cluster();
    let customer = world.customer();
    let sleep = command(&["sleep", "1000"]);
    let refusals = [
        (
            "violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
            "the target's setting 'pod_security=restricted'",
        ),
        (
            "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1",
            "`kubectl describe quota` shows what is used",
        ),
    ];
    for (why, remedy) in refusals {
        server.refuse_pods(Some(why));
        for words in [serve("web", &sleep, &[]), job("train", &sleep)] {
            let (problem, _) = customer.refused(&words);
            for words in ["its pod is not made", "is forbidden", why, remedy] {
                assert!(problem.detail.contains(words), "{words}: {problem:?}");
            }
        }
        customer.ok(&["remove", "web"]);
        customer.ok(&["remove", "train"]);
    }
    // What may pass by itself is waited for.
    server.refuse_pods(Some("error looking up service account chandlery-k8s/default: not found"));
    customer.ok(&[&serve("web", &sleep, &[])[..], &["--no-wait"]].concat());
    says(&customer, "web", "error looking up service account");
    server.refuse_pods(None);
    until("it is let in", || (status(&customer, "web")["health"] == "ready").then_some(()));
}

#[test]
fn a_job_that_has_ended_is_never_run_again() {
    let (server, world) = cluster();
    let customer = world.customer();
    let deployed = customer.ok(&job("train", "command=[]"));
    assert_eq!(deployed["health"], "succeeded", "{deployed}");
    for plural in ["pods", "jobs"] {
        server.collect(plural, "train");
        looked_at(&server);
        let now = status(&customer, "train");
        assert_eq!((&now["health"], &now["drift"]), (&"succeeded".into(), &Value::Null), "{plural}: {now}");
        assert!(server.all("pods").is_empty());
    }
    assert!(server.all("jobs").is_empty());
    let calls = server.calls();
    assert!(calls.iter().all(|call| call.ends_with("/namespaces/chandlery-k8s")), "{calls:?}");

    assert_eq!(customer.ok(&["pause", "train"])["health"], "paused");
    looked_at(&server);
    assert_eq!(customer.ok(&["resume", "train"])["health"], "succeeded");
    assert!(server.all("jobs").is_empty());

    // Who asks for it has it run again.
    let again = customer.ok(&["restart", "train"]);
    assert_eq!((&again["health"], &again["revision"]), (&"succeeded".into(), &2.into()));

    // One that was paused before it ended is run again; how one ended nobody knows of which nothing is left.
    customer.ok(&[&job("lost", &command(&["sleep", "1000"]))[..], &["--no-wait"]].concat());
    until("it runs", || (!pods(&status(&customer, "lost")).is_empty()).then_some(()));
    customer.ok(&["pause", "lost"]);
    customer.ok(&["resume", "lost", "--no-wait"]);
    until("it runs again", || (!pods(&status(&customer, "lost")).is_empty()).then_some(()));
    server.collect("jobs", "lost");
    says(&customer, "lost", "its Job is gone, and nobody saw how it ended");
    looked_at(&server);
    assert!(details(&status(&customer, "lost"))[0].contains("`chandlery restart` runs it again"));
    let is_lost = |pod: &Value| pod["metadata"]["labels"]["app.kubernetes.io/instance"] == "lost";
    assert!(!server.all("pods").iter().any(is_lost));
}

#[test]
fn a_target_whose_credential_may_too_little_is_refused_with_a_role() {
    let (server, world) = cluster();
    let customer = world.customer();
    server.forbid_verb("create", &["deployments", "jobs"]);
    let file = customer.file("kubeconfig", server.kubeconfig().as_bytes());
    let words = [
        "target",
        "add",
        "more",
        "--engine",
        "kubernetes",
        "--credential",
        &file,
        "--set",
        "namespace=models",
    ];
    let (problem, _) = customer.refused(&words);
    assert_eq!(problem.r#type, "target-not-allowed");
    let lacks = "the target 'more' does not allow 'robot' to create deployments.apps; create jobs.batch";
    assert_eq!(problem.detail, lacks);
    let role = problem.remedy.unwrap();
    for words in [
        "kind: Role\n  metadata: {name: chandlery, namespace: models}",
        "verbs: [get, list, watch, create",
        "robot",
    ] {
        assert!(role.contains(words), "{words}: {role}");
    }
    assert!(
        customer.ok(&["target", "list"]).as_array().unwrap().iter().all(|target| target["name"] != "more")
    );
    // What was allowed before is lacking now, and said where it is needed.
    let (problem, _) = customer.refused(&serve("web", &server_command(), &[]));
    assert!(problem.detail.contains("cannot create resource \"deployments\""), "{problem:?}");
    server.forbid(&[]);
    customer.ok(&words);
}

#[test]
fn only_nodes_that_may_be_used_are_counted_and_used() {
    let (server, world) = cluster();
    let customer = world.customer();
    server.taint("gpu-1", "nvidia.com/gpu");
    server.taint("gpu-2", "team");
    server.add_node("bare", None, 4);
    let pools = || customer.ok(&["target", "inventory", "k8s"])["gpu-pools"].clone();
    let counted = || -> Vec<(String, u64, u64)> {
        let pools = pools();
        let read = |pool: &Value, name: &str| pool[name].as_u64().unwrap();
        let each = pools.as_array().unwrap().iter();
        each.map(|pool| (pool["kind"].as_str().unwrap().into(), read(pool, "total"), read(pool, "nodes")))
            .collect()
    };
    assert_eq!(counted(), [("gpu".into(), 4, 1), ("h100".into(), 8, 1)]);
    let serving = server_command();
    let node = |name: &str| {
        let pods = server.all("pods");
        let pod =
            pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/instance"] == name).unwrap();
        pod["spec"]["nodeName"].clone()
    };
    // What asks for GPUs that nobody has labelled gets those, and no others.
    customer.ok(&serve("bare", &serving, &["--set", "gpus=2", "--set", "gpu=gpu"]));
    customer.ok(&serve("fast", &serving, &["--set", "gpus=8", "--set", "gpu=h100"]));
    assert_eq!((node("bare"), node("fast")), ("bare".into(), "gpu-1".into()));
    let (problem, _) = customer.refused(&serve(
        "more",
        &serving,
        &["--set", "gpus=16", "--set", "nodes=2", "--set", "gpu=h100"],
    ));
    assert!(problem.detail.contains("needs 8 GPUs of h100 in one node, on 2 nodes"), "{problem:?}");

    let tolerates = "tolerations=[{\"key\": \"team\", \"operator\": \"Exists\"}]";
    add_with(&customer, &server.kubeconfig(), tolerates);
    server.add_node("small", Some("NVIDIA-H100-80GB-HBM3"), 1);
    assert_eq!(counted(), [("gpu".into(), 4, 1), ("h100".into(), 16, 2), ("h100".into(), 1, 1)]);
    customer.ok(&serve("other", &serving, &["--set", "gpus=8", "--set", "gpu=h100"]));
    until("both nodes are used", || {
        let mut used = [node("fast"), node("other")];
        used.sort_by_key(Value::to_string);
        (used == ["gpu-1", "gpu-2"]).then_some(())
    });
}

#[test]
fn a_change_that_the_cluster_would_refuse_is_refused_as_a_plan() {
    let (_server, world) = cluster();
    let customer = world.customer();
    install(&world.vendor(), &customer, "chandlery:jupyter-gpu");
    let notebook = |verb, size| {
        let words = [verb, "jupyter-gpu", "--name", "lab", "--target", "k8s", "--set"];
        [&words[..], &[size]].concat()
    };
    customer.set_secret("jupyter-token", "open sesame");
    customer.ok(&notebook("deploy", "work_mib=10240"));
    for verb in ["plan", "deploy"] {
        let (problem, _) = customer.refused(&notebook(verb, "work_mib=20480"));
        for words in ["StatefulSet 'lab-", "updates to statefulset spec", "after `chandlery remove lab`"] {
            assert!(problem.detail.contains(words), "{words}: {problem:?}");
        }
    }
    assert_eq!(customer.ok(&["history", "lab"]).as_array().unwrap().len(), 1);
}

#[test]
fn each_host_applies_under_a_name_of_its_own() {
    let (server, world) = cluster();
    let customer = world.customer();
    customer.ok(&serve("web", &server_command(), &["--set", "replicas=2"]));
    let managers = || -> Vec<String> {
        let of_it = server.all("deployments")[0]["metadata"]["managedFields"].clone();
        of_it.as_array().unwrap().iter().map(|it| it["manager"].as_str().unwrap().to_owned()).collect()
    };
    let own = managers();
    assert!(own[0].len() > "chandlery-".len() && own[0].starts_with("chandlery-"), "{own:?}");
    // What an earlier version has applied is taken over, with all that it has set.
    server.forget_hosts("chandlery");
    assert_eq!(managers(), ["chandlery"]);
    looked_at(&server);
    customer.ok(&["scale", "web", "1"]);
    assert_eq!(managers(), own);
    // Another host's fields are not.
    server.forget_hosts("chandlery-another");
    looked_at(&server);
    let (problem, _) = customer.refused(&["scale", "web", "3"]);
    assert!(problem.detail.contains("chandlery-another has set "), "{problem:?}");
}

#[test]
fn pods_are_as_the_target_has_them() {
    let (server, world) = cluster();
    let customer = world.customer();
    let file = customer.file("kubeconfig", server.kubeconfig().as_bytes());
    let add = ["target", "add", "k8s", "--engine", "kubernetes", "--credential", &file];
    let settings = [
        "pod_security=restricted",
        "run_as_user=1000",
        "service_account=trainer",
        "runtime_class=nvidia",
        "annotations={\"team\": \"vision\"}",
        "node_selector={\"kubernetes.io/hostname\": \"gpu-2\"}",
    ];
    let settings: Vec<_> = settings.into_iter().flat_map(|setting| ["--set", setting]).collect();
    customer.ok(&[&add[..], &settings].concat());
    customer.ok(&serve("web", &server_command(), &[]));
    let pod = server.all("pods")[0].clone();
    let spec = &pod["spec"];
    assert_eq!(pod["metadata"]["annotations"]["team"], "vision");
    assert_eq!(
        (&spec["serviceAccountName"], &spec["runtimeClassName"]),
        (&"trainer".into(), &"nvidia".into())
    );
    assert_eq!(spec["nodeName"], "gpu-2");
    // <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>
    let context = &spec["securityContext"];
    assert_eq!((&context["runAsNonRoot"], &context["runAsUser"]), (&true.into(), &1000.into()));
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    let container = &spec["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
}
