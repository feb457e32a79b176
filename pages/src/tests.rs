//! What is written is escaped, and can be read.

use std::collections::HashMap;

use chandlery_package::Currency;
use maud::html;
use serde_json::json;

use super::*;

/// What somebody could write to end an attribute, an element or a script.
const HOSTILE: &str = r#"</title></script><script>alert(1)</script>"'><img src=x onerror=alert(1)>"#;

#[test]
fn nothing_that_is_written_becomes_markup() {
    let head = Head {
        title: HOSTILE.into(),
        description: Some(HOSTILE.into()),
        url: Some(HOSTILE.into()),
        feed: Some(HOSTILE.into()),
        image: Some(HOSTILE.into()),
        data: Some(json!({ "name": HOSTILE })),
        private: false,
    };
    let shell = Shell {
        name: "Chandlery",
        style: "/style.css",
        links: &[Link { path: "/search", name: HOSTILE }, Link { path: "/other", name: "Other" }],
        here: Some("/other"),
        search: Some(Search { path: "/search", label: "Search", words: HOSTILE }),
        visitor: html! { (HOSTILE) },
        footer: &[],
    };
    let part = chart::Part { value: 1, title: HOSTILE.into() };
    let bar = chart::Bar { name: HOSTILE.into(), parts: vec![part] };
    let fall = chart::Fall { name: HOSTILE.into(), value: 1, is_total: true, title: HOSTILE.into() };
    let content = html! {
        (Field::new("name", HOSTILE).value(HOSTILE).hint(HOSTILE).pattern(HOSTILE).fault(Some(HOSTILE)))
        (fault(Some(HOSTILE)))
        (select("choice", HOSTILE, HOSTILE, &[(HOSTILE, HOSTILE)]))
        (file("file", HOSTILE, HOSTILE, HOSTILE, Some(HOSTILE)))
        (badge(Tone::Bad, HOSTILE))
        (command(HOSTILE))
        (log(HOSTILE, &[HOSTILE.into()]))
        (table(HOSTILE, &[Column::Text(HOSTILE)], &[vec![html! { (HOSTILE) }]]))
        (next_page(Some(HOSTILE)))
        (sortable_table(HOSTILE, &[Heading { path: Some(HOSTILE.into()), ..Column::Text(HOSTILE).into() }], &[]))
        (chart::bars(HOSTILE, &[bar], &|_| HOSTILE.into()))
        (chart::waterfall(HOSTILE, &[fall], &|_| HOSTILE.into()))
        (chart::legend(HOSTILE, HOSTILE))
    };
    let page = shell.page(&head, &content).into_string();
    assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    assert_eq!(page.matches("</script>").count(), 1, "the end of the data alone");
    assert!(page.contains("<a href=\"/other\" aria-current=\"page\">Other</a>"), "{page}");
    let data = page.split("application/ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap(), json!({ "name": HOSTILE }));
}

#[test]
fn what_is_said_of_a_picture_is_text() {
    let picture = Picture { path: HOSTILE, caption: HOSTILE, width: 640, height: 400 };
    let page = html! { (titled(Some(HOSTILE), &html! { h1 { (HOSTILE) } })) (pictures(HOSTILE, &[picture])) };
    let page = page.into_string();
    assert!(!page.contains("<script") && page.matches("<img ").count() == 2, "{page}");
    for part in ["width=\"640\" height=\"400\"", "loading=\"lazy\"", "alt=\"\"", "alt=\"&lt;/title&gt;"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(pictures("None", &[]).into_string(), "");
}

#[test]
fn values_are_written_for_people() {
    let money = |minor: i64, currency| money(chandlery_package::Money::new(minor, currency).unwrap());
    for (written, expected) in [
        (number(0), "0"),
        (number(999), "999"),
        (number(1000), "1,000"),
        (number(12_345_678), "12,345,678"),
        (signed(-1000), "-1,000"),
        (signed(i64::MIN), "-9,223,372,036,854,775,808"),
        (bytes(0), "0 B"),
        (bytes(1023), "1023 B"),
        (bytes(1536), "1.5 KiB"),
        (bytes(u64::MAX), "17179869183.9 GiB"),
        (money(299_900, Currency::Usd), "2,999.00 USD"),
        (money(-123_456_789, Currency::Usd), "-1,234,567.89 USD"),
        (money(5, Currency::Usd), "0.05 USD"),
        (with_commas("1234.00 USD once"), "1,234.00 USD once"),
        (
            with_commas("0.25 USD per GPU hour, the first 1000 free"),
            "0.25 USD per GPU hour, the first 1,000 free",
        ),
    ] {
        assert_eq!(written, expected);
    }
}

/// The colours of the style sheet by name: in light, and in dark, where what is not said is as in light.
fn themes() -> [HashMap<String, [f64; 3]>; 2] {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
    let read = |text: &str| {
        let mut colours = HashMap::new();
        for declared in text.split("--").skip(1) {
            let Some((name, rest)) = declared.split_once(": #") else { continue };
            let Some(hex) = rest.get(..6) else { continue };
            if name.contains(';') {
                continue;
            }
            let part = |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            colours.entry(name.to_owned()).or_insert([part(0), part(2), part(4)]);
        }
        colours
    };
    let light = read(light);
    let mut all = light.clone();
    all.extend(read(dark.split("/* Text").next().unwrap()));
    [light, all]
}

/// The contrast of two colours, as WCAG 2.2 has it.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = |part: f64| {
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn what_is_written_can_be_read_in_light_and_in_dark() {
    // Text needs 4.5, and what bounds a field 3.
    let mut pairs: Vec<(&str, &str, f64)> = Vec::new();
    for ground in ["paper", "ground"] {
        pairs.extend(["ink", "soft", "sea", "fault"].map(|text| (text, ground, 4.5)));
        pairs.push(("edge", ground, 3.0));
    }
    pairs.extend([
        ("paper", "sea", 4.5),
        ("good", "good-ground", 4.5),
        ("warning", "warning-ground", 4.5),
        ("bad", "bad-ground", 4.5),
    ]);
    for (theme, colours) in ["light", "dark"].into_iter().zip(themes()) {
        for (text, ground, least) in &pairs {
            let found = contrast(colours[*text], colours[*ground]);
            assert!(found >= *least, "{theme}: {text} on {ground} has a contrast of {found:.2}");
        }
    }
}

#[test]
fn what_a_program_says_is_a_sentence_on_a_page() {
    for (said, is_raised, written) in [
        ("there is no such page", true, "there is no such page."),
        ("'none' is no kind of plugin", false, "'none' is no kind of plugin."),
        ("acme:none is not there", false, "acme:none is not there."),
        ("Log in again.", false, "Log in again."),
        ("who is it?", true, "who is it?"),
    ] {
        let shown = sentence(said).into_string();
        assert_eq!(shown.contains("class=\"sentence\""), is_raised, "{shown}");
        assert!(shown.replace("&#39;", "'").contains(&format!(">{written}<")), "{shown}");
    }
}

#[test]
fn the_guide_shows_every_part() {
    let guide = styleguide().into_string();
    for class in [
        "badge good",
        "banner bad",
        "command",
        "log",
        "facts",
        "crumbs",
        "tabs",
        "scroll",
        "aria-invalid",
        "fields",
        "empty",
        "aria-sort",
        "class=\"less\"",
        "legend",
        "pictures",
        "type=\"file\"",
    ] {
        assert!(guide.contains(class), "{class}");
    }
    assert!(!guide.contains("</dd><p"), "a list of names holds nothing but what is said of them");
}

#[test]
fn a_field_with_a_pattern_tells_its_hint_where_a_browser_refuses() {
    let plain = html! { (Field::new("bic", "BIC").hint("8 or 11 letters")) }.into_string();
    assert!(!plain.contains("pattern=") && !plain.contains("title="), "{plain}");
    let checked =
        html! { (Field::new("bic", "BIC").hint("8 or 11 letters").pattern("[A-Z]{8}")) }.into_string();
    assert!(checked.contains("pattern=\"[A-Z]{8}\" title=\"8 or 11 letters\""), "{checked}");
}
