//! What a page of the dashboard is of: a partner, a time and a currency, which its address keeps from page to page.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::Account;
use chandlery_money::Finance;
use chandlery_money::partners::{Order, Range, RangeName};
use chandlery_money::payouts::currencies;
use chandlery_package::{Balance, Currency, Namespace};
use chandlery_pages::{Field, Link, Tone, badge, money, select, tabs};
use maud::{Markup, html};
use serde::Deserialize;
use sqlx::AnyConnection;

use crate::error::Error;
use crate::web::layout;

/// Where a partner chooses what it is told: nobody does for it.
const NOTICES: &str = "/notices";
/// The pages, each with the end of its path.
const PAGES: [(&str, &str); 10] = [
    ("", "Overview"),
    ("/sales", "Sales"),
    ("/customers", "Customers"),
    ("/use", "Use"),
    ("/payouts", "Payouts"),
    ("/statements", "Statements"),
    ("/disputes", "Disputes"),
    ("/transactions", "Transactions"),
    ("/bank", "Bank details"),
    (NOTICES, "Notices"),
];

/// What a page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(in crate::web) struct Asked {
    #[serde(default)]
    range: RangeName,
    /// The first day of a free range.
    #[serde(default)]
    from: String,
    /// Its last day.
    #[serde(default)]
    to: String,
    currency: Option<Currency>,
    /// In which order sales are listed.
    #[serde(default)]
    pub(super) order: Order,
    /// Whether what was only referred is listed, instead of what is the partner's own.
    #[serde(default)]
    pub(super) referred: bool,
}

/// What a page is of.
pub(super) struct View {
    pub(super) partner: Namespace,
    pub(super) range: Range,
    pub(super) currency: Currency,
    currencies: Vec<Currency>,
}

impl View {
    pub(super) async fn read(
        db: &mut AnyConnection,
        finance: &Finance,
        partner: Namespace,
        asked: &Asked,
    ) -> Result<Self, Error> {
        let range = Range::read(asked.range, &asked.from, &asked.to, finance.clock.now())?;
        let currencies = currencies(db, &partner).await?;
        let first = currencies.first().copied().unwrap_or(Currency::Usd);
        Ok(Self { partner, range, currency: asked.currency.unwrap_or(first), currencies })
    }

    /// Whether the partner ever earned or was paid anything in the currency.
    pub(super) fn was_earned(&self) -> bool {
        self.currencies.contains(&self.currency)
    }

    /// The address of another page of the dashboard with the same time and currency. `page` is the end of its path, such as `/sales`.
    pub(super) fn path(&self, page: &str) -> String {
        let Self { partner, range, currency, .. } = self;
        let days = match range.name {
            RangeName::Free => format!("&from={}&to={}", range.first, range.last()),
            _ => String::new(),
        };
        format!("/dashboard/{partner}{page}?range={}{days}&currency={currency}", range.name)
    }

    /// So many minor units of the currency, as people write them.
    pub(super) fn money(&self, minor: i64) -> Result<String, Error> {
        let balance = Balance::new(minor, self.currency).map_err(chandlery_money::Error::from)?;
        Ok(money(balance))
    }

    /// The days of the time and of the one before, for people.
    pub(super) fn times(&self) -> [String; 2] {
        [self.range, self.range.before()].map(|range| match range.first == range.last() {
            true => range.first.to_string(),
            false => format!("{} to {}", range.first, range.last()),
        })
    }

    /// A form that asks for another time or currency. `kept` is what else the page was asked for, by name.
    pub(super) fn form(&self, page: &str, kept: &[(&str, &str)]) -> Markup {
        let ranges = [
            (RangeName::Yesterday, "Yesterday"),
            (RangeName::ThisMonth, "This month"),
            (RangeName::LastMonth, "Last month"),
            (RangeName::Year, "This year"),
            (RangeName::Free, "From one day to another"),
        ]
        .map(|(name, shown)| (name.as_str(), shown));
        let mut currencies: Vec<(&str, &str)> =
            self.currencies.iter().map(|currency| (currency.code(), currency.code())).collect();
        if !self.was_earned() {
            currencies.push((self.currency.code(), self.currency.code()));
        }
        html! {
            form.card.filters method="get" action=(format!("/dashboard/{}{page}", self.partner)) {
                (select("range", "Time (UTC)", self.range.name.as_str(), &ranges))
                (Field::new("from", "First day").kind("date").value(&self.range.first.to_string()))
                (Field::new("to", "Last day").kind("date").value(&self.range.last().to_string()))
                (select("currency", "Currency", self.currency.code(), &currencies))
                @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                div { button { "Show" } }
            }
        }
    }

    /// A link to the same as a table.
    pub(super) fn csv(&self, page: &str) -> Markup {
        html! { a href=(self.path(page)) { "Download as CSV" } }
    }

    /// A page of the dashboard: one of those that `PAGES` has, one below it, or one that the overview leads to.
    pub(super) fn page(&self, caller: &Account, page: &str, content: &Markup) -> Response {
        let shown = PAGES.into_iter().filter(|(path, _)| *path != NOTICES || !caller.operator);
        let paths: Vec<(String, &str)> = shown.map(|(path, name)| (self.path(path), name)).collect();
        let links: Vec<Link<'_>> = paths.iter().map(|(path, name)| Link { path, name }).collect();
        let content = html! {
            h1 { "Payouts of " a href=(self.path("")) { (self.partner) } }
            (tabs("Dashboard", &links, &self.path(page)))
            (content)
        };
        let title = match PAGES.iter().find(|(path, _)| *path == page && !path.is_empty()) {
            Some((_, name)) => format!("{name} · Payouts of {}", self.partner),
            None => format!("Payouts of {}", self.partner),
        };
        layout::page(&title, Some(caller), content).into_response()
    }
}

/// What follows in a list, whose address has the time and the currency. None: nothing does.
pub(super) fn after(path: &str, next: Option<&str>) -> Option<String> {
    next.map(|after| format!("{path}&after={after}"))
}

/// What a table is served with, as a file of this name.
pub(super) fn file(name: &str) -> [(HeaderName, HeaderValue); 2] {
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\""));
    let named = named.unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(chandlery_money::table::CONTENT_TYPE);
    [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)]
}

/// A word of ours with what it means for whoever reads it.
pub(super) fn state(word: &str) -> Markup {
    let tone = match word {
        "available" | "paid" | "won" => Tone::Good,
        "disputed" | "open" | "returned" | "partly-returned" => Tone::Warning,
        "given-back" | "never-paid" | "lost" | "cancelled" => Tone::Bad,
        _ => Tone::Plain,
    };
    badge(tone, &word.replace('-', " "))
}
