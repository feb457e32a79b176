//! What this machine has of what targets take, as engines find it: looked at without a host, and without changing anything.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chandlery_package::plan::GpuPool;

use super::cgroups;
use super::gpus::Gpus;
use super::images::Images;
use crate::Error;
use crate::children::installed;
use crate::isolation::bubblewrap;
use crate::slurm;

/// What engines find on this machine, for the user who looks: a host of another user may do more, or less.
#[derive(Debug)]
pub struct Machine {
    /// The version of the kernel's cgroups, 1 or 2; or why replicas would have no limits.
    pub cgroups: Result<u8, String>,
    /// bubblewrap, where it works; or why replicas could read what the host keeps.
    pub bubblewrap: Result<PathBuf, String>,
    /// What podman says of its version; none: it is not installed.
    pub podman: Option<String>,
    /// The GPUs that replicas are given, by kind, all of them free; none where no driver tells of any.
    pub gpus: Vec<GpuPool>,
    /// Which GPUs replicas are not given, and why; none: they are given all.
    pub gpus_left_out: Option<String>,
    /// The client commands of Slurm that are not installed, of those by which jobs are run.
    pub slurm_lacks: Vec<&'static str>,
}

impl Machine {
    /// Looks; bubblewrap and podman are run for it, for a moment. Fails only where the looking itself breaks off.
    pub async fn look() -> Result<Self, Error> {
        let podman = Images::default().podman().await;
        let looked = tokio::task::spawn_blocking(move || {
            let gpus = Gpus::find();
            Self {
                cgroups: cgroups::usable(),
                bubblewrap: bubblewrap(),
                podman,
                gpus: gpus.pools(&BTreeSet::new()),
                gpus_left_out: gpus.fault(),
                slurm_lacks: slurm::PROGRAMS.into_iter().filter(|name| installed(name).is_none()).collect(),
            }
        });
        looked.await.map_err(|error| Error::Damaged(error.to_string()))
    }
}
