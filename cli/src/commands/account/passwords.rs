//! Passwords as they are typed, unseen, or piped.

use std::io::{IsTerminal as _, Read as _};

use crate::failure::{Failure, Result};

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

/// The current password and the new one, which is asked for twice at a terminal.
pub(super) fn current_and_new() -> Result<(String, String)> {
    if std::io::stdin().is_terminal() {
        let current = rpassword::prompt_password("Current password: ")?;
        let new = rpassword::prompt_password("New password: ")?;
        let again = rpassword::prompt_password("New password, again: ")?;
        return match new == again {
            true => Ok((current, new)),
            false => Err(Failure::of("the two new passwords differ")),
        };
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
