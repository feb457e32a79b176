//! What a publisher says of a plugin in its listing, apart from all that a release says of itself and a signature covers.

use chandlery_package::wire::{Category, Listing, ListingImage, Support, WebLink};
use chandlery_package::{Digest, PluginId};
use chandlery_pages::{Picture, facts, pictures};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::telling::Base;
use crate::shell::SEARCH;

/// What each category is called on pages.
pub(super) const CATEGORIES: [(&str, &str); 10] = [
    ("inference", "Inference"),
    ("training", "Training"),
    ("vision", "Vision"),
    ("speech", "Speech"),
    ("embeddings", "Embeddings"),
    ("notebooks", "Notebooks"),
    ("monitoring", "Monitoring"),
    ("security", "Security"),
    ("data", "Data"),
    ("integration", "Integration"),
];

/// The path of an image of a listing.
pub(super) fn image_path(plugin: &PluginId, digest: Digest) -> String {
    format!("/images/{}/{}/{digest}", plugin.namespace, plugin.name)
}

/// What is shown of a listing on its plugin's page, below a heading of its own; nothing where nothing was said.
pub(super) fn section(plugin: &PluginId, listing: &Listing) -> Markup {
    if *listing == Listing::default() {
        return html! {};
    }
    let said = said(listing);
    html! {
        h2 { "From its publisher" }
        p.note {
            "What '" (plugin.namespace) "' shows and says here at present, the icon and the category too. It changes at any time: "
            "no signature covers it."
        }
        (screenshots(plugin, listing))
        @if !said.is_empty() { div.card { (facts(&said)) } }
    }
}

/// The screenshots of a listing beside each other.
pub(super) fn screenshots(plugin: &PluginId, listing: &Listing) -> Markup {
    let paths: Vec<String> =
        listing.screenshots.iter().map(|shown| image_path(plugin, shown.image.digest)).collect();
    let shown: Vec<Picture<'_>> = listing
        .screenshots
        .iter()
        .zip(&paths)
        .map(|(shown, path)| {
            let ListingImage { width, height, .. } = shown.image;
            Picture { path, caption: shown.caption.as_str(), width, height }
        })
        .collect();
    pictures("Screenshots", &shown)
}

fn said(listing: &Listing) -> Vec<(&'static str, Markup)> {
    let links = &listing.links;
    let page = |link: &Option<WebLink>| link.as_ref().map(|link| away(link.as_str(), link.as_str()));
    let rows = [
        ("Category", listing.category.map(category)),
        ("Homepage", page(&links.homepage)),
        ("Documentation", page(&links.documentation)),
        ("Source", page(&links.source)),
        ("Issues", page(&links.issues)),
        ("Support", listing.support.as_ref().map(support)),
    ];
    rows.into_iter().filter_map(|(name, said)| Some((name, said?))).collect()
}

fn category(category: Category) -> Markup {
    let name = CATEGORIES.into_iter().find(|(word, _)| *word == category.as_str());
    let name = name.map_or(category.as_str(), |(_, name)| name);
    html! { a href=(format!("{SEARCH}?category={category}")) { (name) } }
}

fn support(support: &Support) -> Markup {
    away(&support.href(), &support.to_string())
}

/// A link to elsewhere where the text is an address of the web, and the text alone where it is not.
pub(super) fn link(text: &str) -> Markup {
    let is_address = ["https://", "http://"].iter().any(|start| text.starts_with(start));
    html! { @if is_address { (away(text, text)) } @else { (text) } }
}

/// A link for which the registry does not vouch.
fn away(href: &str, text: &str) -> Markup {
    html! { a href=(href) rel="nofollow noopener noreferrer" { (text) } }
}

/// The whole address of the picture that stands for a plugin elsewhere: of what it looks like, or else its icon.
pub(super) fn picture(base: &Base, plugin: &PluginId, listing: &Listing) -> Option<String> {
    let first = listing.screenshots.first().map(|shown| &shown.image).or(listing.icon.as_ref())?;
    Some(address(base, plugin, first))
}

fn address(base: &Base, plugin: &PluginId, image: &ListingImage) -> String {
    format!("{}{}", base.0, image_path(plugin, image.digest))
}

/// What schema.org has for a listing, beside what is said of the software.
pub(super) fn described(mut software: Value, base: &Base, plugin: &PluginId, listing: &Listing) -> Value {
    if let Some(category) = listing.category {
        software["applicationSubCategory"] = json!(category);
    }
    if let Some(icon) = &listing.icon {
        software["image"] = json!(address(base, plugin, icon));
    }
    if let Some(homepage) = &listing.links.homepage {
        software["sameAs"] = json!(homepage);
    }
    if let Some(documentation) = &listing.links.documentation {
        software["softwareHelp"] = json!({ "@type": "CreativeWork", "url": documentation });
    }
    if !listing.screenshots.is_empty() {
        let screenshots = listing.screenshots.iter().map(|shown| {
            json!({
                "@type": "ImageObject",
                "contentUrl": address(base, plugin, &shown.image),
                "caption": shown.caption,
                "width": shown.image.width,
                "height": shown.image.height,
            })
        });
        software["screenshot"] = screenshots.collect();
    }
    software
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::{ImageType, Screenshot};

    use super::*;

    #[test]
    fn only_an_address_of_the_web_is_a_link() {
        for (text, is_link) in [
            ("https://example.com/a", true),
            ("http://example.com", true),
            ("javascript:alert(1)", false),
            (" https://example.com", false),
            ("\"><script>", false),
        ] {
            let shown = link(text).into_string();
            assert_eq!(shown.contains("<a "), is_link, "{shown}");
            assert!(!shown.contains("<script"), "{shown}");
        }
    }

    #[test]
    fn every_category_has_a_name() {
        assert_eq!(CATEGORIES.map(|(word, _)| word), Category::ALL.map(Category::as_str));
    }

    #[test]
    fn what_no_signature_covers_says_so_and_holds_its_place() {
        let plugin: PluginId = "acme:ocr".parse().unwrap();
        assert_eq!(section(&plugin, &Listing::default()).into_string(), "");
        let image = ListingImage {
            digest: Digest::of("x"),
            media_type: ImageType::Png,
            bytes: 1,
            width: 640,
            height: 400,
        };
        let caption = "<script>alert(1)</script>\" onload=\"x".parse().unwrap();
        let listing = Listing {
            category: Some(Category::Vision),
            support: Some("help@acme.example".parse().unwrap()),
            screenshots: vec![Screenshot { image, caption }],
            ..Listing::default()
        };
        let shown = section(&plugin, &listing).into_string();
        for part in [
            "no signature covers it",
            "width=\"640\" height=\"400\"",
            "loading=\"lazy\"",
            "href=\"mailto:help@acme.example\" rel=\"nofollow noopener noreferrer\"",
            "/search?category=vision\">Vision<",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("<script") && !shown.contains(" onload=\""), "{shown}");
        let base = Base("https://shop.example".into());
        let data = described(json!({}), &base, &plugin, &listing);
        let path = image_path(&plugin, Digest::of("x"));
        assert_eq!(data["screenshot"][0]["contentUrl"], format!("https://shop.example{path}"));
        assert_eq!(picture(&base, &plugin, &listing), Some(format!("https://shop.example{path}")));
    }
}
