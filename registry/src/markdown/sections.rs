//! A document of our own, cut at its headings: each section can be linked to, listed and found.

use ammonia::Builder;
use comrak::nodes::{Node, NodeValue};
use comrak::{Anchorizer, Arena, Options, format_html, parse_document};
use maud::PreEscaped;

/// A part of a document, from its heading to the next one.
#[derive(Debug, Clone)]
pub struct Section {
    /// How deep its heading stands, from 1, which is the document's own, to 6.
    pub level: u8,
    /// By what a link leads to it: the same word that GitHub makes of its heading.
    pub anchor: String,
    /// Its heading without markup.
    pub heading: String,
    /// What follows the heading, without markup.
    pub text: String,
    /// The heading, and what follows it, as HTML.
    pub html: PreEscaped<String>,
}

/// The sections of a document, in order. `address` says where each of its links leads. What stands before the first heading is left out.
pub fn sections(document: &str, address: impl Fn(&str) -> String) -> Vec<Section> {
    let (arena, options) = (Arena::new(), options());
    let root = parse_document(&arena, document, &options);
    for node in root.descendants() {
        if let NodeValue::Link(link) = &mut node.data_mut().value {
            link.url = address(&link.url);
        }
    }
    let (mut anchors, mut found) = (Anchorizer::new(), Vec::<Section>::new());
    for node in root.children() {
        let level = match &node.data().value {
            NodeValue::Heading(heading) => Some(heading.level),
            _ => None,
        };
        match (level, found.last_mut()) {
            (Some(level), _) => found.push(begun(node, level, &mut anchors, &options)),
            (None, Some(section)) => {
                section.html.0.push_str(&clean(&written(node, &options)));
                append_words(node, &mut section.text);
            }
            (None, None) => {}
        }
    }
    found
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options
}

fn begun(heading: Node<'_>, level: u8, anchors: &mut Anchorizer, options: &Options<'_>) -> Section {
    let text = heading.collect_text();
    let anchor = anchors.anchorize(&text);
    let inner: String = heading.children().map(|node| written(node, options)).collect();
    let html = format!("<h{level} id=\"{anchor}\">{}</h{level}>\n", clean(&inner));
    Section { level, anchor, heading: text, text: String::new(), html: PreEscaped(html) }
}

fn written(node: Node<'_>, options: &Options<'_>) -> String {
    let mut html = String::new();
    // A text takes all that is written to it.
    let _ = format_html(node, options, &mut html);
    html
}

/// What can be read in a node, with a space between what stands in different cells, items or paragraphs.
fn append_words(node: Node<'_>, text: &mut String) {
    for inner in node.descendants() {
        match &inner.data().value {
            NodeValue::Text(literal) => text.push_str(literal),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::CodeBlock(block) => {
                text.push(' ');
                text.push_str(&block.literal);
            }
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push(' '),
            value if value.block() => text.push(' '),
            _ => {}
        }
    }
}

/// No images, and what may be wider than the page scrolls by keys, too. The links are ours.
fn clean(html: &str) -> String {
    Builder::default()
        .rm_tags(&["img"])
        .link_rel(None)
        .set_tag_attribute_value("pre", "tabindex", "0")
        .set_tag_attribute_value("table", "tabindex", "0")
        .clean(html)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_cut_at_its_headings() {
        let text = "# A `tool` & more\n\nFirst\nline, see [b](b.md#x).\n\n## Same\n\n| one | two |\n| - | - |\n| `c` | d |\n\n\
                    ## Same\n\n    $ run it\n\n- an item\n- another\n";
        let found = sections(text, |link| format!("/to/{link}"));
        let shape: Vec<_> = found
            .iter()
            .map(|section| (section.level, section.anchor.as_str(), section.text.trim()))
            .collect();
        let expected = [
            (1, "a-tool--more", "First line, see b."),
            (2, "same", "one  two  c  d"),
            (2, "same-1", "$ run it\n  an item   another"),
        ];
        let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = |(level, anchor, text): &(u8, &str, &str)| (*level, anchor.to_string(), spaced(text));
        assert_eq!(
            shape.iter().map(words).collect::<Vec<_>>(),
            expected.iter().map(words).collect::<Vec<_>>()
        );
        assert_eq!(found[0].heading, "A tool & more");
        let html = found.iter().map(|section| section.html.0.as_str()).collect::<String>();
        for part in [
            "<h1 id=\"a-tool--more\">A <code>tool</code> &amp; more</h1>",
            "<a href=\"/to/b.md#x\">b</a>",
            "<h2 id=\"same-1\">Same</h2>",
            "<table tabindex=\"0\">",
            "<pre tabindex=\"0\"><code>$ run it",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn nothing_in_it_acts() {
        let html =
            sections("# <b onclick=x>A</b>\n\n<script>alert(1)</script>\n\n![x](y.png)\n", str::to_owned);
        let html = &html[0].html.0;
        assert!(!html.contains("<script") && !html.contains("onclick") && !html.contains("<img"), "{html}");
    }
}
