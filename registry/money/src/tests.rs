//! What holds across rooms.

mod lists;
mod sharing;
