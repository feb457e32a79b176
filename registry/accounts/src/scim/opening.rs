//! Whose account a person of a directory has: one that has the person's verified address already, or one that is opened for it.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, EmailAddress};
use chandlery_package::{Digest, random_bytes};
use chandlery_store::Write;
use serde_json::{Value, json};

use super::error::Error;
use super::standing::is_managed;
use crate::actor::Actor;
use crate::audit::record;
use crate::organisations::domains::owner_of;
use crate::people;
use crate::principal::AccountRole;

/// What somebody is called whose name has no letter of ours.
const NAMELESS: &str = "member";
/// The longest part of a name that is the person's own, in bytes: what makes it unique follows.
const STEM_BYTES_MAX: usize = 30;
/// How many numbers are tried after a name that is taken.
const NUMBERS: u32 = 20;

/// Refuses an address of a domain that the organisation has not proved: nobody else's mail makes an account, or finds one.
pub(super) async fn must_own(
    write: &mut Write,
    organisation: &Namespace,
    address: &EmailAddress,
) -> Result<(), Error> {
    match owns(write, organisation, address).await? {
        true => Ok(()),
        false => Err(Error::value(format!(
            "the domain of '{address}' is not one that '{organisation}' has proved: people of a directory have addresses of proved \
             domains"
        ))),
    }
}

async fn owns(write: &mut Write, organisation: &Namespace, address: &EmailAddress) -> Result<bool, Error> {
    match address.domain() {
        None => Ok(false),
        Some(domain) => Ok(owner_of(write, &domain).await?.as_ref() == Some(organisation)),
    }
}

/// The account that has this verified address and may become a person's: one that the organisation manages or, where the domain is its
/// own, any that no other organisation manages; of an address elsewhere, only a member's.
pub(super) async fn known(
    write: &mut Write,
    organisation: &Namespace,
    address: &EmailAddress,
) -> Result<Option<Namespace>, Error> {
    let owns = owns(write, organisation, address).await?;
    let found: Option<(Text<Namespace>,)> = sqlx::query_as(
        "select accounts.name from accounts
         left join organisation_members on organisation_members.account = accounts.name
                                       and organisation_members.organisation = $1
         where lower(accounts.email) = $2
           and (accounts.managed_by is null or accounts.managed_by = $1)
           and ($3 = 1 or organisation_members.account is not null)
           and not exists (select 1 from organisations where organisations.name = accounts.name)
         order by case when accounts.managed_by is null then 1 else 0 end,
                  case when organisation_members.account is null then 1 else 0 end,
                  accounts.created_at, accounts.name limit 1",
    )
    .bind(organisation.as_str())
    .bind(address.as_str().to_ascii_lowercase())
    .bind(i64::from(owns))
    .fetch_optional(&mut **write)
    .await?;
    Ok(found.map(|(Text(name),)| name))
}

/// Opens an account that the organisation manages, with an address of its own domain. Nobody has its password.
pub(super) async fn open(
    write: &mut Write,
    actor: &Actor,
    organisation: &Namespace,
    (user_name, address): (&str, &EmailAddress),
    nobodys: &str,
) -> Result<Namespace, Error> {
    must_own(write, organisation, address).await?;
    let name = take_name(write, user_name, nobodys).await?;
    sqlx::query("update accounts set email = $1, managed_by = $2 where name = $3")
        .bind(address.as_str())
        .bind(organisation.as_str())
        .bind(name.as_str())
        .execute(&mut **write)
        .await?;
    let after = json!({ "managed_by": organisation });
    record(write, actor, Act::AccountOpened, name.as_str(), Value::Null, after).await?;
    Ok(name)
}

/// Gives an account that the organisation manages another address; what was sent to the one before opens nothing more.
pub(super) async fn move_to(
    write: &mut Write,
    organisation: &Namespace,
    account: &Namespace,
    address: &EmailAddress,
) -> Result<(), Error> {
    if !is_managed(write, organisation, account).await? {
        return Ok(());
    }
    must_own(write, organisation, address).await?;
    sqlx::query("update accounts set email = $1 where name = $2")
        .bind(address.as_str())
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    for sql in [
        "delete from password_resets where account = $1",
        "delete from email_verifications where account = $1",
    ] {
        sqlx::query(sql).bind(account.as_str()).execute(&mut **write).await?;
    }
    Ok(())
}

/// Opens an account under the first name that is free: the person's, with a number or, after some, with random digits.
async fn take_name(write: &mut Write, user_name: &str, nobodys: &str) -> Result<Namespace, Error> {
    let stem = stem(user_name);
    let digits: String = Digest::of(random_bytes::<16>()).hex().chars().take(8).collect();
    let numbered = (2..=NUMBERS).map(|number| format!("{stem}-{number}"));
    let all = std::iter::once(stem.clone()).chain(numbered).chain([format!("{stem}-{digits}")]);
    for name in all {
        let name = name.parse::<Namespace>().map_err(crate::Error::from)?;
        match people::insert(write, &name, nobodys, AccountRole::Member).await {
            Ok(()) => return Ok(name),
            Err(crate::Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(crate::Error::Conflict(format!("no name is free for '{user_name}'")).into())
}

/// What a person's name is among those of accounts: what stands before the `@`, in letters, digits and single dashes.
fn stem(user_name: &str) -> String {
    let local = user_name.split('@').next().unwrap_or_default().to_lowercase();
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
        for (user_name, expected) in [
            ("ann@corp.example", "ann"),
            ("Ann.Archer@corp.example", "ann-archer"),
            ("CORP\\ann_archer", "corp-ann-archer"),
            ("o'neil--x@corp.example", "o-neil-x"),
            ("7up@corp.example", "up"),
            ("42@corp.example", "member"),
            ("@corp.example", "member"),
            ("Łukasz@corp.example", "ukasz"),
            ("李", "member"),
            (long.as_str(), &long[..STEM_BYTES_MAX]),
            (format!("{}-b", &long[..STEM_BYTES_MAX - 1]).as_str(), &long[..STEM_BYTES_MAX - 1]),
        ] {
            assert_eq!(stem(user_name), expected, "{user_name}");
            assert!(format!("{}-01234567", stem(user_name)).parse::<Namespace>().is_ok());
        }
    }
}
