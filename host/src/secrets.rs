//! Secrets, encrypted at rest. A plugin names one and never sees it: its value goes into the requests of integrations that
//! were granted it, and into the environment of what a granted template has deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use chandlery_package::column::Text;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::wire::host::SecretInfo;
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Permission, SecretName, random_bytes};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::db::Db;
use crate::system::{self, write_whole};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// A secret that is needed and was not set.
pub const NO_SECRET: Kind = Kind {
    word: "no-secret",
    status: 409,
    title: "No such secret",
    when: "a plan or a command names a secret that this host does not hold",
    remedy: Some("`chandlery secrets set NAME` reads its value from standard input"),
};

/// Why a secret could not be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No secret of this name was set.
    #[error("this host holds no secret '{0}'")]
    NoSecret(SecretName),
    /// The file of the key, the database, or a value that the key does not open.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::NoSecret(_) => (&NO_SECRET).into(),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

/// The secrets of a host.
#[derive(Clone)]
pub struct Secrets {
    db: Db,
    cipher: Arc<XChaCha20Poly1305>,
}

impl Secrets {
    /// The secrets in this database, sealed with the key in this file, which is made where there is none.
    pub fn open(db: Db, key: &Path) -> Result<Self, Error> {
        if !key.exists() {
            write_whole(key, hex::encode(random_bytes::<KEY_BYTES>()).as_bytes())?;
        }
        let text = std::fs::read_to_string(key).map_err(system::Error::io(key.display().to_string()))?;
        let mut bytes = Key::default();
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| {
            system::Error::Damaged(format!("{} does not hold {KEY_BYTES} bytes", key.display()))
        })?;
        Ok(Self { db, cipher: Arc::new(XChaCha20Poly1305::new(&bytes)) })
    }

    /// Sets a secret's value.
    pub async fn set(&self, name: &SecretName, value: &str) -> Result<(), Error> {
        sqlx::query(
            "insert into secrets (name, sealed, updated_at) values ($1, $2, $3)
             on conflict (name) do update set sealed = excluded.sealed, updated_at = excluded.updated_at",
        )
        .bind(name.as_str())
        .bind(self.seal(name.as_str(), value)?)
        .bind(Text(Timestamp::now()))
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// Forgets a secret.
    pub async fn remove(&self, name: &SecretName) -> Result<(), Error> {
        let removed = sqlx::query("delete from secrets where name = $1")
            .bind(name.as_str())
            .execute(self.db.pool())
            .await?;
        match removed.rows_affected() {
            0 => Err(Error::NoSecret(name.clone())),
            _ => Ok(()),
        }
    }

    /// The secrets by name, without their values, a page at a time.
    pub async fn list(&self, paging: &Paging<SecretName>) -> Result<Page<SecretInfo>, Error> {
        let rows: Vec<(Text<SecretName>, Text<Timestamp>)> =
            sqlx::query_as("select name, updated_at from secrets where name > $1 order by name limit $2")
                .bind(paging.after().map_or("", SecretName::as_str))
                .bind(paging.rows())
                .fetch_all(self.db.pool())
                .await?;
        let secret = |(Text(name), Text(updated_at))| SecretInfo { name, updated_at };
        Ok(paging.cut(rows, |(Text(name), _)| name.clone()).map(secret))
    }

    /// The values of those of these secrets that are set.
    pub(crate) async fn values(
        &self,
        names: impl IntoIterator<Item = &SecretName>,
    ) -> Result<BTreeMap<SecretName, String>, Error> {
        let mut values = BTreeMap::new();
        for name in names {
            let sealed: Option<(Vec<u8>,)> = sqlx::query_as("select sealed from secrets where name = $1")
                .bind(name.as_str())
                .fetch_optional(self.db.pool())
                .await?;
            if let Some((sealed,)) = sealed {
                values.insert(name.clone(), self.unseal(name.as_str(), &sealed)?);
            }
        }
        Ok(values)
    }

    /// Encrypts a text. Moved to another label, it does not open.
    pub(crate) fn seal(&self, label: &str, text: &str) -> Result<Vec<u8>, Error> {
        let nonce = XNonce::from(random_bytes::<NONCE_BYTES>());
        let payload = Payload { msg: text.as_bytes(), aad: label.as_bytes() };
        let sealed = self.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|_| system::Error::Damaged("a secret could not be sealed".into()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The text that was sealed with this label.
    pub(crate) fn unseal(&self, label: &str, sealed: &[u8]) -> Result<String, Error> {
        let damaged =
            || system::Error::Damaged(format!("the secret '{label}' cannot be opened with this host's key"));
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        let payload = Payload { msg: sealed, aad: label.as_bytes() };
        let value = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| damaged())?;
        Ok(String::from_utf8(value).map_err(|_| damaged())?)
    }
}

/// Refuses a secret that is not set, in the transaction of what relies on it.
pub(crate) async fn must_exist(write: &mut SqliteConnection, name: &SecretName) -> Result<(), Error> {
    let found: Option<(i64,)> = sqlx::query_as("select 1 from secrets where name = $1")
        .bind(name.as_str())
        .fetch_optional(write)
        .await?;
    found.map(|_| ()).ok_or_else(|| Error::NoSecret(name.clone()))
}

/// The secrets that these permissions are for.
pub(crate) fn granted(permissions: &BTreeSet<Permission>) -> impl Iterator<Item = &SecretName> {
    permissions.iter().filter_map(|permission| match permission {
        Permission::Secret(name) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Db, Secrets};

    #[tokio::test]
    async fn what_another_implementation_sealed_opens_under_its_label_alone() {
        let key = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key.path(), hex::encode(std::array::from_fn::<u8, 32, _>(|at| at as u8))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("host.db")).await.unwrap();
        let secrets = Secrets::open(db, key.path()).unwrap();
        let sealed =
            "6465666768696a6b6c6d6e6f707172737475767778797a7b0f409ac2cc5a25501442a390979a03196949da42c214";
        let sealed = hex::decode(sealed).unwrap();
        assert_eq!(secrets.unseal("slack-webhook", &sealed).unwrap(), "s3cr3t");
        assert!(secrets.unseal("other", &sealed).is_err());
        let again = secrets.seal("slack-webhook", "s3cr3t").unwrap();
        assert_ne!(again, sealed);
        assert_eq!(secrets.unseal("slack-webhook", &again).unwrap(), "s3cr3t");
    }
}
