//! `/api/v1/oidc-issuers`, a plugin's trusted publishers, and the exchange of tokens.

use axum::extract::State;
use axum::http::StatusCode;
use chandlery_accounts::{Address, Caller, Principal};
use chandlery_edge::{Json, Path, Query};
use chandlery_package::wire::{
    Exchanged, IssuerRecord, NewIssuer, NewTokenExchange, Page, Paging, PublisherRecord,
};
use chandlery_package::{Issuer, Namespace, PluginId, PluginName, TrustedPublisher};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::Error;
use super::state::Trusted;
use super::{exchange, issuers, publishers};

/// The routes of this room.
pub fn routes<S>(trusted: Trusted) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(list_issuers, set_issuer))
        .routes(routes!(list_publishers, add_publisher))
        .routes(routes!(remove_publisher))
        .routes(routes!(exchange_token))
        .with_state(trusted)
}

type OfPlugin = (Namespace, PluginName);

/// Lists the issuers whose tokens are believed.
#[utoipa::path(
    get,
    path = "/api/v1/oidc-issuers",
    params(Paging<Issuer>),
    responses((status = 200, description = "Done.", body = Page<IssuerRecord>)),
    security(())
)]
async fn list_issuers(
    State(trusted): State<Trusted>,
    Query(paging): Query<Paging<Issuer>>,
) -> Result<Json<Page<IssuerRecord>>, Error> {
    Ok(Json(issuers::list(&trusted.db, &paging).await?))
}

/// Says whether the tokens of an issuer are believed; for operators.
#[utoipa::path(
    put,
    path = "/api/v1/oidc-issuers",
    request_body = NewIssuer,
    responses((status = 204, description = "Done."))
)]
async fn set_issuer(
    State(trusted): State<Trusted>,
    caller: Caller,
    Json(new): Json<NewIssuer>,
) -> Result<StatusCode, Error> {
    caller.must_operate("choose whose tokens are believed")?;
    issuers::set(&trusted.db, &caller.actor, &new).await?;
    trusted.keys.forget(&new.issuer);
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the workloads that may publish a plugin.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{namespace}/{name}/trusted-publishers",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), Paging<i64>),
    responses((status = 200, description = "Done.", body = Page<PublisherRecord>)),
    security((), ("token" = []))
)]
async fn list_publishers(
    State(trusted): State<Trusted>,
    principal: Principal,
    Path((namespace, name)): Path<OfPlugin>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Json<Page<PublisherRecord>>, Error> {
    let account = principal.account.as_ref().ok_or(chandlery_edge::Error::Unauthenticated)?;
    let plugin = PluginId { namespace, name };
    if !principal.may_see(&trusted.db, &plugin.namespace, &plugin.repository()).await? {
        let what = format!("see who may publish in '{}'", plugin.namespace);
        return Err(chandlery_edge::Error::forbidden(&account.name, what).into());
    }
    Ok(Json(publishers::list(&trusted.db, &plugin, &paging).await?))
}

/// Lets a workload publish a plugin.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{namespace}/{name}/trusted-publishers",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path)),
    request_body = TrustedPublisher,
    responses((status = 201, description = "Done.", body = PublisherRecord))
)]
async fn add_publisher(
    State(trusted): State<Trusted>,
    caller: Caller,
    Path((namespace, name)): Path<OfPlugin>,
    Json(new): Json<TrustedPublisher>,
) -> Result<(StatusCode, Json<PublisherRecord>), Error> {
    caller.must_own(&trusted.db, &namespace, "choose who publishes in").await?;
    let plugin = PluginId { namespace, name };
    let added = publishers::add(&trusted.db, &caller.actor, caller.person(), &plugin, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Ends that a workload publishes a plugin, and the tokens that it has.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{namespace}/{name}/trusted-publishers/{id}",
    params(("namespace" = Namespace, Path), ("name" = inline(PluginName), Path), ("id" = i64, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove_publisher(
    State(trusted): State<Trusted>,
    caller: Caller,
    Path((namespace, name, id)): Path<(Namespace, PluginName, i64)>,
) -> Result<StatusCode, Error> {
    caller.must_own(&trusted.db, &namespace, "choose who publishes in").await?;
    publishers::remove(&trusted.db, &caller.actor, &PluginId { namespace, name }, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Issues a token of 15 minutes, which publishes one plugin, to a workload that shows one of its issuer.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/exchange",
    request_body = NewTokenExchange,
    responses((status = 201, description = "Done.", body = Exchanged)),
    security(())
)]
async fn exchange_token(
    State(trusted): State<Trusted>,
    address: Address,
    Json(new): Json<NewTokenExchange>,
) -> Result<(StatusCode, Json<Exchanged>), Error> {
    Ok((StatusCode::CREATED, Json(exchange::exchange(&trusted, address, &new).await?)))
}
