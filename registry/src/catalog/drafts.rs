//! Drafts: components that were uploaded on a page, alone or in an archive of their folder, and that become releases when they are signed. Nobody but whoever has uploaded one
//! sees it.

mod archives;
mod checks;
mod kept;
mod signing;
mod uploading;

pub use archives::read_archive;
pub(super) use checks::faults;
pub use kept::forget_lapsed;
pub(super) use kept::{DRAFTS_MAX, Draft, Origin, Read, discard, find, list};
pub(super) use signing::{Signed, publish};
pub(super) use uploading::{bytes_max, upload};
