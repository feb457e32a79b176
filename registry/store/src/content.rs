//! What a piece of stored content is called: `sha256:…` or `sha512:…`, the two algorithms that OCI registers.

use std::fmt;
use std::str::FromStr;

use chandlery_package::{Digest, DigestError};
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha512};

/// The digest of some content. Everything that trust depends on is named by [`Digest`], SHA-256; this is for what OCI
/// clients choose to push.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ContentDigest {
    algorithm: Algorithm,
    hex: String,
}

/// How content is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 64 hexadecimal digits.
    Sha256,
    /// 128 hexadecimal digits.
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl ContentDigest {
    /// The digest of these bytes.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = ContentHasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// How it was made.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Where it is kept: the algorithm, the first two digits, all digits.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.algorithm.name(), &self.hex[..2], self.hex)
    }

    /// The opposite of [`Self::path`].
    pub fn from_path(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let (algorithm, _, hex) = (parts.next()?, parts.next()?, parts.next()?);
        let digest: Self = format!("{algorithm}:{hex}").parse().ok()?;
        (digest.path() == path).then_some(digest)
    }
}

impl From<Digest> for ContentDigest {
    fn from(digest: Digest) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: digest.hex() }
    }
}

impl FromStr for ContentDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError(text.into());
        let (name, hex) = text.split_once(':').ok_or_else(refuse)?;
        let algorithm = [Algorithm::Sha256, Algorithm::Sha512].into_iter().find(|known| known.name() == name);
        let algorithm = algorithm.ok_or_else(refuse)?;
        let digits = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match digits && hex.len() == algorithm.digits() {
            true => Ok(Self { algorithm, hex: hex.into() }),
            false => Err(refuse()),
        }
    }
}

impl TryFrom<String> for ContentDigest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// Hashes content that arrives in pieces.
pub enum ContentHasher {
    /// The work of [`Algorithm::Sha256`].
    Sha256(Sha256),
    /// The work of [`Algorithm::Sha512`].
    Sha512(Box<Sha512>),
}

impl ContentHasher {
    /// A hash of nothing so far.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Box::default()),
        }
    }

    /// Adds the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all pieces.
    pub fn finish(self) -> ContentDigest {
        match self {
            Self::Sha256(hasher) => {
                ContentDigest { algorithm: Algorithm::Sha256, hex: hex::encode(hasher.finalize()) }
            }
            Self::Sha512(hasher) => {
                ContentDigest { algorithm: Algorithm::Sha512, hex: hex::encode(hasher.finalize()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_read_back_from_text_and_path() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = ContentDigest::of(algorithm, b"content");
            assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
            assert_eq!(ContentDigest::from_path(&digest.path()), Some(digest));
        }
        assert_eq!(ContentDigest::from(Digest::of("x")).to_string(), Digest::of("x").to_string());
        for wrong in ["sha256:baddigeststring", "md5:00", "sha256", "sha512:00"] {
            assert!(wrong.parse::<ContentDigest>().is_err());
        }
        assert!(format!("sha256:{}", "A".repeat(64)).parse::<ContentDigest>().is_err());
    }
}
