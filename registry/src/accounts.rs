//! Accounts, their tokens, and who may do what.

pub(crate) mod bearer;
mod caller;
mod members;
mod routes;
mod scope;
mod tokens;

use std::path::Path;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_package::Namespace;
use jiff::Timestamp;
use rand::RngCore as _;

use chandlery_store::files::write_atomic;

use crate::{Db, Error, Registry, Write, time};

pub use caller::{Caller, SESSION_COOKIE, Visitor, session};
pub use members::{Role, join, role};
pub use routes::routes;
pub use scope::{Access, Scope};
pub use tokens::{check_token, issue_token, revoke_token};

const PASSWORD_CHARACTERS_MIN: usize = 12;
const OPERATOR: &str = "operator";
const MEMBER: &str = "member";

/// Opens an account.
pub async fn register(db: &Db, name: &Namespace, password: &str) -> Result<(), Error> {
    let hash = hash_password(password.to_owned()).await?;
    let mut write = db.write().await?;
    insert(&mut write, name, &hash, MEMBER).await?;
    write.commit().await?;
    Ok(())
}

async fn insert(write: &mut Write, name: &Namespace, hash: &str, role: &str) -> Result<(), Error> {
    let inserted = sqlx::query(
        "insert into accounts (name, password_hash, role, created_at) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(name.as_str())
    .bind(hash)
    .bind(role)
    .bind(time(Timestamp::now()))
    .execute(&mut **write)
    .await?;
    match inserted.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::Conflict(format!("the account name '{name}' is taken"))),
    }
}

/// Makes the account `operator` on the first start.
pub(crate) async fn make_first_operator(registry: &Registry, data: &Path) -> Result<(), Error> {
    let operators: (i64,) = sqlx::query_as("select count(*) from accounts where role = $1")
        .bind(OPERATOR)
        .fetch_one(registry.db.read())
        .await?;
    if operators.0 > 0 {
        return Ok(());
    }
    let name: Namespace = OPERATOR.parse()?;
    let password = random_text();
    let hash = hash_password(password.clone()).await?;
    // The files come first: a crash in between leaves secrets that open nothing, not an account that nobody can open.
    let token = random_text();
    write_atomic(&data.join("operator.password"), &password)?;
    write_atomic(&data.join("operator.token"), &token)?;
    let mut write = registry.db.write().await?;
    if let Err(error) = insert(&mut write, &name, &hash, OPERATOR).await {
        // Another replica on the same database was first.
        return if matches!(error, Error::Conflict(_)) { Ok(()) } else { Err(error) };
    }
    tokens::insert(&mut write, &name, &token, &Scope::Full, "operator.token", None).await?;
    write.commit().await?;
    Ok(())
}

/// Makes an account an operator of the registry.
pub async fn promote(db: &Db, name: &Namespace) -> Result<(), Error> {
    let mut write = db.write().await?;
    let changed = sqlx::query("update accounts set role = $1 where name = $2")
        .bind(OPERATOR)
        .bind(name.as_str())
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    match changed.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::NotFound(format!("account '{name}'"))),
    }
}

/// The account with this password, or none; takes as long either way.
pub async fn check_password(db: &Db, name: &str, password: &str) -> Result<Option<Caller>, Error> {
    let found: Option<(String, String)> =
        sqlx::query_as("select password_hash, role from accounts where name = $1")
            .bind(name)
            .fetch_optional(db.read())
            .await?;
    let (hash, role) = match found {
        Some((hash, role)) => (hash, Some(role)),
        None => (hash_password("no such account".into()).await?, None),
    };
    let matches = verify_password(password.to_owned(), hash).await?;
    match role {
        Some(role) if matches => Ok(Some(Caller { name: name.parse()?, operator: role == OPERATOR })),
        _ => Ok(None),
    }
}

/// The account of this name.
pub async fn find_account(db: &Db, name: &Namespace) -> Result<Option<Caller>, Error> {
    let found: Option<(String,)> = sqlx::query_as("select role from accounts where name = $1")
        .bind(name.as_str())
        .fetch_optional(db.read())
        .await?;
    Ok(found.map(|(role,)| Caller { name: name.clone(), operator: role == OPERATOR }))
}

/// 256 random bits.
fn random_text() -> String {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    format!("chy_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

async fn hash_password(password: String) -> Result<String, Error> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(Error::Invalid(format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters")));
    }
    off_thread(move || {
        Argon2::default()
            .hash_password(password.as_bytes(), &SaltString::generate(&mut OsRng))
            .map(|hash| hash.to_string())
            .map_err(|error| Error::Damaged(format!("a password could not be hashed: {error}")))
    })
    .await
}

async fn verify_password(password: String, hash: String) -> Result<bool, Error> {
    off_thread(move || {
        let hash = PasswordHash::new(&hash)
            .map_err(|error| Error::Damaged(format!("a password hash cannot be read: {error}")))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

/// Password hashing is slow on purpose, and must not hold up other requests.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Damaged(error.to_string()))?
}
