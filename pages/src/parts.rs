//! Small parts: badges, banners, commands, facts, and where a page is in the site.

use maud::{Markup, html};

use crate::Link;

/// How something is meant. A tone is never all that says so: the words do, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Neither good nor bad.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warning,
    /// Not as it should be.
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// A word or two about something.
pub fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class=(format!("badge {}", tone.class())) { (text) } }
}

/// What must be seen before the rest of a page.
pub fn banner(tone: Tone, content: &Markup) -> Markup {
    html! { div class=(format!("banner {}", tone.class())) role="note" { (content) } }
}

/// A command to copy: one click marks all of it.
pub fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" { code { (text) } } }
}

/// Lines that a program wrote, as they are, in a box that scrolls by itself. `label` says whose they are.
pub fn log(label: &str, lines: &[String]) -> Markup {
    html! {
        pre.log role="region" aria-label=(label) tabindex="0" { @for line in lines { (line) "\n" } }
    }
}

/// Names, and what is said of each.
pub fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts { @for (name, said) in facts { div { dt { (name) } dd { (said) } } } }
    }
}

/// Texts, each on a line of its own.
pub fn lines(lines: &[String]) -> Markup {
    html! { @for (index, line) in lines.iter().enumerate() { @if index > 0 { br; } (line) } }
}

/// The pages above this one, and what this one is called.
pub fn crumbs(above: &[Link<'_>], here: &str) -> Markup {
    html! {
        nav.crumbs aria-label="Above this page" {
            @for link in above { a href=(link.path) { (link.name) } span aria-hidden="true" { " / " } }
            span aria-current="page" { (here) }
        }
    }
}

/// Pages beside each other, of which the one at the path `here` is shown.
pub fn tabs(label: &str, links: &[Link<'_>], here: &str) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for link in links {
                a href=(link.path) aria-current=[(link.path == here).then_some("page")] { (link.name) }
            }
        }
    }
}
