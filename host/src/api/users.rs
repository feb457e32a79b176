//! Who uses this host, and what each has done.

use axum::Extension;
use axum::extract::State;
use chandlery_package::wire::host::{
    HostAct, HostToken, MadeHostToken, NewHostToken, NewTeam, NewUser, RemovedUser, Team, User, Whoami,
};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{TeamName, UserName};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::host::Host;
use crate::users::{About, Actor, SoughtActs};

/// The routes of this chapter.
pub(super) fn routes() -> OpenApiRouter<Host> {
    OpenApiRouter::new()
        .routes(routes!(whoami))
        .routes(routes!(users))
        .routes(routes!(put_user, remove_user))
        .routes(routes!(teams))
        .routes(routes!(put_team, remove_team))
        .routes(routes!(tokens, make_token))
        .routes(routes!(revoke_token))
        .routes(routes!(acts))
}

/// Shows whose the token is that is shown, and what it may do.
#[utoipa::path(
    get,
    path = "/api/v1/whoami",
    responses((status = 200, description = "Done.", body = Whoami))
)]
async fn whoami(Extension(by): Extension<Actor>) -> Json<Whoami> {
    Json(by.whoami().clone())
}

/// Lists the users by name.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    params(Paging<UserName>),
    responses((status = 200, description = "Done.", body = Page<User>))
)]
async fn users(
    State(host): State<Host>,
    Query(paging): Query<Paging<UserName>>,
) -> Result<Json<Page<User>>, Error> {
    Ok(Json(host.users.page(&paging).await?))
}

/// Adds a user, or gives another role to one.
#[utoipa::path(
    put,
    path = "/api/v1/users/{name}",
    params(("name" = inline(UserName), Path)),
    request_body = NewUser,
    responses((status = 200, description = "Done.", body = User))
)]
async fn put_user(
    State(host): State<Host>,
    Path(name): Path<UserName>,
    Json(new): Json<NewUser>,
) -> Result<Json<User>, Error> {
    Ok(Json(host.users.put(&name, &new).await?))
}

/// Removes a user, whose tokens and roles in teams end at once; tells what goes on.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{name}",
    params(("name" = inline(UserName), Path)),
    responses((status = 200, description = "Done.", body = RemovedUser))
)]
async fn remove_user(
    State(host): State<Host>,
    Path(name): Path<UserName>,
) -> Result<Json<RemovedUser>, Error> {
    let removed = host.users.remove(&name).await?;
    let rolling_out = host.deployments.rolling_out_by(name.as_str()).await?;
    Ok(Json(RemovedUser { ended: removed.ended, made: removed.made, rolling_out }))
}

/// Lists the teams by name.
#[utoipa::path(
    get,
    path = "/api/v1/teams",
    params(Paging<TeamName>),
    responses((status = 200, description = "Done.", body = Page<Team>))
)]
async fn teams(
    State(host): State<Host>,
    Query(paging): Query<Paging<TeamName>>,
) -> Result<Json<Page<Team>>, Error> {
    Ok(Json(host.users.teams(&paging).await?))
}

/// Makes a team, or changes its targets and members, all of them at once.
#[utoipa::path(
    put,
    path = "/api/v1/teams/{name}",
    params(("name" = inline(TeamName), Path)),
    request_body = NewTeam,
    responses((status = 200, description = "Done.", body = Team))
)]
async fn put_team(
    State(host): State<Host>,
    Path(name): Path<TeamName>,
    Json(new): Json<NewTeam>,
) -> Result<Json<Team>, Error> {
    Ok(Json(host.users.put_team(&name, &new).await?))
}

/// Ends a team, with the roles in it and the tokens that are for it alone.
#[utoipa::path(
    delete,
    path = "/api/v1/teams/{name}",
    params(("name" = inline(TeamName), Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn remove_team(State(host): State<Host>, Path(name): Path<TeamName>) -> Result<Json<Value>, Error> {
    host.users.remove_team(&name).await?;
    Ok(Json(json!({})))
}

/// Lists the tokens of all users, without their texts.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    params(Paging<String>),
    responses((status = 200, description = "Done.", body = Page<HostToken>))
)]
async fn tokens(
    State(host): State<Host>,
    Query(paging): Query<Paging<String>>,
) -> Result<Json<Page<HostToken>>, Error> {
    Ok(Json(host.users.tokens(&paging).await?))
}

/// Makes a token for a user, whose text is answered this once.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = NewHostToken,
    responses((status = 200, description = "Done.", body = MadeHostToken))
)]
async fn make_token(
    State(host): State<Host>,
    Extension(by): Extension<Actor>,
    Json(new): Json<NewHostToken>,
) -> Result<(Extension<About>, Json<MadeHostToken>), Error> {
    let made = host.users.make_token(&by, &new).await?;
    let about = About(format!("{} {}", made.kept.user, made.kept.id));
    Ok((Extension(about), Json(made)))
}

/// Ends a token at once.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    params(("id" = String, Path)),
    responses((status = 200, description = "Done.", body = Value))
)]
async fn revoke_token(State(host): State<Host>, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    host.users.revoke(&id).await?;
    Ok(Json(json!({})))
}

/// Lists what users have done, the last first.
#[utoipa::path(
    get,
    path = "/api/v1/acts",
    params(SoughtActs, Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<HostAct>))
)]
async fn acts(
    State(host): State<Host>,
    Query(sought): Query<SoughtActs>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<HostAct>>, Error> {
    Ok(Json(host.users.acts(&sought, &paging).await?))
}
