//! A warm plan through the whole sandbox, beside bare wasmtime making the same call: the same component, engine
//! settings for speed alone, a fresh instance each, without limits, checks or the host's own model.
//!
//! Prints both distributions and their ratio, measured in turns in one run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use chandlery_host::plan::{EngineKind, Facts, RuntimeKind};
use chandlery_host::sandbox::{Compiler, Limits, Request, Sandbox};
use chandlery_package::Component;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Store};

const ROUNDS: usize = 50;
const CALLS_PER_ROUND: usize = 200;

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

fn main() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/plugins/ocr-server.wasm");
    let bytes = std::fs::read(path).expect("run `make plugins` first");
    let component = Component::parse(&bytes).unwrap();
    let parameters = r#"{"port":9003,"replicas":1,"cpu_millis":2000,"memory_mib":1536,"log_level":"info"}"#;

    let cache = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(cache.path(), Limits::default(), Compiler::Here).unwrap();
    let started = Instant::now();
    let template = sandbox.load(&component, &bytes).unwrap();
    let compiled = started.elapsed();
    let fresh = Sandbox::new(cache.path(), Limits::default(), Compiler::Here).unwrap();
    let started = Instant::now();
    fresh.load(&component, &bytes).unwrap();
    let loaded = started.elapsed();
    let request = Request {
        deployment: "ocr".into(),
        parameters: parameters.into(),
        target: Facts {
            name: "local".into(),
            engine: EngineKind::Local,
            runtimes: vec![RuntimeKind::Python, RuntimeKind::Host],
            gpu_pools: Vec::new(),
            architecture: "x86_64".into(),
        },
    };
    let mut whole = || drop(std::hint::black_box(sandbox.plan(&template, &request).unwrap()));

    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::pooling());
    let engine = Engine::new(&config).unwrap();
    let mut linker = Linker::new(&engine);
    bare::Template::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |state| state).unwrap();
    let code = wasmtime::component::Component::new(&engine, &bytes).unwrap();
    let code = bare::TemplatePre::new(linker.instantiate_pre(&code).unwrap()).unwrap();
    let facts = template_types::Facts {
        name: "local".into(),
        engine: template_types::EngineKind::Local,
        runtimes: vec![template_types::RuntimeKind::Python, template_types::RuntimeKind::Host],
        gpu_pools: Vec::new(),
        architecture: "x86_64".into(),
    };
    let asked =
        template_types::Request { deployment: "ocr".into(), parameters: parameters.into(), target: facts };
    let mut floor = || {
        let mut store = Store::new(&engine, Nothing);
        let instance = code.instantiate(&mut store).unwrap();
        drop(std::hint::black_box(instance.call_plan(&mut store, &asked).unwrap().unwrap()));
    };

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (our_times, bare_times) = (time(&mut whole), time(&mut floor));
        // The first round warms up.
        if round > 0 {
            ours.extend(our_times);
            bare.extend(bare_times);
        }
    }
    println!("first use: compiled in {compiled:.1?}; compiled code loaded from the cache in {loaded:.1?}");
    println!("{:>24} {:>12} {:>12}", "", "median", "p99");
    let (our_median, our_p99) = print("plan in the sandbox", &mut ours);
    let (bare_median, bare_p99) = print("bare wasmtime", &mut bare);
    let ratio = |ours: Duration, bare: Duration| ours.as_secs_f64() / bare.as_secs_f64();
    println!("{:>24} {:>11.2}x {:>11.2}x", "ratio", ratio(our_median, bare_median), ratio(our_p99, bare_p99));
}

fn time(call: &mut impl FnMut()) -> Vec<Duration> {
    let timed = (0..CALLS_PER_ROUND).map(|_| {
        let started = Instant::now();
        call();
        started.elapsed()
    });
    timed.collect()
}

fn print(name: &str, times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    let at = |part: f64| times[(times.len() as f64 * part) as usize];
    println!("{name:>24} {:>12.1?} {:>12.1?}", at(0.5), at(0.99));
    (at(0.5), at(0.99))
}
