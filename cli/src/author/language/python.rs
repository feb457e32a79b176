//! Python: `plugin.py` and CPython in one component of about 18 MB, made by componentize-py.

use std::path::Path;
use std::process::Command;

use chandlery_package::Manifest;

use super::tools::{contract, read, run};
use crate::failure::Result;

pub fn compile(folder: &Path, results: &Path, manifest: &Manifest) -> Result<Vec<u8>> {
    let tool = ".venv/bin/componentize-py";
    if !folder.join(tool).exists() {
        run(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(folder))?;
        let quiet = ["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
        run(Command::new(std::path::absolute(folder)?.join(".venv/bin/pip"))
            .args(quiet)
            .current_dir(folder))?;
    }
    let output = std::path::absolute(results)?.join("plugin.component.wasm");
    run(Command::new(std::path::absolute(folder)?.join(tool))
        .arg("--quiet")
        .arg("--wit-path")
        .arg(contract(folder, manifest)?)
        // Without a system's interfaces, which a pure plugin does not have.
        .args(["--world", manifest.kind.as_str(), "componentize", "--stub-wasi", "plugin", "--output"])
        .arg(&output)
        .current_dir(folder))?;
    read(&output)
}
