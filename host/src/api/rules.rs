//! What may be installed on this host, and what is installed against it.

use axum::extract::State;
use chandlery_package::InstallRules;
use chandlery_package::rules::Broken;
use chandlery_package::wire::host::RulesChange;
use chandlery_package::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Query};
use crate::host::Host;

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(rules, set_rules))
        .routes(routes!(rules_changes))
        .routes(routes!(broken_rules))
}

/// Shows the install rules that hold.
#[utoipa::path(
    get,
    path = "/api/v1/rules",
    responses((status = 200, description = "Done.", body = InstallRules))
)]
async fn rules(State(host): State<Host>) -> Result<Json<InstallRules>, Error> {
    Ok(Json(host.installs.rules().read().await?))
}

/// Sets the install rules, all of them at once; answers with what is installed and breaks one.
#[utoipa::path(
    put,
    path = "/api/v1/rules",
    request_body = InstallRules,
    responses((status = 200, description = "Done.", body = Page<Broken>))
)]
async fn set_rules(
    State(host): State<Host>,
    Json(rules): Json<InstallRules>,
) -> Result<Json<Page<Broken>>, Error> {
    host.installs.rules().set(&rules).await?;
    broken_rules(State(host)).await
}

/// Lists how the install rules were changed, the last time first.
#[utoipa::path(
    get,
    path = "/api/v1/rules/changes",
    params(Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<RulesChange>))
)]
async fn rules_changes(
    State(host): State<Host>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<RulesChange>>, Error> {
    Ok(Json(host.installs.rules().changes(&paging).await?))
}

/// Lists what is installed and breaks a rule, once for each rule.
#[utoipa::path(
    get,
    path = "/api/v1/rules/broken",
    responses((status = 200, description = "Done.", body = Page<Broken>))
)]
async fn broken_rules(State(host): State<Host>) -> Result<Json<Page<Broken>>, Error> {
    // As many as are installed, which is one file.
    Ok(Json(Page::whole(host.installs.all_broken().await?)))
}
