//! Mutated components and manifests on their way into a host: whatever is changed, installing ends in an error or in a
//! plugin that ends within its limits, and never in a panic. `CHANDLERY_FUZZ_SECONDS` says for how long; what is found is
//! found again by the seed that a failure prints.

use std::time::{Duration, Instant};

use chandlery_package::component::MANIFEST_SECTION;
use chandlery_package::{Component, Kind};
use chandlery_sandbox::{Limits, Request, Sandbox, Worker};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::plans::local;
use crate::world::{binary, plugin};

const SECONDS_USUALLY: u64 = 10;
/// How many mutants there are at least.
const TRIED_MIN: u64 = 100;
/// One of so many that parse is compiled by a worker and called; the others only parse.
const COMPILED: usize = 4;

#[test]
fn whatever_is_installed_ends_in_an_error_or_within_its_limits() {
    let seconds = std::env::var("CHANDLERY_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS_USUALLY));
    let seeds: Vec<_> =
        ["ocr-server", "hostile", "guardrails", "slack", "curious", "meddler"].map(plugin).into();
    let cache = tempfile::tempdir().unwrap();
    let worker = Worker::Process { program: binary(), words: vec!["work".into()] };
    let limits = Limits { compile_time: Duration::from_secs(20), ..Limits::default() };
    let first = rand::random::<u64>();
    let (mut tried, mut parsed, mut called) = (0_u64, 0_usize, 0);
    // However slow the machine is, there are some.
    let is_enough = |tried: u64, parsed: usize| Instant::now() > until && tried > TRIED_MIN && parsed > 0;
    while !is_enough(tried, parsed) {
        // A sandbox keeps what it has loaded; a new one now and then keeps the fuzzer small.
        let sandbox = Sandbox::new(cache.path(), limits.clone(), worker.clone()).unwrap();
        for _ in 0..2000 {
            let seed = first.wrapping_add(tried);
            let mut random = StdRng::seed_from_u64(seed);
            let bytes = mutate(&mut random, &seeds);
            tried += 1;
            let outcome = std::panic::catch_unwind(|| Component::parse(&bytes));
            let Ok(component) = outcome else { panic!("seed {seed}: parsing panicked") };
            let Ok(component) = component else { continue };
            parsed += 1;
            if parsed % COMPILED == 0 {
                called += usize::from(call(&sandbox, &component, &bytes, seed));
            }
            if is_enough(tried, parsed) {
                break;
            }
        }
    }
    println!("{tried} mutants from seed {first}: {parsed} were components, {called} were called");
    assert!(tried > TRIED_MIN && parsed > 0);
}

/// Compiles it as an installation does, and calls it as a plan does; whether it came so far.
fn call(sandbox: &Sandbox, component: &Component, bytes: &[u8], seed: u64) -> bool {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let Ok(plugin) = sandbox.load(component, bytes) else { return false };
        if component.manifest.kind == Kind::Template {
            let parameters = r#"{"port":9003,"replicas":1,"cpu_millis":1,"memory_mib":600,"log_level":"info","attack":"none"}"#;
            let request = Request { deployment: "x".into(), parameters: parameters.into(), target: local() };
            let _ = sandbox.plan(&plugin, &request);
        }
        true
    }));
    outcome.unwrap_or_else(|_| panic!("seed {seed}: installing or calling panicked"))
}

/// One of the seeds, with a few changes of one kind or another.
fn mutate(random: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds.choose(random).unwrap().clone();
    let manifest = manifest_at(&bytes);
    for _ in 0..random.random_range(1..3) {
        // Half of the changes are in the manifest, which is a small part of the bytes.
        let (from, to) = match random.random_bool(0.5) {
            true => manifest.unwrap_or((0, bytes.len())),
            false => (0, bytes.len()),
        };
        let to = to.min(bytes.len());
        if from >= to {
            continue;
        }
        let at = random.random_range(from..to);
        match random.random_range(0..7) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b'9'].choose(random).unwrap(),
            // Lengths and counts are LEB128: a large one in their place.
            2 => bytes.splice(at..(at + 1).min(to), [0xff, 0xff, 0xff, 0xff, 0x0f]).for_each(drop),
            3 => drop(bytes.drain(at..(at + random.random_range(1..32)).min(to))),
            4 => {
                let other = seeds.choose(random).unwrap();
                let start = random.random_range(0..other.len());
                let piece = &other[start..(start + random.random_range(1..256)).min(other.len())];
                let piece = piece.to_vec();
                bytes.splice(at..at, piece).for_each(drop);
            }
            5 => {
                let digit = bytes[from..to].iter().position(u8::is_ascii_digit);
                if let Some(digit) = digit {
                    let number = random.next_u64().to_string().into_bytes();
                    bytes.splice(from + digit..from + digit + 1, number).for_each(drop);
                }
            }
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

fn manifest_at(bytes: &[u8]) -> Option<(usize, usize)> {
    let name = MANIFEST_SECTION.as_bytes();
    let at = bytes.windows(name.len()).rposition(|window| window == name)?;
    Some((at + name.len(), bytes.len()))
}
