//! The first minute of an account: it is opened, logged in, and asked whether its address is its own.

use chandlery_edge::Client;
use chandlery_package::wire::{LogInBy, NewAccount};
use jiff::SignedDuration;

use crate::actor::{Actor, Address};
use crate::credential::Credential;
use crate::email::ask;
use crate::log_ins::log_in;
use crate::{Accounts, Error};

/// Opens an account for a client that has not opened too many, and gives the token of its first log-in, which has this note and lasts so
/// long.
pub async fn open_account(
    accounts: &Accounts,
    client: Client,
    address: Address,
    new: &NewAccount,
    (note, lifetime): (&str, SignedDuration),
) -> Result<String, Error> {
    accounts.register(client, &new.name, &new.password).await?;
    let actor = Actor::new(&new.name, &Credential::None, address);
    let token = log_in(&accounts.db, &actor, (&new.name, None), note, lifetime, LogInBy::Password).await?;
    if let Some(email) = &new.email {
        // The account is open whether or not one more mail may be sent there: its address can be asked for later.
        match ask(accounts, &actor, &new.name, email).await {
            Ok(_) | Err(Error::TooMany { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(token)
}
