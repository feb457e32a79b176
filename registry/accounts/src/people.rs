//! Accounts: opened by whoever asks; the first operator's on the first start.

use std::path::Path;

use chandlery_edge::Client;
use chandlery_package::column::Text;
use chandlery_package::wire::Act;
use chandlery_package::{Digest, Namespace};
use chandlery_store::files::write_atomic;
use chandlery_store::{Db, Write, time};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::actor::Actor;
use crate::audit::record;
use crate::looks::{account_like, looks};
use crate::passwords::{check_new, hash_password, random_text, verify_password};
use crate::principal::{Account, AccountRole};
use crate::tokens::{self, TokenKind};
use crate::{Accounts, Error, Scope, suspended};

/// The account that operates a registry which nobody has set up yet.
const FIRST_OPERATOR: &str = "operator";
/// How many digits the mark of a password has.
const MARK_DIGITS: usize = 16;
/// What the password of an account that is not there is compared with.
static NOBODYS_HASH: OnceCell<String> = OnceCell::const_new();

/// Opens an account.
pub async fn register(db: &Db, name: &Namespace, password: &str) -> Result<(), Error> {
    check_new(password, name).await?;
    let hash = hash_password(password.to_owned()).await?;
    let mut write = db.write().await?;
    insert(&mut write, name, &hash, AccountRole::Member).await?;
    write.commit().await?;
    Ok(())
}

