//! Keeps the programs of plans from the host's own files, by bubblewrap: a program sees the system to read, folders of its own to
//! write, and neither what the host keeps nor the sockets of this machine's services.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chandlery_package::words;
use tokio::process::Command;

use crate::Error;
use crate::children::installed;

words! {
    /// Whether the programs of plans are kept from the host's own files.
    pub enum Isolate: "kind of isolation" {
        /// Where this machine has what it takes.
        Auto = "auto",
        /// Always: a host does not start where it cannot.
        Require = "require",
        /// On no machine.
        Off = "off",
    }
}

/// The system as every program sees it: nothing of it can be written, and no device but the usual ones is there, the terminal that
/// the host was started at not among them. In namespaces of its own, a program neither sees nor signals the processes of others.
const SYSTEM: [&str; 19] = [
    "--unshare-user",
    "--unshare-ipc",
    "--unshare-pid",
    "--cap-drop",
    "ALL",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--ro-bind",
    "/dev/null",
    "/dev/tty",
    "--tmpfs",
    "/run",
    "--proc",
    "/proc",
    "--remount-ro",
    "/proc",
];
/// bubblewrap waits for its program, and is what is known of it: it has to stay until the program has ended in its own way.
const STAY: [&str; 4] = ["/bin/sh", "-c", "trap '' TERM; exec \"$@\"", "sh"];
/// The last words before a program's own. The program hears what bubblewrap does not.
pub(crate) const HEAR: [&str; 3] = ["/usr/bin/env", "--default-signal=TERM", "--"];

/// How programs are kept from the host's own files.
#[derive(Debug, Clone)]
pub struct Isolation {
    /// bubblewrap; or why it is not used.
    program: Result<PathBuf, String>,
    /// The folders and files that no program sees.
    hidden: Vec<PathBuf>,
}

/// What a program sees of what is hidden from others. None of it may be in a folder that the program could write to before: it
/// could have put a link in its place.
pub(crate) struct View<'a> {
    /// Where it works.
    pub home: &'a Path,
    /// What it sees as `/tmp`.
    pub temporary: &'a Path,
    /// What else it may write.
    pub writable: Vec<PathBuf>,
    /// What else it may read.
    pub readable: Vec<PathBuf>,
    /// Whether it goes on when the host ends.
    pub outlives: bool,
}

impl Isolation {
    /// Tries what this machine can. `hidden` are the folders and files of the host's own; fails where isolation is required and not
    /// possible.
    pub fn find(isolate: Isolate, hidden: Vec<PathBuf>) -> Result<Self, Error> {
        let program = match isolate {
            Isolate::Off => Err("isolation is turned off".to_owned()),
            Isolate::Auto | Isolate::Require => bubblewrap(),
        };
        match (&program, isolate) {
            (Err(fault), Isolate::Require) => {
                let reason = format!("what runs here must be isolated, and cannot be: {fault}");
                return Err(Error::Target { target: "local".into(), reason });
            }
            (Err(fault), _) => tracing::warn!("programs of plans can read this host's files: {fault}"),
            (Ok(_), _) => {}
        }
        Ok(Self { program, hidden })
    }

    /// Why programs can read the host's files, if they can.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.program.as_ref().err().map(String::as_str)
    }

    /// The words before a program's own; none, where it is not isolated.
    pub(crate) fn words(&self, view: &View<'_>) -> Vec<OsString> {
        let Ok(program) = &self.program else { return Vec::new() };
        let mut words: Vec<OsString> = STAY.map(OsString::from).into();
        words.push(program.into());
        words.extend(SYSTEM.map(OsString::from));
        if !view.outlives {
            words.push("--die-with-parent".into());
        }
        for device in devices() {
            bind(&mut words, "--dev-bind-try", &device, &device);
        }
        if let Some(names) = resolver() {
            bind(&mut words, "--ro-bind-try", &names, &names);
        }
        bind(&mut words, "--bind-try", view.temporary, Path::new("/tmp"));
        let hidden = outermost(self.hidden.iter().filter_map(|folder| folder.canonicalize().ok()).collect());
        for path in &hidden {
            match path.is_dir() {
                true => words.extend([OsString::from("--tmpfs"), path.into()]),
                false => bind(&mut words, "--ro-bind", Path::new("/dev/null"), path),
            }
        }
        bind(&mut words, "--bind", view.home, view.home);
        for folder in &view.writable {
            bind(&mut words, "--bind-try", folder, folder);
        }
        for folder in &view.readable {
            bind(&mut words, "--ro-bind-try", folder, folder);
        }
        for folder in hidden.iter().filter(|path| path.is_dir()) {
            words.extend([OsString::from("--remount-ro"), folder.into()]);
        }
        words.extend([OsString::from("--chdir"), view.home.into(), OsString::from("--")]);
        words.extend(HEAR.map(OsString::from));
        words
    }

    /// A program that sees this.
    pub(crate) fn command(&self, view: &View<'_>, program: &str) -> Command {
        let mut words = self.words(view);
        words.push(program.into());
        let mut command = Command::new(words.remove(0));
        command.args(words);
        command
    }
}

fn bind(words: &mut Vec<OsString>, how: &str, from: &Path, to: &Path) {
    words.extend([OsString::from(how), OsString::from(from), OsString::from(to)]);
}

