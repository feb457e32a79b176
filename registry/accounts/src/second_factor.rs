//! What is kept of second factors: a secret for codes, digests of recovery codes, and whether there are passkeys.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{LogInBy, RecoveryCodes, SecondFactor};
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::notices::tell_owner;
use crate::recovery::{CODES, digest, new_code};
use crate::{Error, totp};

/// Whether a log-in of an account needs a code.
pub(crate) async fn is_on(db: &Db, account: &Namespace) -> Result<bool, Error> {
    Ok(state(db, account).await?.since.is_some())
}

/// The same, as a transaction sees it.
pub(crate) async fn is_on_within(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let (confirmed,): (i64,) =
        sqlx::query_as("select count(*) from second_factors where account = $1 and confirmed_at is not null")
            .bind(account.as_str())
            .fetch_one(db)
            .await?;
    Ok(confirmed > 0)
}

/// Whether an account has a passkey.
pub(crate) async fn has_passkeys(db: &mut AnyConnection, account: &Namespace) -> Result<bool, Error> {
    let (kept,): (i64,) = sqlx::query_as("select count(*) from passkeys where account = $1")
        .bind(account.as_str())
        .fetch_one(db)
        .await?;
    Ok(kept > 0)
}

/// Forgets every passkey of an account, and says how many there were.
pub(crate) async fn forget_passkeys(write: &mut Write, account: &Namespace) -> Result<u64, Error> {
    let forgotten = sqlx::query("delete from passkeys where account = $1")
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(forgotten.rows_affected())
}

/// Since when an account has a second factor, and how many recovery codes it has.
pub async fn state(db: &Db, account: &Namespace) -> Result<SecondFactor, Error> {
    let (since, codes): (Option<Text<Timestamp>>, i64) = sqlx::query_as(
        "select (select confirmed_at from second_factors where account = $1),
                (select count(*) from recovery_codes where account = $1)",
    )
    .bind(account.as_str())
    .fetch_one(db.read())
    .await?;
    Ok(SecondFactor {
        since: since.map(|Text(at)| at),
        recovery_codes: u32::try_from(codes).unwrap_or_default(),
    })
}

