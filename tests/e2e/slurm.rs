//! A Slurm cluster of this machine: the real controller and two node daemons, one with two stand-ins for H100 GPUs and one with
//! two for A100.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::{free_address, free_port};
use crate::world::{Person, World, until};

/// The daemons of a cluster, which end with it.
pub struct Slurm {
    folder: TempDir,
    munged: Child,
    controller: Child,
    nodes: Vec<Child>,
    /// Where slurmrestd listens, and what opens it.
    rest: Option<(Child, String, String)>,
}

impl Slurm {
    pub fn start() -> Self {
        Self::start_as(false)
    }

    /// The same, with slurmrestd.
    pub fn start_with_rest() -> Self {
        let mut slurm = Self::start_as(true);
        // It serves whoever has a token, and must not be root itself.
        let address = free_address();
        let words =
            ["-u", "nobody", "-g", "nogroup", "-s", "openapi/v0.0.38", "-a", "rest_auth/jwt", &address];
        let daemon = daemon(slurm.folder.path(), "slurmrestd", &words.map(String::from));
        let said = slurm.ask("scontrol", &["token", "username=root", "lifespan=3600"]);
        let token = said.trim_start_matches("SLURM_JWT=").to_owned();
        slurm.rest = Some((daemon, format!("http://{address}"), token));
        until("slurmrestd listens", || std::net::TcpStream::connect(&address).ok());
        slurm
    }

    fn start_as(with_tokens: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for name in ["state", "log", "dev", "shared"] {
            fs::create_dir(at.join(name)).unwrap();
        }
        for gpu in 0..4 {
            // Whatever device it is, it is given out as a GPU.
            let device = at.join(format!("dev/gpu{gpu}"));
            run("mknod", &[device.to_str().unwrap(), "c", "1", "3"]);
        }
        fs::write(at.join("munge.key"), rand::random::<[u8; 32]>().repeat(4)).unwrap();
        run("chmod", &["400", at.join("munge.key").to_str().unwrap()]);
        let mut configuration = configuration(at, [free_port(), free_port(), free_port()]);
        if with_tokens {
            fs::write(at.join("state/jwt.key"), rand::random::<[u8; 32]>()).unwrap();
            run("chmod", &["600", at.join("state/jwt.key").to_str().unwrap()]);
            run("chmod", &["755", at.to_str().unwrap()]);
            let key = at.join("state/jwt.key");
            configuration += &format!("AuthAltTypes=auth/jwt\nAuthAltParameters=jwt_key={}\n", key.display());
        }
        fs::write(at.join("slurm.conf"), configuration).unwrap();
        fs::write(at.join("gres.conf"), gres(at)).unwrap();
        let munged = munged(at);
        until("munge answers", || at.join("munge.socket").exists().then_some(()));
        let controller = controller(at);
        let nodes = ["n1", "n2"].map(|name| node(at, name)).into();
        let slurm = Self { folder, munged, controller, nodes, rest: None };
        until("both nodes are there", || {
            (slurm.ask("sinfo", &["-h", "-N", "-o", "%T"]) == "idle\nidle").then_some(())
        });
        slurm
    }

