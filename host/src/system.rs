//! What every room needs of the machine: files that are written whole, work that blocks, and how its files and its database fail.

use std::io::Write as _;
use std::path::Path;

use chandlery_package::problem::{Explain, Explanation, Kind};

/// Something that others changed between a look at it and the change that was to follow.
pub const CHANGED_MEANWHILE: Kind = Kind {
    word: "changed-meanwhile",
    status: 409,
    title: "Changed meanwhile",
    when: "others keep changing a deployment, a target or a plugin while it is worked on",
    remedy: Some("look at it, and try again"),
};

/// Why the machine under the host did not do its part.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or process of the host's own.
    #[error("{what}: {error}")]
    Io {
        /// The path, or what was being done.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A statement failed, or a column holds what cannot be read.
    #[error("the host's database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed, or the database is of a later version.
    #[error("the host's database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Stored data that no version of the host writes.
    #[error("the host's state is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// For `map_err`: the failure of the system at this path, or at doing this.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        (&chandlery_engines::INTERNAL).into()
    }
}

/// Something was changed between a look at it and the change that was to follow; its name.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' was changed meanwhile")]
pub struct Changed(pub String);

impl Explain for Changed {
    fn explain(&self) -> Explanation {
        (&CHANGED_MEANWHILE).into()
    }
}

/// Replaces a file, whole or not at all. It can be read by this user alone.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        draft.write_all(bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(path).map(|_| ()).map_err(|error| error.error)
    };
    write().map_err(Error::io(path.display().to_string()))
}

/// Does work that blocks, away from the threads that serve requests.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Damaged(error.to_string()))?
}
