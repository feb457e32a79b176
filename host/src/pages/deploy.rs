//! A plugin's parameters in a form, its plan and what that would change, and one button that deploys just that.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_package::problem::Problem;
use chandlery_package::wire::host::{Approved, Entitlement, HostRole, Locked, NewDeployment, Planned};
use chandlery_package::{Kind, Manifest};
use chandlery_pages::{Field, Link, Tone, banner, crumbs, empty, facts, schema_fields, select};
use maud::{Markup, html};
use serde_json::Value;

use super::draft::{Draft, Pairs, Refusal, value};
use super::values::DEPLOYMENTS;
use super::{approvers, layout, plan, problem};
use crate::engines::local;
use crate::error::Error;
use crate::extract::{Form, Path, Query};
use crate::host::Host;
use crate::users::{self, About, Actor};

const PLUGINS: Link<'static> = Link { path: "/plugins", name: "Plugins" };

/// The page `/deploy`: which plugin, with which parameters, and its plan.
pub(super) async fn page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Error> {
    if value(&pairs, "plugin").is_empty() {
        return choose(&host, &by, &pairs).await;
    }
    shown(&host, &by, &Draft::new(pairs), None).await
}

pub(super) async fn deploy(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Error> {
    approve(&host, &by, &Draft::new(pairs)).await
}

/// The page `/deployments/{name}/upgrade`: the same for a deployment that is there, by the release that is installed.
pub(super) async fn upgrade_page(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Error> {
    match host.deployments.basis(&name).await {
        Ok(basis) => shown(&host, &by, &Draft::upgrade(name, basis, pairs), None).await,
        Err(error) => Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    }
}

pub(super) async fn upgrade(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Error> {
    match host.deployments.basis(&name).await {
        Ok(basis) => approve(&host, &by, &Draft::upgrade(name, basis, pairs)).await,
        Err(error) => Ok(problem::page(&by, &error.into(), &[DEPLOYMENTS])),
    }
}

/// Deploys what was shown. What is refused is shown again as it is now, with the reason.
async fn approve(host: &Host, by: &Actor, draft: &Draft) -> Result<Response, Error> {
    let fault = match deployed(host, by, draft).await {
        Ok(name) => {
            let rollout = Redirect::to(&format!("/deployments/{name}/rollout"));
            return Ok((Extension(About(name)), rollout).into_response());
        }
        Err(error) => problem::told(&error),
    };
    shown(host, by, draft, Some(fault)).await
}

async fn deployed(host: &Host, by: &Actor, draft: &Draft) -> Result<String, Error> {
    let (locked, manifest) = template(host, &draft.plugin).await?;
    let approved = Some(draft.approved()?);
    let asked =
        draft.request(&locked.release, &manifest.schema()).map_err(crate::deployments::Error::from)?;
    Ok(host.deployments.deploy(by, &NewDeployment { approved, ..asked }).await?.name)
}

/// A template that is installed.
async fn template(host: &Host, plugin: &str) -> Result<(Locked, Arc<Manifest>), Error> {
    let locked = host.installs.find_of(Kind::Template, plugin).await?;
    let manifest = host.installs.plugin(&locked).await?.manifest;
    Ok((locked, manifest))
}

/// What stands beside a form, whatever it says.
struct Around {
    locked: Locked,
    schema: Value,
    /// The names of the targets, and whether the actor deploys there.
    targets: Vec<(String, bool)>,
    entitlement: Entitlement,
    /// Who deploys everywhere.
    deployers: Vec<String>,
}

impl Around {
    async fn of(host: &Host, by: &Actor, draft: &Draft) -> Result<Self, Error> {
        let (locked, manifest) = template(host, &draft.plugin).await?;
        let targets = host.targets.list().await?.into_iter().map(|target| {
            let may = by.must_deploy_to(&target.name).is_ok();
            (target.name, may)
        });
        Ok(Self {
            locked,
            schema: manifest.schema(),
            targets: targets.collect(),
            entitlement: host.deployments.entitlement().await?,
            deployers: approvers::with_role(host, HostRole::Deployer).await?,
        })
    }

    /// What the licence does not cover of a plan, with its arithmetic: deploying it would be refused.
    fn beyond(&self, planned: &Planned) -> Vec<String> {
        let Entitlement { tier, limit, used, upgrade, plugins, .. } = &self.entitlement;
        let full = limit.filter(|limit| !planned.exists && used >= limit).map(|limit| {
            let upgrade = upgrade.as_ref().map(|upgrade| format!("; {upgrade}")).unwrap_or_default();
            format!("{used} of {limit} deployments that {tier} allows are used{upgrade}")
        });
        let plugin = &planned.release.plugin;
        let lacking = plugins.iter().find(|coverage| coverage.plugin == *plugin && !coverage.covered);
        full.into_iter().chain(lacking.and_then(|coverage| coverage.says.clone())).collect()
    }
}

/// The form, or the plan that it asks for, with what is wrong.
async fn shown(host: &Host, by: &Actor, draft: &Draft, fault: Option<Problem>) -> Result<Response, Error> {
    let around = match Around::of(host, by, draft).await {
        Ok(around) => around,
        Err(error) => return Ok(problem::page(by, &error, &[PLUGINS, DEPLOYMENTS])),
    };
    let schema = &around.schema;
    let outcome = match draft.is_asked() || fault.is_some() {
        true => match draft.request(&around.locked.release, schema) {
            Ok(new) => Some(host.deployments.plan(&new).await),
            Err(misfit) => Some(Err(misfit.into())),
        },
        false => None,
    };
    let outcome = outcome.map(|outcome| outcome.map_err(|error| Refusal::of(error, schema)));
    let status = match (&fault, &outcome) {
        (Some(problem), _) | (None, Some(Err(Refusal { problem, .. }))) => problem::status(problem),
        _ => StatusCode::OK,
    };
    let title = match &draft.upgrades {
        Some((name, _)) => format!("Upgrade {name}"),
        None => format!("Deploy {}", around.locked.release.plugin),
    };
    let content = html! {
        @match &draft.upgrades {
            Some((name, _)) => {
                (crumbs(&[DEPLOYMENTS, Link { path: &format!("/deployments/{name}"), name }], "Upgrade"))
            },
            None => (crumbs(&[DEPLOYMENTS], &title)),
        }
        h1 { (title) }
        @if let Some(fault) = &fault { (problem::above(fault, &[], &[])) }
        (releases(draft, &around.locked))
        @match &outcome {
            Some(Ok(planned)) => {
                (planned_page(by, draft, &around, planned))
                details {
                    summary { "Change the parameters" }
                    (form(draft, &around, &[]))
                }
            },
            Some(Err(Refusal { problem, beside, rest })) => {
                (problem::above(problem, beside, rest))
                (form(draft, &around, beside))
            },
            None => (form(draft, &around, &[])),
        }
    };
    Ok((status, layout::page(&title, Some(by), content)).into_response())
}

/// Which release runs, and which would.
fn releases(draft: &Draft, locked: &Locked) -> Markup {
    html! {
        @match &draft.upgrades {
            Some((_, basis)) if basis.release != locked.release => {
                p { (basis.release) " runs, and " strong { (locked.release) } " is installed." }
            },
            Some((_, basis)) => p { (basis.release) " runs, which is the release that is installed." },
            None => p { (locked.release) " is installed." },
        }
    }
}

/// The form of a draft, with what is wrong beside its fields.
fn form(draft: &Draft, around: &Around, problems: &[(String, String)]) -> Markup {
    let labels = around.targets.iter().map(|(name, may)| match may {
        true => (name.as_str(), name.clone()),
        false => (name.as_str(), format!("{name}, where others deploy")),
    });
    let labels: Vec<(&str, String)> = labels.collect();
    let targets: Vec<(&str, &str)> = labels.iter().map(|(name, label)| (*name, label.as_str())).collect();
    html! {
        form.card method="get" action=(draft.path()) {
            input type="hidden" name="step" value="plan";
            @if draft.upgrades.is_none() {
                input type="hidden" name="plugin" value=(around.locked.release.plugin);
                (Field::new("name", "Name").value(draft.name().unwrap_or_default())
                    .hint("The name of the deployment. Leave it empty to use the plugin's name."))
                (select("target", "Target", draft.target().unwrap_or(local::TARGET), &targets))
                (Field::new("team", "Team").value(draft.team().unwrap_or_default())
                    .hint("The team whose budget it counts for. Leave it empty for none."))
            }
            (schema_fields(&around.schema, &draft.shown(&around.schema), problems))
            button { "Show the plan" }
        }
    }
}

/// A plan, what it would change, and what approves it.
fn planned_page(by: &Actor, draft: &Draft, around: &Around, planned: &Planned) -> Markup {
    let beyond = around.beyond(planned);
    html! {
        h2 { "What would change" }
        (plan::difference(planned))
        h2 { "What would run" }
        (plan::in_words(&planned.plan))
        h2 { "Approve it" }
        (facts(&[
            ("Deployment", html! { (planned.deployment) }),
            ("Target", html! { (planned.target) }),
            ("Team", html! { (planned.team.as_deref().unwrap_or("none")) }),
            ("Release", html! { (planned.release) }),
            ("Plan", html! { code { (planned.digest) } }),
        ]))
        @for says in &beyond { (banner(Tone::Warning, &html! { p { (says) } })) }
        @match may_deploy(by, draft, planned) {
            Ok(()) => (approval(draft, &planned.to_approve())),
            Err(error) => (banner(Tone::Warning, &html! {
                p { (error) "." }
                p {
                    "Hand the address of this page to somebody who may deploy there: it shows the same plan. Everywhere may "
                    (approvers::in_words(&around.deployers)) "."
                }
            })),
        }
    }
}

fn may_deploy(by: &Actor, draft: &Draft, planned: &Planned) -> Result<(), users::Error> {
    by.must_deploy_to(&planned.target)?;
    by.must_change(&planned.deployment)?;
    draft.team().map_or(Ok(()), |team| by.must_deploy_for(team))
}

/// The button that deploys what was shown, and nothing else.
fn approval(draft: &Draft, approved: &Approved) -> Markup {
    html! {
        form.card method="post" action=(draft.path()) {
            @for (name, value) in draft.kept() { input type="hidden" name=(name) value=(value); }
            input type="hidden" name="release" value=(approved.release);
            input type="hidden" name="digest" value=(approved.plan);
            input type="hidden" name="base" value=[approved.base];
            input type="hidden" name="of-team" value=[approved.team.as_deref()];
            button { @if draft.upgrades.is_some() { "Upgrade" } @else { "Deploy" } }
            p.note { "Just this plan is deployed: where it has changed meanwhile, nothing is." }
        }
    }
}

/// The page that asks which plugin.
async fn choose(host: &Host, by: &Actor, pairs: &[(String, String)]) -> Result<Response, Error> {
    let templates = host.installs.of_kind(Kind::Template).await?;
    let templates =
        templates.iter().map(|locked| (locked.release.plugin.to_string(), locked.release.to_string()));
    let templates: Vec<(String, String)> = templates.collect();
    let options: Vec<(&str, &str)> =
        templates.iter().map(|(plugin, release)| (plugin.as_str(), release.as_str())).collect();
    let content = html! {
        (crumbs(&[DEPLOYMENTS], "Deploy"))
        h1 { "Deploy" }
        @if options.is_empty() {
            (empty("No templates are installed.", &html! {
                @if by.must_be(HostRole::Approver).is_ok() { a href="/plugins/install" { "Install a template" } " first." }
                @else { "Ask an approver of this host to install one." }
            }))
        } @else {
            form.card method="get" action="/deploy" {
                (select("plugin", "Plugin", "", &options))
                @let target = value(pairs, "target");
                @if !target.is_empty() { input type="hidden" name="target" value=(target); }
                button { "Continue" }
            }
        }
    };
    Ok(layout::page("Deploy", Some(by), content).into_response())
}
