//! One report of abuse, and what becomes of it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Form, Path};
use chandlery_package::Subject;
use chandlery_package::wire::{NewResolution, Report, ReportOutcome};
use chandlery_pages::{Link, crumbs, facts, fault, minute, select};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts;
use super::parts::QUARANTINES;
use super::reports::{report_path, state};
use crate::catalog::{Catalog, Error};
use crate::console::{MODERATION, Operator};
use crate::moderation::reports;
use crate::shell::shown_again;

const OUTCOMES: [(&str, &str); 3] = [
    ("acted", "Something was done about it"),
    ("dismissed", "There was nothing to do"),
    ("duplicate", "Another report was about the same"),
];

/// What the page's form sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Resolved {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    note: String,
}

impl Resolved {
    fn read(&self) -> Result<NewResolution, Error> {
        let outcome = self.outcome.parse::<ReportOutcome>();
        let outcome = outcome.map_err(|error| Error::invalid(error.to_string()))?;
        Ok(NewResolution { outcome, note: self.note.trim().into() })
    }
}

/// The page `/operator/moderation/reports/{id}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    Path(id): Path<i64>,
) -> Result<Markup, Error> {
    let report = reports::find(&catalog.db, id).await?;
    Ok(shown(&operator, &report, &Resolved::default(), None))
}

/// Writes down what became of a report.
pub(super) async fn resolve(
    State(catalog): State<Catalog>,
    operator: Operator,
    Path(id): Path<i64>,
    Form(sent): Form<Resolved>,
) -> Result<Response, Error> {
    let resolved = match sent.read() {
        Ok(new) => reports::resolve(&catalog.db, &operator, id, &new).await,
        Err(error) => Err(error),
    };
    match resolved {
        Ok(()) => Ok(Redirect::to(&report_path(id)).into_response()),
        Err(error) => {
            let report = reports::find(&catalog.db, id).await?;
            let page = shown(&operator, &report, &sent, Some(&error.to_string()));
            shown_again(error, |_| page)
        }
    }
}

fn shown(operator: &Operator, report: &Report, sent: &Resolved, wrong: Option<&str>) -> Markup {
    let title = format!("Report {}", report.id);
    let content = html! {
        (crumbs(&[Link { path: MODERATION, name: "Reports" }], &title))
        h1 { (title) }
        div.card { (facts(&about(report))) }
        @if report.resolution.is_none() {
            h2 { "What to do" }
            p {
                a href=(format!("{QUARANTINES}?subject={}", report.subject)) { "Quarantine or withdraw it" }
                " first, if it may be a danger; then say what became of the report."
            }
            (form(report, sent, wrong))
        } @else { (fault(wrong)) }
    };
    parts::page(operator, &title, MODERATION, &content)
}

fn about(report: &Report) -> Vec<(&'static str, Markup)> {
    let mut about = vec![
        ("State", state(report)),
        ("About", html! { a href=(shop_path(&report.subject)) { (report.subject) } }),
        ("Reported by", html! { (report.reported_by) ", " (minute(report.reported_at)) }),
        ("What is wrong", html! { (report.why) }),
    ];
    if let Some(resolution) = &report.resolution {
        about.push(("Resolved by", html! { (resolution.by) ", " (minute(resolution.at)) }));
        about.push(("Note", html! { (resolution.note) }));
    }
    about
}

/// Where the shop shows what a report is about.
fn shop_path(subject: &Subject) -> String {
    let plugin = subject.plugin();
    let path = format!("/plugins/{}/{}", plugin.namespace, plugin.name);
    match subject {
        Subject::Plugin(_) => path,
        Subject::Release(release) => format!("{path}/releases/{}", release.version),
    }
}

fn form(report: &Report, sent: &Resolved, wrong: Option<&str>) -> Markup {
    html! {
        form.card method="post" action=(report_path(report.id)) {
            (fault(wrong))
            (select("outcome", "What became of it", &sent.outcome, &OUTCOMES))
            (parts::reason("note", "Note", "Whoever made the report reads it.", &sent.note))
            button { "Resolve" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_can_be_chosen() {
        let mut words = OUTCOMES.map(|(word, _)| word.parse::<ReportOutcome>().unwrap());
        words.sort();
        assert_eq!(words, ReportOutcome::ALL);
    }
}
