//! What the server itself refuses, and in one type what its rooms do.

use chandlery_package::log::LogError;
use chandlery_package::problem::{Explain, Explanation};

use crate::{catalog, oci};

chandlery_edge::kinds! {
    TOO_SLOW: "too-slow", 504, "Took too long",
        "the answer was not ready in time",
        Some("try again in a moment");
    CROSS_SITE: "cross-site", 403, "Not from a page of this registry",
        "a browser's session or password comes with a request that none of the registry's own pages is known to have sent",
        Some("do it on the registry's own page; a program sends its token in `Authorization`, and no cookie; behind a proxy, the registry is started with `--url`");
}

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An answer that did not come in time.
    #[error("the answer was not ready after {seconds} s")]
    TooSlow {
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// What a browser sends for another site, or may send for one; what it says of that.
    #[error("a browser must say that a page of this registry has sent this, and says {0}")]
    CrossSite(String),
    /// What the transparency log refuses.
    #[error(transparent)]
    Log(#[from] chandlery_log::Error),
    /// What the rooms of the money refuse.
    #[error(transparent)]
    Money(#[from] chandlery_money::Error),
    /// What the catalog refuses.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// What the distribution API refuses.
    #[error(transparent)]
    Oci(#[from] oci::Error),
    /// What any room may say.
    #[error(transparent)]
    Shared(#[from] chandlery_edge::Error),
}

chandlery_edge::shares_errors!(Error);

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::TooSlow { .. } => (&TOO_SLOW).into(),
            Self::CrossSite(_) => (&CROSS_SITE).into(),
            Self::Log(error) => error.explain(),
            Self::Money(error) => error.explain(),
            Self::Catalog(error) => error.explain(),
            Self::Oci(error) => error.explain(),
            Self::Shared(error) => error.explain(),
        }
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        Self::Log(error.into())
    }
}
