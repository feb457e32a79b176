//! What holds across rooms.

mod documents;
mod entitlements;
mod limits;
mod lists;
mod rates;
mod sharing;