/// Keeps a secret that counts once a code of it is shown, in place of one that was never confirmed; says whether there is none that was.
pub(crate) async fn begin(
    write: &mut Write,
    account: &Namespace,
    secret: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let kept = sqlx::query(
        "insert into second_factors (account, secret, made_at) values ($1, $2, $3)
         on conflict (account) do update set secret = excluded.secret, made_at = excluded.made_at
         where second_factors.confirmed_at is null",
    )
    .bind(account.as_str())
    .bind(secret)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Lets the secret of an account count, of which this is the first code; says whether it is one.
pub(crate) async fn confirm(
    write: &mut Write,
    account: &Namespace,
    code: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let begun: Option<(String,)> =
        sqlx::query_as("select secret from second_factors where account = $1 and confirmed_at is null")
            .bind(account.as_str())
            .fetch_optional(&mut **write)
            .await?;
    let (secret,) = begun.ok_or_else(|| {
        Error::Conflict(format!("'{account}' has begun to set up no second factor, or has one already"))
    })?;
    let Some(step) = totp::step_of(&secret, &digits(code), now)? else { return Ok(false) };
    sqlx::query("update second_factors set confirmed_at = $1, last_step = $2 where account = $3")
        .bind(time(now))
        .bind(step)
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(true)
}

/// Uses up a code of an account's second factor, or a recovery code; none: it is neither, or was used before.
pub(crate) async fn use_code(
    write: &mut Write,
    account: &Namespace,
    code: &str,
    now: Timestamp,
) -> Result<Option<LogInBy>, Error> {
    let kept: Option<(String, i64)> = sqlx::query_as(
        "select secret, last_step from second_factors where account = $1 and confirmed_at is not null",
    )
    .bind(account.as_str())
    .fetch_optional(&mut **write)
    .await?;
    let Some((secret, last_step)) = kept else { return Ok(None) };
    if let Some(step) = totp::step_of(&secret, &digits(code), now)? {
        if step <= last_step {
            return Ok(None);
        }
        sqlx::query("update second_factors set last_step = $1 where account = $2")
            .bind(step)
            .bind(account.as_str())
            .execute(&mut **write)
            .await?;
        return Ok(Some(LogInBy::Totp));
    }
    let used = sqlx::query("delete from recovery_codes where account = $1 and hash = $2")
        .bind(account.as_str())
        .bind(digest(code))
        .execute(&mut **write)
        .await?;
    if used.rows_affected() == 0 {
        return Ok(None);
    }
    let key = format!("recovery-code:{account}:{}", time(now));
    let body = "It was used in place of your second factor. If that was not you, change your password at once, and make new codes.\n";
    tell_owner(write, account, &key, "A recovery code was used", body, now).await?;
    Ok(Some(LogInBy::RecoveryCode))
}

/// New recovery codes of an account, in place of those before.
pub(crate) async fn renew_codes(write: &mut Write, account: &Namespace) -> Result<RecoveryCodes, Error> {
    forget_codes(write, account).await?;
    let codes: Vec<String> = (0..CODES).map(|_| new_code()).collect();
    for code in &codes {
        sqlx::query("insert into recovery_codes (account, hash) values ($1, $2)")
            .bind(account.as_str())
            .bind(digest(code))
            .execute(&mut **write)
            .await?;
    }
    Ok(RecoveryCodes { codes })
}

/// Forgets an account's second factor and its recovery codes; says whether there was one.
pub(crate) async fn forget(write: &mut Write, account: &Namespace) -> Result<bool, Error> {
    forget_codes(write, account).await?;
    let forgotten = sqlx::query("delete from second_factors where account = $1")
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(forgotten.rows_affected() == 1)
}

async fn forget_codes(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    sqlx::query("delete from recovery_codes where account = $1")
        .bind(account.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// A code without the blanks that authenticators show in it.
fn digits(code: &str) -> String {
    code.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's appendix B.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    async fn account() -> (tempfile::TempDir, Db, Namespace) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
        let db = Db::open(&url).await.unwrap();
        let mut write = db.write().await.unwrap();
        sqlx::query(
            "insert into accounts (name, password_hash, role, created_at) values ('acme', '', 'member', '')",
        )
        .execute(&mut *write)
        .await
        .unwrap();
        write.commit().await.unwrap();
        (folder, db, "acme".parse().unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_code_counts_once_and_none_before_it_any_more() {
        let (_folder, db, acme) = account().await;
        let mut write = db.write().await.unwrap();
        assert!(begin(&mut write, &acme, "AAAA", at(0)).await.unwrap());
        assert!(begin(&mut write, &acme, SECRET, at(0)).await.unwrap(), "nobody has confirmed it");
        assert_eq!(use_code(&mut write, &acme, "287082", at(59)).await.unwrap(), None, "nor does it count");
        assert!(!confirm(&mut write, &acme, "287083", at(59)).await.unwrap());
        assert!(confirm(&mut write, &acme, "287 082", at(59)).await.unwrap());
        assert!(confirm(&mut write, &acme, "287082", at(59)).await.is_err());
        assert!(!begin(&mut write, &acme, "AAAA", at(59)).await.unwrap(), "it is not replaced");
        for (code, second, counts) in [
            ("287082", 59, false),
            ("287082", 89, false),
            ("081804", 1_111_111_109, true),
            ("081804", 1_111_111_109, false),
            ("050471", 1_111_111_111, true),
            ("081804", 1_111_111_111, false),
            ("279037", 1_111_111_111, false),
        ] {
            let used = use_code(&mut write, &acme, code, at(second)).await.unwrap();
            assert_eq!(used, counts.then_some(LogInBy::Totp), "{code} at {second}");
        }
    }

    #[tokio::test]
    async fn a_recovery_code_counts_once_and_only_its_digest_is_kept() {
        let (_folder, db, acme) = account().await;
        let mut write = db.write().await.unwrap();
        begin(&mut write, &acme, SECRET, at(0)).await.unwrap();
        confirm(&mut write, &acme, "287082", at(59)).await.unwrap();
        let before = renew_codes(&mut write, &acme).await.unwrap().codes;
        let codes = renew_codes(&mut write, &acme).await.unwrap().codes;
        write.commit().await.unwrap();
        assert_eq!((codes.len(), state(&db, &acme).await.unwrap().recovery_codes), (CODES, 10));
        let kept: Vec<(String,)> =
            sqlx::query_as("select hash from recovery_codes").fetch_all(db.read()).await.unwrap();
        assert!(!kept.iter().any(|(hash,)| codes.contains(hash)));
        let mut write = db.write().await.unwrap();
        let by = Some(LogInBy::RecoveryCode);
        for (code, used) in [(&before[0], None), (&codes[3], by), (&codes[3], None), (&codes[0], by)] {
            assert_eq!(use_code(&mut write, &acme, code, at(100)).await.unwrap(), used, "{code}");
        }
        assert!(forget(&mut write, &acme).await.unwrap() && !forget(&mut write, &acme).await.unwrap());
        assert_eq!(use_code(&mut write, &acme, &codes[1], at(100)).await.unwrap(), None);
        write.commit().await.unwrap();
        assert!(!is_on(&db, &acme).await.unwrap());
    }
}
