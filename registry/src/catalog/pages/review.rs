//! The review of one release: what it changes, and the form by which an operator decides.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_edge::{Client, Form, Path};
use chandlery_package::wire::{
    CaseChange, NewReviewDecision, ParameterChange, ReleaseChanges, ReleaseRecord, Review, SetChanges,
    Verdict,
};
use chandlery_package::{Namespace, PluginId, PluginName, Release};
use chandlery_pages::{
    Column, Link, Tone, badge, banner, bytes, command, crumbs, facts, fault, minute, signed, table,
};
use maud::{Markup, html};
use semver::Version;
use serde::Deserialize;

use super::reviews::{asker, review_path, state};
use super::telling::{plugin_path, publisher_path, release_path};
use crate::catalog::error::Error;
use crate::catalog::releases::find_release;
use crate::catalog::reviews;
use crate::catalog::state::Catalog;
use crate::console::{self, Operator, REVIEWS};
use crate::shell::shown_again;

/// What the page's form sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    reason: String,
}

impl Decided {
    fn read(&self) -> Result<NewReviewDecision, Error> {
        let verdict = self.verdict.parse::<Verdict>();
        let verdict = verdict.map_err(|error| Error::invalid(error.to_string()))?;
        Ok(NewReviewDecision { verdict, reason: self.reason.trim().into() })
    }
}

/// The page `/operator/reviews/{namespace}/{name}/{version}`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    operator: Operator,
    client: Client,
    Path((namespace, name, version)): Path<(Namespace, PluginName, Version)>,
) -> Result<Markup, Error> {
    let release = Release { plugin: PluginId { namespace, name }, version };
    shown(&catalog, &operator, client, &release, &Decided::default(), None).await
}

/// Certifies the plugin of the release, or refuses it.
pub(super) async fn decide(
    State(catalog): State<Catalog>,
    operator: Operator,
    client: Client,
    Path((namespace, name, version)): Path<(Namespace, PluginName, Version)>,
    Form(sent): Form<Decided>,
) -> Result<Response, Error> {
    let release = Release { plugin: PluginId { namespace, name }, version };
    let decided = match sent.read() {
        Ok(new) => reviews::decide(&catalog.db, &operator, &release, &new).await,
        Err(error) => Err(error),
    };
    match decided {
        Ok(()) => Ok(Redirect::to(&review_path(&release)).into_response()),
        Err(error) => {
            let why = error.to_string();
            let page = shown(&catalog, &operator, client, &release, &sent, Some(&why)).await?;
            shown_again(error, |_| page)
        }
    }
}

async fn shown(
    catalog: &Catalog,
    operator: &Operator,
    client: Client,
    release: &Release,
    sent: &Decided,
    wrong: Option<&str>,
) -> Result<Markup, Error> {
    let found = find_release(&catalog.db, release).await?;
    let record = found.ok_or_else(|| Error::not_found(format!("release {release}")))?;
    let review = reviews::last(&catalog.db, release).await?;
    let changes = reviews::changes(catalog, client, release).await?;
    let waits = review.as_ref().is_some_and(|review| review.decision.is_none());
    let content = html! {
        (crumbs(&[Link { path: REVIEWS, name: "Reviews" }], &release.to_string()))
        h1 { (record.title) " " (release.version) }
        p.badges {
            @if let Some(review) = &review { (state(review)) }
            @if record.certified { (badge(Tone::Good, "certified plugin")) } @else { (badge(Tone::Plain, "not certified")) }
        }
        (dangers(&record))
        div.card { (facts(&about(&record, review.as_ref(), &changes))) }
        (set("What it may do", "It may then also", "It no longer asks to", &changes.permissions))
        (set("What it imports", "It imports now, too", "It imports no longer", &changes.imports))
        (parameters(&changes.parameters))
        (cases(&changes))
        @if waits { (form(release, &record, sent, wrong)) } @else { (fault(wrong)) (asking(release)) }
    };
    Ok(console::page(operator, &format!("Review of {release}"), REVIEWS, &content))
}

/// Why nobody should run it, whatever it changes.
fn dangers(record: &ReleaseRecord) -> Markup {
    html! {
        @if let Some(reason) = &record.withdrawn { (banner(Tone::Bad, &html! { strong { "Withdrawn: " } (reason) })) }
        @if let Some(reason) = &record.quarantined { (banner(Tone::Warning, &html! { strong { "Quarantined: " } (reason) })) }
    }
}

fn about(
    record: &ReleaseRecord,
    review: Option<&Review>,
    changes: &ReleaseChanges,
) -> Vec<(&'static str, Markup)> {
    let (release, plugin) = (&record.release, &record.release.plugin);
    let mut about = vec![
        ("Plugin", html! { a href=(plugin_path(plugin)) { (plugin) } ", a " (record.kind) }),
        ("Publisher", html! { a href=(publisher_path(&plugin.namespace)) { (plugin.namespace) } }),
        (
            "Published",
            html! { (minute(record.published_at)) ", " a href=(release_path(release)) { "as the shop shows it" } },
        ),
        ("Compared with", before(release, changes)),
        ("Size", size(changes)),
    ];
    let Some(review) = review else { return about };
    about.push(("Asked by", html! { (asker(review)) ", " (minute(review.asked_at)) }));
    if !review.note.is_empty() {
        about.push(("Publisher's note", html! { (review.note) }));
    }
    if let Some(decision) = &review.decision {
        about.push(("Decided", html! { (state(review)) " by " (decision.by) ", " (minute(decision.at)) }));
        about.push(("Reason", html! { (decision.reason) }));
    }
    about
}

