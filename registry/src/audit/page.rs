//! The audit trail as a page and as a table, of what somebody searches it for.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chandlery_accounts::{Accounts, audit};
use chandlery_edge::Query;
use chandlery_money::Error;
use chandlery_money::table::{self, Cell};
use chandlery_package::Namespace;
use chandlery_package::wire::{Act, AuditEntry, Paging};
use chandlery_pages::{Column, Field, empty, fault, next_page, select, table};
use futures::{StreamExt as _, stream};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::console::{self, AUDIT, Operator};
use crate::shell::{kept_by_its_visitor, shown_again};

const COLUMNS: [&str; 9] =
    ["number", "at", "actor", "credential", "address", "act", "object", "before", "after"];

/// The routes of these pages.
pub fn pages<S>(accounts: Accounts) -> Router<S> {
    Router::new()
        .route("/operator/audit", get(page))
        .route("/operator/audit.csv", get(csv))
        .layer(map_response(kept_by_its_visitor))
        .with_state(accounts)
}

/// What is searched for, as it was typed; nothing: all.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    act: String,
    #[serde(default)]
    object: String,
    /// The first day.
    #[serde(default)]
    from: String,
    /// The last day.
    #[serde(default)]
    to: String,
}

impl Asked {
    fn read(&self) -> Result<audit::Filter, Error> {
        if self.object.contains(char::is_control) {
            return Err(invalid("the object: it has no control characters"));
        }
        let last = typed::<Date>("the last day", &self.to)?;
        let after = |day: Date| day.checked_add(1.day()).map_err(|error| invalid(error.to_string()));
        Ok(audit::Filter {
            actor: typed::<Namespace>("the actor", &self.actor)?,
            act: typed::<Act>("the act", &self.act)?,
            subject: Some(self.object.trim()).filter(|object| !object.is_empty()).map(str::to_owned),
            from: typed::<Date>("the first day", &self.from)?.map(begins).transpose()?,
            before: last.map(after).transpose()?.map(begins).transpose()?,
        })
    }

    /// The address of a page or of a table that is of the same.
    fn path(&self, path: &str, after: Option<&str>) -> String {
        let fields = [
            ("actor", self.actor.as_str()),
            ("act", &self.act),
            ("object", &self.object),
            ("from", &self.from),
            ("to", &self.to),
            ("after", after.unwrap_or_default()),
        ];
        let said = fields.into_iter().filter(|(_, value)| !value.trim().is_empty());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

fn invalid(why: impl Into<String>) -> Error {
    chandlery_edge::Error::Invalid(why.into()).into()
}

/// What was typed into a field, if anything was.
fn typed<T>(what: &str, text: &str) -> Result<Option<T>, Error>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|error| invalid(format!("{what}: {error}"))),
    }
}

/// When a day begins, by UTC.
fn begins(day: Date) -> Result<Timestamp, Error> {
    let zoned = day.to_zoned(jiff::tz::TimeZone::UTC);
    zoned.map(|zoned| zoned.timestamp()).map_err(|error| invalid(error.to_string()))
}

/// The page `/operator/audit`.
async fn page(
    State(accounts): State<Accounts>,
    operator: Operator,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let shown = |found: &Markup, wrong: Option<&str>| {
        let content = html! {
            h1 { "Audit trail" }
            p {
                "Everything that somebody did here that needs a right. Each entry is bound to the one before it by its hash; "
                code { "chandlery audit check" } " proves that none was changed or is missing."
            }
            (fault(wrong))
            (form(&asked))
            (found)
        };
        console::page(&operator, "Audit trail", AUDIT, &content)
    };
    let filter = match asked.read() {
        Ok(filter) => filter,
        Err(error) => {
            let page = shown(&html! {}, Some(&error.to_string()));
            return shown_again(error, |_| page);
        }
    };
    let found = audit::list(&accounts.db, &filter, &paging).await?;
    let list = html! {
        @if found.items.is_empty() {
            (empty("Nothing was done that is searched for.", &html! { a href=(AUDIT) { "The whole trail" } }))
        } @else {
            p { a href=(asked.path("/operator/audit.csv", None)) { "Download all of it as CSV" } }
            (entries(&found.items))
            (next_page(found.next.as_deref().map(|after| asked.path(AUDIT, Some(after))).as_deref()))
        }
    };
    Ok(shown(&list, None).into_response())
}

