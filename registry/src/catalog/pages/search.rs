//! Search with facets, all of which stand in the address.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::State;
use chandlery_accounts::Principal;
use chandlery_edge::Query as Asked;
use chandlery_package::Namespace;
use chandlery_package::wire::{Page, Paging, ReleaseRecord};
use chandlery_pages::{Head, checkbox, empty, next_page, select};
use form_urlencoded::Serializer;
use maud::{Markup, html};
use serde::Deserialize;

use super::listing::plugins;
use super::presented::CATEGORIES;
use super::telling::Base;
use crate::catalog::error::Error;
use crate::catalog::search::{Key, Query};
use crate::catalog::state::Catalog;
use crate::catalog::visibility::namespaces_seen;
use crate::shell::{self, SEARCH};

/// The longest text that is searched for, in characters.
const WORDS_MAX: usize = 200;
const ABOUT: &str = "Search signed plugins for AI deployment by words, kind, category, publisher and price.";
const KINDS: [(&str, &str); 4] =
    [("", "Any"), ("template", "Templates"), ("policy", "Policies"), ("integration", "Integrations")];
const PRICES: [(&str, &str); 5] = [
    ("", "Any"),
    ("free", "Free"),
    ("once", "Paid once"),
    ("monthly", "By the month"),
    ("metered", "By use"),
];
/// How many licences there are to choose from.
const LICENCES_SHOWN: usize = 30;
const BOUNDS: [(&str, &str); 5] = [
    ("", "Anything"),
    ("nothing", "Nothing"),
    ("no-requests", "No requests"),
    ("no-secrets", "No secrets"),
    ("no-acts", "No change of what is deployed"),
];
const ORDERS: [(&str, &str); 5] = [
    ("", "Best first"),
    ("new", "Newest first"),
    ("pulls", "Most pulled first"),
    ("deployed", "Most deployed first"),
    ("name", "By name"),
];

/// What the form sends, where a field that is empty asks for nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Facets {
    #[serde(default)]
    q: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    gpu: String,
    #[serde(default)]
    publisher: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    price_max: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    asks: String,
    #[serde(default)]
    certified: String,
    #[serde(default)]
    order: String,
}

impl Facets {
    fn query(&self) -> Result<Query, Error> {
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Query {
            q: self.q.chars().take(WORDS_MAX).collect(),
            kind: chosen(&self.kind)?,
            category: chosen(&self.category)?,
            gpu: typed(&self.gpu),
            price_max: typed(&self.price_max),
            price: chosen(&self.price)?,
            licence: typed(&self.licence),
            asks: chosen(&self.asks)?,
            publisher: chosen(&self.publisher)?,
            certified: self.is_certified(),
            order: chosen(&self.order)?,
        })
    }

    fn is_certified(&self) -> bool {
        self.certified == "true"
    }

    /// The address of the page of results that begins after one.
    fn path(&self, after: &str) -> String {
        let mut query = Serializer::new(String::new());
        let facets = [
            ("q", &self.q),
            ("kind", &self.kind),
            ("category", &self.category),
            ("gpu", &self.gpu),
            ("publisher", &self.publisher),
            ("price", &self.price),
            ("price_max", &self.price_max),
            ("licence", &self.licence),
            ("asks", &self.asks),
            ("certified", &self.certified),
            ("order", &self.order),
        ];
        for (name, value) in facets.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.append_pair("after", after);
        format!("{SEARCH}?{}", query.finish())
    }
}

fn chosen<T>(text: &str) -> Result<Option<T>, Error>
where
    T: FromStr,
    T::Err: Display,
{
    match text.trim() {
        "" => Ok(None),
        text => text.parse::<T>().map(Some).map_err(|error: T::Err| Error::invalid(error.to_string())),
    }
}

/// The page `/search`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    base: Base,
    Asked(facets): Asked<Facets>,
    Asked(paging): Asked<Paging<Key>>,
) -> Result<Markup, Error> {
    let query = facets.query()?;
    let (operator, mine) = namespaces_seen(&catalog.db, &principal).await?;
    let sees = |namespace: &Namespace| operator || mine.contains(namespace.as_str());
    let found = catalog.search.find(&catalog.db, &query, &paging, sees).await?;
    let licences = catalog.search.licences(&catalog.db, LICENCES_SHOWN).await?;
    let content = html! {
        h1 { "Plugins" }
        (form(&facets, &licences))
        (results(&facets, &found))
    };
    let title =
        if query.q.trim().is_empty() { "Plugins".to_owned() } else { format!("Plugins: {}", query.q) };
    // One page of the search for search engines: they follow its plugins, not each of its facets.
    let head = Head { private: !facets.path("").ends_with("?after="), ..base.head(SEARCH, &title, ABOUT) };
    Ok(shell::page(&head, principal.account.as_ref().into(), &query.q, &content))
}

