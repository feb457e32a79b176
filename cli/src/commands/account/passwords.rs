//! Passwords as they are typed, unseen, or piped.

use std::io::{IsTerminal as _, Read as _};

use crate::failure::{Failure, Result};

/// What registries take for a new password.
const RULE: &str = "which must be hard to guess, as four unrelated words are";

/// The password from a terminal, unseen, or from standard input, as it is piped.
pub(super) fn password(prompt: &str) -> Result<String> {
    if std::io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(prompt)?);
    }
    match piped()?.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::of("no password was given")
            .remedy("give it on standard input, as with `< FILE`, or run the command in a terminal")),
        text => Ok(text.into()),
    }
}

/// A password that is to be set: at a terminal the rule is told first, and it is asked for twice.
pub(super) fn new_password() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return password("");
    }
    let new = rpassword::prompt_password(format!("New password, {RULE}: "))?;
    match rpassword::prompt_password("The same again: ")? == new {
        true => Ok(new),
        false => Err(Failure::of("the two passwords differ").remedy("type the same one twice")),
    }
}

/// The current password and the new one.
pub(super) fn current_and_new() -> Result<(String, String)> {
    if std::io::stdin().is_terminal() {
        let current = rpassword::prompt_password("Current password: ")?;
        return Ok((current, new_password()?));
    }
    let text = piped()?;
    match text.lines().collect::<Vec<_>>()[..] {
        [current, new] => Ok((current.into(), new.into())),
        _ => Err(Failure::of("two passwords are needed")
            .remedy("give the current and the new one on standard input, a line each, as with `< FILE`")),
    }
}

fn piped() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
