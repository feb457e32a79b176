//! `/api/v1/accounts`, `/api/v1/tokens`, `/api/v1/operators`, and a namespace's members.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use chandlery_package::Namespace;
use chandlery_package::wire::{Login, Member, NewAccount, NewMember, NewToken, Page, Token, TokenRecord};

use chandlery_edge::{Json, Path};

use crate::{Account, Accounts, Error, Principal, Scope, members, tokens};

/// The routes of this room.
pub fn routes<S>(accounts: Accounts) -> Router<S> {
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
        .with_state(accounts)
}

async fn register(
    State(accounts): State<Accounts>,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<Token>), Error> {
    crate::register(&accounts.db, &new.name, &new.password).await?;
    let token = crate::issue_token(&accounts.db, &new.name, &Scope::Full, "registered", None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: new.name, token })))
}

async fn log_in(
    State(accounts): State<Accounts>,
    Json(login): Json<Login>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let caller = crate::check_password(&accounts.db, login.name.as_str(), &login.password)
        .await?
        .ok_or(Error::Unauthenticated)?;
    let token = crate::issue_token(&accounts.db, &caller.name, &Scope::Full, "login", None).await?;
    Ok((StatusCode::CREATED, Json(Token { account: caller.name, token })))
}

async fn list_tokens(
    State(accounts): State<Accounts>,
    caller: Account,
) -> Result<Json<Page<TokenRecord>>, Error> {
    Ok(Json(Page { items: tokens::list(&accounts.db, &caller.name).await?, next: None }))
}

async fn new_token(
    State(accounts): State<Accounts>,
    caller: Account,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let scope: Scope = new.scope.parse()?;
    let lifetime = tokens::days(new.days_valid)?;
    let token = crate::issue_token(&accounts.db, &caller.name, &scope, &new.note, Some(lifetime)).await?;
    Ok((StatusCode::CREATED, Json(Token { account: caller.name, token })))
}

async fn revoke_token(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    tokens::revoke_by_id(&accounts.db, &caller.name, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn promote(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(name): Path<Namespace>,
) -> Result<StatusCode, Error> {
    caller.must_operate("make operators")?;
    crate::promote(&accounts.db, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invitations(State(accounts): State<Accounts>, caller: Account) -> Result<Json<Page<Member>>, Error> {
    Ok(Json(Page { items: members::invitations(&accounts.db, &caller.name).await?, next: None }))
}

async fn members(
    State(accounts): State<Accounts>,
    principal: Principal,
    Path(namespace): Path<Namespace>,
) -> Result<Json<Page<Member>>, Error> {
    let account = principal.account.as_ref().ok_or(Error::Unauthenticated)?;
    if !principal.may_see(&accounts.db, &namespace, namespace.as_str()).await? {
        return Err(Error::forbidden(&account.name, format!("see the members of '{namespace}'")));
    }
    Ok(Json(Page { items: members::list(&accounts.db, &namespace).await?, next: None }))
}

/// Invites an account or, where it is a member already, changes its role.
async fn invite(
    State(accounts): State<Accounts>,
    caller: Account,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
    Json(new): Json<NewMember>,
) -> Result<StatusCode, Error> {
    caller.must_own(&accounts.db, &namespace, "choose the members of").await?;
    members::invite(&accounts.db, &namespace, &account, new.role.parse()?, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a membership or an invitation; everyone may end their own.
async fn remove(
    State(accounts): State<Accounts>,
    caller: Account,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
) -> Result<StatusCode, Error> {
    if caller.name != account {
        caller.must_own(&accounts.db, &namespace, "choose the members of").await?;
    }
    members::remove(&accounts.db, &namespace, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn accept(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    members::answer(&accounts.db, &namespace, &caller.name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn decline(
    State(accounts): State<Accounts>,
    caller: Account,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    members::answer(&accounts.db, &namespace, &caller.name, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
