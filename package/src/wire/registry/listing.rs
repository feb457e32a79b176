//! How the shop shows a plugin: what its publisher says of it at any time, beside what its releases say. No signature covers any of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EmailAddress;
use crate::name::text_form;
use crate::{Digest, words};

/// The longest address of a page, in bytes.
const LINK_BYTES_MAX: usize = 500;
/// The longest caption, in bytes.
const CAPTION_BYTES_MAX: usize = 200;
const HTTPS: &str = "https://";

words! {
    /// What a plugin is for, by which a search is narrowed.
    pub enum Category: "category" {
        /// It serves models.
        Inference = "inference",
        /// It trains or tunes them.
        Training = "training",
        /// It reads pictures and documents.
        Vision = "vision",
        /// It hears or speaks.
        Speech = "speech",
        /// It makes vectors of texts, or finds them.
        Embeddings = "embeddings",
        /// People work in it.
        Notebooks = "notebooks",
        /// It watches what is deployed.
        Monitoring = "monitoring",
        /// It holds deployments to rules.
        Security = "security",
        /// It prepares, moves or keeps data.
        Data = "data",
        /// It tells other systems.
        Integration = "integration",
    }

    /// What an image is, by its content.
    pub enum ImageType: "type of image" {
        /// Portable Network Graphics.
        Png = "image/png",
        /// What cameras write.
        Jpeg = "image/jpeg",
        /// WebP of any kind.
        Webp = "image/webp",
    }
}

/// Why a part of a listing was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// No address of a page, or one that is not reached by TLS.
    #[error(
        "that is no link: write https://HOST/PATH, without a name or password in it, in at most {LINK_BYTES_MAX} bytes of ASCII"
    )]
    Link,
    /// Neither an e-mail address nor a page.
    #[error("that is nowhere to ask for help: write NAME@DOMAIN, or the link of a page, https://HOST/PATH")]
    Support,
    /// Nothing that says what a screenshot shows.
    #[error(
        "a caption says in one line what a screenshot shows, in 1 to {CAPTION_BYTES_MAX} bytes without control characters"
    )]
    Caption,
}

/// The address of a page on the web, such as `https://example.com/docs?page=1`: reached by TLS, in ASCII, and of no user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebLink(String);

impl WebLink {
    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebLink {
    type Err = ListingError;

    fn from_str(text: &str) -> Result<Self, ListingError> {
        let rest = text.strip_prefix(HTTPS).ok_or(ListingError::Link)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let is_port =
            |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
        // What some reader would not take for a part of the address is written with a percent sign.
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte));
        match text.len() <= LINK_BYTES_MAX && is_host(host) && port.is_none_or(is_port) && is_plain {
            true => Ok(Self(text.into())),
            false => Err(ListingError::Link),
        }
    }
}

/// Whether a text is a name of the DNS with a dot in it, in whichever case, or an address of IPv4.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.contains('.') && text.split('.').all(is_label)
}

impl fmt::Display for WebLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(WebLink, pattern: "^https://", bytes_max: LINK_BYTES_MAX);

/// Where users of a plugin ask for help: an e-mail address, or a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Support {
    /// By mail to this address.
    Email(EmailAddress),
    /// On a page.
    Page(WebLink),
}

impl Support {
    /// Where a browser goes for it: a `mailto:` or the page.
    pub fn href(&self) -> String {
        match self {
            Self::Email(address) => address.as_str().bytes().fold("mailto:".to_owned(), |mut href, byte| {
                match byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte) {
                    true => href.push(char::from(byte)),
                    false => href.push_str(&format!("%{byte:02X}")),
                }
                href
            }),
            Self::Page(link) => link.to_string(),
        }
    }
}

impl FromStr for Support {
    type Err = ListingError;

    fn from_str(text: &str) -> Result<Self, ListingError> {
        let page = text.parse().map(Self::Page);
        page.or_else(|_| text.parse().map(Self::Email).map_err(|_| ListingError::Support))
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(address) => address.fmt(f),
            Self::Page(link) => link.fmt(f),
        }
    }
}

text_form!(Support, bytes_max: LINK_BYTES_MAX);

/// What a screenshot shows, in one line, also for those who do not see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Caption(String);

impl Caption {
    /// The line itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Caption {
    type Err = ListingError;

    fn from_str(text: &str) -> Result<Self, ListingError> {
        let line = text.trim();
        match (1..=CAPTION_BYTES_MAX).contains(&line.len()) && !line.chars().any(steers) {
            true => Ok(Self(line.into())),
            false => Err(ListingError::Caption),
        }
    }
}

/// Whether a character steers what is around it: a control character, or one that turns the direction of writing.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

impl fmt::Display for Caption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(Caption, bytes_max: CAPTION_BYTES_MAX);

/// Pages about a plugin; none: there is no such page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListingLinks {
    /// What it is, in its publisher's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<WebLink>,
    /// How it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<WebLink>,
    /// What it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<WebLink>,
    /// What is known to be wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issues: Option<WebLink>,
}

