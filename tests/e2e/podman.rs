//! Podman with a storage of its own, and an image of an OCR server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::world::{Person, workspace};

/// What podman keeps, which is gone in the end.
pub struct Podman {
    folder: TempDir,
}

impl Podman {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let storage =
            format!("[storage]\ndriver = \"overlay\"\nrunroot = \"{at}/run\"\ngraphroot = \"{at}/graph\"\n");
        fs::write(folder.path().join("storage.conf"), storage).unwrap();
        // As machines without systemd need it, containers of their own among them.
        let containers = "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
                          [containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\nnetns = \"host\"\n";
        fs::write(folder.path().join("containers.conf"), containers).unwrap();
        fs::write(folder.path().join("registries.conf"), "").unwrap();
        Self { folder }
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("CONTAINERS_CONF".into(), path("containers.conf")),
            ("CONTAINERS_STORAGE_CONF".into(), path("storage.conf")),
            ("CONTAINERS_REGISTRIES_CONF".into(), path("registries.conf")),
        ]
    }

    /// From now on, this registry is asked without TLS.
    pub fn trust(&self, registry: &str) {
        let text = format!("[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n");
        fs::write(self.folder.path().join("registries.conf"), text).unwrap();
    }

    pub fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new("podman");
        let output = command.args(words).envs(self.environment()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "podman {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Pushes an image of an OCR server as this person; gives its reference. It is here no more after that.
    pub fn push_ocr_server(&self, person: &Person, registry: &str) -> String {
        let environment = workspace().join("target/tools/ocr");
        let tar = self.folder.path().join("image.tar");
        write_root(&environment, &tar);
        let path = format!("ENV PATH={}", environment.join("bin").display());
        self.run(&["import", "--quiet", "--change", &path, tar.to_str().unwrap(), "localhost/ocr"]);
        fs::remove_file(tar).unwrap();
        let reference = format!("{registry}/{}/ocr-image:1", person.name);
        let credentials = format!("{}:{}", person.name, person.token());
        // The quicker compression: what is measured here is not the network.
        let compression = ["--compression-format", "zstd"];
        let words = [&["push", "--quiet", "--creds", &credentials][..], &compression].concat();
        self.run(&[&words[..], &["localhost/ocr", &format!("docker://{reference}")]].concat());
        self.run(&["rmi", "--force", "localhost/ocr"]);
        reference
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = Command::new("podman")
            .args(["rm", "--all", "--force", "--time", "0"])
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        // Layers are mounted until their storage is told to let go.
        let _ = Command::new("podman")
            .args(["rmi", "--all", "--force"])
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let graph = self.folder.path().join("graph/overlay");
        let _ = Command::new("umount").arg(graph).stderr(Stdio::null()).status();
    }
}

fn write_root(environment: &Path, tar: &PathBuf) {
    let python = environment.join("bin/python3");
    let script = workspace().join("tests/e2e/ocr_image.py");
    let written = Command::new(&python).arg(script).arg(environment).arg(tar).status();
    assert!(written.is_ok_and(|status| status.success()), "{}: run `make system`", python.display());
}