fn before(release: &Release, changes: &ReleaseChanges) -> Markup {
    match &changes.before {
        None => html! { "nothing: it is the first release" },
        Some(before) => {
            let compare =
                format!("{}/compare?from={before}&to={}", plugin_path(&release.plugin), release.version);
            html! { a href=(compare) { (before) } }
        }
    }
}

fn size(changes: &ReleaseChanges) -> Markup {
    match changes.bytes_before {
        None => html! { (bytes(changes.bytes)) },
        Some(before) => {
            let more = i64::try_from(changes.bytes).unwrap_or(i64::MAX).saturating_sub_unsigned(before);
            let sign = if more > 0 { "+" } else { "" };
            html! { (bytes(before)) " → " (bytes(changes.bytes)) " (" (sign) (signed(more)) " bytes)" }
        }
    }
}

fn set(title: &str, more: &str, less: &str, changes: &SetChanges) -> Markup {
    html! {
        h2 { (title) }
        @if changes.added.is_empty() && changes.removed.is_empty() { p { "The same." } }
        @if !changes.added.is_empty() {
            p { (badge(Tone::Warning, "more")) " " (more) }
            ul { @for one in &changes.added { li { (one) } } }
        }
        @if !changes.removed.is_empty() {
            p { (badge(Tone::Good, "less")) " " (less) }
            ul { @for one in &changes.removed { li { (one) } } }
        }
    }
}

fn parameters(changed: &[ParameterChange]) -> Markup {
    let columns = ["Parameter", "Before", "Now"].map(Column::Text);
    let said =
        |said: &Option<String>| html! { @match said { Some(said) => { code { (said) } } None => { "–" } } };
    let row = |change: &ParameterChange| {
        vec![html! { code { (change.name) } }, said(&change.before), said(&change.after)]
    };
    let rows: Vec<Vec<Markup>> = changed.iter().map(row).collect();
    html! {
        h2 { "Parameters" }
        @if rows.is_empty() { p { "The same." } } @else { (table("Parameters that differ", &columns, &rows)) }
    }
}

fn cases(changes: &ReleaseChanges) -> Markup {
    html! {
        h2 { "What it plans for its publisher's cases" }
        @if changes.cases.is_empty() {
            p { "No cases were sent for this plugin. A publisher sends those of its folder with " code { "chandlery review" } "." }
        }
        @for case in &changes.cases {
            h3 { (case.name) }
            p.note { "On " (case.target) "." }
            @if let Some(why) = &case.not_compared { (banner(Tone::Warning, &html! { strong { "Not compared: " } (why) })) }
            @else if case.lines.is_empty() { p { "The same answer." } } @else { (difference(case)) }
        }
    }
}

/// The lines that came are marked as inserted, those that went as deleted; the signs before them say so, too.
fn difference(case: &CaseChange) -> Markup {
    html! {
        pre.log.difference role="region" aria-label=(format!("How the plan for {} differs", case.name)) tabindex="0" {
            @for line in &case.lines {
                @match line.chars().next() {
                    Some('+') => { ins { (line) "\n" } }
                    Some('-') => { del { (line) "\n" } }
                    _ => { (line) "\n" }
                }
            }
        }
    }
}

fn form(release: &Release, record: &ReleaseRecord, sent: &Decided, wrong: Option<&str>) -> Markup {
    html! {
        h2 { "Decide" }
        p {
            "To certify says in the log that " (release.plugin) " is certified, with all its releases. "
            @if record.certified { "To refuse ends that, for all of them; what runs goes on." }
            @else { "To refuse leaves it as it is." }
            " The publisher reads the reason."
        }
        form.card method="post" action=(review_path(release)) {
            (fault(wrong))
            label { "Reason" textarea name="reason" rows="3" maxlength="2000" required { (sent.reason) } }
            div.actions {
                button name="verdict" value="certified" { "Certify" }
                button.quiet name="verdict" value="refused" { "Refuse" }
            }
        }
    }
}

fn asking(release: &Release) -> Markup {
    html! {
        p { "No review of it waits. Its publisher asks for one with" }
        (command(&format!("chandlery review {release}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_compared_is_not_called_the_same() {
        let case = |not_compared: Option<&str>| CaseChange {
            name: "local".into(),
            target: "local, without GPUs".into(),
            lines: Vec::new(),
            not_compared: not_compared.map(str::to_owned),
        };
        let changes = |case| ReleaseChanges {
            release: "acme:x@1.0.1".parse().unwrap(),
            before: Some(Version::new(1, 0, 0)),
            bytes: 1,
            bytes_before: Some(1),
            permissions: SetChanges::default(),
            imports: SetChanges::default(),
            parameters: Vec::new(),
            cases: vec![case],
        };
        let without = cases(&changes(case(Some("1.0.0 made no plan: it ran out of fuel")))).into_string();
        assert!(without.contains("Not compared: ") && without.contains("it ran out of fuel"), "{without}");
        assert!(!without.contains("same"), "{without}");
        let same = cases(&changes(case(None))).into_string();
        assert!(same.contains("The same answer.") && !same.contains("Not compared"), "{same}");
    }
}
