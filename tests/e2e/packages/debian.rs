//! The Debian package on a Debian that has nothing else, with systemd: registry, host and witness as services, a first deployment, and
//! what upgrades, removal and purging leave of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Release;
use crate::newcomer::renamed;
use crate::podman::Podman;
use crate::process::{Server, free_port, until, workspace};
use crate::world::plugin;

/// Whether this process is root.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A Debian that `make system` has laid out, which runs its own systemd; what is written there is gone in the end.
struct Debian {
    podman: Podman,
    registry: String,
    host: String,
}

impl Debian {
    /// It sees the release's files in `/packages`.
    fn start(release: &Release) -> Self {
        let base = workspace().join("target/tools/debian");
        assert!(
            base.join("lib/systemd/systemd").exists(),
            "{} is missing: run `make system`",
            base.display()
        );
        let podman = Podman::start();
        let (root, packages) =
            (format!("{}:O", base.display()), format!("{}:/packages:ro", release.path("out").display()));
        // It has to make namespaces for its services.
        let words = [
            "run",
            "--detach",
            "--name",
            "debian",
            "--privileged",
            "--systemd=always",
            "--volume",
            &packages,
        ];
        podman.run(&[&words[..], &["--rootfs", &root, "/lib/systemd/systemd"]].concat());
        let [registry, host] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let debian = Self { podman, registry, host };
        until("it has booted", || {
            (debian.sh("systemctl is-system-running || true") == "running").then_some(())
        });
        debian
    }

    /// What a shell of root there prints; it must succeed.
    fn sh(&self, script: &str) -> String {
        let settings = format!(
            "export CHANDLERY_REGISTRY=http://{} CHANDLERY_HOST=http://{} CHANDLERY_HOST_TOKEN=$(cat /var/lib/chandlery-host/host.token \
             2>/dev/null)\n{script}",
            self.registry, self.host
        );
        self.podman.run(&["exec", "debian", "sh", "-euc", &settings])
    }

    /// Adds to what a server is told.
    fn tell(&self, server: &str, lines: &str) {
        self.sh(&format!("printf '{lines}\\n' >> /etc/chandlery/{server}.env"));
    }

    /// Whether a server has said this.
    fn says(&self, server: &str, what: &str) -> Option<()> {
        self.sh(&format!("journalctl --unit chandlery-{server}")).contains(what).then_some(())
    }

    /// The processes of what was deployed.
    fn replicas(&self) -> String {
        self.sh("grep --files-with-matches --line-regexp sleep /proc/[0-9]*/comm || true")
    }

    fn is_active(&self, server: &str) -> Option<()> {
        let active = self
            .sh(&format!("systemctl is-active chandlery-{server} || journalctl -n 20 -u chandlery-{server}"));
        (active == "active").then_some(())
    }
}

