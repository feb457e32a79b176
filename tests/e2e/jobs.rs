//! Jobs on real engines: where they run, by which port their processes find each other, and how they span nodes.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use serde_json::json;

use crate::slurm::{Slurm, add_lab, add_target, lab};
use crate::world::{Person, World, plugin, until};

/// Runs a job on a target that says on which node it is.
fn node_of_a_job(customer: &Person, target: &str) -> String {
    let speak = format!("command={}", json!(["bash", "-c", "echo on $SLURMD_NODENAME"]));
    let words =
        ["deploy", "errand", "--target", target, "--name", target, "--set", &speak, "--set", "job=true"];
    customer.ok(&words);
    let node = until("it has said where it is", || {
        let logs = customer.text(&["logs", target]);
        logs.split_once("on n").map(|(_, rest)| format!("n{}", &rest[..1]))
    });
    customer.ok(&["remove", target]);
    node
}

#[test]
fn jobs_go_where_their_target_says() {
    let (slurm, world) = lab();
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    assert_eq!(node_of_a_job(&customer, "lab"), "n1", "the first that is free");
    for (target, setting) in [("slow", "constraint=slow"), ("away", "exclude=n1")] {
        add_target(&slurm, &customer, target, &["--set", setting]);
        let pools = customer.ok(&["target", "inventory", target])["gpu-pools"].clone();
        assert_eq!((&pools[0]["kind"], pools.as_array().unwrap().len()), (&json!("a100"), 1), "{pools}");
        assert_eq!(node_of_a_job(&customer, target), "n2", "{setting}");
    }
    slurm.reserve("launch");
    add_target(&slurm, &customer, "booked", &["--set", "reservation=launch"]);
    assert_eq!(node_of_a_job(&customer, "booked"), "n2");

    let directory = format!("directory={}", slurm.shared());
    let words = ["target", "add", "odd", "--engine", "slurm", "--set", &directory, "--set"];
    for (setting, said) in [
        ("constraint=ib&a100|h100", "has both & and |"),
        ("exclude=n[1-2]", "nodes are named one by one"),
        ("reservation=-x", "'-x' is no name"),
    ] {
        let (problem, _) = customer.refused(&[&words[..], &[setting]].concat());
        assert!(problem.detail.contains(said), "{problem:?}");
    }
}

/// A `srun` before the real one, which takes what pyxis adds to it for said: the container is the node, and knows its image.
fn pyxis(world: &World) -> String {
    let folder = world.folder.path().join("pyxis");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("srun");
    let script = "#!/bin/bash\nwords=()\nfor word; do case \"$word\" in\n\
        --container-image=*) export CONTAINER_IMAGE=\"${word#*=}\" ;;\n\
        --container-*) ;;\n\
        *) words+=(\"$word\") ;;\nesac; done\nexec /usr/bin/srun \"${words[@]}\"\n";
    std::fs::write(&path, script).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&path).status().unwrap().success());
    folder.display().to_string()
}

#[test]
fn a_replica_in_containers_of_pyxis_spans_nodes() {
    let slurm = Slurm::start();
    let mut world = World::with_environment(slurm.environment());
    let path = format!("{}:{}", pyxis(&world), std::env::var("PATH").unwrap());
    world.environment.push(("PATH".into(), path));
    world.restart_host();
    let customer = world.customer();
    add_target(&slurm, &customer, "lab", &["--set", "containers=pyxis"]);
    world.publisher("acme").publish(&plugin("errand"));
    customer.ok(&["install", "acme:errand"]);
    let text = "echo rank $(CHANDLERY_NODE_RANK) of $CHANDLERY_NODE_COUNT in $CONTAINER_IMAGE";
    let speak = format!("command={}", json!(["bash", "-c", text]));
    let words =
        ["deploy", "errand", "--target", "lab", "--set", &speak, "--set", "job=true", "--set", "nodes=2"];
    customer.ok(&[&words[..], &["--set", "image=ghcr.io/org/tool:1"]].concat());
    until("it has succeeded", || {
        (customer.ok(&["status", "errand"])[0]["health"] == "succeeded").then_some(())
    });
    let logs = customer.text(&["logs", "errand"]);
    for rank in 0..2 {
        let line = format!("rank {rank} of 2 in ghcr.io#org/tool:1");
        assert!(logs.contains(&line), "{line}: {logs}");
    }
}

