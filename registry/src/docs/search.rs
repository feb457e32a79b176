//! Search in the sections of all documents: each word must be there, in the title, the heading or the text.

use maud::{Markup, html};

use super::library::Document;
use crate::markdown::Section;

/// The longest text that is searched for, in characters.
pub const QUESTION_MAX: usize = 200;
/// The most words that are searched for; what more there are is left out.
const WORDS_MAX: usize = 8;
/// The most sections that are shown.
const SHOWN_MAX: usize = 30;
/// How much of a text is shown before the first word that was found, and from it on, in bytes.
const BEFORE: usize = 80;
const AFTER: usize = 200;
/// What a word is worth in a heading and in a document's title, beside 1 for each of the first occurrences in the text.
const IN_HEADING: usize = 8;
const IN_TITLE: usize = 4;
const IN_TEXT_MAX: usize = 3;

/// A section that was found.
pub struct Found<'a> {
    /// The document that it is of.
    pub document: &'a Document,
    /// The section, which has all of the words.
    pub section: &'a Section,
    worth: usize,
}

/// The words of a question: in lower case, each once.
pub fn words(question: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in question.split_whitespace() {
        let word = word.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | ',' | '?' | '!' | '(' | ')'));
        let word = word.to_ascii_lowercase();
        if !word.is_empty() && !words.contains(&word) && words.len() < WORDS_MAX {
            words.push(word);
        }
    }
    words
}

/// The sections that have all of the words, the best first, at most as many as a page shows.
pub fn find<'a>(library: &'a [Document], words: &[String]) -> Vec<Found<'a>> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Found> = library
        .iter()
        .flat_map(|document| document.sections.iter().map(move |section| (document, section)))
        .filter_map(|(document, section)| {
            let worth = worth(document.entry.title, section, words)?;
            Some(Found { document, section, worth })
        })
        .collect();
    // Those that are worth the same stay in the order of the shelf.
    found.sort_by_key(|one| std::cmp::Reverse(one.worth));
    found.truncate(SHOWN_MAX);
    found
}

/// What a section is worth; none: it lacks a word.
fn worth(title: &str, section: &Section, words: &[String]) -> Option<usize> {
    let [title, heading, text] = [title, &section.heading, &section.text].map(str::to_ascii_lowercase);
    words.iter().try_fold(0, |sum, word| {
        let in_text = text.matches(word.as_str()).take(IN_TEXT_MAX).count();
        let in_heading = if heading.contains(word.as_str()) { IN_HEADING } else { 0 };
        let in_title = if title.contains(word.as_str()) { IN_TITLE } else { 0 };
        match in_text + in_heading + in_title {
            0 => None,
            worth => Some(sum + worth),
        }
    })
}

impl Found<'_> {
    /// The address of the section.
    pub fn address(&self) -> String {
        match self.section.level {
            1 => self.document.entry.address(),
            _ => format!("{}#{}", self.document.entry.address(), self.section.anchor),
        }
    }

    /// What stands around the first word that was found, with all of them marked.
    pub fn snippet(&self, words: &[String]) -> Markup {
        snippet(&self.section.text, words)
    }
}

fn snippet(text: &str, words: &[String]) -> Markup {
    let at = next(&text.to_ascii_lowercase(), words).map_or(0, |(at, _)| at);
    let from = text.floor_char_boundary(at.saturating_sub(BEFORE));
    let to = text.floor_char_boundary(at + AFTER);
    let shown = text.get(from..to).unwrap_or_default();
    html! {
        @if from > 0 { "… " }
        @for (piece, is_word) in pieces(shown, words) {
            @if is_word { mark { (piece) } } @else { (piece) }
        }
        @if to < text.len() { " …" }
    }
}

/// A text in pieces, and whether each is one of the words.
fn pieces<'a>(text: &'a str, words: &[String]) -> Vec<(&'a str, bool)> {
    let (folded, mut pieces, mut from) = (text.to_ascii_lowercase(), Vec::new(), 0);
    while let Some((at, length)) = next(&folded[from..], words) {
        pieces.push((&text[from..from + at], false));
        pieces.push((&text[from + at..from + at + length], true));
        from += at + length;
    }
    pieces.push((&text[from..], false));
    pieces
}

/// Where the first of the words stands in a text of lower case, and how long it is: the longest, where several begin there.
fn next(folded: &str, words: &[String]) -> Option<(usize, usize)> {
    let found = words.iter().filter_map(|word| Some((folded.find(word.as_str())?, word.len())));
    found.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length)))
}

#[cfg(test)]
mod tests {
    use super::super::library::LIBRARY;
    use super::*;

    fn addresses(question: &str) -> Vec<String> {
        find(&LIBRARY, &words(question)).iter().map(Found::address).collect()
    }

    #[test]
    fn the_section_that_a_question_is_about_comes_first() {
        for (question, address) in [
            ("fuel-limit", "/docs/plugins#limits"),
            ("install rules", "/docs/plugins#install-rules"),
            ("`trust` ADD", "/docs/reference/commands/authors#chandlery-trust-add"),
            ("publish a plugin", "/docs/tutorials/publish"),
        ] {
            let found = addresses(question);
            assert!(found.iter().take(5).any(|one| one == address), "{question}: {found:?}");
        }
        assert_eq!(addresses("xyzzy"), Vec::<String>::new());
        assert_eq!(addresses(" \" "), Vec::<String>::new());
        assert_eq!(addresses("plugin").len(), SHOWN_MAX);
    }

    #[test]
    fn what_is_in_a_heading_comes_before_what_is_in_a_text() {
        let found = find(&LIBRARY, &words("permissions"));
        assert!(
            found[0].section.heading.to_lowercase().contains("permissions"),
            "{}",
            found[0].section.heading
        );
        assert!(found.windows(2).all(|pair| pair[0].worth >= pair[1].worth));
    }

    #[test]
    fn a_snippet_shows_the_words_and_nothing_becomes_markup() {
        let shown = |text: &str, question: &str| snippet(text, &words(question)).into_string();
        assert_eq!(shown("Öffne <b>Tür</b>", "<B>"), "Öffne <mark>&lt;b&gt;</mark>Tür&lt;/b&gt;");
        assert_eq!(
            shown("deploys a deployment", "deploy deployment"),
            "<mark>deploy</mark>s a <mark>deployment</mark>"
        );
        let long = format!("{} needle {}", "é".repeat(300), "é".repeat(300));
        let shown = shown(&long, "NEEDLE");
        assert!(
            shown.starts_with("… é") && shown.ends_with("é …") && shown.contains("<mark>needle</mark>"),
            "{shown}"
        );
        assert!(shown.len() < 400, "{shown}");
    }

    #[test]
    fn a_question_is_bounded() {
        assert_eq!(words("How? `how` HOW, --json"), ["how", "--json"]);
        let many = (0..20).map(|word| word.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(words(&many).len(), WORDS_MAX);
    }
}
