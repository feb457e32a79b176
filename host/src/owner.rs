//! The account of the registry that this host belongs to: its licence, its orders and its use are the account's. It is named when the
//! host is started; where it is not, an admin of the host claims it by a token of the account, which is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chandlery_package::Namespace;
use chandlery_package::problem::{CONFLICT, Explain, Explanation};
use chandlery_package::wire::host::{HostAccount, NewHostAccount};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::installs::{self, RegistryClient};
use crate::licence::{self, Licences};
use crate::metering::Reporter;
use crate::system::{self, blocking, write_whole};

/// The file in the data directory that keeps whose the host is.
pub(crate) const FILE_NAME: &str = "account.json";

/// Why the host does not belong to another account now.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account was named when the host was started.
    #[error("this host belongs to the account of the token that it was started with")]
    Named,
    /// It belongs to another one than the request says.
    #[error("this host belongs to '{0}'")]
    Others(Namespace),
    /// It belongs to nobody, and the request says otherwise.
    #[error("this host is nobody's")]
    Nobodys,
    /// A registry that registers no hosts; its address.
    #[error("the registry at {0} is of an earlier version: hosts cannot be claimed for its accounts")]
    TooOld(String),
    /// What the registry says of the token, or that it does not answer.
    #[error(transparent)]
    Registry(#[from] installs::Error),
    /// What was licensed to the account before.
    #[error(transparent)]
    Licence(#[from] licence::Error),
    /// Its file cannot be read or written.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Named => CONFLICT.remedied(
                "start the host with `--registry-token-file` of the other account, or without it, and claim it then",
            ),
            Self::Others(account) => CONFLICT.remedied(format!(
                "an admin of the host gives it another account with `chandlery host claim --from {account}`; what it uses from then on \
                 is that one's"
            )),
            Self::Nobodys => CONFLICT.remedied("`chandlery host claim` claims it"),
            Self::TooOld(_) => CONFLICT.remedied("start the host with `--registry-token-file FILE`"),
            Self::Registry(error) => error.explain(),
            Self::Licence(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }
}

/// Whose the host is, as the file keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The registry's address: no other one is shown the token.
    registry: String,
    account: Namespace,
    pub token: String,
}

impl Kept {
    /// What was kept for this registry; none: nothing, or for another one.
    pub fn read(path: &Path, registry: &str) -> Result<Option<Self>, system::Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(system::Error::io(path.display().to_string())(error)),
        };
        let damaged =
            |error: serde_json::Error| system::Error::Damaged(format!("{}: {error}", path.display()));
        let kept: Self = serde_json::from_str(&text).map_err(damaged)?;
        Ok(Some(kept).filter(|kept| kept.registry == registry))
    }

    fn write(&self, path: &Path) -> Result<(), system::Error> {
        let damaged = |error: serde_json::Error| system::Error::Damaged(error.to_string());
        write_whole(path, serde_json::to_string(self).map_err(damaged)?.as_bytes())
    }
}

/// Whose the host is.
#[derive(Clone)]
pub(crate) struct Owner {
    registry: RegistryClient,
    reporter: Reporter,
    licences: Licences,
    path: PathBuf,
    /// Whether the account was named when the host was started.
    fixed: bool,
    /// The account that has claimed it. Held while another one does.
    account: Arc<Mutex<Option<Namespace>>>,
}

impl Owner {
    pub fn new(
        (registry, reporter, licences): (RegistryClient, Reporter, Licences),
        path: PathBuf,
        fixed: bool,
        kept: Option<Kept>,
    ) -> Self {
        let account = Arc::new(Mutex::new(kept.map(|kept| kept.account)));
        Self { registry, reporter, licences, path, fixed, account }
    }

    /// Whose it is. Of an account that was named by its token, as the licence says it.
    pub async fn show(&self) -> Result<HostAccount, Error> {
        let account = match self.fixed {
            true => self.licences.account().await?,
            false => self.account.lock().await.clone(),
        };
        Ok(HostAccount { registry: Some(self.registry.url().to_owned()), account, fixed: self.fixed })
    }

    /// Says in the log whose it is or, while it is nobody's, what that means and how it is claimed.
    pub async fn announce(&self) {
        let registry = self.registry.url();
        match &*self.account.lock().await {
            _ if self.fixed => tracing::info!(registry, "the host belongs to the account of its token"),
            Some(account) => tracing::info!(%account, registry, "the host belongs to this account"),
            None => tracing::warn!(
                registry,
                "the host belongs to no account, and usage waits: log in to the registry, and run `chandlery host claim`"
            ),
        }
    }

    /// Lets it belong to the account of a token, where it belongs to whom the request says. It has so many deployments.
    pub async fn claim(&self, new: NewHostAccount, here: u32) -> Result<HostAccount, Error> {
        if self.fixed {
            return Err(Error::Named);
        }
        let mut held = self.account.lock().await;
        match (&*held, &new.instead_of) {
            (Some(account), instead_of) if Some(account) != instead_of.as_ref() => {
                return Err(Error::Others(account.clone()));
            }
            (None, Some(_)) => return Err(Error::Nobodys),
            _ => {}
        }
        // What was used before is of whoever the host belonged to.
        if let Err(error) = self.reporter.send().await {
            tracing::warn!(%error, "usage waits to be sent, and is of the account that claims the host");
        }
        let before = self.reporter.speak_for(Some(new.token.clone())).await;
        let account = match self.keep(new.token).await {
            Ok(account) => account,
            Err(error) => {
                self.reporter.speak_for(before).await;
                return Err(error);
            }
        };
        let is_another = held.as_ref() != Some(&account);
        tracing::info!(%account, "the host was claimed: its limits, orders and usage are this account's");
        *held = Some(account);
        drop(held);
        if is_another {
            self.licences.forget().await?;
        }
        self.licences.renew(here).await;
        self.show().await
    }

    /// Asks whose the token is that is shown by now, and keeps that.
    async fn keep(&self, token: String) -> Result<Namespace, Error> {
        let url = self.registry.url().to_owned();
        let account = self.reporter.account().await?.ok_or_else(|| Error::TooOld(url.clone()))?;
        let (kept, path) = (Kept { registry: url, account: account.clone(), token }, self.path.clone());
        blocking(move || kept.write(&path)).await?;
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_for_its_registry_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let read = |registry: &str| Kept::read(&path, registry).unwrap();
        assert_eq!(read("http://r"), None);
        let kept =
            Kept { registry: "http://r".into(), account: "ann".parse().unwrap(), token: "chy_1".into() };
        kept.write(&path).unwrap();
        assert_eq!((read("http://r"), read("http://other")), (Some(kept), None));
        std::fs::write(&path, "{").unwrap();
        assert!(Kept::read(&path, "http://r").unwrap_err().to_string().contains(FILE_NAME));
    }

    #[test]
    fn whoever_may_not_have_the_host_is_told_how_to() {
        let remedy = |error: Error| error.explain().remedy.unwrap();
        assert!(remedy(Error::Others("ann".parse().unwrap())).contains("chandlery host claim --from ann"));
        assert!(remedy(Error::Named).contains("--registry-token-file"));
    }
}
