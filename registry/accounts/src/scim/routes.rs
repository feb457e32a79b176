//! `/scim/v2`: what an organisation's directory asks and says. Whatever it is answered is JSON of SCIM.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Map, Value, json};

use super::directory::Directory;
use super::error::Error;
use super::patch::operations;
use super::person::Person;
use super::query::{Asked, COUNT_MAX};
use super::team::Team;
use super::version::{Conditions, version};
use super::{MEDIA_TYPE, groups, schemas, users};
use crate::Accounts;

/// How many bytes a body has at most.
const BODY_BYTES_MAX: usize = 256 << 10;
/// How many groups a list has at most that shows who belongs to them.
const WITH_MEMBERS_MAX: i64 = 10;
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The routes of this chapter.
pub fn routes<S>(accounts: Accounts) -> Router<S> {
    Router::new()
        .route("/scim/v2/ServiceProviderConfig", get(config))
        .route("/scim/v2/ResourceTypes", get(resource_types))
        .route("/scim/v2/ResourceTypes/{name}", get(resource_type))
        .route("/scim/v2/Schemas", get(all_schemas))
        .route("/scim/v2/Schemas/{urn}", get(schema))
        .route("/scim/v2/Users", get(list_users).post(create_user))
        .route(
            "/scim/v2/Users/{user}",
            get(show_user).put(replace_user).patch(change_user).delete(remove_user),
        )
        .route("/scim/v2/Groups", get(list_groups).post(create_group))
        .route(
            "/scim/v2/Groups/{group}",
            get(show_group).put(replace_group).patch(change_group).delete(remove_group),
        )
        .route("/scim/v2/{*rest}", any(unknown))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(accounts)
}

/// The object that a request brings.
struct Body(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let said = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if ![MEDIA_TYPE, "application/json"].iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            return Err(Error::MediaType);
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::Shared(crate::Error::TooLarge {
                    what: "a request of a directory".into(),
                    bytes_max: BODY_BYTES_MAX as u64,
                }),
                _ => Error::syntax("the body cannot be read"),
            })?;
        if chandlery_edge::has_nul(&bytes) {
            return Err(Error::value(chandlery_edge::NO_TEXT));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            Ok(_) => Err(Error::syntax("the body is an object")),
            Err(error) => Err(Error::syntax(format!("the body is no JSON: {error}"))),
        }
    }
}

