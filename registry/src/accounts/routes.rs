//! `/api/v1/accounts`, `/api/v1/tokens`, `/api/v1/operators`, and a namespace's members.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use chandlery_package::Namespace;
use chandlery_package::wire::{Login, Member, NewAccount, NewMember, NewToken, Page, Token, TokenRecord};

use super::{Caller, Scope, Visitor};
use crate::extract::{Json, Path};
use crate::{Error, Registry};

/// The routes of this room.
pub fn routes() -> Router<Registry> {
    Router::new()
        .route("/api/v1/accounts", post(register))
        .route("/api/v1/tokens", post(log_in))
        .route("/api/v1/account/tokens", get(list_tokens).post(new_token))
        .route("/api/v1/account/tokens/{id}", delete(revoke_token))
        .route("/api/v1/account/invitations", get(invitations))
        .route("/api/v1/operators/{name}", put(promote))
        .route("/api/v1/namespaces/{namespace}/members", get(members))
        .route("/api/v1/namespaces/{namespace}/members/{account}", put(invite).delete(remove))
        .route("/api/v1/namespaces/{namespace}/invitation", put(accept).delete(decline))
}

async fn register(
    State(registry): State<Registry>,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<Token>), Error> {
    super::register(&registry.db, &new.name, &new.password).await?;
    let token = super::issue_token(&registry.db, &new.name, &Scope::Full, "registered", None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: new.name, token })))
}

async fn log_in(
    State(registry): State<Registry>,
    Json(login): Json<Login>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let caller = super::check_password(&registry.db, login.name.as_str(), &login.password)
        .await?
        .ok_or(Error::Unauthenticated)?;
    let token = super::issue_token(&registry.db, &caller.name, &Scope::Full, "login", None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: caller.name, token })))
}

async fn list_tokens(
    State(registry): State<Registry>,
    caller: Caller,
) -> Result<Json<Page<TokenRecord>>, Error> {
    Ok(Json(Page { items: super::tokens::list(&registry.db, &caller.name).await?, next: None }))
}

async fn new_token(
    State(registry): State<Registry>,
    caller: Caller,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let scope: Scope = new.scope.parse()?;
    let lifetime = super::tokens::days(new.days_valid)?;
    let token = super::issue_token(&registry.db, &caller.name, &scope, &new.note, Some(lifetime)).await?;
    Ok((StatusCode::CREATED, Json(Token { account: caller.name, token })))
}

async fn revoke_token(
    State(registry): State<Registry>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    super::tokens::revoke_by_id(&registry.db, &caller.name, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn promote(
    State(registry): State<Registry>,
    caller: Caller,
    Path(name): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate("make operators")?;
    super::promote(&registry.db, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invitations(State(registry): State<Registry>, caller: Caller) -> Result<Json<Page<Member>>, Error> {
    Ok(Json(Page { items: super::members::invitations(&registry.db, &caller.name).await?, next: None }))
}

async fn members(
    State(registry): State<Registry>,
    visitor: Visitor,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Page<Member>>, Error> {
    let account = visitor.account.as_ref().ok_or(Error::Unauthenticated)?;
    if !visitor.may_see(&registry, &namespace, namespace.as_str()).await? {
        return Err(Error::forbidden(&account.name, format!("see the members of '{namespace}'")));
    }
    Ok(Json(Page { items: super::members::list(&registry.db, &namespace).await?, next: None }))
}

/// Invites an account or, where it is a member already, changes its role.
async fn invite(
    State(registry): State<Registry>,
    caller: Caller,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
    Json(new): Json<NewMember>,
) -> Result<StatusCode, Error> {
    caller.must_own(&registry, &namespace, "choose the members of").await?;
    super::members::invite(&registry.db, &namespace, &account, new.role.parse()?, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a membership or an invitation; everyone may end their own.
async fn remove(
    State(registry): State<Registry>,
    caller: Caller,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
) -> Result<StatusCode, Error> {
    if caller.name != account {
        caller.must_own(&registry, &namespace, "choose the members of").await?;
    }
    super::members::remove(&registry.db, &namespace, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn accept(
    State(registry): State<Registry>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    super::members::answer(&registry.db, &namespace, &caller.name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn decline(
    State(registry): State<Registry>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    super::members::answer(&registry.db, &namespace, &caller.name, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
