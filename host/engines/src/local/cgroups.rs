//! A cgroup for each replica, in version 1 or 2 of the kernel's interface, whichever this machine lets us write to.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::replicas::ReplicaRow;
use chandlery_package::plan::Resources;
use chandlery_package::wire::host::Drift;

const ROOT: &str = "/sys/fs/cgroup";
const PERIOD_MICROS: u64 = 100_000;

pub(super) struct Cgroups {
    /// What the folder of all replicas is called, in every hierarchy.
    name: String,
    /// The folders in which each replica gets one of its own; none where we may not.
    parents: Result<Parents, String>,
}

enum Parents {
    /// One hierarchy for all controllers.
    Unified(PathBuf),
    /// One for each controller.
    Split { cpu: PathBuf, memory: PathBuf },
}

impl Cgroups {
    /// Finds what this machine has.
    pub(super) fn find(host_id: &str) -> Self {
        let name = format!("chandlery-{}", host_id.get(..12).unwrap_or(host_id));
        let root = Path::new(ROOT);
        let parents = if root.join("cgroup.controllers").exists() {
            unified(root, &name).map(Parents::Unified)
        } else {
            split(root, &name)
        };
        let parents =
            parents.map_err(|error| format!("this machine's cgroups cannot be written to ({error})"));
        if let Err(fault) = &parents {
            tracing::warn!("{fault}");
        }
        Self { name, parents }
    }

    /// Why limits are not enforced, if they are not.
    pub(super) fn fault(&self) -> Option<&str> {
        self.parents.as_ref().err().map(String::as_str)
    }

    /// What a replica's cgroup is called in every hierarchy, for who makes others below it.
    pub(super) fn path(&self, replica: &str) -> Option<String> {
        self.parents.as_ref().ok().map(|_| format!("/{}/{replica}", self.name))
    }

    fn folders(&self, replica: &str) -> Vec<PathBuf> {
        match &self.parents {
            Err(_) => Vec::new(),
            Ok(Parents::Unified(parent)) => vec![parent.join(replica)],
            Ok(Parents::Split { cpu, memory }) => vec![cpu.join(replica), memory.join(replica)],
        }
    }

