//! `/api/v1/accounts`, `/api/v1/tokens`, and a namespace's members.

mod audit;
mod devices;
mod domains;
mod email;
mod identities;
mod operators;
mod passkeys;
mod passwords;
mod second_factor;
mod sessions;
mod sign_on;
mod suspensions;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_package::Namespace;
use chandlery_package::wire::{
    LogInBy, Login, Member, NewAccount, NewMember, NewToken, Page, Paging, SecondFactorLogin,
    SecondFactorNeeded, Token, TokenRecord,
};

use chandlery_edge::{Client, Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{
    Account, Accounts, Actor, Address, Caller, Credential, Error, Principal, factors, members, organisations,
    scim, tokens,
};

/// The routes of this room.
pub fn routes<S>(accounts: Accounts) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(log_in))
        .routes(routes!(go_on))
        .routes(routes!(list_tokens, new_token))
        .routes(routes!(revoke_token))
        .routes(routes!(invitations))
        .routes(routes!(members))
        .routes(routes!(invite, remove))
        .routes(routes!(accept, decline))
        .merge(passwords::routes())
        .merge(email::routes())
        .merge(sessions::routes())
        .merge(sign_on::routes())
        .merge(identities::routes())
        .merge(devices::routes())
        .merge(second_factor::routes())
        .merge(passkeys::routes())
        .merge(operators::routes())
        .merge(suspensions::routes())
        .merge(organisations::routes())
        .merge(scim::management())
        .merge(audit::routes())
        .merge(domains::routes())
        .with_state(accounts)
}

/// Opens an account, and issues its first token.
#[utoipa::path(
    post,
    path = "/api/v1/accounts",
    request_body = NewAccount,
    responses((status = 201, description = "Done.", body = Token)),
    security(())
)]
async fn register(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let kept = ("registered", tokens::LOGIN_LIFETIME);
    let token = crate::open_account(&accounts, client, address, &new, kept).await?;
    Ok((StatusCode::CREATED, Json(Token { account: new.name, token })))
}

/// Issues a token for a name and a password.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = Login,
    responses(
        (status = 201, description = "Done.", body = Token),
        (status = 202, description = "The password is right, and a code is needed, too.", body = SecondFactorNeeded)
    ),
    security(())
)]
async fn log_in(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(login): Json<Login>,
) -> Result<Response, Error> {
    let found = accounts.by_password(client, login.name.as_str(), &login.password).await?;
    let (caller, mark) = found.ok_or(Error::WrongLogIn)?;
    if let Some(needed) = factors::code_owed(&accounts, &caller.name, &mark).await? {
        return Ok((StatusCode::ACCEPTED, Json(needed)).into_response());
    }
    let token = issue(&accounts, address, &caller.name, mark, LogInBy::Password).await?;
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

/// Goes on with a log-in by a code of the second factor, or a recovery code.
#[utoipa::path(
    post,
    path = "/api/v1/second-factor",
    request_body = SecondFactorLogin,
    responses((status = 201, description = "Done.", body = Token)),
    security(())
)]
async fn go_on(
    State(accounts): State<Accounts>,
    client: Client,
    address: Address,
    Json(answer): Json<SecondFactorLogin>,
) -> Result<(StatusCode, Json<Token>), Error> {
    let (account, mark, by) = factors::answer_challenge(&accounts, client, &answer).await?;
    let token = issue(&accounts, address, &account.name, mark, by).await?;
    Ok((StatusCode::CREATED, Json(token)))
}

/// The token of a log-in that has shown all that it owes.
async fn issue(
    accounts: &Accounts,
    address: Address,
    account: &Namespace,
    mark: String,
    by: LogInBy,
) -> Result<Token, Error> {
    let actor = Actor::new(account, &Credential::Password(mark.clone()), address);
    let lifetime = tokens::LOGIN_LIFETIME;
    let token =
        crate::log_in(&accounts.db, &actor, (account, Some(mark.as_str())), "login", lifetime, by).await?;
    Ok(Token { account: account.clone(), token })
}

