//! The host beside its floor and its peers, in one run: bare wasmtime makes the same call, `helm` renders an equal chart,
//! extism makes fresh plugins that do the same work. `make bench-host` builds what is needed; figures are of the machine
//! at hand, ratios travel.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chandlery_package::Component;
use chandlery_package::plan::{EngineKind, Facts, RuntimeKind};
use chandlery_sandbox::{Limits, Plugin, Request, Sandbox, Worker};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Store};

const ROUNDS: usize = 50;
const CALLS_PER_ROUND: usize = 200;
const PROCESSES: usize = 40;
const SECONDS: u64 = 5;
const PLUGINS: usize = 1000;
const PARAMETERS: &str =
    r#"{"port":9003,"replicas":1,"cpu_millis":2000,"memory_mib":1536,"log_level":"info"}"#;

mod bare {
    wasmtime::component::bindgen!({ path: "../wit/0.1.0", world: "template" });
}

use bare::chandlery::plugin::{logging, plan_types, template_types};

struct Nothing;

impl logging::Host for Nothing {
    fn log(&mut self, _: logging::Level, _: String) {}
}
impl plan_types::Host for Nothing {}
impl template_types::Host for Nothing {}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn binary() -> PathBuf {
    workspace().join("target/release/chandlery")
}

fn plugin(name: &str) -> Vec<u8> {
    let path = workspace().join(format!("target/plugins/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run `make fixtures`", path.display()))
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let warm = Warm::new(folder.path());
    warm.beside_bare_wasmtime();
    warm.beside_a_hostile_plugin();
    warm.beside_extism();
    first_use(folder.path());
    whole_process(folder.path());
    many_plugins(folder.path());
}

fn request(parameters: &str) -> Request {
    Request {
        deployment: "ocr".into(),
        parameters: parameters.into(),
        target: Facts {
            name: "local".into(),
            engine: EngineKind::Local,
            runtimes: vec![RuntimeKind::Python, RuntimeKind::Host],
            gpu_pools: Vec::new(),
            architecture: "x86_64".into(),
        },
    }
}

fn worker() -> Worker {
    Worker::Process { program: binary(), words: vec!["work".into()] }
}

fn sandbox(cache: &Path) -> Sandbox {
    Sandbox::new(cache, Limits::default(), worker()).unwrap()
}

fn load(sandbox: &Sandbox, bytes: &[u8]) -> Plugin {
    sandbox.load(&Component::parse(bytes).unwrap(), bytes).unwrap()
}

/// A sandbox that has made plans.
struct Warm {
    sandbox: Sandbox,
    ocr: Plugin,
    hostile: Plugin,
    request: Request,
}

impl Warm {
    fn new(folder: &Path) -> Self {
        let sandbox = sandbox(&folder.join("cache"));
        let ocr = load(&sandbox, &plugin("ocr-server"));
        let hostile = load(&sandbox, &plugin("hostile"));
        Self { sandbox, ocr, hostile, request: request(PARAMETERS) }
    }

    fn plan(&self) {
        drop(std::hint::black_box(self.sandbox.plan(&self.ocr, &self.request).unwrap()));
    }

