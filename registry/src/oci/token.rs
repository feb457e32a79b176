//! `/token`: OCI clients exchange their credentials for a short-lived token for the repositories that they name.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Asked, OciError};
use super::error::Error;
use super::http::header as header_value;
use super::repository::Repository;
use super::state::Oci;
use chandlery_accounts::{Access, Principal, bearer};
use chandlery_edge::{Client, Form, Json};

/// How many repositories one token may be for.
const SCOPES_MAX: usize = 50;

/// What OAuth 2 clients post.
#[derive(Deserialize)]
pub(super) struct Grant {
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    #[serde(default)]
    scope: String,
}

/// For whoever the request's own credentials say.
pub(super) async fn get(
    State(oci): State<Oci>,
    principal: Result<Principal, chandlery_accounts::Error>,
    asked: Asked,
    uri: Uri,
) -> Result<Json<Value>, OciError> {
    let query = uri.query().unwrap_or_default();
    let scopes: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, scopes)| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let granted = match principal {
        Ok(principal) => grant(&oci, &principal, &scopes).await,
        Err(error) => Err(error.into()),
    };
    granted.map_err(|error| OciError::new(error, asked))
}

/// For whoever the form names.
pub(super) async fn post(
    State(oci): State<Oci>,
    client: Client,
    asked: Asked,
    Form(form): Form<Grant>,
) -> Result<Json<Value>, OciError> {
    let scopes: Vec<String> = form.scope.split(' ').map(str::to_owned).collect();
    let header = match (form.username, form.password, form.refresh_token) {
        (Some(name), Some(password), _) => {
            Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}"))))
        }
        (_, _, Some(token)) => Some(format!("Bearer {token}")),
        _ => None,
    };
    let granted = async {
        let header = header.ok_or_else(Error::unauthenticated)?;
        let mut headers = HeaderMap::new();
        headers.insert(axum::http::header::AUTHORIZATION, header_value(header)?);
        let principal = oci.accounts.identify(client, &headers).await?;
        grant(&oci, &principal, &scopes).await
    };
    granted.await.map_err(|error| OciError::new(error, asked))
}

async fn grant(oci: &Oci, principal: &Principal, scopes: &[String]) -> Result<Json<Value>, Error> {
    if scopes.len() > SCOPES_MAX {
        return Err(Error::invalid(format!("a token is for at most {SCOPES_MAX} repositories")));
    }
    let mut access = Vec::new();
    for scope in scopes {
        access.extend(granted(oci, principal, scope).await?);
    }
    let (token, bound) = bearer::issue(&oci.accounts, principal, access);
    let issued_at = Timestamp::now().to_string();
    Ok(Json(json!({
        "token": token,
        "access_token": token,
        "expires_in": bound.seconds_left(),
        "issued_at": issued_at,
    })))
}

/// What of a scope, `repository:NAME:ACTION,ACTION`, this visitor may have. What it may not is left out rather than
/// refused, as the specification has it.
async fn granted(oci: &Oci, principal: &Principal, scope: &str) -> Result<Option<Access>, Error> {
    let Some(named) = scope.strip_prefix("repository:") else { return Ok(None) };
    let Some((name, actions)) = named.rsplit_once(':') else { return Ok(None) };
    let Ok(repository) = name.parse::<Repository>() else { return Ok(None) };
    let asks = |action: &str| actions.split(',').any(|asked| asked == action || asked == "*");
    let namespace = &repository.namespace;
    let pull = asks("pull")
        && (oci.is_public(namespace).await.unwrap_or(false)
            || principal.may_see(&oci.db, namespace, repository.name()).await?);
    let push = (asks("push") || asks("delete"))
        && principal.must_push(&oci.db, namespace, repository.name()).await.is_ok();
    Ok((pull || push).then(|| Access { repository: repository.name().into(), pull, push }))
}
