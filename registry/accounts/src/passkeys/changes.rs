//! Passkeys that an account adds, names and removes. To add or remove one it shows its password, or has logged in just now; and where a second
//! factor is demanded of it, whoever has a password alone does neither.

use chandlery_edge::Client;
use chandlery_package::Namespace;
use chandlery_package::wire::{Act, LogInBy, NewPasskey, PasskeyChallenge, PasskeyChange, PasskeyRecord};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::challenges::{self, Waiting};
use super::kept;
use crate::actor::Actor;
use crate::audit::record;
use crate::factors::{must_have_shown, shown_within};
use crate::notices::tell_owner;
use crate::sessions::own_hash;
use crate::{Accounts, Caller, Error, tokens};

/// How long after a log-in nobody asks for the password again.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The longest name of a passkey, in characters.
const NAME_CHARS_MAX: usize = 60;

/// Asks for a passkey to be added to the account that asks.
pub async fn begin(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    shown: &PasskeyChange,
) -> Result<PasskeyChallenge, Error> {
    let site = accounts.relying_party()?;
    must_be_sure(accounts, client, caller, shown).await?;
    let (account, now) = (&caller.name, Timestamp::now());
    let mut write = accounts.db.write().await?;
    let has = kept::credentials(&mut write, account).await?;
    must_have_room(account, has.len())?;
    let (public_key, state) = site.ask_for_new(account, has)?;
    let waiting = Waiting::Registration(state);
    let (challenge, expires_at) = challenges::keep(&mut write, Some(account), &waiting, now).await?;
    write.commit().await?;
    Ok(PasskeyChallenge { challenge, expires_at, public_key })
}

/// Adds the passkey that was asked for. Whoever has shown it so has shown a second factor from then on.
pub async fn add(accounts: &Accounts, caller: &Caller, new: &NewPasskey) -> Result<PasskeyRecord, Error> {
    let site = accounts.relying_party()?;
    let name = name_of(&new.name)?;
    let (account, now) = (&caller.name, Timestamp::now());
    let mut write = accounts.db.write().await?;
    let waiting = challenges::take(&mut write, Some(account), &new.challenge, now).await?;
    write.commit().await?;
    let Waiting::Registration(state) = waiting else { return Err(challenges::ended()) };
    let passkey = site.register(&new.credential, &state)?;
    let id = kept::id_of(passkey.cred_id());
    let added = PasskeyRecord { id, name, created_at: now, used_at: None };

    let mut write = accounts.db.write().await?;
    // Another factor may have been set up since it was asked for.
    shown_within(&mut write, caller).await?;
    must_have_room(account, kept::credentials(&mut write, account).await?.len())?;
    if !kept::insert(&mut write, account, &added, &passkey).await? {
        return Err(Error::Conflict("this passkey was added before".into()));
    }
    if let Some(own) = own_hash(caller) {
        tokens::set_opened_by(&mut write, own, LogInBy::Passkey).await?;
    }
    let after = json!({ "passkey": added.id, "name": added.name });
    record(&mut write, &caller.actor, Act::PasskeyAdded, account.as_str(), Value::Null, after).await?;
    let subject = "A passkey was added to your account";
    tell(&mut write, account, &caller.actor, subject, &format!("'{}' was added", added.name), now).await?;
    write.commit().await?;
    Ok(added)
}

/// Gives a passkey of the account that asks another name.
pub async fn rename(accounts: &Accounts, caller: &Caller, id: &str, name: &str) -> Result<(), Error> {
    let (account, name) = (&caller.name, name_of(name)?);
    let mut write = accounts.db.write().await?;
    let before = kept::set_name(&mut write, account, id, &name).await?;
    let (before, after) = (json!({ "passkey": id, "name": before }), json!({ "passkey": id, "name": name }));
    record(&mut write, &caller.actor, Act::PasskeyRenamed, account.as_str(), before, after).await?;
    Ok(write.commit().await?)
}

/// Removes a passkey of the account that asks.
pub async fn remove(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    id: &str,
    shown: &PasskeyChange,
) -> Result<(), Error> {
    let (account, now) = (&caller.name, Timestamp::now());
    kept::must_be_of(&accounts.db, account, id).await?;
    must_be_sure(accounts, client, caller, shown).await?;
    let mut write = accounts.db.write().await?;
    shown_within(&mut write, caller).await?;
    let name = kept::forget(&mut write, account, id).await?;
    let before = json!({ "passkey": id, "name": name });
    record(&mut write, &caller.actor, Act::PasskeyRemoved, account.as_str(), before, Value::Null).await?;
    let subject = "A passkey of your account was removed";
    tell(&mut write, account, &caller.actor, subject, &format!("'{name}' was removed"), now).await?;
    Ok(write.commit().await?)
}

/// Refuses whoever neither shows the account's password nor has logged in just now, or has not shown all that the account asks for.
async fn must_be_sure(
    accounts: &Accounts,
    client: Client,
    caller: &Caller,
    shown: &PasskeyChange,
) -> Result<(), Error> {
    must_have_shown(accounts, caller).await?;
    if let Some(password) = &shown.password {
        let known = accounts.by_password(client, caller.name.as_str(), password).await?;
        return known.map(drop).ok_or(Error::WrongPassword);
    }
    let since = Timestamp::now() - FRESH;
    let is_fresh = match own_hash(caller) {
        Some(hash) => tokens::is_log_in_since(&accounts.db, hash, since).await?,
        None => false,
    };
    match is_fresh {
        true => Ok(()),
        false => {
            let action =
                "change its passkeys without its password, since it logged in more than ten minutes ago";
            Err(Error::forbidden(&caller.name, action))
        }
    }
}

fn must_have_room(account: &Namespace, has: usize) -> Result<(), Error> {
    match has < kept::PASSKEYS_MAX {
        true => Ok(()),
        false => {
            let max = kept::PASSKEYS_MAX;
            Err(Error::Conflict(format!("'{account}' has {max} passkeys already: remove one first")))
        }
    }
}

fn name_of(text: &str) -> Result<String, Error> {
    let name = text.trim();
    let is_plain = !name.chars().any(char::is_control);
    match (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && is_plain {
        true => Ok(name.to_owned()),
        false => Err(Error::Invalid(format!(
            "a passkey's name has from 1 to {NAME_CHARS_MAX} characters in one line"
        ))),
    }
}

async fn tell(
    write: &mut Write,
    account: &Namespace,
    actor: &Actor,
    subject: &str,
    done: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let body = format!(
        "{done} by {} on {} UTC. If that was not you, change your password at once, look at your passkeys and log-ins, and ask an operator of \
         the registry for help.\n",
        actor.in_words(),
        now.strftime("%Y-%m-%d %H:%M")
    );
    tell_owner(write, account, &format!("passkey:{account}:{}", time(now)), subject, &body, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_that_can_be_read() {
        let (long, longer) = ("ä".repeat(60), "a".repeat(61));
        for (text, expected) in [
            ("Ann's phone", Some("Ann's phone")),
            ("  laptop \n", Some("laptop")),
            ("", None),
            ("   ", None),
            ("a\nb", None),
            ("a\u{7}b", None),
            (long.as_str(), Some(long.as_str())),
            (longer.as_str(), None),
        ] {
            assert_eq!(name_of(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
