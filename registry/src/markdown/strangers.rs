//! What strangers write in Markdown, as a part of a page: text, tables and links, and nothing that acts.

use std::collections::HashSet;

use ammonia::{Builder, UrlRelative};
use comrak::arena_tree::NodeEdge;
use comrak::nodes::NodeValue;
use comrak::{Arena, Options, format_html, parse_document};
use maud::{Markup, PreEscaped, html};

/// The longest text that is read, in bytes; what is more is left out.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// How deep quotes and lists may stand in each other. Deeper ones would take longer than a page may.
const DEPTH_MAX: usize = 60;
/// How many cells tables may have at most: a row of one cell is filled up to as many as the first row has.
const CELLS_MAX: usize = 100_000;
/// The level of the page's heading that the text stands below.
const HEADING_ABOVE: usize = 2;
/// The lowest level that HTML has.
const HEADING_MAX: usize = 6;

/// A text as a part of a page. Reading it takes some milliseconds of a processor: it is no work for a thread that serves.
pub fn prose(text: &str) -> Markup {
    let text = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    html! {
        div.prose {
            @match rendered(text) {
                Some(safe) => (PreEscaped(safe)),
                None => pre { (text) },
            }
        }
    }
}

/// Clean HTML; none: it is too deep.
fn rendered(text: &str) -> Option<String> {
    let mut options = Options::default();
    options.extension.table = has_few_cells(text);
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options);
    let mut depth = 0_usize;
    let mut headings = Headings::default();
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return None;
                }
                if let NodeValue::Heading(heading) = &mut node.data_mut().value {
                    heading.level = headings.level(heading.level);
                }
            }
            NodeEdge::End(_) => depth = depth.saturating_sub(1),
        }
    }
    let mut written = String::new();
    format_html(root, &options, &mut written).ok()?;
    Some(clean(&written))
}

/// The headings that the next one stands below, by the levels that the text gives them. On the page each is one below the last of
/// these, whatever the text begins with or skips: people who go from heading to heading miss nothing.
#[derive(Default)]
struct Headings(Vec<u8>);

impl Headings {
    /// The level on the page of the next heading, which has this one in the text.
    fn level(&mut self, written: u8) -> u8 {
        self.0.retain(|above| *above < written);
        self.0.push(written);
        u8::try_from((HEADING_ABOVE + self.0.len()).min(HEADING_MAX)).unwrap_or(written)
    }
}

fn has_few_cells(text: &str) -> bool {
    let widest = text.lines().map(|line| line.matches('|').count()).max().unwrap_or_default();
    text.lines().count().saturating_mul(widest) <= CELLS_MAX
}

/// What is left of HTML: no images, which would be fetched from elsewhere, no links within this site, and nothing that has a style, an id
/// or a script. What may be wider than the page scrolls by keys, too.
fn clean(html: &str) -> String {
    Builder::default()
        .rm_tags(&["img"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener noreferrer"))
        .set_tag_attribute_value("pre", "tabindex", "0")
        .set_tag_attribute_value("table", "tabindex", "0")
        .clean(html)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_nothing_acts() {
        let shown = |text: &str| prose(text).into_string();
        for (text, part) in [
            ("# One\n\ntext", "<h3>One</h3>"),
            ("**bold** `code`", "<strong>bold</strong> <code>code</code>"),
            ("| a |\n| - |\n| b |", "<td>b</td>"),
            ("| a |\n| - |\n| b |", "<table tabindex=\"0\">"),
            ("```\nwide\n```", "<pre tabindex=\"0\">"),
            ("[here](https://example.com/?a=1&b=2)", "href=\"https://example.com/?a=1&amp;b=2\""),
            ("[here](https://example.com)", "rel=\"nofollow noopener noreferrer\""),
            ("a < b & c", "a &lt; b &amp; c"),
        ] {
            assert!(shown(text).contains(part), "{text}: {}", shown(text));
        }
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "![](https://elsewhere.example/pixel.png)",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](/logout)",
            "[x](//elsewhere.example)",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<form action=/logout method=post><button>x</button></form>",
            "<div id=content style=\"position:fixed\" class=card onclick=alert(1)>x</div>",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<iframe src=https://elsewhere.example></iframe>",
            "<meta http-equiv=refresh content=0>",
            "[x]: javascript:alert(1)\n\n[x]",
            "<javascript:alert(1)>",
        ] {
            let shown = shown(text);
            for tag in shown.split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
                for acts in [
                    "script",
                    "img",
                    "href=\"javascript",
                    "href=\"data",
                    "href=\"/",
                    "form",
                    "button",
                    "style",
                    "onclick",
                    "onerror",
                    "svg",
                    "iframe",
                    "meta",
                    "id=",
                    "class=\"card",
                ] {
                    assert!(!tag.to_lowercase().contains(acts), "{text}: {shown}");
                }
            }
        }
    }

    #[test]
    fn headings_skip_no_level() {
        for (text, levels) in [
            ("# One\n## Two\n### Three\n## Two\n# One", "34543"),
            ("## One\n\n## One", "33"),
            ("### One\n# One\n### Two\n## Two", "3344"),
            ("# 1\n## 2\n### 3\n#### 4\n##### 5\n###### 6", "345666"),
        ] {
            let shown = prose(text).into_string();
            let found: String = shown.split("<h").skip(1).filter_map(|rest| rest.chars().next()).collect();
            assert_eq!(found, levels, "{text}: {shown}");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_long_is_bounded() {
        let deep = prose(&format!("{}<b>", "> ".repeat(1000))).into_string();
        assert!(deep.contains("<pre>") && deep.contains("&lt;b&gt;"), "{deep}");
        let wide = format!("{}|\n{}|\n{}", "|a".repeat(5000), "|-".repeat(5000), "|b\n".repeat(5000));
        let wide = prose(&wide).into_string();
        assert!(wide.len() < 1 << 20 && !wide.contains("<table"), "{}", wide.len());
        let long = prose(&"é".repeat(TEXT_BYTES_MAX)).into_string();
        assert!(long.len() < TEXT_BYTES_MAX + 1000, "{}", long.len());
    }
}
