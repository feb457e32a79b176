//! What strangers send, without a server: a corpus of inputs that must be refused, each in its words, and mutants of inputs that are
//! right, for every parser. None may stop a parser or hold it up. `CHANDLERY_FUZZ_SECONDS` says for how long mutants are made; a
//! failure prints the number of its mutant, with which `CHANDLERY_FUZZ_FIRST` makes it again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod documents;
mod mutate;
mod parsers;
mod shapes;
mod trust;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use parsers::{Outcome, Parser};

const SECONDS_USUALLY: u64 = 2;
/// How long a parser may take for one input, on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of an input is shown, in characters.
const SHOWN_MAX: usize = 2_000;

#[test]
fn what_mutants_are_made_of_is_accepted() {
    let mut faults = Vec::new();
    for parser in parsers::all() {
        for input in &parser.inputs {
            if let Err(reason) = (parser.parse)(input) {
                faults.push(format!("{}: {reason}: {}", parser.name, shown(input)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_case_ends_in_its_own_refusal() {
    let parsers: BTreeMap<_, _> = parsers::all().into_iter().map(|parser| (parser.name, parser)).collect();
    let mut faults = Vec::new();
    for case in cases::all() {
        let outcome = watched(&parsers[case.parser], &case.bytes, &case.name).0;
        if !outcome.as_ref().is_err_and(|reason| reason.contains(case.says)) {
            let ended = outcome
                .map_or_else(|reason| reason.chars().take(SHOWN_MAX).collect(), |()| "nothing".to_owned());
            faults.push(format!("{}, {}: {ended}, not '{}'", case.parser, case.name, case.says));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_shape_of_bytes_holds_a_parser_up() {
    let shapes: Vec<_> = shapes::all().collect();
    for parser in parsers::all() {
        for (name, bytes) in &shapes {
            let _ = watched(&parser, bytes, name);
        }
    }
}

#[test]
fn no_mutant_stops_a_parser_or_holds_it_up() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("CHANDLERY_FUZZ_SECONDS").unwrap_or(SECONDS_USUALLY);
    let first = number("CHANDLERY_FUZZ_FIRST").unwrap_or_else(rand::random);
    let (until, parsers) = (Instant::now() + Duration::from_secs(seconds), parsers::all());
    let (mut tried, mut accepted) = (0_u64, 0_u64);
    let mut slowest: BTreeMap<&str, (Duration, u64)> = BTreeMap::new();
    while tried == 0 || Instant::now() < until {
        let number = first.wrapping_add(tried);
        let parser = &parsers[(number % parsers.len() as u64) as usize];
        let bytes = mutate::mutant(number, &parser.inputs);
        let (outcome, took) = watched(parser, &bytes, &format!("mutant {number}"));
        accepted += u64::from(outcome.is_ok());
        let known = slowest.entry(parser.name).or_default();
        *known = (*known).max((took, number));
        tried += 1;
    }
    let mut slowest: Vec<_> =
        slowest.into_iter().map(|(name, (took, number))| (took, number, name)).collect();
    slowest.sort_unstable_by(|one, other| other.cmp(one));
    println!("{tried} mutants from number {first} of {} parsers: {accepted} were accepted", parsers.len());
    for (took, number, name) in slowest.iter().take(5) {
        println!("{took:?} for mutant {number}: {name}");
    }
}

/// What a parser says of an input, and how long it took. Fails where it panics, or takes too long twice.
fn watched(parser: &Parser, bytes: &[u8], name: &str) -> (Outcome, Duration) {
    let parse = parser.parse;
    let measured = || {
        let started = Instant::now();
        let outcome = catch_unwind(|| parse(bytes));
        let outcome =
            outcome.unwrap_or_else(|_| panic!("{}, {name}: it panicked at {}", parser.name, shown(bytes)));
        (outcome, started.elapsed())
    };
    let (outcome, took) = measured();
    if took <= PATIENCE {
        return (outcome, took);
    }
    // Something else may have had the processor.
    let (outcome, took) = measured();
    assert!(took <= PATIENCE, "{}, {name}: it took {took:?} for {}", parser.name, shown(bytes));
    (outcome, took)
}

fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.escape_ascii().to_string().chars().take(SHOWN_MAX).collect();
    format!("{} bytes: {text}", bytes.len())
}
