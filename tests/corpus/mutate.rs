//! Mutants: inputs that are right, changed in a few places in ways that parsers are known to stumble over.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// The longest mutant, in bytes.
const BYTES_MAX: usize = 64 << 10;
/// What has a meaning in one of the languages that are read here.
const WORDS: [&[u8]; 40] = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"[[",
    b"\"\"",
    b"\"\"\"",
    b"{\"$ref\":\"#\"}",
    b"<!--",
    b"<![CDATA[",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&b;",
    b"</Ntry>",
    b"1e999",
    b"-0",
    b"0x7f",
    b"NaN",
    b"..",
    b"../",
    b"%2f",
    b"%00",
    b"::ffff:",
    b"sha256:",
    b"+",
    b"@*",
    b">=0,",
    b"\xe2\x80\x94 ",
    b"====",
    b"-----BEGIN",
    b"\xff\xff\xff\xff\x0f",
];
/// Numbers at whose edges sums and products turn over.
const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "-1",
    "127",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "340282366920938463463374607431768211456",
];

/// The mutant with this number of one of these inputs, always the same.
pub fn mutant(number: u64, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(number);
    let mut bytes = inputs.choose(&mut random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..5) {
        change(&mut random, &mut bytes, inputs);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn change(random: &mut StdRng, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
    if bytes.is_empty() {
        return bytes.extend_from_slice(WORDS.choose(random).copied().unwrap_or_default());
    }
    let at = random.random_range(0..bytes.len());
    let end = (at + random.random_range(1..64)).min(bytes.len());
    match random.random_range(0..9) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random_range(0..=u8::MAX),
        2 => put(bytes, at, at, WORDS.choose(random).copied().unwrap_or_default()),
        3 => put(bytes, at, end, &[]),
        4 => {
            let other = inputs.choose(random).map(Vec::as_slice).unwrap_or_default();
            let start = random.random_range(0..=other.len());
            let stop = (start + random.random_range(0..256)).min(other.len());
            put(bytes, at, at, &other[start..stop]);
        }
        5 => {
            // The first number from there on.
            let digits = |byte: &u8| byte.is_ascii_digit();
            let from = bytes[at..].iter().position(digits).map_or(at, |skipped| at + skipped);
            let to =
                bytes[from..].iter().position(|byte| !digits(byte)).map_or(bytes.len(), |long| from + long);
            put(bytes, from, to, NUMBERS.choose(random).copied().unwrap_or_default().as_bytes());
        }
        6 => {
            let times = 1_usize << random.random_range(1_u32..13);
            let piece = bytes[at..end].repeat(times.min(BYTES_MAX / (end - at)));
            put(bytes, at, at, &piece);
        }
        7 => {
            let piece = bytes[at..end].to_vec();
            put(bytes, at, end, &[]);
            let elsewhere = random.random_range(0..=bytes.len());
            put(bytes, elsewhere, elsewhere, &piece);
        }
        _ => bytes.truncate(at),
    }
}

/// Puts bytes in the place of some.
fn put(bytes: &mut Vec<u8>, from: usize, to: usize, new: &[u8]) {
    bytes.splice(from..to, new.iter().copied()).for_each(drop);
}
