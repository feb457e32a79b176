//! Text of others, of which nothing steers the terminal: a title, a log or an error may hold escape sequences that move the cursor,
//! rename the window or hide what was printed, and characters that show a text in another order than it is in.

use serde::Serialize;

/// Whether a terminal would obey a character instead of showing it.
fn steers(c: char) -> bool {
    let reorders =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() || reorders || breaks
}

fn escaped(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) && !keeps(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// A text of several lines: line breaks and tabs stay, and all else that would steer the terminal is shown as an escape, such as
/// `\u{1b}`.
pub fn printable(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// A text that is to be one line: line breaks, too, are shown as escapes.
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// A text whose further lines will be indented, so that none of them passes for a line of our own.
pub fn lines(text: &str) -> String {
    printable(text.trim_end())
}

/// The JSON of a value, in which everything that would steer the terminal is written as JSON's own escape.
pub fn json(value: &impl Serialize) -> String {
    let text = serde_json::json!(value).to_string();
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::documents::sources_below;

    /// Clears the screen; names the window; colours; C1's form of an escape; shows "exe.txt" backwards; breaks a line.
    const HOSTILE: &str =
        "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{1b}[31md\u{9b}2Je\u{202e}txt.exe\u{2066}f\rg\u{2028}h\ni\tj";

    #[test]
    fn nothing_steers_the_terminal() {
        let kept = "a\\u{1b}[2Jb\\u{1b}]0;title\\u{7}c\\u{1b}[31md\\u{9b}2Je\\u{202e}txt.exe\\u{2066}f\\rg\\u{2028}h";
        assert_eq!(printable(HOSTILE), format!("{kept}\ni\tj"));
        assert_eq!(line(HOSTILE), format!("{kept}\\ni\\tj"));
        assert_eq!(lines("one\n✓ two\n"), "one\n✓ two");
        assert_eq!(printable("日本語 العربية naïve ✓ 👩‍💻"), "日本語 العربية naïve ✓ 👩‍💻");
    }

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        let text = json(&[HOSTILE]);
        assert!(!text.chars().any(steers), "{text}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [HOSTILE]);
    }

    /// Whatever a command prints goes through `show`.
    #[test]
    fn commands_print_through_here_alone() {
        let sources = sources_below(vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")]);
        for (path, text) in &sources {
            let prints = [concat!("print", "!("), concat!("println", "!(")];
            let found = prints.iter().find(|print| text.contains(**print));
            assert_eq!(found, None, "{}: print through show", path.display());
        }
        assert!(sources.len() > 40);
    }
}