fn form(asked: &Asked) -> Markup {
    let acts: Vec<(&str, &str)> =
        [("", "Any")].into_iter().chain(Act::ALL.iter().map(|act| (act.as_str(), act.as_str()))).collect();
    html! {
        form.card.filters method="get" action=(AUDIT) {
            (Field::new("actor", "Actor").value(&asked.actor))
            (select("act", "Act", &asked.act, &acts))
            (Field::new("object", "Object").value(&asked.object))
            (Field::new("from", "First day (UTC)").kind("date").value(&asked.from))
            (Field::new("to", "Last day (UTC)").kind("date").value(&asked.to))
            button { "Search" }
        }
        p.note { "An object stands as the trail has it: " code { "acme:ocr-server@1.0.0" } ", " code { "policy 2" } ", an account." }
    }
}

fn entries(entries: &[AuditEntry]) -> Markup {
    let columns = [
        Column::Number("Entry"),
        Column::Text("At (UTC)"),
        Column::Text("Actor"),
        Column::Text("Act"),
        Column::Text("Object"),
        Column::Text("Before"),
        Column::Text("After"),
        Column::Text("By"),
    ];
    table("The audit trail", &columns, &entries.iter().map(row).collect::<Vec<_>>())
}

fn row(entry: &AuditEntry) -> Vec<Markup> {
    let of_object = Asked { object: entry.subject.clone(), ..Asked::default() };
    let said = |value: &Option<Value>| html! { @match value { Some(value) => { code { (value) } } None => { "–" } } };
    vec![
        html! { (entry.number) },
        html! { time datetime=(entry.at) { (entry.at.strftime("%Y-%m-%d %H:%M:%S").to_string()) } },
        actor(entry),
        html! { (entry.act) },
        html! { a href=(of_object.path(AUDIT, None)) { (entry.subject) } },
        said(&entry.before),
        said(&entry.after),
        html! { (entry.credential) @if let Some(address) = &entry.address { ", " (address) } },
    ]
}

fn actor(entry: &AuditEntry) -> Markup {
    let Some(actor) = &entry.actor else { return html! { "whoever holds the machine" } };
    let of_actor = Asked { actor: actor.to_string(), ..Asked::default() };
    html! { a href=(of_actor.path(AUDIT, None)) { (actor) } }
}

/// The table `/operator/audit.csv`, of all that is searched for.
async fn csv(
    State(accounts): State<Accounts>,
    _: Operator,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let filter = asked.read()?;
    let head = table::head(&COLUMNS)?;
    let rest =
        audit::chunks(accounts.db, filter).map(|chunk| -> Result<_, Error> { table::rows(chunk?, cells) });
    let headers = [
        (header::CONTENT_TYPE, table::CONTENT_TYPE),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((headers, Body::from_stream(stream::iter([Ok(head)]).chain(rest))).into_response())
}

fn cells(entry: &AuditEntry) -> Vec<Cell<'_>> {
    vec![
        Cell::own(entry.number),
        Cell::own(entry.at),
        Cell::maybe(entry.actor.as_ref()),
        Cell::Text(&entry.credential),
        Cell::maybe(entry.address.as_ref()),
        Cell::own(entry.act),
        Cell::Text(&entry.subject),
        Cell::maybe(entry.before.as_ref()),
        Cell::maybe(entry.after.as_ref()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, to: &str) -> Asked {
        Asked { from: from.into(), to: to.into(), ..Asked::default() }
    }

    #[test]
    fn days_are_whole_and_both_are_among_them() {
        let filter = asked("2026-11-01", "2026-11-30").read().unwrap();
        assert_eq!(filter.from, "2026-11-01T00:00:00Z".parse().ok());
        assert_eq!(filter.before, "2026-12-01T00:00:00Z".parse().ok());
        let all = asked(" ", "").read().unwrap();
        assert_eq!((all.from, all.before, all.subject), (None, None, None));
    }

    #[test]
    fn what_cannot_be_searched_for_is_refused_by_its_name() {
        let act = Asked { act: "cooked".into(), ..Asked::default() };
        let actor = Asked { actor: "No One".into(), ..Asked::default() };
        for (asked, says) in [
            (asked("yesterday", ""), "the first day"),
            (asked("", "2026-02-30"), "the last day"),
            (asked("", "9999-12-31"), ""),
            (act, "the act"),
            (actor, "the actor"),
        ] {
            let refused = asked.read().unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn an_address_keeps_what_is_searched_for() {
        let asked =
            Asked { object: "acme:x@1.0.0 & more".into(), from: "2026-11-01".into(), ..Asked::default() };
        assert_eq!(
            asked.path(AUDIT, Some("7")),
            "/operator/audit?object=acme%3Ax%401.0.0+%26+more&from=2026-11-01&after=7"
        );
        assert_eq!(Asked::default().path(AUDIT, None), AUDIT);
    }
}