    fn beside_bare_wasmtime(&self) {
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::pooling());
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        bare::Template::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |state| state).unwrap();
        let code = wasmtime::component::Component::new(&engine, plugin("ocr-server")).unwrap();
        let code = bare::TemplatePre::new(linker.instantiate_pre(&code).unwrap()).unwrap();
        let facts = template_types::Facts {
            name: "local".into(),
            engine: template_types::EngineKind::Local,
            runtimes: vec![template_types::RuntimeKind::Python, template_types::RuntimeKind::Host],
            gpu_pools: Vec::new(),
            architecture: "x86_64".into(),
        };
        let asked = template_types::Request {
            deployment: "ocr".into(),
            parameters: PARAMETERS.into(),
            target: facts,
        };
        let mut floor = || {
            let mut store = Store::new(&engine, Nothing);
            let instance = code.instantiate(&mut store).unwrap();
            drop(std::hint::black_box(instance.call_plan(&mut store, &asked).unwrap().unwrap()));
        };
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (our_times, bare_times) = (time(&mut || self.plan()), time(&mut floor));
            // The first round warms up.
            if round > 0 {
                ours.extend(our_times);
                bare.extend(bare_times);
            }
        }
        title("a warm plan, a fresh instance each");
        let ours = print("in the sandbox", &mut ours);
        let bare = print("bare wasmtime", &mut bare);
        ratios(ours, bare);
    }

    /// Another plugin does its worst, as often and as many at once as it is let.
    fn beside_a_hostile_plugin(&self) {
        title("a warm plan, beside a plugin that does its worst");
        let mut alone = Vec::new();
        (0..ROUNDS).for_each(|_| alone.extend(time(&mut || self.plan())));
        let alone = print("alone", &mut alone);
        for attack in ["endless-loop", "eat-memory", "huge-result", "recursion"] {
            let done = AtomicBool::new(false);
            let attack_request = request(&format!(r#"{{"attack":"{attack}"}}"#));
            let polite = request(r#"{"attack":"none"}"#);
            let mut beside = std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        while !done.load(Ordering::Relaxed) {
                            let _ = self.sandbox.plan(&self.hostile, &attack_request);
                            // Now and then it behaves, so that it is not left alone.
                            let _ = self.sandbox.plan(&self.hostile, &polite);
                        }
                    });
                }
                let mut times = Vec::new();
                (0..ROUNDS / 2).for_each(|_| times.extend(time(&mut || self.plan())));
                done.store(true, Ordering::Relaxed);
                times
            });
            ratios(print(attack, &mut beside), alone);
            // What is left of its bad name must not spare the next one.
            std::thread::sleep(Limits::default().cool_down + Duration::from_secs(1));
        }
    }

    fn beside_extism(&self) {
        title("calls a second, a fresh plugin each, on all processors");
        let threads = std::thread::available_parallelism().unwrap().get();
        // Waiting for one another is measured elsewhere: here every processor may call.
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { calls_at_once: threads, ..Limits::default() };
        let sandbox = Sandbox::new(folder.path(), limits, worker()).unwrap();
        let ocr = load(&sandbox, &plugin("ocr-server"));
        let calls = AtomicU64::new(0);
        let until = Instant::now() + Duration::from_secs(SECONDS);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while Instant::now() < until {
                        sandbox.plan(&ocr, &self.request).unwrap();
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let ours = calls.into_inner() / SECONDS;
        let target = workspace().join("target/extism");
        let output = Command::new(target.join("release/extism-peer"))
            .arg(target.join("guest/wasm32-unknown-unknown/release/extism_guest.wasm"))
            .args([threads.to_string(), SECONDS.to_string()])
            .output()
            .expect("run `make bench-host`");
        let said = String::from_utf8_lossy(&output.stdout);
        let extism: u64 = said.trim().parse().unwrap_or_else(|_| panic!("{output:?}"));
        println!("{:>24} {ours:>12}", "in the sandbox");
        println!("{:>24} {extism:>12}", "extism");
        println!("{:>24} {:>11.2}x", "ratio", ours as f64 / extism as f64);
    }
}

/// A release that was never here: read and checked, compiled by a worker, and then loaded from the cache.
fn first_use(folder: &Path) {
    title("first use of a release, by its size");
    println!("{:>24} {:>12} {:>12} {:>12} {:>12}", "", "KiB", "checked", "compiled", "loaded");
    let mut plugins: Vec<(&str, Vec<u8>)> = ["ocr-server", "slack"].map(|name| (name, plugin(name))).into();
    for (name, lang) in [("javascript", "javascript"), ("python", "python")] {
        match starter(folder, lang) {
            Some(bytes) => plugins.push((name, bytes)),
            None => println!("{name:>24} cannot be built here"),
        }
    }
    for (name, bytes) in plugins {
        let cache = folder.join(format!("first-{name}"));
        let (component, checked) = timed(|| Component::parse(&bytes).unwrap());
        let first = sandbox(&cache);
        let (_, compiled) = timed(|| first.load(&component, &bytes).unwrap());
        let again = sandbox(&cache);
        let (_, loaded) = timed(|| again.load(&component, &bytes).unwrap());
        println!("{name:>24} {:>12} {checked:>12.1?} {compiled:>12.1?} {loaded:>12.1?}", bytes.len() >> 10);
    }
}

/// What `chandlery new` begins in this language, built.
fn starter(folder: &Path, lang: &str) -> Option<Vec<u8>> {
    let name = format!("bench-{lang}");
    let run = |words: &[&str]| {
        let mut command = Command::new(binary());
        command.args(words).current_dir(folder).env("CHANDLERY_HOME", folder.join("home"));
        command.output().unwrap().status.success()
    };
    let file = format!("{name}.wasm");
    let built =
        run(&["new", &format!("acme:{name}"), "--lang", lang]) && run(&["build", &name, "--output", &file]);
    built.then(|| fs::read(folder.join(file)).unwrap())
}

