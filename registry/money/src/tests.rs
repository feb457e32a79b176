//! What holds across rooms.

mod documents;
mod entitlements;
mod lists;
mod rates;
mod sharing;
