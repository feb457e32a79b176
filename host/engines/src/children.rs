//! The environment of what the host runs for itself: what it needs of the host's own, and none of the secrets in that.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// What every program finds: where others are, its language, and how the network is reached and trusted.
const FOR_ALL: [&str; 17] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// The variables of the host that a program is handed: those for all, and of the others what is `its`.
pub(crate) fn passed_on(its: impl Fn(&str) -> bool) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(move |(name, _)| is_passed_on(name, &its))
}

fn is_passed_on(name: &OsStr, its: impl Fn(&str) -> bool) -> bool {
    name.to_str().is_some_and(|name| FOR_ALL.contains(&name) || its(name))
}

/// A program with this environment, and nothing to read.
pub(crate) fn command(program: &str, its: impl Fn(&str) -> bool) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(passed_on(its)).stdin(Stdio::null());
    command
}

/// Where a program is installed, if it is: in the first folder of `PATH` that has it and is named from the root.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(program));
    files.find(|file| file.is_absolute() && file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_host_is_passed_on() {
        let is_pips = |name: &str| name.starts_with("PIP_");
        for name in ["PATH", "https_proxy", "SSL_CERT_FILE", "PIP_INDEX_URL"] {
            assert!(is_passed_on(OsStr::new(name), is_pips), "{name}");
        }
        for name in [
            "HOME",
            "CHANDLERY_TOKEN",
            "CHANDLERY_STRIPE_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "SSH_AUTH_SOCK",
            "DBUS_SESSION_BUS_ADDRESS",
            "LD_PRELOAD",
            "PYTHONPATH",
        ] {
            assert!(!is_passed_on(OsStr::new(name), is_pips), "{name}");
        }
        assert!(!is_passed_on(OsStr::new("PIP_INDEX_URL"), |_| false));
    }
}