    /// Makes a replica's cgroups with its limits, and names them, separated by spaces.
    pub(super) fn make(&self, replica: &str, resources: &Resources) -> String {
        let folders = self.folders(replica);
        let made = || -> std::io::Result<()> {
            for folder in &folders {
                fs::create_dir_all(folder)?;
            }
            let quota = u64::from(resources.cpu_millis.max(10)) * PERIOD_MICROS / 1000;
            let bytes = u64::from(resources.memory_mib) << 20;
            match (&self.parents, folders.as_slice()) {
                (Ok(Parents::Unified(_)), [one]) => {
                    fs::write(one.join("cpu.max"), format!("{quota} {PERIOD_MICROS}"))?;
                    fs::write(one.join("memory.max"), bytes.to_string())
                }
                (Ok(Parents::Split { .. }), [cpu, memory]) => {
                    fs::write(cpu.join("cpu.cfs_period_us"), PERIOD_MICROS.to_string())?;
                    fs::write(cpu.join("cpu.cfs_quota_us"), quota.to_string())?;
                    fs::write(memory.join("memory.limit_in_bytes"), bytes.to_string())
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = made() {
            tracing::warn!(%error, replica, "the replica's limits could not be set");
        }
        folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    /// What of a replica's limits was changed.
    pub(super) fn drift(&self, row: &ReplicaRow, resources: &Resources) -> Vec<Drift> {
        let Some((cpu_millis, memory_mib)) = self.limits(&row.id) else { return Vec::new() };
        let compared = [
            ("cpu", "thousandths of a core", u64::from(resources.cpu_millis.max(10)), cpu_millis),
            ("memory", "MiB", u64::from(resources.memory_mib), memory_mib),
        ];
        let differs = compared.into_iter().filter(|(_, _, should, is)| *is != Some(*should));
        let found = differs.map(|(what, unit, should, is)| Drift {
            path: format!("{} {what}", row.label()),
            should: format!("{should} {unit}"),
            is: is.map_or("no limit".into(), |is| format!("{is} {unit}")),
        });
        found.collect()
    }

    /// The limits that a replica has, in thousandths of a core and MiB; nothing where there are no cgroups.
    fn limits(&self, replica: &str) -> Option<(Option<u64>, Option<u64>)> {
        let read = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).ok();
        let (quota, period, bytes) = match (&self.parents, self.folders(replica).as_slice()) {
            (Ok(Parents::Unified(_)), [one]) => {
                let cpu = read(one, "cpu.max")?;
                let (quota, period) = cpu.trim().split_once(' ')?;
                (quota.to_owned(), period.to_owned(), read(one, "memory.max")?)
            }
            (Ok(Parents::Split { .. }), [cpu, memory]) => (
                read(cpu, "cpu.cfs_quota_us")?,
                read(cpu, "cpu.cfs_period_us")?,
                read(memory, "memory.limit_in_bytes")?,
            ),
            _ => return None,
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let millis = number(&quota).zip(number(&period)).map(|(quota, period)| quota * 1000 / period.max(1));
        Some((millis, number(&bytes).map(|bytes| bytes >> 20)))
    }

    /// Whether the kernel has ended something of this replica for want of memory.
    pub(super) fn out_of_memory(&self, replica: &str) -> bool {
        let file = match &self.parents {
            Err(_) => return false,
            Ok(Parents::Unified(parent)) => parent.join(replica).join("memory.events"),
            Ok(Parents::Split { memory, .. }) => memory.join(replica).join("memory.oom_control"),
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
    }

    /// Whether a replica, with all that is in cgroups below its own, has once had all the memory that it may. What was ended
    /// down there for want of more is counted there alone, in version 1, and forgotten with it.
    pub(super) fn was_full(&self, replica: &str) -> bool {
        let Ok(Parents::Split { memory, .. }) = &self.parents else { return false };
        let read = |file: &str| -> Option<u64> {
            fs::read_to_string(memory.join(replica).join(file)).ok()?.trim().parse().ok()
        };
        let full = read("memory.max_usage_in_bytes").zip(read("memory.limit_in_bytes"));
        full.is_some_and(|(most, limit)| most >= limit)
    }

    /// Removes a replica's cgroups, in every hierarchy that there is; they are empty by now.
    pub(super) fn remove(&self, replica: &str) {
        let hierarchies: Vec<_> = match &self.parents {
            Err(_) => return,
            Ok(Parents::Unified(_)) => vec![PathBuf::from(ROOT)],
            Ok(Parents::Split { .. }) => {
                fs::read_dir(ROOT).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
            }
        };
        for hierarchy in hierarchies {
            let folder = hierarchy.join(&self.name).join(replica);
            if let Err(error) = remove_with_children(&folder)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, folder = %folder.display(), "a cgroup could not be removed");
            }
        }
    }
}

/// The version of this machine's cgroups, where whoever asks can make some; or why not. Nothing is made.
pub(super) fn usable() -> Result<u8, String> {
    let root = Path::new(ROOT);
    let (version, folders) = match root.join("cgroup.controllers").exists() {
        true => (2, vec![root.to_owned()]),
        false => (1, vec![root.join("cpu"), root.join("memory")]),
    };
    for folder in folders {
        access(&folder, AccessFlags::W_OK)
            .map_err(|error| format!("{} cannot be written to: {}", folder.display(), error.desc()))?;
    }
    Ok(version)
}

fn remove_with_children(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_with_children(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

fn unified(root: &Path, name: &str) -> std::io::Result<PathBuf> {
    let parent = root.join(name);
    fs::create_dir_all(&parent)?;
    fs::write(root.join("cgroup.subtree_control"), "+cpu +memory")?;
    fs::write(parent.join("cgroup.subtree_control"), "+cpu +memory")?;
    Ok(parent)
}

fn split(root: &Path, name: &str) -> std::io::Result<Parents> {
    let (cpu, memory) = (root.join("cpu").join(name), root.join("memory").join(name));
    fs::create_dir_all(&cpu)?;
    fs::create_dir_all(&memory)?;
    Ok(Parents::Split { cpu, memory })
}
