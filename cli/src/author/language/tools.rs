//! What compiling takes in every language: running a compiler, reading what it made, finding the contract.

use std::path::{Path, PathBuf};
use std::process::Command;

use chandlery_package::Manifest;

use crate::failure::{Failure, Result};
use crate::words;

/// Runs a compiler to its end; what it said is the failure's text.
pub fn run(command: &mut Command) -> Result {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        Failure::new(&words::NO_COMPILER, format!("{program}: {error}"))
            .remedy(format!("install {program}, and see that it is on the PATH"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Err(Failure::new(&words::BUILD_FAILED, format!("{program}\n{}", text.concat().trim_end())))
}

/// Reads a file; the failure names it.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))
}

/// The contract, as `chandlery new` put it beside the source.
pub fn contract(folder: &Path, manifest: &Manifest) -> Result<PathBuf> {
    let path = folder.join("wit").join(manifest.contract.to_string());
    match path.is_dir() {
        true => Ok(std::path::absolute(path)?),
        false => Err(Failure::new(&words::NO_CONTRACT, format!("{} is missing", path.display()))
            .remedy("`chandlery new` puts it into a plugin's folder: copy it from a new one")),
    }
}
