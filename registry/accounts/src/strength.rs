//! What may become a password: not by how many digits and signs it has, but by how many guesses find it.

use zxcvbn::{Score, zxcvbn};

use crate::Error;

/// The longest password that somebody sets, in characters; the estimate takes longer than they are many.
const CHARACTERS_MAX: usize = 128;

/// Refuses a new password of this account that fewer than 10^8 guesses find, and says why. Takes some milliseconds of a processor.
pub(crate) fn must_be_strong(password: &str, account: &str) -> Result<(), Error> {
    if password.chars().nth(CHARACTERS_MAX).is_some() {
        return Err(Error::Invalid(format!("a password has at most {CHARACTERS_MAX} characters")));
    }
    let estimate = zxcvbn(password, &[account, "chandlery"]);
    if estimate.score() >= Score::Three {
        return Ok(());
    }
    let advice = estimate.feedback().map(ToString::to_string).unwrap_or_default();
    Err(Error::Invalid(format!("this password is easy to guess. {advice}").trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_easy_to_guess_is_refused_with_the_reason() {
        for (password, said) in [
            ("", "easy to guess"),
            ("password", "common password"),
            ("Passw0rd!2024", "Predictable substitutions"),
            ("qwertyuiop123", "easy to guess"),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", "Repeats like \"aaa\""),
            ("1990-01-01", "Dates are often easy to guess"),
            ("globex-2026", "Add another word"),
            ("globexglobexglobex", "Repeats like"),
            ("é".repeat(CHARACTERS_MAX + 1).as_str(), "at most 128 characters"),
        ] {
            let refused = must_be_strong(password, "globex").unwrap_err().to_string();
            assert!(refused.contains(said), "{password}: {refused}");
        }
        for password in ["correct horse battery", "one two three", "kx9-Tq2_vw"] {
            assert!(must_be_strong(password, "globex").is_ok(), "{password}");
        }
    }
}