    /// What commands need in their environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("SLURM_CONF".into(), self.path("slurm.conf"))]
    }

    /// Where slurmrestd listens, and a token of root's.
    pub fn rest(&self) -> (&str, &str) {
        let (_, address, token) = self.rest.as_ref().unwrap();
        (address, token)
    }

    /// The folder that the nodes share.
    pub fn shared(&self) -> String {
        self.path("shared")
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    /// What a command of Slurm prints; nothing, where it fails.
    pub fn ask(&self, program: &str, words: &[&str]) -> String {
        let output = Command::new(program).args(words).envs(self.environment()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Keeps the second node for jobs that name this reservation.
    pub fn reserve(&self, name: &str) {
        let name = format!("reservationname={name}");
        let words = [
            "create",
            "reservation",
            &name,
            "starttime=now",
            "duration=60",
            "users=root",
            "nodes=n2",
            "flags=ignore_jobs",
        ];
        let said = self.ask("scontrol", &words);
        assert!(said.starts_with("Reservation created"), "{said}");
    }

    /// Gives that node back to all, once no job holds it.
    pub fn unreserve(&self, name: &str) {
        until("the node is there for all", || {
            self.ask("scontrol", &["delete", &format!("reservationname={name}")]);
            self.ask("scontrol", &["show", "reservation"]).starts_with("No reservations").then_some(())
        });
    }

    /// How many jobs were ever submitted.
    pub fn jobs(&self) -> usize {
        self.ask("squeue", &["-h", "--states=all", "-o", "%i"]).lines().count()
    }

    /// SIGKILL to the controller.
    pub fn kill_controller(&mut self) {
        self.controller.kill().unwrap();
        self.controller.wait().unwrap();
    }

    pub fn start_controller(&mut self) {
        self.controller = controller(self.folder.path());
        until("the controller answers", || self.ask("scontrol", &["ping"]).contains("UP").then_some(()));
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        self.ask("scancel", &["--user=root", "--signal=KILL", "--full"]);
        self.ask("scancel", &["--user=root"]);
        let rest = self.rest.iter_mut().map(|(child, ..)| child);
        for child in self.nodes.iter_mut().chain([&mut self.controller, &mut self.munged]).chain(rest) {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What a job left behind lies below the cluster's own folder.
        let _ = Command::new("pkill").args(["-KILL", "-f", self.folder.path().to_str().unwrap()]).status();
    }
}

/// A world with a cluster as its target `lab`.
pub fn lab() -> (Slurm, World) {
    let slurm = Slurm::start();
    let world = World::with_environment(slurm.environment());
    add_lab(&slurm, &world.customer());
    (slurm, world)
}

/// Makes the cluster the target `lab` of this customer's host.
pub fn add_lab(slurm: &Slurm, customer: &Person) {
    add_target(slurm, customer, "lab", &["--price", "h100=2.50"]);
}

/// The same by another name and with more settings.
pub fn add_target(slurm: &Slurm, customer: &Person, name: &str, more: &[&str]) {
    let directory = format!("directory={}", slurm.shared());
    let words = ["target", "add", name, "--engine", "slurm", "--set", &directory, "--set", "poll_seconds=1"];
    customer.ok(&[&words[..], more].concat());
}

fn run(program: &str, words: &[&str]) {
    assert!(Command::new(program).args(words).status().unwrap().success(), "{program} {words:?}");
}

fn configuration(at: &Path, [controller, first, second]: [u16; 3]) -> String {
    let at = at.display();
    format!(
        "ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={at}/munge.socket
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool-%n
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd-%n.pid
SlurmctldLogFile={at}/log/slurmctld.log
SlurmdLogFile={at}/log/slurmd-%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
KillWait=5
GresTypes=gpu
MailProg=/bin/true
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=16 RealMemory=16000 Feature=ib Gres=gpu:h100:2
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=16 RealMemory=16000 Feature=slow Gres=gpu:a100:2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}

fn gres(at: &Path) -> String {
    let at = at.display();
    format!(
        "AutoDetect=off
NodeName=n1 Name=gpu Type=h100 File={at}/dev/gpu[0-1]
NodeName=n2 Name=gpu Type=a100 File={at}/dev/gpu[2-3]
"
    )
}

fn munged(at: &Path) -> Child {
    let file = |option: &str, name: &str| format!("--{option}={}", at.join(name).display());
    let words = [
        "--force".to_owned(),
        "--foreground".to_owned(),
        file("key-file", "munge.key"),
        file("socket", "munge.socket"),
        file("pid-file", "munged.pid"),
        file("log-file", "log/munged.log"),
        file("seed-file", "munge.seed"),
    ];
    daemon(at, "munged", &words)
}

fn controller(at: &Path) -> Child {
    daemon(at, "slurmctld", &["-D".to_owned()])
}

fn node(at: &Path, name: &str) -> Child {
    daemon(at, "slurmd", &["-D".to_owned(), "-N".to_owned(), name.to_owned()])
}

fn daemon(at: &Path, program: &str, words: &[String]) -> Child {
    let path = ["/usr/sbin", "/usr/bin"].map(|folder| PathBuf::from(folder).join(program));
    let path =
        path.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{program}: run `make system`"));
    let mut command = Command::new(path);
    command.args(words).env("SLURM_CONF", at.join("slurm.conf"));
    if program == "slurmrestd" {
        // It speaks with the controller as whoever's token it was given, and not as itself.
        command.env("SLURM_JWT", "daemon");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
