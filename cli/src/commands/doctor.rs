//! `chandlery doctor`.

use std::path::{Path, PathBuf};

use chandlery_host::engines::local::machine::Machine;
use chandlery_package::plan::GpuPool;
use clap::Args;
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use tokio::net::TcpListener;

use super::listening::local;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Less is soon used up by images, Python environments and models.
const FREE_GIB_MIN: u64 = 20;
/// A code of a second factor is another one after so many seconds.
const SKEW_SECONDS_MAX: i64 = 30;

/// Show what this machine has for targets.
#[derive(Args)]
pub struct Doctor {
    /// The data directory of the host whose disk is looked at; the usual one, where none is named
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// One thing that this machine has or lacks.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// For which kind of target, or for everything.
    r#for: &'static str,
    has: bool,
    found: String,
    /// What to do, where it is lacking.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    /// What there is; or what is found in its place, and what to do about it.
    fn new(
        what: &'static str,
        r#for: &'static str,
        found: std::result::Result<String, String>,
        remedy: impl Into<String>,
    ) -> Self {
        match found {
            Ok(found) => Self { what, r#for, has: true, found, remedy: None },
            Err(found) => Self { what, r#for, has: false, found, remedy: Some(remedy.into()) },
        }
    }
}

impl Doctor {
    /// Looks at everything, and shows it. That something is lacking is no failure: few machines need all of it.
    pub async fn run(self, context: &Context) -> Result {
        let data = self.data.unwrap_or_else(|| context.host_data());
        let machine = Machine::look().await.map_err(chandlery_host::Error::from)?;
        let mut findings = of_machine(&machine);
        findings.push(kubernetes());
        findings.push(disk(&data));
        findings.push(clock(context).await);
        findings.push(ports(context).await);
        if context.settings.json {
            show::json(findings);
            return Ok(());
        }
        show::table(&["has", "what", "for", "found"], findings.iter().map(row));
        for Finding { what, remedy, .. } in &findings {
            if let Some(remedy) = remedy {
                show::note(format!("{what}: {remedy}"));
            }
        }
        Ok(())
    }
}

fn row(finding: &Finding) -> Vec<String> {
    let Finding { what, r#for, has, found, .. } = finding;
    let has = if *has { "yes" } else { "no" };
    [has, what, r#for, found].map(str::to_owned).to_vec()
}

fn of_machine(machine: &Machine) -> Vec<Finding> {
    vec![
        Finding::new(
            "cgroups",
            "local",
            machine.cgroups.clone().map(|version| format!("version {version}")),
            "let the host run as root where /sys/fs/cgroup can be written to; without that, nothing limits the processor time and \
             the memory of replicas",
        ),
        Finding::new(
            "bubblewrap",
            "local",
            machine.bubblewrap.clone().map(|program| program.display().to_string()),
            "install it, with `apt-get install bubblewrap` on Debian, and let users make namespaces; without it, replicas can read \
             what the host keeps",
        ),
        Finding::new(
            "podman",
            "local",
            machine.podman.clone().ok_or_else(|| "not installed".into()),
            "install it, with `apt-get install podman` on Debian; without it, what needs a container does not run here",
        ),
        Finding::new(
            "GPUs",
            "local",
            gpus(machine),
            "where there are some, install NVIDIA's driver, and see that `nvidia-smi` lists them; a local target gives replicas no \
             GPUs of others, which Slurm and Kubernetes do",
        ),
        Finding::new(
            "Slurm",
            "slurm",
            match machine.slurm_lacks.as_slice() {
                [] => Ok("its client commands".into()),
                lacks => Err(format!("without {}", lacks.join(", "))),
            },
            "install Slurm's client commands, or let the target use slurmrestd: `chandlery target add NAME --engine slurm --set \
             rest=URL`",
        ),
    ]
}

/// Whether servers could listen where commands look for them.
async fn ports(context: &Context) -> Finding {
    let (mut free, mut taken) = (Vec::new(), Vec::new());
    for address in
        [&context.settings.registry, &context.settings.host].into_iter().filter_map(|url| local(url))
    {
        match TcpListener::bind(address).await {
            Ok(_) => free.push(address.to_string()),
            Err(error) => taken.push(format!("{address}: {error}")),
        }
    }
    let found = match (free.as_slice(), taken.as_slice()) {
        ([], []) => Ok("none: registry and host are elsewhere".into()),
        (free, []) => Ok(format!("free: {}", free.join(", "))),
        (_, taken) => Err(taken.join(", ")),
    };
    Finding::new(
        "ports",
        "up",
        found,
        "where `chandlery up` runs already, all is well; otherwise choose others, with `chandlery up --registry-listen ADDR \
         --host-listen ADDR`",
    )
}

/// The GPUs of all kinds, in words; not well where there are none, or where one is left out.
fn gpus(machine: &Machine) -> std::result::Result<String, String> {
    let said = |pool: &GpuPool| format!("{} × {} of {} MiB", pool.total, pool.kind, pool.memory_mib);
    let all: Vec<_> = machine.gpus.iter().map(said).collect();
    match (all.as_slice(), &machine.gpus_left_out) {
        ([], None) => Err("none that NVIDIA's driver tells of".into()),
        ([], Some(left_out)) => Err(left_out.clone()),
        (_, Some(left_out)) => Err(format!("{}; {left_out}", all.join(", "))),
        (_, None) => Ok(all.join(", ")),
    }
}

/// Whether there is what a target is given to reach a cluster; that it answers is seen when the target is added.
fn kubernetes() -> Finding {
    let named = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || std::env::home_dir().map(|home| home.join(".kube/config"));
    let file = named.or_else(usual).filter(|file| file.is_file());
    let found = match std::env::var_os("KUBERNETES_SERVICE_HOST") {
        Some(_) => Ok("this is a pod of a cluster".to_owned()),
        None => file.map(|file| file.display().to_string()).ok_or_else(|| "no kubeconfig here".to_owned()),
    };
    let remedy = "a target is given the kubeconfig of its cluster: `chandlery target add NAME --engine kubernetes --credential FILE`";
    Finding::new("Kubernetes", "kubernetes", found, remedy)
}

/// How much the disk has left on which a host keeps its data, or would keep it.
fn disk(data: &Path) -> Finding {
    // A host makes the folder when it starts.
    let there = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let found = match statvfs(there) {
        Ok(found) => enough(found.blocks_available().saturating_mul(found.fragment_size())),
        Err(error) => Err(error.desc().to_owned()),
    };
    let remedy = format!(
        "make room there, or keep the host's data elsewhere: `chandlery host run --data DIR`; it is {}",
        data.display()
    );
    Finding::new("disk", "all", found, remedy)
}

fn enough(free_bytes: u64) -> std::result::Result<String, String> {
    let gib = free_bytes >> 30;
    match gib {
        0..FREE_GIB_MIN => {
            Err(format!("{gib} GiB free, of the {FREE_GIB_MIN} that images and models soon take"))
        }
        _ => Ok(format!("{gib} GiB free")),
    }
}

/// How this machine's clock stands beside the registry's: proofs, licences and codes say until when they are good.
async fn clock(context: &Context) -> Finding {
    let (found, remedy) = match context.registry_ahead_seconds().await {
        Ok(Some(ahead)) => {
            let set = "set this machine's clock, as by `timedatectl set-ntp true`, or ask whoever runs the registry to set that one";
            (in_time(ahead), set.to_owned())
        }
        Ok(None) => (Err("the registry does not say what time it is".into()), "ask whoever runs it".into()),
        Err(failure) => (
            Err(failure.detail().to_owned()),
            "start a registry with `chandlery up`, or name another with `--registry URL`".into(),
        ),
    };
    Finding::new("clock", "all", found, remedy)
}

fn in_time(ahead_seconds: i64) -> std::result::Result<String, String> {
    let said = match ahead_seconds {
        0 => "as the registry's".into(),
        1.. => format!("{ahead_seconds} s behind the registry's"),
        _ => format!("{} s ahead of the registry's", ahead_seconds.unsigned_abs()),
    };
    match ahead_seconds.unsigned_abs() <= SKEW_SECONDS_MAX.unsigned_abs() {
        true => Ok(said),
        false => Err(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare() -> Machine {
        Machine {
            cgroups: Err("/sys/fs/cgroup: Read-only file system".into()),
            bubblewrap: Err("bubblewrap is not installed".into()),
            podman: None,
            gpus: Vec::new(),
            gpus_left_out: None,
            slurm_lacks: vec!["sbatch", "squeue"],
        }
    }

    #[test]
    fn what_is_lacking_has_a_remedy_and_what_is_there_has_none() {
        let lacking = of_machine(&bare());
        assert!(lacking.iter().all(|finding| !finding.has && finding.remedy.is_some()), "{lacking:?}");
        assert_eq!(lacking[4].found, "without sbatch, squeue");
        let h200 = GpuPool { kind: "h200".into(), memory_mib: 143_771, total: 2, free: 2, nodes: 1 };
        let whole = of_machine(&Machine {
            cgroups: Ok(2),
            bubblewrap: Ok("/usr/bin/bwrap".into()),
            podman: Some("podman version 5.4.2".into()),
            gpus: vec![h200.clone()],
            gpus_left_out: None,
            slurm_lacks: Vec::new(),
        });
        assert!(whole.iter().all(|finding| finding.has && finding.remedy.is_none()), "{whole:?}");
        assert_eq!((&*whole[0].found, &*whole[3].found), ("version 2", "2 × h200 of 143771 MiB"));
        let worn = Machine { gpus: vec![h200], gpus_left_out: Some("GPU 2 is left out".into()), ..bare() };
        let said = &of_machine(&worn)[3];
        assert_eq!((&*said.found, said.has), ("2 × h200 of 143771 MiB; GPU 2 is left out", false));
    }

    #[test]
    fn a_disk_and_a_clock_are_well_within_bounds() {
        assert_eq!(enough(FREE_GIB_MIN << 30), Ok("20 GiB free".into()));
        assert!(enough((FREE_GIB_MIN << 30) - 1).unwrap_err().starts_with("19 GiB free"));
        assert!(disk(Path::new("/no/such/folder/of/a/host")).found.contains("GiB free"));
        for (ahead, said) in [
            (0, Ok("as the registry's")),
            (30, Ok("30 s behind the registry's")),
            (-31, Err("31 s ahead of the registry's")),
        ] {
            assert_eq!(in_time(ahead), said.map(str::to_owned).map_err(str::to_owned));
        }
        assert!(in_time(i64::MIN).is_err());
    }
}