/// Lists the tokens of the account that asks.
#[utoipa::path(
    get,
    path = "/api/v1/account/tokens",
    params(Paging<tokens::Place>),
    responses((status = 200, description = "Done.", body = Page<TokenRecord>))
)]
async fn list_tokens(
    State(accounts): State<Accounts>,
    caller: Account,
    Query(paging): Query<Paging<tokens::Place>>,
) -> Result<Json<Page<TokenRecord>>, Error> {
    Ok(Json(tokens::list(&accounts.db, &caller, &paging).await?))
}

/// Issues a token that may do less than its account, or lasts for a while.
#[utoipa::path(
    post,
    path = "/api/v1/account/tokens",
    request_body = NewToken,
    responses((status = 201, description = "Done.", body = Token))
)]
async fn new_token(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Token>), Error> {
    Ok((StatusCode::CREATED, Json(crate::make_token(&accounts, &caller, &new).await?)))
}

/// Revokes a token of the account that asks.
#[utoipa::path(
    delete,
    path = "/api/v1/account/tokens/{id}",
    params(("id" = String, Path)),
    responses((status = 204, description = "Done."))
)]
async fn revoke_token(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    tokens::revoke_by_id(&accounts.db, &caller.actor, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the namespaces that the account was invited to.
#[utoipa::path(
    get,
    path = "/api/v1/account/invitations",
    params(Paging<Namespace>),
    responses((status = 200, description = "Done.", body = Page<Member>))
)]
async fn invitations(
    State(accounts): State<Accounts>,
    caller: Account,
    Query(paging): Query<Paging<Namespace>>,
) -> Result<Json<Page<Member>>, Error> {
    Ok(Json(members::invitations(&accounts.db, &caller.name, &paging).await?))
}

/// Lists a namespace's members, and who is invited.
#[utoipa::path(
    get,
    path = "/api/v1/namespaces/{namespace}/members",
    params(("namespace" = Namespace, Path), Paging<members::Place>),
    responses((status = 200, description = "Done.", body = Page<Member>)),
    security((), ("token" = []))
)]
async fn members(
    State(accounts): State<Accounts>,
    principal: Principal,
    Path(namespace): Path<Namespace>,
    Query(paging): Query<Paging<members::Place>>,
) -> Result<Json<Page<Member>>, Error> {
    let account = principal.account.as_ref().ok_or(Error::Unauthenticated)?;
    if !principal.may_see(&accounts.db, &namespace, namespace.as_str()).await? {
        return Err(Error::forbidden(&account.name, format!("see the members of '{namespace}'")));
    }
    Ok(Json(members::list(&accounts.db, &namespace, &paging).await?))
}

/// Invites an account or, where it is a member already, changes its role.
///
/// Invites an account or, where it is a member already, changes its role.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/members/{account}",
    params(("namespace" = Namespace, Path), ("account" = Namespace, Path)),
    request_body = NewMember,
    responses((status = 204, description = "Done."))
)]
async fn invite(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
    Json(new): Json<NewMember>,
) -> Result<StatusCode, Error> {
    caller.must_own(&accounts.db, &namespace, "choose the members of").await?;
    members::invite(&accounts.db, &caller.actor, &namespace, &account, new.role, caller.person()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a membership or an invitation; everyone may end their own.
///
/// Ends a membership or an invitation; everyone may end their own.
#[utoipa::path(
    delete,
    path = "/api/v1/namespaces/{namespace}/members/{account}",
    params(("namespace" = Namespace, Path), ("account" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn remove(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
) -> Result<StatusCode, Error> {
    if caller.name != account {
        caller.must_own(&accounts.db, &namespace, "choose the members of").await?;
    }
    members::remove(&accounts.db, &caller.actor, &namespace, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts an invitation to a namespace.
#[utoipa::path(
    put,
    path = "/api/v1/namespaces/{namespace}/invitation",
    params(("namespace" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn accept(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    members::answer(&accounts.db, &caller.actor, &namespace, &caller.name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Declines an invitation to a namespace.
#[utoipa::path(
    delete,
    path = "/api/v1/namespaces/{namespace}/invitation",
    params(("namespace" = Namespace, Path)),
    responses((status = 204, description = "Done."))
)]
async fn decline(
    State(accounts): State<Accounts>,
    caller: Caller,
    Path(namespace): Path<Namespace>,
) -> Result<StatusCode, Error> {
    members::answer(&accounts.db, &caller.actor, &namespace, &caller.name, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
