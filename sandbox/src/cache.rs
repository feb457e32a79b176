//! Compiled code, kept by the digest of the component and the configuration of the engine. Loading it trusts it fully,
//! so it lies in a directory that only the host's user can write, and never comes from elsewhere.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
        if let Ok(file) = std::fs::File::open(&path) {
            // Only how long it is kept depends on it.
            let _ = file.set_modified(SystemTime::now());
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

    /// Keeps code that this user's compiler has made, and so many bytes of all code.
    pub(super) fn keep(&self, digest: Digest, code: &[u8], bytes_max: u64) -> Result<()> {
        let draft = tempfile::NamedTempFile::new_in(&self.directory)?;
        std::fs::write(draft.path(), code)?;
        draft.persist(self.path(digest)).map_err(|error| error.error)?;
        Ok(self.make_room(bytes_max)?)
    }

    /// Removes what was used longest ago, until so many bytes are left. Code that is loaded stays so.
    fn make_room(&self, bytes_max: u64) -> std::io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            // Another call may have removed it meanwhile.
            let Ok(about) = entry.metadata() else { continue };
            kept.push((about.modified()?, about.len(), entry.path()));
        }
        let mut all: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
        kept.sort();
        for (_, bytes, path) in kept {
            if all <= bytes_max {
                break;
            }
            let _ = std::fs::remove_file(path);
            all = all.saturating_sub(bytes);
        }
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory.join(digest.hex())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), &Engine::default()).unwrap();
        let digests = ["a", "b", "c"].map(Digest::of);
        let keep = |digest, bytes_max| cache.keep(digest, &[0; 100], bytes_max).unwrap();
        let used = |digest, hours: u64| {
            let file = std::fs::File::open(cache.path(digest)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        };
        keep(digests[0], u64::MAX);
        keep(digests[1], u64::MAX);
        used(digests[0], 1);
        used(digests[1], 2);
        keep(digests[2], 250);
        assert_eq!(digests.map(|digest| cache.has(digest)), [true, false, true]);
        used(digests[2], 1);
        keep(digests[1], 100);
        assert_eq!(digests.map(|digest| cache.has(digest)), [false, true, false]);
    }
}
