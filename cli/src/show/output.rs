//! Where text goes: the standard output, which others may read a part of, and standard error.

use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write as _};
use std::sync::OnceLock;

/// Why something of what was asked for could not be written.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes to the standard output, with colours where somebody looks.
pub fn put(text: Arguments<'_>) {
    heed(anstream::stdout().lock().write_fmt(text));
}

/// Writes bytes to the standard output as they are.
pub fn put_bytes(bytes: &[u8]) {
    heed(std::io::stdout().lock().write_all(bytes));
}

/// Sees to it that everything was written; otherwise, why not: a document that was cut off must not pass for a whole one.
pub fn finish() -> std::result::Result<(), String> {
    heed(std::io::stdout().flush());
    LOST.get().map_or(Ok(()), |why| Err(why.clone()))
}

/// Whoever has read enough, as `head` has, ends the command. What else goes wrong is told at its end: a server serves on.
fn heed(written: Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            LOST.get_or_init(|| error.to_string());
        }
    }
}

/// Writes to standard error, with colours where somebody looks. Where nobody can be told, nobody is.
pub fn tell(text: Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}
