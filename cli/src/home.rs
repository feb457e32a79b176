//! What the command line keeps for its user: tokens and signing keys, in `$CHANDLERY_HOME` or `~/.chandlery`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chandlery_package::{Namespace, PrivateKey};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::words;

/// The folder of the user that runs the command.
pub struct Home(PathBuf);

/// The accounts that are logged in, for each registry, and what each host knows its user by.
#[derive(Default, Serialize, Deserialize)]
pub struct Credentials {
    #[serde(default)]
    registry: BTreeMap<String, Accounts>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    host: BTreeMap<String, KnownHost>,
}

/// What is shown to a host: the token of a log-in or, without one, that in a file.
#[derive(Default, Serialize, Deserialize)]
struct KnownHost {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
    /// Of a host that this user runs on this machine: the registry that runs with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Accounts {
    /// The one that logged in last.
    current: Option<Namespace>,
    #[serde(default)]
    tokens: BTreeMap<Namespace, String>,
}

impl Home {
    /// Where it is.
    pub fn find() -> Result<Self> {
        if let Some(path) = std::env::var_os("CHANDLERY_HOME") {
            return Ok(Self(path.into()));
        }
        let home = std::env::home_dir().ok_or_else(|| {
            Failure::of("there is no home directory").remedy("set CHANDLERY_HOME to a folder")
        })?;
        Ok(Self(home.join(".chandlery")))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Remembers an account's token and makes the account the current one.
    pub fn log_in(&self, registry: &str, account: &Namespace, token: &str) -> Result {
        let mut credentials = self.credentials()?;
        let accounts = credentials.registry.entry(registry.into()).or_default();
        accounts.current = Some(account.clone());
        accounts.tokens.insert(account.clone(), token.into());
        self.write(&credentials)
    }

    /// Forgets an account's token.
    pub fn log_out(&self, registry: &str, account: &Namespace) -> Result {
        let mut credentials = self.credentials()?;
        if let Some(accounts) = credentials.registry.get_mut(registry) {
            accounts.tokens.remove(account);
            if accounts.current.as_ref() == Some(account) {
                accounts.current = None;
            }
        }
        self.write(&credentials)
    }

    /// The token of an account or, where none is named, of the current one.
    pub fn token(&self, registry: &str, account: Option<&Namespace>) -> Result<Option<(Namespace, String)>> {
        let credentials = self.credentials()?;
        let Some(accounts) = credentials.registry.get(registry) else { return Ok(None) };
        let account = account.or(accounts.current.as_ref());
        Ok(account.and_then(|account| Some((account.clone(), accounts.tokens.get(account)?.clone()))))
    }

    /// Remembers the token of a log-in at a host; none: forgets it.
    pub fn keep_host_token(&self, host: &str, token: Option<&str>) -> Result {
        self.change_host(host, |known| known.token = token.map(str::to_owned))
    }

    /// Remembers of a host that this user runs in which file the token of its first admin is, for whoever has not logged in there, and
    /// which registry runs with it.
    pub fn keep_own_host(&self, host: &str, token_file: &Path, registry: &str) -> Result {
        self.change_host(host, |known| {
            known.token_file = Some(token_file.to_owned());
            known.registry = Some(registry.to_owned());
        })
    }

    /// The registry that runs with a host which this user runs.
    pub fn registry_of_own_host(&self, host: &str) -> Result<Option<String>> {
        Ok(self.credentials()?.host.remove(host).and_then(|known| known.registry))
    }

    /// The token of a log-in at a host.
    pub fn host_log_in(&self, host: &str) -> Result<Option<String>> {
        Ok(self.credentials()?.host.remove(host).and_then(|known| known.token))
    }

    /// Where the token of a host's first admin is.
    pub fn host_token_file(&self, host: &str) -> Result<Option<PathBuf>> {
        Ok(self.credentials()?.host.remove(host).and_then(|known| known.token_file))
    }

    fn change_host(&self, host: &str, change: impl FnOnce(&mut KnownHost)) -> Result {
        let mut credentials = self.credentials()?;
        change(credentials.host.entry(host.into()).or_default());
        self.write(&credentials)
    }

    fn write(&self, credentials: &Credentials) -> Result {
        let text = toml::to_string(credentials).map_err(|error| Failure::of(error.to_string()))?;
        write_private(&self.path("credentials.toml"), &text)
    }

    fn credentials(&self) -> Result<Credentials> {
        let path = self.path("credentials.toml");
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                Failure::of(format!("{}: {error}", path.display())).remedy("remove the file and log in again")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Credentials::default()),
            Err(error) => Err(Failure::of(format!("{}: {error}", path.display()))),
        }
    }

    /// Where a signing key is.
    pub fn key_path(&self, name: &str) -> PathBuf {
        self.path("keys").join(format!("{name}.pem"))
    }

    /// Makes a new signing key; never writes over one.
    pub fn new_key(&self, name: &str) -> Result<PrivateKey> {
        let path = self.key_path(name);
        if path.exists() {
            let problem = format!("there is a key '{name}' already, at {}", path.display());
            return Err(Failure::new(&words::KEY_EXISTS, problem).remedy("choose another name"));
        }
        let key = PrivateKey::generate();
        let pem = key.to_pem().map_err(|error| Failure::of(error.to_string()))?;
        write_private(&path, &pem)?;
        fs::write(path.with_extension("pub"), key.public().to_string())?;
        Ok(key)
    }

    /// Gives one key the name of another, which stays under a name that says when it was replaced.
    pub fn replace_key(&self, name: &str, by: &str) -> Result {
        let stamp = jiff::Timestamp::now().as_second();
        for extension in ["pem", "pub"] {
            let path = |name: &str| self.key_path(name).with_extension(extension);
            fs::rename(path(name), path(&format!("{name}-until-{stamp}")))?;
            fs::rename(path(by), path(name))?;
        }
        Ok(())
    }

    /// Reads a signing key.
    pub fn key(&self, name: &str) -> Result<PrivateKey> {
        let path = self.key_path(name);
        let pem = fs::read_to_string(&path).map_err(|error| {
            Failure::new(&words::NO_KEY, format!("{}: {error}", path.display()))
                .remedy(format!("make one with `chandlery keys new {name}`"))
        })?;
        PrivateKey::from_pem(&pem).map_err(|error| Failure::of(format!("{}: {error}", path.display())))
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> Result {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = path.with_extension("draft");
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    Ok(())
}

/// A token from its file.
pub fn read_token(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path);
    text.map(|text| text.trim().to_owned())
        .map_err(|error| Failure::of(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_at_a_host_comes_and_goes_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().join("home"));
        let (host, other) = ("http://127.0.0.1:7700", "https://host.example.com");
        let acme: Namespace = "acme".parse().unwrap();
        home.log_in("http://r", &acme, "chy_1").unwrap();
        let known = |host: &str| (home.host_log_in(host).unwrap(), home.host_token_file(host).unwrap());
        assert_eq!(known(host), (None, None));
        home.keep_own_host(host, Path::new("/data/host.token"), "http://r").unwrap();
        assert_eq!(home.registry_of_own_host(host).unwrap().as_deref(), Some("http://r"));
        assert_eq!(home.registry_of_own_host(other).unwrap(), None);
        home.keep_host_token(host, Some("t1")).unwrap();
        home.keep_host_token(other, Some("t2")).unwrap();
        assert_eq!(known(host), (Some("t1".into()), Some("/data/host.token".into())));
        home.keep_host_token(host, None).unwrap();
        assert_eq!(known(host), (None, Some("/data/host.token".into())));
        assert_eq!(known(other), (Some("t2".into()), None));
        let kept = |account: Option<&Namespace>| home.token("http://r", account).unwrap();
        assert_eq!(kept(Some(&acme)), Some((acme.clone(), "chy_1".into())));
        let globex: Namespace = "globex".parse().unwrap();
        home.log_in("http://r", &globex, "chy_2").unwrap();
        home.log_out("http://r", &globex).unwrap();
        assert_eq!((kept(Some(&globex)), kept(None)), (None, None));
        assert_eq!(kept(Some(&acme)), Some((acme.clone(), "chy_1".into())));
    }
}
