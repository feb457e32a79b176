//! Where something stands in a file, and what is wrong there: all of it is told at once.

use std::fmt;

use crate::failure::{Failure, Result};
use crate::words;

/// A place in a file; lines and columns count from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl Place {
    /// Where the byte at this offset of the file's text stands.
    pub fn of(file: &str, text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let begins = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before[begins..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is wrong in files.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<(Place, String)>);

impl Mistakes {
    /// Notes one more, at its place.
    pub fn add(&mut self, at: &Place, says: impl Into<String>) {
        self.0.push((at.clone(), says.into()));
    }

    /// What was made of the files; refused, where something is wrong in them.
    pub fn judge<T>(mut self, made: Option<T>) -> Result<T> {
        if let Some(made) = made
            && self.0.is_empty()
        {
            return Ok(made);
        }
        self.0.sort();
        let lines: Vec<String> = self.0.iter().map(|(at, says)| format!("{at}: {says}")).collect();
        Err(Failure::new(&words::NOT_DEPLOYABLE, lines.join("\n"))
            .remedy("mend it there; nothing was changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_letters() {
        let text = "a = 1\nü = [\n  2,\n]\n";
        for (found, line, column) in [("a", 1, 1), ("ü", 2, 1), ("=", 1, 3), ("[", 2, 5), ("2", 3, 3)] {
            let at = Place::of("f.toml", text, text.find(found).unwrap());
            assert_eq!(at.to_string(), format!("f.toml:{line}:{column}"), "{found}");
        }
        assert_eq!(Place::of("f.toml", text, 1000).to_string(), "f.toml:5:1");
    }

    #[test]
    fn mistakes_are_told_together_in_the_order_of_their_places() {
        assert!(Mistakes::default().judge(Some(())).is_ok());
        let text = "a\nb\n";
        let mut mistakes = Mistakes::default();
        mistakes.add(&Place::of("f", text, 2), "second");
        mistakes.add(&Place::of("f", text, 0), "first");
        assert_eq!(mistakes.judge(Some(())).unwrap_err().detail(), "f:1:1: first\nf:2:1: second");
    }
}
