//! Texts in Markdown as parts of pages: what strangers write, of which nothing may act, and what we write, in sections.

mod sections;
mod strangers;

pub use sections::{Section, sections};
pub use strangers::prose;