#[test]
fn the_package_starts_its_services_keeps_what_they_know_and_goes_whole() {
    if !is_root() {
        eprintln!(
            "skipped: only root makes a system of its own here; `units_start_what_they_name` starts what the package would"
        );
        return;
    }
    let release = Release::make();
    let plugins = release.path("out/plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("errand.wasm"), renamed(&plugin("errand"), "chandlery:errand")).unwrap();
    let debian = Debian::start(&release);

    // This machine's ports are the test's, and the plugin is one that needs nothing: the rest is as it comes.
    let installed = debian.sh("dpkg --install /packages/*.deb");
    assert!(installed.contains("systemctl enable --now chandlery-registry"), "{installed}");
    debian.tell(
        "registry",
        &format!(
            "CHANDLERY_REGISTRY_LISTEN={}\\nCHANDLERY_REGISTRY_PLUGINS=/packages/plugins",
            debian.registry
        ),
    );
    debian.tell(
        "host",
        &format!("CHANDLERY_HOST_LISTEN={}\\nCHANDLERY_REGISTRY=http://{}", debian.host, debian.registry),
    );
    debian.sh("systemctl enable --now chandlery-registry chandlery-host");
    until("both serve", || debian.is_active("registry").and(debian.is_active("host")));
    until("the plugin is published and installed", || {
        (debian.sh("chandlery install chandlery:errand >/dev/null 2>&1 && echo installed || true")
            == "installed")
            .then_some(())
    });
    let deployed = debian.sh("chandlery deploy errand --set 'command=[\"sleep\", \"600\"]'");
    assert!(deployed.contains("errand is ready"), "{deployed}");

    // A witness follows its log, once it is told of both.
    let key = log_key(&debian.registry);
    let at = format!("CHANDLERY_WITNESS_LISTEN=127.0.0.1:{}", free_port());
    debian.tell(
        "witness",
        &format!("CHANDLERY_WITNESS_NAME=witness.example\\nCHANDLERY_WITNESS_LOG={key}\\n{at}"),
    );
    debian.sh("systemctl start chandlery-witness");
    until("the witness is there", || debian.says("witness", "witness at http://"));

    let users =
        debian.sh("stat -c %U /var/lib/chandlery-registry/log.key /var/lib/chandlery-host/secrets.key");
    assert_eq!(users, "chandlery-registry\nchandlery-host");
    debian.sh("systemd-analyze security --threshold=20 chandlery-registry >/dev/null");
    debian.sh("systemd-analyze security --threshold=60 chandlery-host >/dev/null");
    assert!(debian.says("host", "bubblewrap").is_none(), "its hardening lets it isolate programs");

    // An upgrade starts them anew; what was deployed goes on.
    let replica = debian.replicas();
    let pid = debian.sh("systemctl show --property=MainPID chandlery-host");
    debian.sh("dpkg --install /packages/*.deb");
    until("both serve again", || debian.is_active("registry").and(debian.is_active("host")));
    assert_ne!(debian.sh("systemctl show --property=MainPID chandlery-host"), pid);
    until("the deployment is known", || {
        debian.sh("chandlery status 2>&1 || true").contains("ready").then_some(())
    });
    assert_eq!(debian.replicas(), replica);

    // Removed, it stays known; purged, nothing is left of it.
    debian.sh("dpkg --remove chandlery");
    assert_eq!(debian.replicas(), replica);
    assert_eq!(debian.sh("ls /etc/chandlery"), "host.env\nregistry.env\nwitness.env");
    // A host that is root, as containers need it, deploys as root; another host's deployments are none of the package's.
    let sleep = |host: &str| {
        debian.sh(&format!("CHANDLERY_HOST_ID={host} sleep 600 >/dev/null 2>&1 & echo /proc/$!/comm"))
    };
    sleep("$(cat /var/lib/chandlery-host/local/id)");
    let others = sleep("another");
    debian.sh("dpkg --purge chandlery");
    let left = debian.sh("ls -d /var/lib/chandlery* /etc/chandlery /usr/bin/chandlery /usr/share/chandlery 2>/dev/null || true");
    assert_eq!((left, debian.replicas()), (String::new(), others));
}

/// The key that the log of the registry at this address is signed with.
fn log_key(registry: &str) -> String {
    let url = format!("http://{registry}/api/v1/log");
    let told = Command::new("curl").args(["--silent", &url]).output().unwrap();
    let log: Value = serde_json::from_slice(&told.stdout).unwrap();
    log["verifier_key"].as_str().unwrap().to_owned()
}

/// A file of `packaging/`.
fn read(name: &str) -> String {
    fs::read_to_string(workspace().join("packaging").join(name)).unwrap()
}

/// Starts what a unit starts, with its state in this folder, told by these variables.
fn start_unit(server: &str, says: &str, folder: &Path, variables: &[(&str, &str)]) -> Server {
    let unit = read(&format!("systemd/chandlery-{server}.service"));
    let line = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    assert_eq!(line("EnvironmentFile=").trim_start_matches('-'), format!("/etc/chandlery/{server}.env"));
    let words = line("ExecStart=chandlery ").replace("%S", folder.to_str().unwrap());
    let words: Vec<&str> = words.split(' ').collect();
    let listen = format!("CHANDLERY_{}_LISTEN", server.to_uppercase());
    let variables = [variables, &[(listen.as_str(), "127.0.0.1:0")]].concat();
    let environment: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Server::start_with(folder, &words, says, &environment)
}

#[test]
fn units_start_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let registry = start_unit("registry", "registry at", folder.path(), &[]);
    let address = format!("http://{}", registry.address);
    let host = start_unit("host", "host at", folder.path(), &[("CHANDLERY_REGISTRY", address.as_str())]);
    let key = log_key(&registry.address);
    let told = [("CHANDLERY_WITNESS_NAME", "witness.example"), ("CHANDLERY_WITNESS_LOG", key.as_str())];
    let witness = start_unit("witness", "witness at", folder.path(), &told);
    for mut server in [witness, host, registry] {
        server.terminate();
        server.wait();
    }
}

#[test]
fn what_units_and_charts_say_by_variables_is_heard() {
    let page = fs::read_to_string(workspace().join("docs/reference/variables.md")).unwrap();
    let known: BTreeSet<&str> = page.split('`').filter(|word| word.starts_with("CHANDLERY_")).collect();
    let mut said = 0;
    for file in [
        "etc/registry.env",
        "etc/host.env",
        "etc/witness.env",
        "systemd/chandlery-registry.service",
        "systemd/chandlery-host.service",
        "systemd/chandlery-witness.service",
        "image/Containerfile",
        "helm/values.yaml",
        "helm/templates/registry.yaml",
        "helm/templates/host.yaml",
    ] {
        let text = read(file);
        for (at, _) in text.match_indices("CHANDLERY_") {
            let name: String =
                text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            assert!(known.contains(name.as_str()), "{file}: no server hears {name}");
            said += 1;
        }
    }
    assert!(said > 20, "{said}");
}
