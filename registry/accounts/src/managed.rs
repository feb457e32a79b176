//! Accounts that an organisation opens for people whom it vouches for, by its provider or its directory: each is called as they are called
//! there, with a number where that is taken.

use chandlery_package::wire::EmailAddress;
use chandlery_package::{Digest, Namespace, random_bytes};
use chandlery_store::Write;

use crate::principal::AccountRole;
use crate::{Error, people};

/// What somebody is called whose name has no letter of ours.
const NAMELESS: &str = "member";
/// The longest part of a name that is the person's own, in bytes: what makes it unique follows.
const STEM_BYTES_MAX: usize = 30;
/// How many numbers are tried after a name that is taken.
const NUMBERS: u32 = 20;

/// Opens an account for somebody who is called so and has this address, which the organisation vouches for. Nobody has its password, and
/// the organisation may end it.
pub(crate) async fn open_managed(
    write: &mut Write,
    organisation: &Namespace,
    (called, email): (&str, &EmailAddress),
    nobodys: &str,
) -> Result<Namespace, Error> {
    let name = take_name(write, called, nobodys).await?;
    sqlx::query(
        "update accounts set managed_by = $1, email = $2, passwordless_since = created_at where name = $3",
    )
    .bind(organisation.as_str())
    .bind(email.as_str())
    .bind(name.as_str())
    .execute(&mut **write)
    .await?;
    Ok(name)
}

/// Opens an account under the first name that is free: the person's, with a number or, after some, with random digits.
async fn take_name(write: &mut Write, called: &str, nobodys: &str) -> Result<Namespace, Error> {
    let stem = stem(called);
    let digits: String = Digest::of(random_bytes::<16>()).hex().chars().take(8).collect();
    let numbered = (2..=NUMBERS).map(|number| format!("{stem}-{number}"));
    let all = std::iter::once(stem.clone()).chain(numbered).chain([format!("{stem}-{digits}")]);
    for name in all {
        let name: Namespace = name.parse()?;
        match people::insert(write, &name, nobodys, AccountRole::Member).await {
            Ok(()) => return Ok(name),
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Conflict(format!("no name is free for '{called}'")))
}

/// What a person's name is among those of accounts: what stands before the `@`, in letters, digits and single dashes.
fn stem(called: &str) -> String {
    let local = called.split('@').next().unwrap_or_default().to_lowercase();
    let words = local.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let begun = joined.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let cut = begun.get(..STEM_BYTES_MAX).unwrap_or(begun).trim_end_matches('-');
    if cut.is_empty() { NAMELESS.into() } else { cut.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_stands_before_the_at() {
        let long = "a".repeat(100);
        for (called, expected) in [
            ("ann@corp.example", "ann"),
            ("Ann.Archer@corp.example", "ann-archer"),
            ("CORP\\ann_archer", "corp-ann-archer"),
            ("o'neil--x@corp.example", "o-neil-x"),
            ("7up@corp.example", "up"),
            ("42@corp.example", "member"),
            ("@corp.example", "member"),
            ("Łukasz@corp.example", "ukasz"),
            ("李", "member"),
            ("", "member"),
            ("__ann__", "ann"),
            ("ann+work@corp.example", "ann-work"),
            (long.as_str(), &long[..STEM_BYTES_MAX]),
            (format!("{}-b", &long[..STEM_BYTES_MAX - 1]).as_str(), &long[..STEM_BYTES_MAX - 1]),
        ] {
            assert_eq!(stem(called), expected, "{called}");
            assert!(format!("{}-01234567", stem(called)).parse::<Namespace>().is_ok());
        }
    }
}
