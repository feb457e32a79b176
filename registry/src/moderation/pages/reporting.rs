//! The page on which a plugin or one of its releases is reported, which does harm, or is not what it says.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chandlery_accounts::{Account, Caller, Principal};
use chandlery_edge::{Form, Path, Query};
use chandlery_package::wire::NewReport;
use chandlery_package::{Namespace, PluginId, PluginName, Subject};
use chandlery_pages::{Field, Head, Link, crumbs, fault};
use maud::{Markup, html};
use serde::Deserialize;

use super::parts::reason;
use crate::catalog::{Catalog, Error, must_see};
use crate::moderation::reports;
use crate::shell::{self, LogIn, SEARCH, shown_again};

/// What the form sends, and an address may fill it with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reported {
    /// Empty: all releases are meant.
    #[serde(default)]
    version: String,
    #[serde(default)]
    why: String,
}

impl Reported {
    fn read(&self, plugin: &PluginId) -> Result<NewReport, Error> {
        let subject = match self.version.trim() {
            "" => Subject::Plugin(plugin.clone()),
            version => {
                let release = format!("{plugin}@{version}").parse();
                Subject::Release(release.map_err(|error| Error::invalid(format!("version: {error}")))?)
            }
        };
        Ok(NewReport { subject, why: self.why.trim().into() })
    }
}

fn page_path(plugin: &PluginId) -> String {
    format!("/plugins/{}/{}/report", plugin.namespace, plugin.name)
}

/// The page `/plugins/{namespace}/{name}/report`.
pub(super) async fn page(
    State(catalog): State<Catalog>,
    principal: Principal,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Query(filled): Query<Reported>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(account) = &principal.account else { return Ok(log_in.then(&page_path(&plugin))) };
    must_see(&catalog.db, &principal, &plugin).await?;
    Ok(shown(account, &plugin, &filled, None).into_response())
}

/// Takes a report.
pub(super) async fn take(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Form(sent): Form<Reported>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&page_path(&plugin))) };
    let taken = match sent.read(&plugin) {
        Ok(new) => reports::take(&catalog.db, &caller, &new).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(receipt) => Ok(thanked(&caller, &plugin, receipt.id).into_response()),
        Err(error) => shown_again(error, |wrong| shown(&caller, &plugin, &sent, Some(wrong))),
    }
}

fn shown(account: &Account, plugin: &PluginId, sent: &Reported, wrong: Option<&str>) -> Markup {
    let content = html! {
        p {
            "Does it do harm, or is it not what it says? The operators of this registry look into it, and tell you what became of it. "
            "Nobody else learns who has reported."
        }
        form.card method="post" action=(page_path(plugin)) {
            (fault(wrong))
            (Field::new("version", "Version").value(&sent.version).hint("Such as 1.0.0. Empty: all releases."))
            (reason("why", "What is wrong", "Operators read it.", &sent.why))
            button { "Report" }
        }
    };
    framed(account, plugin, &content)
}

fn thanked(account: &Account, plugin: &PluginId, id: i64) -> Markup {
    let content = html! {
        p { "It is report " (id) ". You are told what became of it." }
    };
    framed(account, plugin, &content)
}

fn framed(account: &Account, plugin: &PluginId, content: &Markup) -> Markup {
    let path = format!("/plugins/{}/{}", plugin.namespace, plugin.name);
    let name = plugin.to_string();
    let content = html! {
        (crumbs(&[Link { path: SEARCH, name: "Plugins" }, Link { path: &path, name: &name }], "Report"))
        h1 { "Report " (name) }
        (content)
    };
    let head = Head { title: format!("Report {name}"), private: true, ..Head::default() };
    shell::page(&head, Some(account).into(), "", &content)
}
