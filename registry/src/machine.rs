//! What whoever holds the registry's machine does without asking anybody: the database is theirs anyway. The audit trail tells of it,
//! and operators are told.

use chandlery_accounts::{Actor, issue_reset, operators, remove_lost_factor};
use chandlery_package::Namespace;
use chandlery_package::wire::PasswordReset;
use chandlery_store::Db;

use crate::error::Error;
use crate::settings::Settings;

/// Makes an account an operator at once. The registry may go on serving.
pub async fn promote(settings: &Settings, account: &Namespace) -> Result<(), Error> {
    Ok(operators::promote(&open(settings).await?, account).await?)
}

/// Issues a token by which an account's password is set, an operator's too. The registry may go on serving.
pub async fn reset_password(settings: &Settings, account: &Namespace) -> Result<PasswordReset, Error> {
    Ok(issue_reset(&open(settings).await?, &Actor::machine(), account).await?)
}

/// Removes the second factor and the passkeys of an account that has lost them. The registry may go on serving.
pub async fn remove_second_factor(settings: &Settings, account: &Namespace) -> Result<(), Error> {
    Ok(remove_lost_factor(&open(settings).await?, account).await?)
}

/// Refuses to go on where there is no registry.
pub(crate) fn must_be_there(settings: &Settings) -> Result<(), Error> {
    match settings.is_there() {
        true => Ok(()),
        false => Err(Error::not_found(format!("registry in {}", settings.data.display()))),
    }
}

/// Opens the database of a registry that is there.
async fn open(settings: &Settings) -> Result<Db, Error> {
    must_be_there(settings)?;
    Ok(settings.open_database().await?)
}
