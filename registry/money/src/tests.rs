//! What holds across rooms.

mod sharing;
