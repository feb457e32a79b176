//! What a deployment's replicas wrote last. Without a script it is the end of each log, with a link to what is newer; with one it follows.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::browser::SCRIPTED_POLICY;
use chandlery_package::wire::host::{Deployment, LogTail, LogsOf};
use chandlery_pages::{Link, crumbs, empty, log, select};
use maud::{Markup, html};
use serde::Deserialize;

use super::address::{address, chosen};
use super::door::SignedIn;
use super::values::DEPLOYMENTS;
use super::{layout, values};
use crate::error::Error;
use crate::extract::{Path, Query};
use crate::host::Host;

/// How many lines of each log are shown.
const LINES: usize = 100;
/// The most that can be asked for.
const LINES_MAX: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "chosen")]
    replica: Option<String>,
    /// None: the one that should run.
    #[serde(default, deserialize_with = "chosen")]
    revision: Option<LogsOf>,
    #[serde(default, deserialize_with = "chosen")]
    lines: Option<usize>,
}

impl Asked {
    fn lines(&self) -> usize {
        self.lines.unwrap_or(LINES).clamp(1, LINES_MAX)
    }

    fn is_about(&self, tail: &LogTail, current: i64) -> bool {
        let of_replica = self.replica.as_deref().is_none_or(|asked| asked == tail.of().0);
        of_replica && tail.is_asked_for(self.revision, current)
    }
}

/// The page `/deployments/{name}/logs`.
pub(super) async fn page(
    State(host): State<Host>,
    SignedIn(by): SignedIn,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let deployment = host.deployments.get(&name).await?;
    let tails = host.deployments.logs(&name, asked.lines(), Some(LogsOf::All)).await?;
    let shown: Vec<&LogTail> =
        tails.iter().filter(|tail| asked.is_about(tail, deployment.revision)).collect();
    let of_deployment = values::deployment_path(&name);
    let path = format!("{of_deployment}/logs");
    let above = [DEPLOYMENTS, Link { path: &of_deployment, name: &name }];
    let content = html! {
        (crumbs(&above, "Logs"))
        h1 { "Logs of " (name) }
        (filters(&asked, &path, &deployment, &tails))
        div id="logs" { (written(&shown, &asked)) }
        p.note id="following" role="status" { }
        p.more { a href=(newer(&asked, &path)) { "Newer" } }
        script type="module" src="/logs.js" { }
    };
    let page = layout::page(&format!("Logs of {name}"), Some(&by), content);
    Ok(([(header::CONTENT_SECURITY_POLICY, SCRIPTED_POLICY)], page).into_response())
}

/// The same page, which shows what was written meanwhile.
fn newer(asked: &Asked, path: &str) -> String {
    let lines = asked.lines.map(|lines| lines.to_string());
    let revision = asked.revision.map(|revision| revision.to_string());
    let values = [
        ("replica", asked.replica.as_deref()),
        ("revision", revision.as_deref()),
        ("lines", lines.as_deref()),
    ];
    address(path, &values)
}

fn filters(asked: &Asked, path: &str, deployment: &Deployment, tails: &[LogTail]) -> Markup {
    let mut replicas: Vec<&str> = tails.iter().map(|tail| tail.of().0).collect();
    replicas.sort_unstable();
    replicas.dedup();
    let replicas = replicas.into_iter().map(|replica| (replica, replica));
    let replicas: Vec<(&str, &str)> = [("", "All")].into_iter().chain(replicas).collect();
    let current = format!("{} (current)", deployment.revision);
    let all = LogsOf::All.to_string();
    let mut others: Vec<i64> = tails.iter().filter_map(|tail| tail.of().1).collect();
    others.retain(|revision| *revision != deployment.revision);
    others.sort_unstable_by_key(|revision| std::cmp::Reverse(*revision));
    others.dedup();
    let others: Vec<String> = others.iter().map(i64::to_string).collect();
    let others = others.iter().map(|revision| (revision.as_str(), revision.as_str()));
    let revisions: Vec<(&str, &str)> =
        [("", current.as_str())].into_iter().chain(others).chain([(all.as_str(), "All")]).collect();
    let revision = asked.revision.map(|revision| revision.to_string()).unwrap_or_default();
    let lines = asked.lines().to_string();
    html! {
        form.card.filters method="get" action=(path) {
            (select("replica", "Replica", asked.replica.as_deref().unwrap_or_default(), &replicas))
            (select("revision", "Revision", &revision, &revisions))
            (select("lines", "Lines of each", &lines, &[("100", "100"), ("300", "300"), ("1000", "1,000")]))
            button { "Show" }
        }
    }
}

fn written(shown: &[&LogTail], asked: &Asked) -> Markup {
    html! {
        @for tail in shown {
            h2 {
                (tail.of().0)
                @if let (Some(_), Some(revision)) = (asked.revision, tail.of().1) { " of revision " (revision) }
            }
            @if tail.lines.is_empty() { p.none { "No output." } }
            @else { (log(&tail.replica, &tail.lines)) }
        }
        @if shown.is_empty() {
            (empty("No logs match.", &html! { "A replica has one as soon as it has begun. Another revision may have some." }))
        }
    }
}

/// The script, which nothing but the page of logs runs.
pub(super) async fn script() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("logs.js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_that_should_run_is_shown_unless_another_is_chosen() {
        let asked = |replica: Option<&str>, revision: Option<&str>| Asked {
            replica: replica.map(str::to_owned),
            revision: revision.map(|revision| revision.parse().unwrap()),
            lines: None,
        };
        for (replica, revision, shown) in [
            (None, None, [true, false, true]),
            (None, Some("1"), [false, true, false]),
            (None, Some("all"), [true, true, true]),
            (Some("a-0"), Some("all"), [true, true, false]),
            (Some("b-0"), None, [false, false, false]),
        ] {
            let asked = asked(replica, revision);
            let found = ["a-0.r2", "a-0.r1", "a-1.r2"]
                .map(|name| LogTail { replica: name.into(), lines: Vec::new() })
                .map(|tail| asked.is_about(&tail, 2));
            assert_eq!(found, shown, "{replica:?} {revision:?}");
        }
        assert_eq!(Asked { lines: Some(usize::MAX), ..asked(None, None) }.lines(), LINES_MAX);
    }
}