/// What a publisher says of a plugin in the shop, in the place of all that it has said there before. Images are set by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewListing {
    /// What the plugin is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Pages about it.
    #[serde(default)]
    pub links: ListingLinks,
    /// Where its users ask for help: an e-mail address or a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<Support>,
}

/// How the shop shows a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// What the plugin is for.
    pub category: Option<Category>,
    /// Pages about it.
    pub links: ListingLinks,
    /// Where its users ask for help: an e-mail address or a page.
    pub support: Option<Support>,
    /// What stands beside its title; none: nothing does.
    pub icon: Option<ListingImage>,
    /// What it looks like, in the order in which they are shown.
    pub screenshots: Vec<Screenshot>,
}

/// An image of a listing, which the registry serves as `/images/NAMESPACE/NAME/DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListingImage {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it is.
    pub media_type: ImageType,
    /// How many bytes it has.
    pub bytes: u64,
    /// How wide it is, in pixels.
    pub width: u32,
    /// How high it is, in pixels.
    pub height: u32,
}

/// A screenshot, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Screenshot {
    /// The screenshot itself.
    pub image: ListingImage,
    /// What it shows.
    pub caption: Caption,
}

/// Says what a screenshot shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCaption {
    /// In one line.
    pub caption: Caption,
}

/// Shows the screenshots of a listing in another order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScreenshotOrder {
    /// The digest of each screenshot once, the one that is shown first at the head.
    pub order: Vec<Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_page_that_is_reached_by_tls() {
        for good in [
            "https://example.com",
            "https://EXAMPLE.com:8443/a/b?c=d&e=%20#f",
            "https://xn--bcher-kva.example/@ann",
            "https://example.com/?next=https://b.example",
        ] {
            assert_eq!(good.parse::<WebLink>().map(String::from).as_deref(), Ok(good));
        }
        let long = format!("https://example.com/{}", "a".repeat(LINK_BYTES_MAX));
        for bad in [
            "",
            "http://example.com",
            "HTTPS://example.com",
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "//example.com",
            "/publish",
            "https:/example.com",
            "https://",
            "https:///example.com",
            "https://localhost",
            "https://ann:secret@example.com",
            "https://example.com@evil.example",
            "https://example.com:70000",
            "https://example.com:+80",
            "https://example.com:",
            "https://-a.example",
            "https://a..example",
            "https://example.com/\"onmouseover=\"alert(1)",
            "https://example.com/<script>",
            "https://example.com/a b",
            "https://example.com\\@evil.example",
            "https://exämple.com",
            " https://example.com",
            "https://example.com/\u{0}",
            "https://[::1]/",
            &long,
        ] {
            assert_eq!(bad.parse::<WebLink>(), Err(ListingError::Link), "{bad}");
        }
    }

    #[test]
    fn support_is_asked_for_by_mail_or_on_a_page() {
        for (text, href) in [
            ("help@acme.example", "mailto:help@acme.example"),
            ("a?cc=b@acme.example", "mailto:a%3Fcc%3Db@acme.example"),
            ("https://acme.example/help", "https://acme.example/help"),
        ] {
            let support: Support = text.parse().unwrap();
            assert_eq!((support.href().as_str(), support.to_string().as_str()), (href, text));
        }
        for bad in [
            "",
            "help",
            "http://acme.example",
            "javascript:alert(1)",
            "mailto:a@b.example?cc=c@d.example",
            "a@b",
        ] {
            assert_eq!(bad.parse::<Support>(), Err(ListingError::Support), "{bad}");
        }
    }

    #[test]
    fn a_caption_is_one_line_that_steers_nothing() {
        let long = "é".repeat(CAPTION_BYTES_MAX / 2 + 1);
        for (text, line) in [
            ("  A page of text ", Some("A page of text")),
            ("<script>alert(1)</script>", Some("<script>alert(1)</script>")),
            ("日本語", Some("日本語")),
            ("", None),
            (" \t ", None),
            ("a\nb", None),
            ("a\u{0}", None),
            ("\u{1b}[2J", None),
            ("abc\u{202e}gpj.exe", None),
            (&long, None),
        ] {
            assert_eq!(text.parse::<Caption>().ok().map(String::from).as_deref(), line, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_listing_is_refused() {
        let read = |text: &str| serde_json::from_str::<NewListing>(text).map_err(|error| error.to_string());
        assert_eq!(read("{}"), Ok(NewListing::default()));
        for (text, says) in [
            (r#"{"category":"games"}"#, "no category"),
            (r#"{"icon":"x"}"#, "unknown field"),
            (r#"{"links":{"twitter":"https://x.example"}}"#, "unknown field"),
            (r#"{"links":{"homepage":"javascript:alert(1)"}}"#, "no link"),
            (r#"{"support":"me"}"#, "nowhere to ask for help"),
        ] {
            assert!(read(text).unwrap_err().contains(says), "{text}");
        }
    }
}
