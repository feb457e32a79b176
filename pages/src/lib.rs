//! What all pages share: the frame around them, the style sheet, and the parts that they are made of. It knows no domain: whoever serves
//! a page says what is in it. Pages work without JavaScript, from 320 pixels on, in light and in dark.

pub mod chart;
mod forms;
mod lists;
mod parts;
mod pictures;
mod schema;
mod shell;
mod states;
mod styleguide;
mod values;

pub use forms::{Field, checkbox, fault, file, select};
pub use lists::{Column, Heading, Sorting, next_page, sortable_table, table};
pub use parts::{Tone, badge, banner, command, crumbs, facts, lines, log, tabs};
pub use pictures::{Picture, pictures, titled};
pub use schema::{schema_fields, schema_typed, schema_values};
pub use shell::{Head, Link, Search, Shell};
pub use states::{Failure, empty, sentence};
pub use styleguide::styleguide;
pub use values::{bytes, day, minute, money, number, signed, with_commas};

/// The style sheet of all pages, which has colours, sizes and distances as custom properties.
pub const STYLE: &str = include_str!("style.css");

#[cfg(test)]
mod tests;
