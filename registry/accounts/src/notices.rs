//! What accounts are told: written down in the transaction that it is about, shown on their page, and sent by e-mail where there is
//! an address.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{EmailAddress, Role};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;

use crate::Error;
use crate::principal::AccountRole;
use crate::roles::members_from;

/// Writes down what an account is told. The same key is told once.
pub async fn tell(
    write: &mut Write,
    account: &Namespace,
    key: &str,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "insert into notices (key, account, subject, body, made_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(key)
    .bind(account.as_str())
    .bind(subject)
    .bind(body)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// The same where it is about the account itself: it is sent to the address that the account has verified, whatever its billing
/// profile says.
pub(crate) async fn tell_owner(
    write: &mut Write,
    account: &Namespace,
    key: &str,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tell(write, account, key, subject, body, now).await?;
    sqlx::query(
        "update notices set email = (select accounts.email from accounts where accounts.name = $1)
         where key = $2 and sent_at is null",
    )
    .bind(account.as_str())
    .bind(key)
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// Sends a text that brings a token to an address, and shows it nowhere else.
pub(crate) async fn write_to(
    write: &mut Write,
    account: &Namespace,
    email: &EmailAddress,
    key: &str,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tell(write, account, key, subject, body, now).await?;
    sqlx::query("update notices set email = $1, secret = 1 where key = $2")
        .bind(email.as_str())
        .bind(key)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Tells everybody who operates the registry.
pub async fn tell_operators(
    write: &mut Write,
    key: &str,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let operators: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select name from accounts where role = $1 order by name")
            .bind(AccountRole::Operator.as_str())
            .fetch_all(&mut **write)
            .await?;
    for (Text(operator),) in operators {
        tell_owner(write, &operator, &format!("{key}:{operator}"), subject, body, now).await?;
    }
    Ok(())
}

/// Tells the members of a namespace who have this role or a greater one, and those who have it through an organisation that is a member.
pub async fn tell_members(
    write: &mut Write,
    namespace: &Namespace,
    least: Role,
    key: &str,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    for member in members_from(write, namespace, least).await? {
        let key = format!("{key}:{}", member.account);
        tell(write, &member.account, &key, subject, body, now).await?;
    }
    Ok(())
}

/// Remembers that what an account was told has left by e-mail.
pub async fn sent(db: &Db, key: &str, now: Timestamp) -> Result<(), Error> {
    note(db, key, "update notices set sent_at = $1 where key = $2", &time(now)).await
}

/// Remembers that nobody will ever take what an account was told by e-mail, and why.
pub async fn refused(db: &Db, key: &str, why: &str) -> Result<(), Error> {
    note(db, key, "update notices set refused = $1 where key = $2", why).await
}

/// Leaves what an account was told until then, to be sent by e-mail once more.
pub async fn retry(db: &Db, key: &str, at: Timestamp) -> Result<(), Error> {
    note(db, key, "update notices set retry_at = $1 where key = $2", &time(at)).await
}

/// Writes down what became of a notice, by a statement that sets one column of it. What has left and brought a token is forgotten.
async fn note(db: &Db, key: &str, statement: &'static str, value: &str) -> Result<(), Error> {
    let mut write = db.write().await?;
    sqlx::query(statement).bind(value).bind(key).execute(&mut *write).await?;
    sqlx::query(
        "update notices set body = '' where key = $1 and secret = 1 and (sent_at is not null or refused is not null)",
    )
    .bind(key)
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(())
}
