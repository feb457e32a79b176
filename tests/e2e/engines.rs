//! The same plans on real engines: this machine and a Slurm cluster.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::journey::{TEXT, read_picture};
use crate::podman::Podman;
use crate::slurm::Slurm;
use crate::world::{Person, World, as_version, plugin, until};

/// Someone who asks a server again and again, and counts what came back.
struct Visitor {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Visitor {
    fn of(address: &str) -> Self {
        let (stop, answered, failed) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let url = format!("http://{address}/");
        let (over, well, badly) = (stop.clone(), answered.clone(), failed.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let client =
                reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
            while !over.load(Ordering::SeqCst) {
                let answer = runtime.block_on(async { client.get(&url).send().await });
                match answer {
                    Ok(answer) if !answer.status().is_server_error() => well.fetch_add(1, Ordering::SeqCst),
                    other => {
                        eprintln!("a visitor was not served: {other:?}");
                        badly.fetch_add(1, Ordering::SeqCst)
                    }
                };
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, answered, failed, thread: Some(thread) }
    }

    /// Every request must have been answered, and there must have been some.
    fn leave(self) {
        let (answered, failed) = (self.answered.load(Ordering::SeqCst), self.failed.load(Ordering::SeqCst));
        assert!(answered > 20 && failed == 0, "{answered} requests were answered and {failed} were not");
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().unwrap().join();
    }
}

/// The OCR server of a release that cannot start: its program names an application that is not there.
fn broken_release() -> Vec<u8> {
    let bytes = as_version(&plugin("ocr-server"), "1.1.0");
    let (good, bad) = (b"rapidocr_api.main:app", b"rapidocr_api.main:bad");
    let at = bytes.windows(good.len()).position(|window| window == good).unwrap();
    [&bytes[..at], bad, &bytes[at + good.len()..]].concat()
}

fn replicas(deployment: &Value) -> Vec<Value> {
    deployment["replicas"].as_array().unwrap().clone()
}

/// Deploys, reads a picture, scales, upgrades to what cannot start, and is back where it was while requests are answered.
fn scenario(world: &World, acme: &Person, more: &[&str]) -> Value {
    let customer = world.customer();
    acme.publish(&plugin("ocr-server"));
    customer.ok(&["install", "acme:ocr-server"]);
    let deploy = [&["deploy", "ocr-server", "--name", "ocr", "--set", "port=19103"], more].concat();
    let deployed = customer.ok(&deploy);
    assert_eq!(deployed["health"], "ready", "{deployed}");
    let address = deployed["endpoints"][0]["address"].as_str().unwrap().to_owned();
    assert!(read_picture(&address).contains(TEXT));

    let scaled = customer.ok(&["scale", "ocr", "2"]);
    assert_eq!(replicas(&scaled).len(), 2, "{scaled}");
    let visitor = Visitor::of(&address);

    acme.publish(&broken_release());
    customer.ok(&["install", "acme:ocr-server"]);
    let (problem, _) = customer.refused(&["upgrade", "ocr"]);
    assert_eq!(problem.r#type, "not-ready", "{problem:?}");
    assert!(problem.detail.contains("revision 2 failed: server-0"), "{problem:?}");
    assert!(problem.detail.contains("exit status: 3"), "{problem:?}");
    assert!(problem.detail.contains("revision 1 runs again"), "{problem:?}");
    let remedy = problem.remedy.as_deref().unwrap();
    assert!(remedy.contains("`chandlery logs ocr --revision 2`"), "{remedy}");
    let back = until("only the first revision runs", || {
        let status = customer.ok(&["status", "ocr"])[0].clone();
        let all_old = replicas(&status).iter().all(|replica| replica["revision"] == 1);
        (status["health"] == "ready" && all_old).then_some(status)
    });
    assert_eq!((&back["revision"], replicas(&back).len()), (&json!(1), 2), "{back}");
    visitor.leave();
    assert!(read_picture(&address).contains(TEXT));
    let history = customer.ok(&["history", "ocr"]);
    assert_eq!(
        (&history[0]["state"], &history[1]["state"]),
        (&json!("failed"), &json!("rolled-out")),
        "{history}"
    );
    let logs = |more: &[&str]| customer.text(&[&["logs", "ocr"], more].concat());
    assert!(logs(&["--revision", "2"]).contains("server-0.r2"), "what failed can be read");
    assert!(!logs(&["--revision", "2"]).contains("server-0.r1"), "and nothing else with it");
    let (current, all) = (logs(&[]), logs(&["--revision", "all"]));
    assert!(current.contains("server-0.r1") && !current.contains("server-0.r2"), "{current}");
    assert!(all.contains("server-0.r1") && all.contains("server-0.r2"), "{all}");
    back
}

#[test]
fn this_machine_rolls_out_and_back_while_requests_are_answered() {
    let world = World::start();
    let before = scenario(&world, &world.publisher("acme"), &[]);
    let customer = world.customer();
    // A replacement that can start takes over without a gap, and the way back is as quiet.
    let address = before["endpoints"][0]["address"].as_str().unwrap().to_owned();
    let visitor = Visitor::of(&address);
    customer.ok(&["install", "acme:ocr-server@=1.0.0"]);
    let upgraded = customer.ok(&["upgrade", "ocr", "--set", "log_level=debug"]);
    assert_eq!((&upgraded["revision"], &upgraded["health"]), (&json!(3), &json!("ready")));
    assert_eq!(replicas(&upgraded).len(), 2, "what was scaled by hand stays so: {upgraded}");
    let back = customer.ok(&["rollback", "ocr"]);
    assert_eq!((&back["revision"], &back["health"]), (&json!(1), &json!("ready")), "{back}");
    visitor.leave();

    let paused = customer.ok(&["pause", "ocr"]);
    assert_eq!((&paused["health"], replicas(&paused).len()), (&json!("paused"), 0));
    let resumed = customer.ok(&["resume", "ocr"]);
    assert_eq!((&resumed["health"], &resumed["endpoints"][0]["address"]), (&json!("ready"), &json!(address)));
}

#[test]
fn containers_of_this_machine_roll_out_and_back_while_requests_are_answered() {
    let podman = Podman::start();
    let world = World::with_environment(podman.environment());
    let registry = world.registry.address.clone();
    podman.trust(&registry);
    let acme = world.publisher("acme");
    let image = podman.push_ocr_server(&acme, &registry);
    let before = scenario(&world, &acme, &["--set", &format!("image={image}")]);
    let running = podman.run(&["ps", "--format", "{{.Image}}"]);
    assert_eq!(running, format!("{image}\n{image}"), "{before}");

    // A container that wants too much is ended for it, and started again.
    acme.publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    let image = format!("image={image}");
    hog(&customer, &["--set", &image]);

    // What it shares between its processes is bounded by its memory alone.
    let measure = "import os; at = os.statvfs('/dev/shm'); print('shared', at.f_blocks * at.f_frsize >> 20)";
    let command = format!("command={}", json!(["python3", "-c", measure]));
    let words =
        ["deploy", "errand", "--name", "shares", "--set", &image, "--set", &command, "--set", "job=true"];
    customer.ok(&[&words[..], &["--set", "memory_mib=300"]].concat());
    until("it has measured", || customer.text(&["logs", "shares"]).contains("shared 300").then_some(()));
    customer.ok(&["remove", "shares"]);
    customer.ok(&["remove", "ocr"]);
    until("nothing is left of them", || podman.run(&["ps", "--all", "--quiet"]).is_empty().then_some(()));
}

#[test]
fn a_replica_that_wants_too_much_memory_is_ended_for_it_and_started_again() {
    let world = World::start();
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    hog(&customer, &[]);
}

/// Deploys what needs more memory than it may have.
fn hog(customer: &Person, more: &[&str]) {
    let command = format!("command={}", json!(["python3", "-c", "x = b'x' * (512 << 20); input()"]));
    let words =
        ["deploy", "errand", "--name", "hog", "--no-wait", "--set", &command, "--set", "memory_mib=64"];
    customer.ok(&[&words[..], more].concat());
    until("it is out of memory, again", || {
        let replica = customer.ok(&["status", "hog"])[0]["replicas"][0].clone();
        let detail = replica["detail"].as_str().unwrap_or_default();
        let again = replica["restarts"].as_i64().unwrap_or(0) > 0;
        (again && detail.starts_with("out of memory: it needed more than it was allowed")).then_some(())
    });
    customer.ok(&["remove", "hog"]);
}

/// A world with a cluster as its target `lab`.
fn lab() -> (Slurm, World) {
    let slurm = Slurm::start();
    let world = World::with_environment(slurm.environment());
    add_lab(&slurm, &world.customer());
    (slurm, world)
}

fn add_lab(slurm: &Slurm, customer: &Person) {
    add_target(slurm, customer, "lab", &["--price", "h100=2.50"]);
}

fn add_target(slurm: &Slurm, customer: &Person, name: &str, more: &[&str]) {
    let directory = format!("directory={}", slurm.shared());
    let words = ["target", "add", name, "--engine", "slurm", "--set", &directory, "--set", "poll_seconds=1"];
    customer.ok(&[&words[..], more].concat());
}

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
    for (target, setting) in [("slow", "constraint=slow|none"), ("away", "exclude=n1")] {
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

#[test]
fn slurm_rolls_out_and_back_while_requests_are_answered() {
    let (mut slurm, world) = lab();
    let deployed = scenario(&world, &world.publisher("acme"), &["--target", "lab"]);
    let customer = world.customer();
    let jobs: Vec<_> = replicas(&deployed).iter().map(|replica| replica["job"].clone()).collect();
    assert!(jobs.iter().all(Value::is_string), "{deployed}");

    // While the controller is away, what runs goes on, and nothing is taken for ended.
    let address = deployed["endpoints"][0]["address"].as_str().unwrap();
    let visitor = Visitor::of(address);
    slurm.kill_controller();
    until("the target is said not to answer", || {
        customer.ok(&["status", "ocr"])[0]["trouble"].is_string().then_some(())
    });
    slurm.start_controller();
    let again = until("it answers again", || {
        let status = customer.ok(&["status", "ocr"])[0].clone();
        (status["trouble"].is_null() && status["health"] == "ready").then_some(status)
    });
    visitor.leave();
    let same: Vec<_> = replicas(&again).iter().map(|replica| replica["job"].clone()).collect();
    assert_eq!(same, jobs, "the same jobs");
    customer.ok(&["remove", "ocr"]);
    // The controller, back from its death, may take a while to learn what has ended meanwhile.
    until("nothing is left of it", || slurm.ask("squeue", &["-h"]).is_empty().then_some(()));
}

#[test]
fn slurm_gives_gpus_by_kind_and_refuses_what_never_fits() {
    let (slurm, world) = lab();
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    let command = |text: &str| format!("command={}", json!(["bash", "-c", text]));

    let (problem, _) = customer.refused(&[
        "deploy",
        "errand",
        "--target",
        "lab",
        "--set",
        &command("true"),
        "--set",
        "gpus=9",
        "--set",
        "gpu=a100",
    ]);
    assert_eq!(problem.r#type, "cannot-run", "{problem:?}");
    assert!(problem.detail.contains("needs 9 GPUs of a100 in one node"), "{problem:?}");
    assert!(
        problem.detail.contains("2 × a100 on 1 node (2 free), 2 × h100 on 1 node (2 free)"),
        "{problem:?}"
    );
    assert_eq!(slurm.jobs(), 0, "nothing was submitted");

    let sleep = command("echo gpus=$CUDA_VISIBLE_DEVICES; sleep 600");
    let words = ["deploy", "errand", "--target", "lab", "--set", &sleep, "--set", "gpu=h100", "--name"];
    let planned = customer
        .ok(&["plan", "errand", "--target", "lab", "--set", &sleep, "--set", "gpus=2", "--set", "gpu=h100"]);
    assert_eq!(planned["cost_per_hour"], json!({ "minor": 500, "currency": "USD" }));
    customer.ok(&[&words[..], &["holder", "--set", "gpus=2"]].concat());
    until("it sees its GPUs", || customer.text(&["logs", "holder"]).contains("gpus=0,1").then_some(()));
    let inventory = customer.ok(&["target", "inventory", "lab"]);
    let pools = |inventory: &Value| -> Vec<(String, u64, u64)> {
        let pools = inventory["gpu-pools"].as_array().unwrap().iter();
        pools
            .map(|pool| {
                (
                    pool["kind"].as_str().unwrap().into(),
                    pool["total"].as_u64().unwrap(),
                    pool["free"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    assert_eq!(pools(&inventory), [("a100".into(), 2, 2), ("h100".into(), 2, 0)]);

    // What does not fit now waits, and says for what; it is no error.
    customer.ok(&[&words[..], &["waiter", "--set", "gpus=1", "--no-wait"]].concat());
    until("it waits in the queue", || {
        let status = customer.ok(&["status", "waiter"])[0].clone();
        let detail = status["replicas"][0]["detail"].as_str().unwrap_or_default().to_owned();
        let waits = detail.contains("waits (Resources): nothing that it needs is free; place 1 of 1");
        (waits && status["health"] == "rolling-out").then_some(())
    });
    customer.ok(&["remove", "holder"]);
    until("it runs now", || (customer.ok(&["status", "waiter"])[0]["health"] == "ready").then_some(()));
    customer.ok(&["remove", "waiter"]);

    // A job that dies at once does not stay pending, and holds nothing.
    let dies = command("exit 3");
    customer.ok(&[
        "deploy",
        "errand",
        "--target",
        "lab",
        "--name",
        "dies",
        "--set",
        &dies,
        "--set",
        "gpus=2",
        "--set",
        "job=true",
        "--no-wait",
    ]);
    until("it is known to have died", || {
        let status = customer.ok(&["status", "dies"])[0].clone();
        status["replicas"][0]["detail"].as_str().unwrap_or_default().contains("exit status: 3").then_some(())
    });
    until("its GPUs are free", || {
        let free: u64 =
            pools(&customer.ok(&["target", "inventory", "lab"])).iter().map(|(_, _, free)| free).sum();
        (free == 4 || slurm.ask("squeue", &["-h", "-t", "running"]).is_empty()).then_some(())
    });
    customer.ok(&["remove", "dies"]);

    // A replica that spans nodes: its command runs once on each, and each knows its place.
    let speak =
        command("echo rank $(CHANDLERY_NODE_RANK) of $CHANDLERY_NODE_COUNT led by $CHANDLERY_LEADER_ADDRESS");
    let spans = customer.ok(&[
        "deploy", "errand", "--target", "lab", "--name", "spans", "--set", &speak, "--set", "nodes=2",
        "--set", "job=true",
    ]);
    assert!(["ready", "succeeded"].contains(&spans["health"].as_str().unwrap()), "{spans}");
    until("both have spoken", || {
        let logs = customer.text(&["logs", "spans"]);
        let both = ["rank 0 of 2 led by 127.0.0.1", "rank 1 of 2 led by 127.0.0.1"];
        both.iter().all(|line| logs.contains(line)).then_some(())
    });
    until("it has succeeded", || {
        (customer.ok(&["status", "spans"])[0]["health"] == "succeeded").then_some(())
    });
    customer.ok(&["remove", "spans"]);
}

/// A `sbatch` before the real one, which ends the host as soon as the job is submitted: its answer reaches nobody.
fn deadly_sbatch(world: &World) -> String {
    let folder = world.folder.path().join("deadly");
    std::fs::create_dir_all(&folder).unwrap();
    let data = world.host_data().display().to_string();
    let script = format!(
        "#!/bin/bash\n/usr/bin/sbatch \"$@\"\ncode=$?\nif mkdir {}/once 2>/dev/null; then pkill -KILL -f 'host run --data {data}'; fi\nexit $code\n",
        folder.display()
    );
    let path = folder.join("sbatch");
    std::fs::write(&path, script).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&path).status().unwrap().success());
    folder.display().to_string()
}

#[test]
fn a_job_whose_submission_was_never_recorded_is_found_again() {
    let slurm = Slurm::start();
    let mut world = World::with_environment(slurm.environment());
    let folder = deadly_sbatch(&world);
    world.environment.push(("PATH".into(), format!("{folder}:{}", std::env::var("PATH").unwrap())));
    world.restart_host();
    add_lab(&slurm, &world.customer());
    world.publisher("acme").publish(&plugin("errand"));
    let customer = world.customer();
    customer.ok(&["install", "acme:errand"]);
    let command = format!("command={}", json!(["bash", "-c", "echo once >> \"$HOME/ran\"; sleep 600"]));
    customer.ok(&["deploy", "errand", "--target", "lab", "--set", &command, "--no-wait"]);
    until("the host is dead, and its job is there", || {
        (world.folder.path().join("deadly/once").exists() && slurm.jobs() == 1).then_some(())
    });
    world.restart_host();
    let status = until("it runs", || {
        let status = customer.ok(&["status", "errand"])[0].clone();
        (status["health"] == "ready").then_some(status)
    });
    assert_eq!(slurm.jobs(), 1, "no second job: {status}");
    assert_eq!(status["replicas"][0]["restarts"], 0);
    customer.ok(&["remove", "errand"]);
    assert_eq!(slurm.ask("squeue", &["-h"]), "");
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
            let status = customer.ok(&["status", name])[0].clone();
            assert_eq!(status["endpoints"], json!([]), "nobody is sent to it: {status}");
            (status["health"] == "succeeded").then_some(())
        });
        let logs = customer.text(&["logs", name]);
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
    let set: Vec<_> = set.iter().flat_map(|setting| ["--set", setting]).collect();
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
    slurm.ask("scontrol", &["delete", "reservationname=launch"]);

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
    for words in
        ["--nproc-per-node 2 --node-rank 0", "127.0.0.1:29400 train.py sees 0,1", "/volumes/train/cache"]
    {
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
