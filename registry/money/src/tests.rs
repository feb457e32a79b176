//! What holds across rooms.

mod entitlements;
mod lists;
mod sharing;
