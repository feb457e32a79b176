//! What users have done on the host, by user, act and what it is about.

use axum::extract::State;
use chandlery_package::wire::host::HostAct;
use chandlery_package::wire::{Page, Paging};
use chandlery_pages::{Column, Field, Tone, badge, checkbox, empty, minute, next_page, table};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;

use super::address::{address, chosen};
use super::door::SignedIn;
use super::layout;
use crate::error::Error;
use crate::extract::Query;
use crate::host::Host;
use crate::users::SoughtActs;

const PATH: &str = "/activity";
/// From which status on something was not done.
const REFUSED_FROM: u16 = 400;

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "chosen")]
    user: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    act: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    about: Option<String>,
    #[serde(default, deserialize_with = "chosen")]
    refused: Option<bool>,
    /// The first day.
    #[serde(default, deserialize_with = "chosen")]
    from: Option<Date>,
    /// The last day.
    #[serde(default, deserialize_with = "chosen")]
    to: Option<Date>,
}

impl Asked {
    fn sought(&self) -> SoughtActs {
        SoughtActs {
            user: self.user.clone(),
            act: self.act.clone(),
            about: self.about.clone(),
            refused: self.refused.unwrap_or_default(),
            from: self.from.and_then(begins),
            // After the last day that there is, nothing is left out.
            before: self.to.and_then(|day| day.tomorrow().ok()).and_then(begins),
        }
    }

    /// The list of what is looked for, after a place.
    fn link(&self, after: &str) -> String {
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        let (from, to) = (day(self.from), day(self.to));
        let values = [
            ("user", self.user.as_deref()),
            ("act", self.act.as_deref()),
            ("about", self.about.as_deref()),
            ("refused", self.refused.unwrap_or_default().then_some("true")),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("after", Some(after)),
        ];
        address(PATH, &values)
    }
}

/// When a day begins, by UTC.
fn begins(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The page `/activity`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Markup, Error> {
    let Page { items, next } = host.users.acts(&asked.sought(), &paging).await?;
    let content = html! {
        h1 { "Activity" }
        p { "What users and programs have asked this host to do. Each entry is written before the act, and none is ever removed." }
        (filters(&asked))
        @if items.is_empty() {
            (empty("No entries match.", &html! { a href=(PATH) { "Show all activity" } "." }))
        } @else {
            (acts_table(&items))
        }
        (next_page(next.map(|next| asked.link(&next)).as_deref()))
    };
    Ok(layout::page("Activity", Some(&by), content))
}

fn filters(Asked { user, act, about, refused, from, to }: &Asked) -> Markup {
    let field = |name, label, value: &Option<String>| {
        html! { (Field::new(name, label).value(value.as_deref().unwrap_or_default())) }
    };
    let day = |name, label, day: &Option<Date>| {
        let day = day.map(|day| day.to_string()).unwrap_or_default();
        html! { (Field::new(name, label).kind("date").value(&day)) }
    };
    html! {
        form.card.filters method="get" action=(PATH) {
            (field("user", "User", user))
            (field("act", "Act, such as deploy", act))
            (field("about", "About, by its name", about))
            (day("from", "First day (UTC)", from))
            (day("to", "Last day (UTC)", to))
            (checkbox("refused", "Only what was refused or failed", refused.unwrap_or_default()))
            button { "Show" }
        }
    }
}

/// A table of acts.
pub(super) fn acts_table(acts: &[HostAct]) -> Markup {
    let columns = [
        Column::Text("When"),
        Column::Text("User"),
        Column::Text("Act"),
        Column::Text("About"),
        Column::Text("Answer"),
        Column::Text("Token or session"),
    ];
    let rows: Vec<Vec<Markup>> = acts.iter().map(row).collect();
    table("Activity", &columns, &rows)
}

fn row(act: &HostAct) -> Vec<Markup> {
    vec![
        minute(act.at),
        html! { (act.user) },
        html! { (act.act) },
        html! { (act.about) },
        match act.status {
            Some(status) if status < REFUSED_FROM => badge(Tone::Good, "done"),
            Some(status) => badge(Tone::Bad, &format!("refused, {status}")),
            None => badge(Tone::Warning, "not known"),
        },
        html! {
            @match &act.token {
                Some(token) => { code { (token) } }
                None => { "host.token" }
            }
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_stay_in_the_address() {
        let asked =
            Asked { from: "2026-11-01".parse().ok(), to: "2026-11-30".parse().ok(), ..Asked::default() };
        let sought = asked.sought();
        assert_eq!(sought.from, "2026-11-01T00:00:00Z".parse().ok());
        assert_eq!(sought.before, "2026-12-01T00:00:00Z".parse().ok());
        assert_eq!(asked.link("7"), "/activity?from=2026-11-01&to=2026-11-30&after=7");
    }
}
