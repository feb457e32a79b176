//! Python environments, made once for each set of requirements and kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use chandlery_package::Digest;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Mutex, OnceCell};

use super::logs::tail;
use crate::isolation::View;
use crate::{Isolation, children};

/// Written last: an environment without it is made anew.
const COMPLETE: &str = ".chandlery-complete";

/// How far an environment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Environment {
    /// The folder of its programs.
    Ready(PathBuf),
    /// What is being done.
    Building(String),
    /// What went wrong.
    Failed(String),
}

#[derive(Clone)]
pub(crate) struct Environments {
    root: PathBuf,
    /// A variable that marks what is run to make an environment.
    mark: (String, String),
    /// What packages run while they are installed is theirs.
    isolation: Isolation,
    python: Arc<OnceCell<Option<String>>>,
    states: Arc<Mutex<HashMap<String, Environment>>>,
}

impl Environments {
    pub(crate) fn new(root: PathBuf, mark: (String, String), isolation: Isolation) -> Self {
        Self { root, mark, isolation, python: Arc::default(), states: Arc::default() }
    }

    /// The version of this machine's Python, if it has one.
    pub(crate) async fn python(&self) -> Option<String> {
        let ask = async || {
            let output = children::command("python3", |_| false).arg("--version").output().await.ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        self.python.get_or_init(ask).await.clone()
    }

    /// The environment with these requirements; begins to make it where it is not there.
    pub(crate) async fn get(&self, requirements: &[String]) -> Environment {
        let Some(python) = self.python().await else {
            return Environment::Failed(
                "this machine has no python3; on Debian: apt-get install python3-venv".into(),
            );
        };
        let key = key(&python, requirements);
        let folder = self.root.join(&key);
        let mut states = self.states.lock().await;
        let known = states.get(&key).cloned();
        match known {
            Some(Environment::Building(_)) => Environment::Building(progress(&folder).await),
            // Reported once; the next one who asks tries again.
            Some(Environment::Failed(reason)) => {
                states.remove(&key);
                Environment::Failed(reason)
            }
            Some(Environment::Ready(bin)) if is_there(&bin).await => Environment::Ready(bin),
            _ if is_there(&folder.join(COMPLETE)).await => Environment::Ready(folder.join("bin")),
            _ => {
                let building = Environment::Building("making a Python environment".into());
                states.insert(key.clone(), building.clone());
                let (this, requirements) = (self.clone(), requirements.to_vec());
                tokio::spawn(async move {
                    let made = this.make(&folder, &requirements).await;
                    this.states.lock().await.insert(key, made);
                });
                building
            }
        }
    }

    async fn make(&self, folder: &Path, requirements: &[String]) -> Environment {
        let log = log_path(folder);
        let made = async {
            if is_there(folder).await {
                tokio::fs::remove_dir_all(folder).await?;
            }
            tokio::fs::create_dir_all(folder).await?;
            tokio::fs::create_dir_all(temporary(folder)).await?;
            tokio::fs::write(&log, "").await?;
            self.run(folder, "python3", &["-m", "venv", &folder.display().to_string()]).await?;
            let pip = folder.join("bin/pip").display().to_string();
            let mut words =
                vec!["install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"];
            match cache() {
                Some(cache) => tokio::fs::create_dir_all(cache).await?,
                // Whoever installs a package could leave something there for others.
                None => words.push("--no-cache-dir"),
            }
            words.push("--");
            words.extend(requirements.iter().map(String::as_str));
            self.run(folder, &pip, &words).await?;
            // A package could have put a link there, to a file of the host's.
            let mut complete = OpenOptions::new();
            let mut complete = complete.write(true).create_new(true).open(folder.join(COMPLETE)).await?;
            complete.write_all(requirements.join("\n").as_bytes()).await?;
            complete.flush().await
        };
        let made = made.await;
        // It is made again by whoever needs it; what cannot be removed is in nobody's way.
        let _ = tokio::fs::remove_dir_all(temporary(folder)).await;
        match made {
            Ok(()) => Environment::Ready(folder.join("bin")),
            Err(error) => {
                let last = last_lines(log, 3).await.join(" | ");
                Environment::Failed(format!("its Python environment could not be made: {error}: {last}"))
            }
        }
    }

    /// Runs a program that sees the environment's folder, as its home, and nothing else of the host's.
    async fn run(&self, folder: &Path, program: &str, words: &[&str]) -> std::io::Result<()> {
        let log = log_path(folder);
        let file = OpenOptions::new().append(true).open(log).await?.into_std().await;
        let writable = cache().into_iter().collect();
        let temporary = &temporary(folder);
        let view = View { home: folder, temporary, writable, readable: Vec::new(), outlives: true };
        let status = self
            .isolation
            .command(&view, program)
            .args(words)
            .env_clear()
            .envs(children::passed_on(|name| name.starts_with("PIP_")))
            .env("HOME", folder)
            .env(&self.mark.0, &self.mark.1)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .await?;
        match status.success() {
            true => Ok(()),
            false => Err(std::io::Error::other(format!("{program}: {status}"))),
        }
    }
}

fn key(python: &str, requirements: &[String]) -> String {
    let mut sorted = requirements.to_vec();
    sorted.sort();
    Digest::of(format!("{python}\n{}", sorted.join("\n"))).hex()[..32].to_owned()
}

/// Where this host's operator has pip keep what it downloads, if anywhere.
fn cache() -> Option<PathBuf> {
    std::env::var_os("PIP_CACHE_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// What a package's own programs see as `/tmp`.
fn temporary(folder: &Path) -> PathBuf {
    folder.with_extension("tmp")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

/// The folder may be shared over a network.
async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

async fn last_lines(log: PathBuf, lines: usize) -> Vec<String> {
    let read = tokio::task::spawn_blocking(move || tail(&log, lines).unwrap_or_default());
    read.await.unwrap_or_default()
}

/// What pip is doing, from the last line that it wrote.
async fn progress(folder: &Path) -> String {
    match last_lines(log_path(folder), 1).await.pop() {
        Some(line) => format!("making a Python environment: {}", line.trim()),
        None => "making a Python environment".into(),
    }
}