/// Opens an account in the transaction of what follows from it, unless its name is taken or would be mistaken for another.
pub(crate) async fn insert(
    write: &mut Write,
    name: &Namespace,
    hash: &str,
    role: AccountRole,
) -> Result<(), Error> {
    if let Some(other) = account_like(write, name.as_str()).await? {
        return Err(Error::Conflict(format!("the account name '{name}' would be mistaken for '{other}'")));
    }
    let inserted = sqlx::query(
        "insert into accounts (name, password_hash, role, created_at, looks) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(name.as_str())
    .bind(hash)
    .bind(role.as_str())
    .bind(time(Timestamp::now()))
    .bind(looks(name.as_str()))
    .execute(&mut **write)
    .await?;
    match inserted.rows_affected() {
        1 => Ok(()),
        _ => Err(Error::Conflict(format!("the account name '{name}' is taken"))),
    }
}

/// Makes the account `operator` on the first start.
pub async fn make_first_operator(db: &Db, data: &Path) -> Result<(), Error> {
    let operators: (i64,) = sqlx::query_as("select count(*) from accounts where role = $1")
        .bind(AccountRole::Operator.as_str())
        .fetch_one(db.read())
        .await?;
    if operators.0 > 0 {
        return Ok(());
    }
    let name: Namespace = FIRST_OPERATOR.parse()?;
    let password = random_text();
    let hash = hash_password(password.clone()).await?;
    // The files come first: a crash in between leaves secrets that open nothing, not an account that nobody can open.
    let token = random_text();
    write_atomic(&data.join("operator.password"), &password)?;
    write_atomic(&data.join("operator.token"), &token)?;
    let mut write = db.write().await?;
    if let Err(error) = insert(&mut write, &name, &hash, AccountRole::Operator).await {
        // Another replica on the same database was first.
        return if matches!(error, Error::Conflict(_)) { Ok(()) } else { Err(error) };
    }
    let made = TokenKind::Made;
    tokens::insert(&mut write, &name, &token, made, &Scope::Full, "operator.token", None).await?;
    let (machine, role) = (Actor::machine(), json!({ "role": AccountRole::Operator }));
    record(&mut write, &machine, Act::OperatorMade, name.as_str(), Value::Null, role).await?;
    write.commit().await?;
    Ok(())
}

/// Says what an account is to the registry from now on.
pub(crate) async fn set_role(write: &mut Write, name: &Namespace, role: AccountRole) -> Result<(), Error> {
    sqlx::query("update accounts set role = $1 where name = $2")
        .bind(role.as_str())
        .bind(name.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// What an account is to the registry, and its password's mark, as a transaction sees them. One that was deleted left its name alone,
/// which the audit trail tells: nobody gives it a password or a right again.
pub(crate) async fn find_within(write: &mut Write, name: &Namespace) -> Result<(AccountRole, String), Error> {
    let found: Option<(Text<AccountRole>, String)> = sqlx::query_as(
        "select role, password_hash from accounts
         where name = $1 and not exists (select 1 from audit where subject = $1 and act = $2)",
    )
    .bind(name.as_str())
    .bind(Act::AccountDeleted.as_str())
    .fetch_optional(&mut **write)
    .await?;
    let (Text(role), hash) = found.ok_or_else(|| Error::NotFound(format!("account '{name}'")))?;
    Ok((role, mark(&hash)))
}

/// Refuses what is about an account that there is not, or not any more.
pub async fn must_be_an_account(write: &mut Write, name: &Namespace) -> Result<(), Error> {
    find_within(write, name).await.map(drop)
}

/// Gives an account another password, by its hash.
pub(crate) async fn set_password(write: &mut Write, name: &Namespace, hash: &str) -> Result<(), Error> {
    sqlx::query("update accounts set password_hash = $1, passwordless_since = null where name = $2")
        .bind(hash)
        .bind(name.as_str())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// The account with this password, and the password's mark, or none; takes as long either way, also where no account can be called so.
async fn check_password(
    db: &Db,
    name: Option<&Namespace>,
    password: &str,
) -> Result<Option<(Account, String)>, Error> {
    let found = match name {
        Some(name) => with_password(db, name).await?,
        None => None,
    };
    let (account, hash) = match found {
        Some((account, hash)) => (Some(account), hash),
        None => {
            let nobodys = NOBODYS_HASH.get_or_try_init(|| hash_password("no such account".into())).await?;
            (None, nobodys.clone())
        }
    };
    let mark = mark(&hash);
    let matches = verify_password(password.to_owned(), hash).await?;
    Ok(account.filter(|_| matches).map(|account| (account, mark)))
}

/// The account of this name, and its password's hash.
async fn with_password(db: &Db, name: &Namespace) -> Result<Option<(Account, String)>, Error> {
    let found: Option<(String, Text<AccountRole>)> =
        sqlx::query_as("select password_hash, role from accounts where name = $1")
            .bind(name.as_str())
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(hash, Text(role))| (Account::of(name.clone(), role), hash)))
}

impl Accounts {
    /// Opens an account for a client that has not opened too many lately, unless the name is taken, which counts as a wrong password: it
    /// tells as much.
    pub(crate) async fn register(
        &self,
        client: Client,
        name: &Namespace,
        password: &str,
    ) -> Result<(), Error> {
        self.attempts.begin(client, None)?;
        if let Err(refused) = self.count_registration(client) {
            self.attempts.take_back(client, None);
            return Err(refused);
        }
        let outcome = register(&self.db, name, password).await;
        if outcome.is_err() {
            self.take_registration_back(client);
        }
        if !matches!(outcome, Err(Error::Conflict(_))) {
            self.attempts.take_back(client, None);
        }
        if outcome.is_ok() {
            self.attempts.was_right(client, name);
        }
        outcome
    }

    /// The account with this password, and the password's mark, unless the client, or clients in all, were wrong too often.
    pub async fn by_password(
        &self,
        client: Client,
        name: &str,
        password: &str,
    ) -> Result<Option<(Account, String)>, Error> {
        let account = name.parse::<Namespace>().ok();
        self.attempts.begin(client, account.as_ref())?;
        let outcome = check_password(&self.db, account.as_ref(), password).await;
        if !matches!(outcome, Ok(None)) {
            self.attempts.take_back(client, account.as_ref());
        }
        let found = match &outcome {
            Ok(Some((account, _))) => Some(account.name.clone()),
            _ => None,
        };
        if let Some(name) = found {
            suspended::must_not_be(&mut *self.db.read().acquire().await?, &name).await?;
            self.attempts.was_right(client, &name);
        }
        outcome
    }
}

/// What a password's hash is known by to those who must not have it. Another password has another mark.
fn mark(hash: &str) -> String {
    Digest::of(hash).hex().chars().take(MARK_DIGITS).collect()
}

/// The account of this name, and its password's mark.
pub async fn find_account(db: &Db, name: &Namespace) -> Result<Option<(Account, String)>, Error> {
    let found: Option<(Text<AccountRole>, String)> =
        sqlx::query_as("select role, password_hash from accounts where name = $1")
            .bind(name.as_str())
            .fetch_optional(db.read())
            .await?;
    Ok(found.map(|(Text(role), hash)| (Account::of(name.clone(), role), mark(&hash))))
}
