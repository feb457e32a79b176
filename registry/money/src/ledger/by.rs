//! Who makes a transaction: it is said once for what a database transaction, or a job of a shared one, posts from there on, and
//! nothing is posted before.

use std::fmt;

use chandlery_accounts::Actor;
use chandlery_store::Write;

chandlery_package::words! {
    /// What a registry posts by itself, by the chore that does it.
    pub enum Chore: "chore" {
        /// A hold or a reserve has ended.
        Holds = "holds",
        /// A subscription has begun anew, was earned, or was never paid.
        Renewals = "renewals",
    }
}

/// Who makes a transaction.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Whoever asked for it: `ann (token 0123456789ab)`.
    Actor(&'a Actor),
    /// The registry itself: `system:holds`.
    System(Chore),
    /// An event of the processor of payments: `processor:stripe:evt_1`.
    Processor(&'a str),
    /// A line of the bank's statement, by its id: `bank:B-17`.
    Line(&'a str),
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actor(actor) => write!(f, "{actor}"),
            Self::System(chore) => write!(f, "system:{chore}"),
            Self::Processor(event) => write!(f, "processor:stripe:{event}"),
            Self::Line(id) => write!(f, "bank:{id}"),
        }
    }
}

/// Says who makes what is posted from here on.
pub fn by(write: &mut Write, by: By<'_>) {
    write.set_author(&by);
}