fn answer(status: StatusCode, value: Value) -> Response {
    let mut response = (status, axum::Json(value)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// An answer about a resource, which says what version of it there is.
fn tagged(mut response: Response, resource: &Map<String, Value>) -> Response {
    if let Some(tag) = version(resource).and_then(|version| HeaderValue::from_str(version).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What was made, and where it is.
fn created(resource: Map<String, Value>) -> Response {
    let location = resource.get("meta").and_then(|meta| meta["location"].as_str());
    let location = location.and_then(|text| HeaderValue::from_str(text).ok());
    let mut response = changed(resource);
    *response.status_mut() = StatusCode::CREATED;
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// What was changed, the whole of it.
fn changed(resource: Map<String, Value>) -> Response {
    tagged(answer(StatusCode::OK, Value::Object(resource.clone())), &resource)
}

/// What of a resource is asked for, unless whoever asks has it already.
fn shown(resource: Map<String, Value>, asked: &Asked, conditions: &Conditions) -> Response {
    let response = match conditions.knows(&resource) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => answer(StatusCode::OK, asked.shown(resource.clone())),
    };
    tagged(response, &resource)
}

fn list(total: i64, start: i64, resources: Vec<Value>) -> Response {
    let list = json!({
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    answer(StatusCode::OK, list)
}

fn whole(resources: Vec<Value>) -> Response {
    list(i64::try_from(resources.len()).unwrap_or(i64::MAX), 1, resources)
}

/// The one of this id.
fn one_of(resources: Vec<Value>, id: &str) -> Result<Response, Error> {
    let found = resources.into_iter().find(|resource| resource["id"] == id);
    found.map(|found| answer(StatusCode::OK, found)).ok_or_else(|| Error::not_found("resource here"))
}

async fn config(directory: Directory) -> Response {
    answer(StatusCode::OK, schemas::config(&directory.accounts))
}

async fn resource_types(directory: Directory) -> Response {
    whole(schemas::resource_types(&directory.accounts))
}

async fn resource_type(directory: Directory, Path(name): Path<String>) -> Result<Response, Error> {
    one_of(schemas::resource_types(&directory.accounts), &name)
}

async fn all_schemas(directory: Directory) -> Response {
    whole(schemas::schemas(&directory.accounts))
}

async fn schema(directory: Directory, Path(urn): Path<String>) -> Result<Response, Error> {
    one_of(schemas::schemas(&directory.accounts), &urn)
}

async fn list_users(directory: Directory, asked: Asked) -> Result<Response, Error> {
    let (filter, window) = (asked.filter()?, asked.window(COUNT_MAX)?);
    let (total, users) = users::list(&directory, filter.as_ref(), window).await?;
    let shown = users.iter().map(|user| asked.shown(user.resource(&directory.accounts)));
    Ok(list(total, window.start, shown.collect()))
}

async fn create_user(directory: Directory, Body(body): Body) -> Result<Response, Error> {
    let user = users::create(&directory, Person::read(&body)?).await?;
    Ok(created(user.resource(&directory.accounts)))
}

async fn show_user(
    directory: Directory,
    Path(id): Path<String>,
    asked: Asked,
    conditions: Conditions,
) -> Result<Response, Error> {
    let mut read = directory.db().read().acquire().await?;
    let user = users::find(&mut read, &directory.organisation, &id).await?;
    Ok(shown(user.resource(&directory.accounts), &asked, &conditions))
}

async fn replace_user(
    directory: Directory,
    Path(id): Path<String>,
    conditions: Conditions,
    Body(body): Body,
) -> Result<Response, Error> {
    let user = users::replace(&directory, &id, Person::read(&body)?, &conditions).await?;
    Ok(changed(user.resource(&directory.accounts)))
}

async fn change_user(
    directory: Directory,
    Path(id): Path<String>,
    asked: Asked,
    conditions: Conditions,
    Body(body): Body,
) -> Result<Response, Error> {
    let user = users::change(&directory, &id, &operations(&body)?, &conditions).await?;
    Ok(shown(user.resource(&directory.accounts), &asked, &Conditions::default()))
}

async fn remove_user(
    directory: Directory,
    Path(id): Path<String>,
    conditions: Conditions,
) -> Result<StatusCode, Error> {
    users::remove(&directory, &id, &conditions).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_groups(directory: Directory, asked: Asked) -> Result<Response, Error> {
    let with_members = asked.wants("members");
    let most = if with_members { WITH_MEMBERS_MAX } else { COUNT_MAX };
    let (filter, window) = (asked.filter()?, asked.window(most)?);
    let (total, groups) = groups::list(&directory, filter.as_ref(), window, with_members).await?;
    let shown = groups.iter().map(|group| asked.shown(group.resource(&directory.accounts)));
    Ok(list(total, window.start, shown.collect()))
}

async fn create_group(directory: Directory, Body(body): Body) -> Result<Response, Error> {
    let group = groups::create(&directory, Team::read(&body)?).await?;
    Ok(created(group.resource(&directory.accounts)))
}

async fn show_group(
    directory: Directory,
    Path(id): Path<String>,
    asked: Asked,
    conditions: Conditions,
) -> Result<Response, Error> {
    let mut read = directory.db().read().acquire().await?;
    let group = groups::find(&mut read, &directory.organisation, &id).await?;
    Ok(shown(group.resource(&directory.accounts), &asked, &conditions))
}

async fn replace_group(
    directory: Directory,
    Path(id): Path<String>,
    conditions: Conditions,
    Body(body): Body,
) -> Result<Response, Error> {
    let group = groups::replace(&directory, &id, Team::read(&body)?, &conditions).await?;
    Ok(changed(group.resource(&directory.accounts)))
}

/// Changes a group, and answers with its version alone: a group may have thousands of people, and a directory changes a few of them at a
/// time.
async fn change_group(
    directory: Directory,
    Path(id): Path<String>,
    conditions: Conditions,
    Body(body): Body,
) -> Result<Response, Error> {
    let group = groups::change(&directory, &id, &operations(&body)?, &conditions).await?;
    Ok(tagged(StatusCode::NO_CONTENT.into_response(), &group.resource(&directory.accounts)))
}

async fn remove_group(
    directory: Directory,
    Path(id): Path<String>,
    conditions: Conditions,
) -> Result<StatusCode, Error> {
    groups::remove(&directory, &id, &conditions).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unknown(_: Directory, uri: Uri) -> Error {
    let path = uri.path();
    match path.ends_with("/.search") || path.ends_with("/Bulk") || path.ends_with("/Me") {
        true => Error::NotSupported("this part of SCIM"),
        false => Error::not_found("resource here"),
    }
}
