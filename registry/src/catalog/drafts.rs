//! Drafts: components that were uploaded on a page, and that become releases when they are signed. Nobody but whoever has uploaded one
//! sees it.

mod checks;
mod kept;
mod signing;
mod uploading;

pub(super) use checks::faults;
pub use kept::forget_lapsed;
pub(super) use kept::{DRAFTS_MAX, Draft, Read, discard, find, list};
pub(super) use signing::{Signed, publish};
pub(super) use uploading::{bytes_max, upload};
