//! Containers by podman, where it is installed: images pulled before a replica needs them, and what is left of containers.

use std::collections::{HashMap, HashSet};
use std::process::Output;
use std::sync::Arc;

use tokio::process::Command;
use tokio::sync::{Mutex, OnceCell};

use crate::children;

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Image {
    /// It can be run.
    Here,
    /// What is being done.
    Pulling(String),
    /// What went wrong.
    Failed(String),
}

#[derive(Clone, Default)]
pub(super) struct Images {
    podman: Arc<OnceCell<Option<String>>>,
    states: Arc<Mutex<HashMap<String, Image>>>,
}

/// What podman finds of the host's environment: where it keeps its own, and how it is set up.
const PODMANS: [&str; 12] = [
    "HOME",
    "USER",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "TMPDIR",
    "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "REGISTRY_AUTH_FILE",
];

/// The label of a container that says whose it is.
pub(super) const HOST_LABEL: &str = "chandlery.host";

/// What a replica's container is called.
pub(super) fn name(replica: &str) -> String {
    format!("chandlery-{replica}")
}

/// podman, without its words.
pub(super) fn command() -> Command {
    children::command("podman", |name| PODMANS.contains(&name))
}

impl Images {
    /// The version of this machine's podman, if it has one.
    pub(super) async fn podman(&self) -> Option<String> {
        let ask = async || {
            let output = run(&["--version"]).await.ok()?;
            output.status.success().then(|| text(&output.stdout))
        };
        self.podman.get_or_init(ask).await.clone()
    }

    /// The image of this reference; begins to pull it where it is not here.
    pub(super) async fn get(&self, reference: &str) -> Image {
        if self.podman().await.is_none() {
            return Image::Failed("this machine has no podman; on Debian: apt-get install podman".into());
        }
        let mut states = self.states.lock().await;
        match states.get(reference).cloned() {
            Some(Image::Failed(reason)) => {
                // Reported once; the next one who asks tries again.
                states.remove(reference);
                Image::Failed(reason)
            }
            Some(known) => known,
            None => {
                let pulling = Image::Pulling(format!("pulling {reference}"));
                states.insert(reference.to_owned(), pulling.clone());
                let (states, reference) = (self.states.clone(), reference.to_owned());
                tokio::spawn(async move {
                    let came = pull(&reference).await;
                    states.lock().await.insert(reference, came);
                });
                pulling
            }
        }
    }

    /// Removes a replica's container, running or not, if it has one.
    pub(super) async fn remove(&self, replica: &str) {
        self.ask_to_remove(&name(replica)).await;
    }

    /// Removes this host's containers that no replica accounts for.
    pub(super) async fn remove_orphans(&self, host_id: &str, known: &HashSet<String>) {
        if self.podman().await.is_none() {
            return;
        }
        let filter = format!("label={HOST_LABEL}={host_id}");
        let Ok(output) = run(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]).await else {
            return;
        };
        for found in text(&output.stdout).lines() {
            if !found.strip_prefix("chandlery-").is_some_and(|id| known.contains(id)) {
                tracing::warn!(container = found, "a container that belongs to no replica is removed");
                self.ask_to_remove(found).await;
            }
        }
    }

    async fn ask_to_remove(&self, container: &str) {
        if self.podman().await.is_none() {
            return;
        }
        match run(&["rm", "--force", "--ignore", "--time", "0", "--", container]).await {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                tracing::warn!(container, error = text(&output.stderr), "a container could not be removed")
            }
            Err(error) => tracing::warn!(container, %error, "podman could not be run"),
        }
    }

    /// Whether the kernel has ended a replica's container for want of memory.
    pub(super) async fn out_of_memory(&self, replica: &str) -> bool {
        if self.podman().await.is_none() {
            return false;
        }
        let container = name(replica);
        let words = ["container", "inspect", "--format", "{{.State.OOMKilled}}", "--", &container];
        let asked = run(&words).await;
        asked.is_ok_and(|output| text(&output.stdout) == "true")
    }
}

async fn pull(reference: &str) -> Image {
    let there = run(&["image", "exists", "--", reference]).await;
    if there.is_ok_and(|output| output.status.success()) {
        return Image::Here;
    }
    match run(&["pull", "--quiet", "--", reference]).await {
        Ok(output) if output.status.success() => Image::Here,
        Ok(output) => {
            let said = text(&output.stderr);
            let last = said.lines().last().unwrap_or("podman pull failed").to_owned();
            Image::Failed(format!("its image could not be pulled: {last}"))
        }
        Err(error) => Image::Failed(format!("podman could not be run: {error}")),
    }
}

async fn run(words: &[&str]) -> std::io::Result<Output> {
    command().args(words).kill_on_drop(true).output().await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