/// Where programs wait for each other: whoever connects is let go once so many have come.
fn gate(comers: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().take(comers).collect::<Vec<_>>());
    address
}

/// What a Python program does first that listens at a port and then waits at a gate, both as texts.
const MEET: &str = "import os, socket, sys\n\
    def meet(endpoint, gate):\n    \
        host, port = endpoint.split(':')\n    \
        store = socket.create_server((host, int(port)))\n    \
        print('meets at', port, flush=True)\n    \
        if gate: socket.create_connection(gate.split(':')).recv(1)\n";

/// The ports that these deployments' processes met at, which have all ended well.
fn met(customer: &Person, deployments: &[&str]) -> BTreeSet<String> {
    let port = |name: &&str| {
        until("it has ended well", || {
            let status = customer.ok(&["status", *name])[0].clone();
            assert_eq!(status["endpoints"], json!([]), "nobody is sent to it: {status}");
            (status["health"] == "succeeded").then_some(())
        });
        let logs = customer.text(&["logs", *name]);
        let (_, rest) = logs.split_once("meets at ").unwrap_or_else(|| panic!("{logs}"));
        rest.lines().next().unwrap().to_owned()
    };
    deployments.iter().map(port).collect()
}

#[test]
fn two_jobs_with_one_task_on_this_machine_both_end_well() {
    let world = World::start();
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    let program = format!("{MEET}meet('127.0.0.1:' + os.environ['PEERS_PORT'], '{}')", gate(2));
    let command = format!("command={}", json!(["python3", "-c", program]));
    for name in ["first", "second"] {
        let words =
            ["deploy", "errand", "--no-wait", "--set", &command, "--set", "job=true", "--set", "peers=29400"];
        customer.ok(&[&words[..], &["--name", name]].concat());
    }
    assert_eq!(met(&customer, &["first", "second"]).len(), 2, "each has a port of its own");
}

#[test]
fn two_jobs_with_one_task_on_a_node_both_end_well() {
    let slurm = Slurm::start();
    let mut world = World::with_environment(slurm.environment());
    let path = format!("{}:{}", torchrun(&world), std::env::var("PATH").unwrap());
    world.environment.push(("PATH".into(), path));
    world.restart_host();
    let customer = world.customer();
    add_lab(&slurm, &customer);
    world.vendor().publish(&plugin("torchrun-job"));
    let allow = ["--deny", "secret:hf-token", "--deny", "secret:wandb-api-key"];
    customer.ok(&[&["install", "chandlery:torchrun-job"][..], &allow].concat());
    let arguments = format!("arguments={}", json!(["--gate", gate(2)]));
    let set =
        ["script=train.py", "python=target", "gpu=h100", "cpu_millis=1000", "memory_mib=256", &arguments];
    let set: Vec<_> = set.iter().flat_map(|setting| ["--set", *setting]).collect();
    for name in ["first", "second"] {
        let words = ["deploy", "torchrun-job", "--target", "lab", "--no-wait", "--name", name];
        customer.ok(&[&words[..], &set].concat());
    }
    assert_eq!(met(&customer, &["first", "second"]).len(), 2, "each has a port of its own");
}

/// A `torchrun` that says what it was told and what it sees, and listens where its processes would meet, in a folder of its own.
fn torchrun(world: &World) -> String {
    let folder = world.folder.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("torchrun");
    let program = "words = sys.argv[1:]\n\
        print('torchrun', *words, 'sees', os.environ['CUDA_VISIBLE_DEVICES'] + ', keeps in', os.environ['HF_HOME'])\n\
        gate = words[-1] if words[-2] == '--gate' else None\n\
        meet(words[words.index('--rdzv-endpoint') + 1], gate)\n";
    std::fs::write(&path, format!("#!/usr/bin/env python3\n{MEET}{program}")).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&path).status().unwrap().success());
    folder.display().to_string()
}

