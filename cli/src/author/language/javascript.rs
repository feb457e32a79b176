//! JavaScript: `plugin.js` and QuickJS in one component of about 1 MB, made by componentize-qjs.

use std::path::Path;
use std::process::Command;

use chandlery_package::Manifest;

use super::tools::{contract, read, run};
use crate::failure::Result;

pub fn compile(folder: &Path, results: &Path, manifest: &Manifest) -> Result<Vec<u8>> {
    let tool = "node_modules/.bin/componentize-qjs";
    if !folder.join(tool).exists() {
        run(Command::new("npm")
            .args(["install", "--no-fund", "--no-audit", "--loglevel=error"])
            .current_dir(folder))?;
    }
    let output = std::path::absolute(results)?.join("plugin.component.wasm");
    run(Command::new(std::path::absolute(folder)?.join(tool))
        // Without a system's interfaces, which a pure plugin does not have.
        .args(["--stub-wasi", "--sync", "--opt-size", "--js", "plugin.js", "--wit"])
        .arg(contract(folder, manifest)?)
        .args(["--world", manifest.kind.as_str(), "--output"])
        .arg(&output)
        .current_dir(folder))?;
    read(&output)
}
