//! What an account is called that is made for somebody: as they are called at the provider, with a number where that is taken.

use chandlery_oidc::Person;
use chandlery_package::Namespace;
use chandlery_package::wire::EmailAddress;
use chandlery_store::Write;

use crate::Error;
use crate::people::is_free;

/// How long a name is, so that there is room for a number.
const BYTES_MAX: usize = 32;
/// How many numbers are tried.
const TRIES: u32 = 1000;
/// What somebody is called whose own name has no letters that a name may have.
const ANYBODY: &str = "person";

/// A name that nobody has.
pub(super) async fn free_name(
    write: &mut Write,
    person: &Person,
    email: &EmailAddress,
) -> Result<Namespace, Error> {
    let wanted = wanted(person.preferred_username.as_deref().unwrap_or(email.as_str()));
    for number in 1..=TRIES {
        let name = if number == 1 { wanted.clone() } else { format!("{wanted}-{number}") };
        let name: Namespace = name.parse()?;
        if is_free(write, &name).await? {
            return Ok(name);
        }
    }
    Err(Error::Conflict(format!("too many accounts are called '{wanted}'")))
}

/// A name of the grammar, out of what somebody is called or their address.
fn wanted(text: &str) -> String {
    let local = text.split('@').next().unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> =
        local.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    let name = name.trim_start_matches(|letter: char| !letter.is_ascii_lowercase());
    let name: String = name.chars().take(BYTES_MAX).collect();
    match name.trim_end_matches('-') {
        "" => ANYBODY.into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_somebody_is_called() {
        let long = "a".repeat(60);
        let cut = format!("{}-b", "a".repeat(BYTES_MAX - 1));
        for (called, name) in [
            ("ann", "ann"),
            ("Ann.Smith@corp.example", "ann-smith"),
            ("ann+work@corp.example", "ann-work"),
            ("__ann__", "ann"),
            ("4-ann", "ann"),
            ("1234", "person"),
            ("éé@corp.example", "person"),
            ("", "person"),
            ("a..b", "a-b"),
            (long.as_str(), &long[..BYTES_MAX]),
            (cut.as_str(), &long[..BYTES_MAX - 1]),
        ] {
            assert_eq!(wanted(called), name, "{called}");
            assert!(format!("{name}-{TRIES}").parse::<Namespace>().is_ok(), "{name}");
        }
    }
}