#[test]
fn a_training_job_gets_its_gpus_through_slurms_rest_api() {
    let slurm = Slurm::start_with_rest();
    let mut world = World::with_environment(slurm.environment());
    let folder = torchrun(&world);
    let path = std::env::var("PATH").unwrap();
    // Nothing but the REST API is asked: without its configuration, no client command finds the cluster.
    world.environment = vec![("PATH".into(), format!("{folder}:{path}"))];
    world.restart_host();
    let customer = world.customer();
    let (rest, token) = slurm.rest();
    let token = customer.file("slurm.token", token.as_bytes());
    let directory = format!("directory={}", slurm.shared());
    let rest = format!("rest={rest}");
    customer.ok(&[
        "target",
        "add",
        "lab",
        "--engine",
        "slurm",
        "--credential",
        &token,
        "--set",
        "user=root",
        "--set",
        &rest,
        "--set",
        &directory,
        "--set",
        "poll_seconds=1",
    ]);
    world.publisher("acme").publish(&plugin("errand"));
    customer.ok(&["install", "acme:errand"]);
    slurm.reserve("launch");
    let placed = ["constraint=slow", "exclude=n1", "reservation=launch"].map(|setting| ["--set", setting]);
    let credential = ["--credential", &token, "--set", "user=root", "--set", &rest];
    add_target(&slurm, &customer, "placed", &[&credential[..], placed.as_flattened()].concat());
    assert_eq!(node_of_a_job(&customer, "placed"), "n2");
    let jobs = slurm.ask("scontrol", &["--oneliner", "show", "jobs"]);
    assert!(
        ["Features=slow", "ExcNodeList=n1", "Reservation=launch"].iter().all(|it| jobs.contains(it)),
        "{jobs}"
    );
    slurm.unreserve("launch");

    world.vendor().publish(&plugin("torchrun-job"));
    let allow = ["--deny", "secret:hf-token", "--deny", "secret:wandb-api-key"];
    customer.ok(&[&["install", "chandlery:torchrun-job"][..], &allow].concat());
    let deploy = [
        "deploy",
        "torchrun-job",
        "--name",
        "train",
        "--target",
        "lab",
        "--set",
        "script=train.py",
        "--set",
        "python=target",
        "--set",
        "gpu=h100",
        "--set",
        "gpus=2",
        "--set",
        "cpu_millis=1000",
        "--set",
        "memory_mib=256",
    ];
    customer.ok(&deploy);
    until("the job has succeeded", || {
        (customer.ok(&["status", "train"])[0]["health"] == "succeeded").then_some(())
    });
    let logs = customer.text(&["logs", "train"]);
    for words in [
        "--nproc-per-node 2 --node-rank 0",
        "--rdzv-endpoint 127.0.0.1:",
        "train.py sees 0,1",
        "/volumes/train/cache",
    ] {
        assert!(logs.contains(words), "{words}: {logs}");
    }
    let inventory = customer.ok(&["target", "inventory", "lab"]);
    assert_eq!(inventory["gpu-pools"][1]["kind"], "h100");
    customer.ok(&["remove", "train"]);

    let sleep = format!("command={}", json!(["sleep", "600"]));
    let holder =
        ["deploy", "errand", "--name", "holder", "--target", "lab", "--set", &sleep, "--set", "gpus=2"];
    customer.ok(&[&holder[..], &["--set", "gpu=a100"]].concat());
    let inventory = customer.ok(&["target", "inventory", "lab"]);
    assert_eq!(inventory["gpu-pools"][0]["free"], 0, "{inventory}");
    customer.ok(&["remove", "holder"]);
    until("nothing is left of it", || slurm.ask("squeue", &["-h"]).is_empty().then_some(()));
}
