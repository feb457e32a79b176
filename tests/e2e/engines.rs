//! The same plans on real engines: this machine and a Slurm cluster.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::journey::{TEXT, read_picture};
use crate::podman::Podman;
use crate::slurm::{Slurm, add_lab, lab};
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
