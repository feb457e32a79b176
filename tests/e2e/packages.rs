//! What a newcomer installs: an archive with its installer, a Debian package, a container image and a chart, made and tried here.

mod chart;
mod debian;
mod image;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chandlery_package::Digest;
use tempfile::TempDir;

use crate::process::{binary, workspace};

/// When the files of a release are said to be from.
const EPOCH: &str = "1767225600";

/// What `make release` makes, of the binary that is tested, and the key that signed it.
struct Release {
    folder: TempDir,
    home: PathBuf,
}

impl Release {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let release = Self { folder, home };
        strip(&release.binary());
        release.new_key("release");
        release.make_into("out");
        release
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("chandlery")
    }

    fn new_key(&self, name: &str) {
        let made =
            Command::new(binary()).args(["keys", "new", name]).env("CHANDLERY_HOME", &self.home).output();
        assert!(made.unwrap().status.success());
    }

    /// Makes the release in this folder; it is the same in each.
    fn make_into(&self, name: &str) {
        let key = self.home.join("keys/release.pem");
        script("release.sh", &[&self.binary(), &key, &self.path(name)]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file of the release whose name ends so.
    fn file(&self, ending: &str) -> PathBuf {
        let mut files = fs::read_dir(self.path("out")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
    }

    /// Runs the installer that lies beside the release's files in a folder, as somebody with an own home.
    fn install(&self, folder: &Path, user: &Path, words: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command
            .arg(folder.join("install.sh"))
            .args(words)
            .args(["--prefix", user.join(".local").to_str().unwrap()]);
        command.env("HOME", user).stdin(Stdio::null()).output().unwrap()
    }
}

/// A copy of the binary that is tested without what debuggers read, as released ones are.
fn strip(to: &Path) {
    let stripped = Command::new("strip").arg("-o").arg(to).arg(binary()).status().unwrap();
    assert!(stripped.success());
}

/// Runs a script of `packaging/`, which must succeed.
fn script(name: &str, words: &[impl AsRef<OsStr>]) {
    let script = workspace().join("packaging").join(name);
    let output = Command::new(script).args(words).env("SOURCE_DATE_EPOCH", EPOCH).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Everything below a folder, by its name from there: its bytes' digest.
fn contents(folder: &Path) -> Vec<(String, Digest)> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    found.push((name, Digest::of(fs::read(&path).unwrap())));
                }
            }
        }
    }
    found.sort();
    found
}

fn helm(words: &[&str]) -> Output {
    let mut command = Command::new(workspace().join("target/tools/bin/helm"));
    command.args(words).current_dir(workspace().join("packaging")).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_release_is_the_same_bytes_and_its_installer_believes_no_others() {
    let release = Release::make();
    release.make_into("again");
    let (out, again) = (contents(&release.path("out")), contents(&release.path("again")));
    assert_eq!(out, again);
    let names: Vec<_> = out.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.len() == 6 && names.contains(&"SHA256SUMS.sig"), "{names:?}");
    let shown = helm(&["show", "chart", release.file(".tgz").to_str().unwrap()]);
    assert!(said(&shown).contains("name: chandlery"), "{}", said(&shown));

    // Into a home that has nothing.
    let user = release.path("user");
    fs::create_dir(&user).unwrap();
    let out = release.path("out");
    let installed = release.install(&out, &user, &[]);
    assert!(installed.status.success(), "{}", said(&installed));
    for part in ["✓ signature", "✓ checksum", "export PATH=", "chandlery up"] {
        assert!(said(&installed).contains(part), "{part}: {}", said(&installed));
    }
    let version = Command::new(user.join(".local/bin/chandlery")).arg("--version").output().unwrap();
    assert_eq!(said(&version).trim(), format!("chandlery {}", env!("CARGO_PKG_VERSION")));
    let first = contents(&user);
    for file in [
        "share/chandlery/plugins/vllm.wasm",
        "share/doc/chandlery/LICENSE",
        "lib/systemd/system/chandlery-host.service",
    ] {
        assert!(first.iter().any(|(name, _)| name == &format!(".local/{file}")), "{file}: {first:?}");
    }
    assert!(!first.iter().any(|(name, _)| name.contains("hostile")), "fixtures are no part of a release");
    // Again, with a file of the version before, which goes, and one of the user's own, which stays.
    let list = user.join(".local/share/chandlery/installed");
    fs::write(&list, format!("{}share/chandlery/old\n", fs::read_to_string(&list).unwrap())).unwrap();
    fs::write(user.join(".local/share/chandlery/old"), "").unwrap();
    fs::write(user.join(".local/bin/own"), "").unwrap();
    assert!(release.install(&out, &user, &[]).status.success());
    let own = (".local/bin/own".to_owned(), Digest::of(""));
    let mut with_own = first.clone();
    with_own.push(own.clone());
    with_own.sort();
    assert_eq!(contents(&user), with_own);

    // From a pipe it takes what was published, whatever the folder has that it is run in.
    let piped = Command::new("sh")
        .args(["-s", "--", "--prefix", user.join(".local").to_str().unwrap()])
        .current_dir(&out)
        .envs([("HOME", user.to_str().unwrap()), ("https_proxy", "http://127.0.0.1:1")])
        .stdin(fs::File::open(out.join("install.sh")).unwrap())
        .output()
        .unwrap();
    assert!(
        !piped.status.success() && said(&piped).contains("/SHA256SUMS cannot be fetched"),
        "{}",
        said(&piped)
    );
    assert_eq!(contents(&user), with_own);

    // What was changed or signed by others is refused by name, and changes nothing.
    let archive = release.file(".tar.gz");
    let bytes = fs::read(&archive).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&archive, flipped).unwrap();
    let refused = release.install(&out, &user, &[]);
    let name = archive.file_name().unwrap().to_str().unwrap();
    assert!(
        refused.status.code() == Some(3) && said(&refused).contains(&format!("{name} of")),
        "{}",
        said(&refused)
    );
    fs::write(&archive, bytes).unwrap();

    release.new_key("other");
    let sums = out.join("SHA256SUMS");
    let signature = out.join("SHA256SUMS.sig");
    let sign = ["pkeyutl", "-sign", "-rawin", "-inkey"];
    let mut signing = Command::new("openssl");
    signing
        .args(sign)
        .arg(release.home.join("keys/other.pem"))
        .arg("-in")
        .arg(sums)
        .arg("-out")
        .arg(signature);
    assert!(signing.status().unwrap().success());
    let refused = release.install(&out, &user, &[]);
    let why = said(&refused);
    assert!(
        refused.status.code() == Some(3) && why.contains("is not signed by chandlery's release key"),
        "{why}"
    );
    assert_eq!(contents(&user), with_own);

    assert!(release.install(&out, &user, &["--uninstall"]).status.success());
    assert_eq!(contents(&user), [own]);
    let refused = release.install(&out, &user, &["--uninstall"]);
    assert!(
        !refused.status.success() && said(&refused).contains("has installed nothing"),
        "{}",
        said(&refused)
    );
}
