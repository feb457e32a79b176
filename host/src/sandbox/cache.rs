//! Compiled code, kept by the digest of the component and the configuration of the engine. Loading it trusts it fully,
//! so it lies in a directory that only the host's user can write, and never comes from elsewhere.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use chandlery_package::Digest;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub(super) fn new(directory: &Path, engine: &Engine) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let directory = directory.join(format!("{:016x}", hasher.finish()));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    /// Compiled code for these bytes; compiles them the first time.
    pub(super) fn compiled(&self, engine: &Engine, digest: Digest, bytes: &[u8]) -> Result<Component> {
        let path = self.directory.join(digest.hex());
        if path.exists() {
            // SAFETY: the file was written below by this user's host, whole or not at all, and nobody else can write to
            // its directory. wasmtime itself refuses code of another version or configuration.
            match unsafe { Component::deserialize_file(engine, &path) } {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%error, path = %path.display(), "compiled code is made anew"),
            }
        }
        let component = Component::new(engine, bytes)?;
        let draft = tempfile::NamedTempFile::new_in(&self.directory)?;
        std::fs::write(draft.path(), component.serialize()?)?;
        draft.persist(&path).map_err(|error| error.error)?;
        Ok(component)
    }
}