/// A registry and a host, in one process that ends with the bench.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `chandlery plan` of what is installed, from its start to its end, beside `helm template`.
fn whole_process(folder: &Path) {
    title("a plan as a whole process");
    let home = folder.join("user");
    let mut up = Command::new(binary());
    up.args(["up", "--registry-listen", "127.0.0.1:0", "--host-listen", "127.0.0.1:0"]);
    let mut child =
        up.env("CHANDLERY_HOME", &home).env("CHANDLERY_LOG", "error").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _up = Up(child);
    let mut address = |what: &str| {
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains(what))).unwrap();
        format!("http://{}", line.split("http://").nth(1).unwrap().split([',', ' ']).next().unwrap())
    };
    let (registry, host) = (address("registry at"), address("host at"));
    std::thread::spawn(move || lines.for_each(drop));
    let command = |words: &[&str]| {
        let mut command = Command::new(binary());
        command.args(words).env("CHANDLERY_HOME", &home);
        command.env("CHANDLERY_REGISTRY", &registry).env("CHANDLERY_HOST", &host);
        command
    };
    let run = |words: &[&str], input: &str| {
        use std::io::Write as _;
        let mut child = command(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{words:?}");
    };
    run(&["register", "acme"], "correct horse battery");
    run(&["namespace", "take", "acme"], "");
    run(&["keys", "new", "acme"], "");
    run(&["keys", "add", "acme"], "");
    run(&["publish", workspace().join("target/plugins/ocr-server.wasm").to_str().unwrap()], "");
    run(&["install", "acme:ocr-server"], "");
    let ours = || assert!(command(&["plan", "ocr-server", "--json"]).output().unwrap().status.success());
    let chart = workspace().join("tests/benches/chart");
    let helm = || {
        let helm = workspace().join("target/tools/bin/helm");
        let output = Command::new(helm).args(["template", "ocr"]).arg(&chart).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let (mut our_times, mut helm_times) = (Vec::new(), Vec::new());
    for round in 0..=PROCESSES {
        let ((), our_time) = timed(ours);
        let ((), helm_time) = timed(helm);
        if round > 0 {
            our_times.push(our_time);
            helm_times.push(helm_time);
        }
    }
    let ours = print("chandlery plan", &mut our_times);
    let helm = print("helm template", &mut helm_times);
    ratios(ours, helm);
}

/// As many plugins as a large organisation would install, each compiled once and called in turn.
fn many_plugins(folder: &Path) {
    title(&format!("{PLUGINS} plugins in one host"));
    let bytes = plugin("ocr-server");
    let cache = folder.join("many");
    let before = resident_kib();
    let sandbox = Sandbox::new(&cache, Limits::default(), Worker::Here).unwrap();
    let mut plugins = Vec::new();
    for index in 0..PLUGINS {
        // A section more, which changes nothing but the digest.
        let own = [bytes.as_slice(), b"\0\x07\x02no", &(index as u32).to_le_bytes()].concat();
        plugins.push(load(&sandbox, &own));
    }
    drop(sandbox);
    drop(plugins);
    // As after a start: from the cache, not from the compiler.
    let sandbox = self::sandbox(&cache);
    let started = Instant::now();
    let plugins: Vec<_> = (0..PLUGINS)
        .map(|index| {
            let own = [bytes.as_slice(), b"\0\x07\x02no", &(index as u32).to_le_bytes()].concat();
            load(&sandbox, &own)
        })
        .collect();
    println!("{:>24} {:>12.1?}", "loaded from the cache in", started.elapsed());
    let request = request(PARAMETERS);
    let mut first = Vec::new();
    let mut spread = Vec::new();
    for round in 0..10 {
        // Another order each time, so that no two neighbours are warm together.
        for index in 0..PLUGINS {
            let plugin = &plugins[(index * 7919 + round * 31) % PLUGINS];
            let ((), time) = timed(|| drop(sandbox.plan(plugin, &request).unwrap()));
            if round == 0 { first.push(time) } else { spread.push(time) }
        }
    }
    print("the first call of each", &mut first);
    print("calls spread over all", &mut spread);
    let grown = resident_kib().saturating_sub(before);
    println!("{:>24} {:>8} KiB", "resident, each plugin", grown / PLUGINS as u64);
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed())
}

fn time(call: &mut impl FnMut()) -> Vec<Duration> {
    (0..CALLS_PER_ROUND).map(|_| timed(&mut *call).1).collect()
}

fn title(what: &str) {
    println!("\n{what}\n{:>24} {:>12} {:>12}", "", "median", "p99");
}

fn print(name: &str, times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    let at = |part: f64| times[(times.len() as f64 * part) as usize];
    println!("{name:>24} {:>12.1?} {:>12.1?}", at(0.5), at(0.99));
    (at(0.5), at(0.99))
}

fn ratios(ours: (Duration, Duration), theirs: (Duration, Duration)) {
    let ratio = |ours: Duration, theirs: Duration| ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{:>24} {:>11.2}x {:>11.2}x", "ratio", ratio(ours.0, theirs.0), ratio(ours.1, theirs.1));
}
