//! Files that only the registry's own user can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::Error;

/// Makes a folder, and those that it is in, that nobody else may enter. One that is there stays as it is.
pub fn create_private_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))
}

/// Writes a private file whole or not at all: after a crash there is the old text or the new one.
pub fn write_atomic(path: &Path, text: &str) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().map_err(failed(path))
}

/// The whole text of a file.
pub fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(failed(path))
}

/// What a failed call of the system on this path is to the registry.
pub fn failed(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::File { path: path.clone(), error }
}
