//! The first admin: whoever can read the file with its token, which is replaced while the host runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chandlery_package::UserName;
use chandlery_package::wire::host::HOST_TOKEN_PREFIX;
use subtle::ConstantTimeEq as _;

use super::credential::Fresh;
use super::error::Error;
use crate::system::{self, blocking, write_whole};

/// The user who has the host's file `host.token`.
pub const FIRST_ADMIN: &str = "admin";
/// The shortest token that somebody may have written into the file.
const TOKEN_BYTES_MIN: usize = 32;

/// The token in the file `host.token`.
#[derive(Clone)]
pub struct FirstToken(Arc<Kept>);

struct Kept {
    path: PathBuf,
    text: RwLock<Arc<str>>,
}

impl FirstToken {
    /// The token in this file, which is made where it is not there. Temporary files are private to their user, and so is the token
    /// that becomes of one.
    pub fn read_or_make(path: &Path) -> Result<Self, system::Error> {
        if !path.exists() {
            write_whole(path, Fresh::new(HOST_TOKEN_PREFIX).text.as_bytes())?;
        }
        let text = std::fs::read_to_string(path).map_err(system::Error::io(path.display().to_string()))?;
        let token = text.trim();
        if token.len() < TOKEN_BYTES_MIN {
            return Err(system::Error::Damaged(format!(
                "{} has less than {TOKEN_BYTES_MIN} characters: remove it, and another token is made",
                path.display()
            )));
        }
        Ok(Self(Arc::new(Kept { path: path.to_owned(), text: RwLock::new(token.into()) })))
    }

    /// The token as it is now.
    pub fn text(&self) -> Arc<str> {
        self.0.text.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is the token, whose bytes are all compared.
    pub(super) fn is(&self, shown: &str) -> bool {
        bool::from(shown.as_bytes().ct_eq(self.text().as_bytes()))
    }

    /// Makes another one, in the file first: whoever has the one before is refused from then on.
    pub(super) async fn replace(&self) -> Result<String, Error> {
        let made = Fresh::new(HOST_TOKEN_PREFIX).text;
        let (path, bytes) = (self.0.path.clone(), made.clone());
        blocking(move || Ok::<_, Error>(write_whole(&path, bytes.as_bytes())?)).await?;
        *self.0.text.write().unwrap_or_else(PoisonError::into_inner) = made.as_str().into();
        Ok(made)
    }
}

/// Refuses what would make the first admin anything else.
pub(super) fn must_not_be_first(name: &UserName) -> Result<(), Error> {
    match name.as_str() {
        FIRST_ADMIN => Err(Error::FirstAdmin),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_made_or_taken_from_its_file_unless_it_is_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.token");
        let read = || FirstToken::read_or_make(&path).map(|token| token.text().to_string());
        let made = read().unwrap();
        assert!(made.starts_with(HOST_TOKEN_PREFIX) && read().unwrap() == made, "{made}");
        for (text, is_taken) in [
            (format!("{made}\n"), true),
            ("x".repeat(TOKEN_BYTES_MIN), true),
            ("x".repeat(TOKEN_BYTES_MIN - 1), false),
            (" ".repeat(TOKEN_BYTES_MIN), false),
            (String::new(), false),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(read().ok(), is_taken.then(|| text.trim().to_owned()), "{text:?}");
        }
    }

    #[tokio::test]
    async fn another_token_is_in_the_file_and_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.token");
        let token = FirstToken::read_or_make(&path).unwrap();
        let (before, copy) = (token.text(), token.clone());
        let made = token.replace().await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), made);
        assert_eq!((copy.is(&made), copy.is(&before)), (true, false));
    }
}
