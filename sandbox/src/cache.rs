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

    /// Whether there is code for this component.
    pub(super) fn has(&self, digest: Digest) -> bool {
        self.path(digest).exists()
    }

    /// The code for this component, if it was kept and can be used.
    pub(super) fn find(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest);
        if !path.exists() {
            return None;
        }
        // SAFETY: the file was written below by this user's host, whole or not at all, and nobody else can write to
        // its directory. wasmtime itself refuses code of another version or configuration.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "compiled code is made anew");
                None
            }
        }
    }

    /// Keeps code that this user's compiler has made.
    pub(super) fn keep(&self, digest: Digest, code: &[u8]) -> Result<()> {
        let draft = tempfile::NamedTempFile::new_in(&self.directory)?;
        std::fs::write(draft.path(), code)?;
        draft.persist(self.path(digest)).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory.join(digest.hex())
    }
}
