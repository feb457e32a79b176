//! An OpenID provider of this machine, which knows everybody.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::process::workspace;

/// npm's `oidc-provider`, at which everybody signs in as the address that they type, with the groups
/// after each `+` of it.
pub struct Provider {
    process: Child,
    /// How it calls itself.
    pub issuer: String,
}

impl Provider {
    /// One that sends people back to this URL.
    pub fn start(redirect: &str) -> Self {
        let mut command = Command::new("node");
        command.arg(workspace().join("tests/e2e/oidc_provider.mjs")).arg(workspace().join("target/tools"));
        let started = command.arg(redirect).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = started.expect("node is missing: run `make system`");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let issuer = lines.find_map(|line| line.strip_prefix("provider at ").map(str::to_owned));
        let issuer = issuer.expect("the provider did not start: run `make system`");
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, issuer }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
