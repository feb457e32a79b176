//! How many calls of a fresh plugin extism makes in a second: `extism-peer GUEST.wasm THREADS SECONDS` prints the number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};

const REQUEST: &str = r#"{"deployment":"ocr","parameters":{"port":9003,"replicas":1,"cpu_millis":2000,"memory_mib":1536,"log_level":"info"},"target":{"name":"local","engine":"local","runtimes":["python","host"],"gpu-pools":[],"architecture":"x86_64"}}"#;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (threads, seconds): (usize, u64) = (words[2].parse().unwrap(), words[3].parse().unwrap());
    let manifest = Manifest::new([Wasm::data(std::fs::read(&words[1]).unwrap())]);
    let compiled = CompiledPlugin::new(PluginBuilder::new(manifest)).unwrap();
    let call = || {
        let mut plugin = Plugin::new_from_compiled(&compiled).unwrap();
        let plan: serde_json::Value = serde_json::from_str(plugin.call("plan", REQUEST).unwrap()).unwrap();
        assert_eq!(plan["workloads"][0]["ports"][0]["number"], 9003);
    };
    call();
    let calls = AtomicU64::new(0);
    let until = Instant::now() + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while Instant::now() < until {
                    call();
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{}", calls.into_inner() / seconds);
}
