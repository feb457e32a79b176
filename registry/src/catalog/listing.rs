//! How the shop shows a plugin, as its publisher says at any time: a category, links, where to ask for help, an icon and screenshots. No
//! signature covers any of it.

mod changes;
mod image;
mod kept;
mod order;
mod routes;

pub(super) use changes::{add_screenshot, remove_icon, remove_screenshot, set, set_caption, set_icon};
pub(super) use image::ICON;
pub use image::{Bounds, Image, SCREENSHOT};
pub(super) use kept::{SCREENSHOTS_MAX, find, image_type};
pub(super) use order::{Towards, move_screenshot};
pub(super) use routes::routes;