/// This machine's bubblewrap by its path, where it works: a replica's own `PATH` could name another.
pub(crate) fn bubblewrap() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program =
        installed("bwrap").ok_or("bubblewrap is not installed; on Debian: apt-get install bubblewrap")?;
    let tried = std::process::Command::new(&program)
        .args(SYSTEM)
        .arg("--")
        .args(HEAR)
        .arg("true")
        .env_clear()
        .env("PATH", &path)
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or("it does not say why");
            Err(format!("{} does not work here: {last}", program.display()))
        }
        Err(error) => Err(format!("{} cannot be run: {error}", program.display())),
    }
}

/// Folders without those that are in another of them. The root cannot be hidden.
fn outermost(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    folders.sort();
    let mut kept: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if folder.parent().is_some() && !kept.iter().any(|outer| folder.starts_with(outer)) {
            kept.push(folder);
        }
    }
    kept
}

/// The devices that compute, and the networks between them.
fn devices() -> Vec<PathBuf> {
    let is_one = |name: &str| name.starts_with("nvidia") || ["dri", "kfd", "infiniband"].contains(&name);
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_one));
    named.map(|entry| entry.path()).collect()
}

/// The file that says who resolves names, where it is among what belongs to services.
fn resolver() -> Option<PathBuf> {
    let file = Path::new("/etc/resolv.conf").canonicalize().ok()?;
    file.starts_with("/run").then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_hidden_before_anything_of_it_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().canonicalize().unwrap();
        let home = data.join("home");
        std::fs::create_dir(&home).unwrap();
        let hidden = vec![home.clone(), data.clone(), data.join("not there")];
        let isolation = Isolation { program: Ok("/usr/bin/bwrap".into()), hidden };
        let view = |outlives| View {
            home: &home,
            temporary: &home,
            writable: vec![data.join("cache")],
            readable: vec![data.join("bin")],
            outlives,
        };
        let words: Vec<_> =
            isolation.words(&view(true)).iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let all = words.join(" ");
        let at = |part: String| all.find(&part).unwrap_or_else(|| panic!("{part}: {all}"));
        let (data, home) = (data.display(), home.display());
        assert!(at("--ro-bind / / --dev /dev".into()) < at(format!("--tmpfs {data} ")));
        assert!(at(format!("--tmpfs {data} ")) < at(format!("--bind {home} {home}")));
        assert!(at(format!("--bind-try {data}/cache")) < at(format!("--remount-ro {data} ")));
        assert!(at(format!("--ro-bind-try {data}/bin")) < at(format!("--remount-ro {data} ")));
        assert_eq!(all.matches("--tmpfs").count(), 2, "/run, and one for both: {all}");
        assert!(all.ends_with(&format!("--chdir {home} -- {}", HEAR.join(" "))), "{all}");
        assert!(!all.contains("--die-with-parent"));
        assert!(isolation.words(&view(false)).contains(&"--die-with-parent".into()));
        let off = Isolation::find(Isolate::Off, Vec::new()).unwrap();
        assert!(off.fault().is_some() && off.words(&view(true)).is_empty());
    }

    #[test]
    fn the_root_is_not_hidden_and_no_folder_twice() {
        let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
        let cases: [(&[&str], &[&str]); 3] = [
            (&["/"], &[]),
            (&["/a/b", "/a", "/a", "/ab"], &["/a", "/ab"]),
            (&["/home/x/host", "/home/x/registry"], &["/home/x/host", "/home/x/registry"]),
        ];
        for (given, kept) in cases {
            assert_eq!(outermost(paths(given)), paths(kept));
        }
    }

    #[tokio::test]
    async fn a_program_reads_and_writes_what_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().canonicalize().unwrap();
        let (home, temporary) = (data.join("home"), data.join("temporary"));
        std::fs::create_dir(&home).unwrap();
        std::fs::create_dir(&temporary).unwrap();
        std::fs::write(data.join("secret"), "hidden").unwrap();
        let other = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        std::fs::write(other.path(), "hidden").unwrap();
        let hidden = vec![data.clone(), other.path().to_owned()];
        let isolation = Isolation::find(Isolate::Auto, hidden).unwrap();
        if let Some(fault) = isolation.fault() {
            eprintln!("skipped: {fault}");
            return;
        }
        let run = async |script: &str| {
            let (writable, readable) = (Vec::new(), Vec::new());
            let view = View { home: &home, temporary: &temporary, writable, readable, outlives: false };
            isolation.command(&view, "sh").args(["-c", script]).output().await.unwrap()
        };
        let secret = data.join("secret").display().to_string();
        let refused = [
            format!("cat {secret}"),
            format!("grep hidden {}", other.path().display()),
            format!("cat /proc/{}/root{secret}", std::process::id()),
            format!("cat /proc/{}/environ", std::process::id()),
            format!("umount {}", data.display()),
            format!("touch {}/x", data.display()),
            "touch /etc/x".into(),
            "test -e /run/dbus || test -e /run/systemd/private".into(),
            "test -n \"$(find /dev -type b)\"".into(),
            "cat /dev/tty".into(),
            "echo x > /proc/sys/kernel/core_pattern".into(),
        ];
        for script in refused {
            assert!(!run(script.as_str()).await.status.success(), "{script}");
        }
        for script in ["touch here /tmp/there && ls here /tmp/there", "exit 0"] {
            let output = run(script).await;
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(run("exit 3").await.status.code(), Some(3));
    }
}
