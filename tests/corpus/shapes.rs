//! Inputs that are bad for parsers of every kind: long, deep, or many times the same.

/// How many bytes each has at least.
const BYTES: usize = 32 << 10;

/// What is repeated, by name.
const REPEATED: [(&str, &[u8]); 34] = [
    ("spaces", b" "),
    ("line breaks", b"\n"),
    ("line breaks of two kinds", b"\r\n"),
    ("NULs", b"\0"),
    ("bytes of no text", b"\xff"),
    ("halves of characters", b"\xc3"),
    ("wide characters", b"\xf0\x9f\x9a\xa2"),
    ("letters", b"a"),
    ("digits", b"9"),
    ("hyphens", b"-"),
    ("dots", b"."),
    ("commas", b","),
    ("colons", b":"),
    ("slashes", b"/"),
    ("ways up", b"../"),
    ("plus signs", b"+"),
    ("at signs", b"@"),
    ("equal signs", b"="),
    ("quotes", b"\""),
    ("three quotes", b"'''"),
    ("backslashes", b"\\"),
    ("escapes", b"\\u0041"),
    ("lists", b"["),
    ("objects", b"{\"a\":"),
    ("fields of one name", b"{\"a\":1,\"a\":1},"),
    ("tables of TOML", b"[[a]]\n"),
    ("tables in tables of TOML", b"[[a]]\n[a.b]\n"),
    ("keys of TOML", b"a."),
    ("elements", b"<a>"),
    ("elements that begin", b"<"),
    ("entities", b"&a;"),
    ("notes", b"\n\n\xe2\x80\x94 a AAAAAA==\n"),
    ("addresses", b"10.0.0.1,"),
    ("ranges of versions", b">=1,"),
];

/// What stands before the repeated bytes, so that a parser does not stop at the first of them.
const BEFORE: [&[u8]; 6] =
    [b"", b"a:b@", b"http:", b"{\"a\":\"", b"\0asm\x0d\0\x01\0", b"id,date,amount,currency,text\n"];

/// All of them, by what is repeated.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    REPEATED.into_iter().flat_map(|(name, piece)| {
        BEFORE
            .into_iter()
            .map(move |before| (name, [before, &piece.repeat(BYTES / piece.len() + 1)].concat()))
    })
}
