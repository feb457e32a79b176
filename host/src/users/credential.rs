//! Secrets that users show: 256 random bits, of which only the digest is kept.

use chandlery_package::{Digest, random_bytes};

/// How much of a secret's digest is its id, in hexadecimal digits.
const ID_DIGITS: usize = 12;

/// A secret that was made just now.
pub(super) struct Fresh {
    /// What is shown to the host; nobody sees it again.
    pub text: String,
    /// Its SHA-256, in hexadecimal digits.
    pub hash: String,
    /// What names it, and opens nothing.
    pub id: String,
}

impl Fresh {
    /// One whose text begins with this.
    pub(super) fn new(prefix: &str) -> Self {
        let text = format!("{prefix}{}", hex::encode(random_bytes::<32>()));
        let hash = digest(&text);
        let id = hash.chars().take(ID_DIGITS).collect();
        Self { text, hash, id }
    }
}

/// What is kept of a secret. One is found by it, so how long that takes tells nothing of how much of a guess was right.
pub(super) fn digest(text: &str) -> String {
    Digest::of(text).hex()
}

/// The same of a secret that opens something only beside another one.
pub(super) fn digest_beside(text: &str, other: &str) -> String {
    digest(&format!("{text} {other}"))
}