/// The form. `licences` are those to choose from, each with the count of its plugins.
fn form(facets: &Facets, licences: &[(String, usize)]) -> Markup {
    let licences = offered(&facets.licence, licences);
    let licences: Vec<(&str, &str)> =
        licences.iter().map(|(licence, shown)| (licence.as_str(), shown.as_str())).collect();
    html! {
        form.card.filters method="get" action=(SEARCH) {
            div.field {
                label for="words" { "Search for" }
                input id="words" type="search" name="q" value=(facets.q) maxlength=(WORDS_MAX);
            }
            (select("kind", "Kind", &facets.kind, &KINDS))
            (select("category", "Category", &facets.category, &categories()))
            (select("price", "Price", &facets.price, &PRICES))
            div.field {
                label for="price_max" { "At most" }
                input id="price_max" name="price_max" value=(facets.price_max) placeholder="10.00 USD" maxlength="40";
            }
            (select("licence", "Licence", &facets.licence, &licences))
            (select("asks", "Asks for", &facets.asks, &BOUNDS))
            div.field {
                label for="gpu" { "GPU" }
                input id="gpu" name="gpu" value=(facets.gpu) placeholder="h100" maxlength="40";
            }
            div.field {
                label for="publisher" { "Publisher" }
                input id="publisher" name="publisher" value=(facets.publisher) maxlength="64";
            }
            (select("order", "Order", &facets.order, &ORDERS))
            (checkbox("certified", "Certified", facets.is_certified()))
            button { "Search" }
        }
    }
}

/// The licences, after the choice of none of them, and before one that was asked for and is rarer.
fn offered(asked: &str, licences: &[(String, usize)]) -> Vec<(String, String)> {
    let mut offered = vec![(String::new(), "Any".to_owned())];
    offered.extend(licences.iter().map(|(licence, count)| (licence.clone(), format!("{licence} ({count})"))));
    if !offered.iter().any(|(licence, _)| licence == asked) {
        offered.push((asked.to_owned(), asked.to_owned()));
    }
    offered
}

/// All categories, after the choice of none of them.
fn categories() -> Vec<(&'static str, &'static str)> {
    [("", "Any")].into_iter().chain(CATEGORIES).collect()
}

fn results(facets: &Facets, found: &Page<ReleaseRecord>) -> Markup {
    let next = found.next.as_deref().map(|after| facets.path(after));
    html! {
        h2 { "Results" }
        @if found.items.is_empty() {
            (empty("No plugins found.", &html! {
                "Fewer words find more: " a href=(SEARCH) { "all plugins" } "."
            }))
        }
        (plugins(&found.items))
        (next_page(next.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::words::Word as _;

    use super::*;
    use crate::catalog::search::{Harmless, Payment, SearchOrder};
    use chandlery_package::Kind;
    use chandlery_package::wire::Category;

    #[test]
    fn what_is_chosen_stays_in_the_address() {
        let facets = Facets {
            q: "a&b=\"c\" d".into(),
            kind: "policy".into(),
            category: "security".into(),
            certified: "true".into(),
            price_max: "10.00 USD".into(),
            licence: "LicenseRef-\"x".into(),
            asks: "no-secrets".into(),
            ..Facets::default()
        };
        let expected = "/search?q=a%26b%3D%22c%22+d&kind=policy&category=security&price_max=10.00+USD\
                        &licence=LicenseRef-%22x&asks=no-secrets&certified=true&after=x";
        assert_eq!(facets.path("x"), expected);
        assert_eq!(Facets::default().path(""), "/search?after=");
        let page = form(&facets, &[("MIT".into(), 2)]).into_string();
        for part in
            ["<option value=\"MIT\">MIT (2)</option>", "<option value=\"LicenseRef-&quot;x\" selected>"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains("value=\"a&amp;b=&quot;c&quot; d\""), "{page}");
        assert!(page.contains("<option value=\"policy\" selected>"), "{page}");
    }

    #[test]
    fn every_choice_is_one_that_the_search_knows() {
        let values = |options: &[(&'static str, &str)]| -> Vec<&'static str> {
            options.iter().map(|(value, _)| *value).filter(|value| !value.is_empty()).collect()
        };
        assert_eq!(values(&KINDS), Kind::ALL.map(Kind::as_str));
        assert_eq!(values(&categories()), Category::ALL.map(Category::as_str));
        assert_eq!(values(&BOUNDS), Harmless::ALL.map(Harmless::as_str));
        assert_eq!(values(&PRICES), Payment::ALL.map(Payment::as_str));
        assert_eq!(values(&ORDERS), SearchOrder::ALL[1..].iter().map(|o| o.as_str()).collect::<Vec<_>>());
        let wrong = Facets { order: "none".into(), ..Facets::default() };
        let refused = wrong.query().unwrap_err().to_string();
        assert!(refused.contains(SearchOrder::NOUN), "{refused}");
    }
}
