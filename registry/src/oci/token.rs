//! `/token`: OCI clients exchange their credentials for a short-lived token for the repositories that they name.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>

use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::repository::{Repository, is_public};
use super::{Asked, OciError};
use crate::accounts::{Access, Visitor, bearer};
use crate::extract::Json;
use crate::{Error, Registry};

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
    State(registry): State<Registry>,
    visitor: Result<Visitor, Error>,
    asked: Asked,
    uri: Uri,
) -> Result<Json<Value>, OciError> {
    let query = uri.query().unwrap_or_default();
    let scopes: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, scopes)| scopes.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let granted = match visitor {
        Ok(visitor) => grant(&registry, &visitor, &scopes).await,
        Err(error) => Err(error),
    };
    granted.map_err(|error| OciError::new(error, asked))
}

/// For whoever the form names.
pub(super) async fn post(
    State(registry): State<Registry>,
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
        let header = header.ok_or(Error::Unauthenticated)?;
        let mut headers = HeaderMap::new();
        headers.insert(axum::http::header::AUTHORIZATION, super::header(header)?);
        let visitor = Visitor::of(&headers, &registry).await?;
        grant(&registry, &visitor, &scopes).await
    };
    granted.await.map_err(|error| OciError::new(error, asked))
}

async fn grant(registry: &Registry, visitor: &Visitor, scopes: &[String]) -> Result<Json<Value>, Error> {
    if scopes.len() > SCOPES_MAX {
        return Err(Error::Invalid(format!("a token is for at most {SCOPES_MAX} repositories")));
    }
    let mut access = Vec::new();
    for scope in scopes {
        access.extend(granted(registry, visitor, scope).await?);
    }
    let token = bearer::issue(registry, visitor.account.as_ref(), access);
    let issued_at = Timestamp::now().to_string();
    Ok(Json(json!({
        "token": token,
        "access_token": token,
        "expires_in": bearer::LIFETIME_SECONDS,
        "issued_at": issued_at,
    })))
}

/// What of a scope, `repository:NAME:ACTION,ACTION`, this visitor may have. What it may not is left out rather than
/// refused, as the specification has it.
async fn granted(registry: &Registry, visitor: &Visitor, scope: &str) -> Result<Option<Access>, Error> {
    let Some(named) = scope.strip_prefix("repository:") else { return Ok(None) };
    let Some((name, actions)) = named.rsplit_once(':') else { return Ok(None) };
    let Ok(repository) = name.parse::<Repository>() else { return Ok(None) };
    let asks = |action: &str| actions.split(',').any(|asked| asked == action || asked == "*");
    let namespace = &repository.namespace;
    let pull = asks("pull")
        && (is_public(registry, namespace).await.unwrap_or(false)
            || visitor.may_see(registry, namespace, repository.name()).await?);
    let push = (asks("push") || asks("delete"))
        && visitor.must_push(registry, namespace, repository.name()).await.is_ok();
    Ok((pull || push).then(|| Access { repository: repository.name().into(), pull, push }))
}
