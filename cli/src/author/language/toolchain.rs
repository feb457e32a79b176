//! Which Rust compiles for WebAssembly here: the user's, where it has or can add the target, or Debian's with its
//! library's source.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::failure::{Failure, Result};
use crate::words;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "plugin";
/// Where Debian's compiler is.
const DEBIAN: &str = "/usr/bin";
const REMEDY: &str = "with rustup: `rustup target add wasm32-unknown-unknown`; on Debian: `apt-get install rustc-web \
                      cargo-web rust-web-src rust-web-llvm lld-22`";

/// A way to compile.
pub enum Toolchain {
    /// `cargo` as it is found.
    Users,
    /// Debian's, which has the library as source alone and builds it first.
    Debians,
}

impl Toolchain {
    /// The first that works.
    pub fn choose() -> Result<Self> {
        if has_target("rustc") || adds_target() {
            return Ok(Self::Users);
        }
        if has_library_source(&format!("{DEBIAN}/rustc")) && Path::new(DEBIAN).join("rust-lld").exists() {
            return Ok(Self::Debians);
        }
        Err(Failure::new(&words::NO_WASM_TARGET, format!("no Rust here can compile for {TARGET}"))
            .remedy(REMEDY))
    }

    /// Compiles a crate and gives its core module.
    pub fn build(&self, folder: &Path, crate_name: &str, target_dir: &Path) -> Result<PathBuf> {
        let mut command = match self {
            Self::Users => Command::new("cargo"),
            Self::Debians => Command::new(format!("{DEBIAN}/cargo")),
        };
        command
            .arg("build")
            .args(["--target", TARGET, "--profile", PROFILE])
            .arg("--target-dir")
            .arg(target_dir);
        if let Self::Debians = self {
            // Building the library from source is not stable yet, which this compiler is told to overlook.
            command
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("PATH", "/usr/bin:/bin");
            for variable in ["RUSTC", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO", "RUSTDOC"] {
                command.env_remove(variable);
            }
        }
        super::tools::run(command.current_dir(folder))?;
        let file = format!("{}.wasm", crate_name.replace('-', "_"));
        Ok(target_dir.join(TARGET).join(PROFILE).join(file))
    }
}

/// What cargo says of a crate, as far as it is read.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// Where cargo puts the crate's results, with a folder of its own for plugins, so that they share the library.
pub fn target_dir(folder: &Path) -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(folder)
        .output();
    let output = output.map_err(|error| {
        Failure::new(&words::NO_CARGO, format!("cargo: {error}"))
            .remedy("install Rust from https://rustup.rs")
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let metadata: Metadata = serde_json::from_str(&text)
        .map_err(|_| Failure::of(String::from_utf8_lossy(&output.stderr).into_owned()))?;
    Ok(metadata.target_directory.join("wasm"))
}

fn ask(program: &str, words: &[&str]) -> Option<Output> {
    Command::new(program).args(words).output().ok().filter(|output| output.status.success())
}

fn has_target(rustc: &str) -> bool {
    let found = ask(rustc, &["--print", "target-libdir", "--target", TARGET]);
    found.is_some_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some())
    })
}

fn adds_target() -> bool {
    ask("rustup", &["target", "add", TARGET]).is_some() && has_target("rustc")
}

fn has_library_source(rustc: &str) -> bool {
    let found = ask(rustc, &["--print", "sysroot"]);
    found.is_some_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists()
    })
}
