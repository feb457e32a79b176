//! The form of a listing: what is written in its fields, and what is wrong with which.

use std::fmt::Display;
use std::str::FromStr;

use chandlery_package::wire::{Listing, ListingLinks, NewListing};
use serde::Deserialize;

pub(super) const CATEGORY: &str = "category";
pub(super) const HOMEPAGE: &str = "homepage";
pub(super) const DOCUMENTATION: &str = "documentation";
pub(super) const SOURCE: &str = "source";
pub(super) const ISSUES: &str = "issues";
pub(super) const SUPPORT: &str = "support";

/// What is wrong, each with the field that it is about.
pub(super) type Faults = Vec<(&'static str, String)>;

/// What the form sends, where a field that is empty says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) category: String,
    #[serde(default)]
    pub(super) homepage: String,
    #[serde(default)]
    pub(super) documentation: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) issues: String,
    #[serde(default)]
    pub(super) support: String,
}

impl From<&Listing> for Written {
    fn from(listing: &Listing) -> Self {
        fn text<T: ToString>(said: Option<&T>) -> String {
            said.map(ToString::to_string).unwrap_or_default()
        }
        let links = &listing.links;
        Self {
            category: text(listing.category.as_ref()),
            homepage: text(links.homepage.as_ref()),
            documentation: text(links.documentation.as_ref()),
            source: text(links.source.as_ref()),
            issues: text(links.issues.as_ref()),
            support: text(listing.support.as_ref()),
        }
    }
}

impl Written {
    /// What is written, or everything that is wrong with it.
    pub(super) fn read(&self) -> Result<NewListing, Faults> {
        let mut faults = Faults::new();
        let new = NewListing {
            category: read(CATEGORY, &self.category, &mut faults),
            links: ListingLinks {
                homepage: read(HOMEPAGE, &self.homepage, &mut faults),
                documentation: read(DOCUMENTATION, &self.documentation, &mut faults),
                source: read(SOURCE, &self.source, &mut faults),
                issues: read(ISSUES, &self.issues, &mut faults),
            },
            support: read(SUPPORT, &self.support, &mut faults),
        };
        if faults.is_empty() { Ok(new) } else { Err(faults) }
    }
}

fn read<T>(field: &'static str, text: &str, faults: &mut Faults) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match text.trim() {
        "" => None,
        text => text.parse().map_err(|error: T::Err| faults.push((field, error.to_string()))).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_beside_its_field_and_what_is_kept_is_written_again() {
        let wrong = Written {
            category: "games".into(),
            homepage: "javascript:alert(1)".into(),
            documentation: " https://acme.example/docs ".into(),
            support: "me".into(),
            ..Written::default()
        };
        let faults = wrong.read().unwrap_err();
        assert_eq!(faults.iter().map(|(field, _)| *field).collect::<Vec<_>>(), [CATEGORY, HOMEPAGE, SUPPORT]);
        let right = Written {
            category: "vision".into(),
            homepage: "https://acme.example".into(),
            support: "help@acme.example".into(),
            ..Written::default()
        };
        let NewListing { category, links, support } = right.read().unwrap();
        assert_eq!(Written::from(&Listing { category, links, support, ..Listing::default() }), right);
        assert_eq!(Written::default().read(), Ok(NewListing::default()));
    }
}
