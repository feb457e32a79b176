//! How the servers describe their HTTP interfaces: the OpenAPI document, made from the handlers themselves, and a page to read it.
//!
//! A handler says its path, its parameters and what it answers with when all is well. What holds for every operation (its name, its
//! chapter, the token, the problems that it may answer with) is said here, once.

mod operations;
mod page;
mod problems;
pub mod snapshot;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use chandlery_package::problem::Problem;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi};
use utoipa::{PartialSchema as _, ToSchema as _};

pub use operations::{DOCUMENT, PAGE, ROOT};
use operations::{STYLE, chapter, name, operations_mut};

const TOKEN: &str = "token";

/// Completes what was collected from the handlers: gives it a title, and each operation its name, its chapter (the first word of its
/// path) and its problems.
pub fn describe(mut collected: OpenApi, title: &str, description: &str) -> OpenApi {
    collected.info = InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .build();
    let components = collected.components.get_or_insert_with(Components::new);
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    collected.security = Some(vec![SecurityRequirement::new(TOKEN, Vec::<String>::new())]);
    for (path, item) in &mut collected.paths.paths {
        for (method, operation) in operations_mut(item) {
            operation.operation_id = Some(name(method, path));
            operation.tags = Some(vec![chapter(path).to_owned()]);
            problems::add(&mut operation.responses, method == "get");
        }
    }
    collected
}

/// The routes that serve a document and its page. They need no token.
pub fn routes<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let json: Arc<str> = serde_json::json!(document).to_string().into();
    let page: Arc<str> = page::page(document).into_string().into();
    let text = |content: Arc<str>, media_type: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, media_type)], content.to_string()) })
    };
    Router::new()
        .route(DOCUMENT, text(json, "application/json"))
        .route(PAGE, text(page, "text/html; charset=utf-8"))
        .route(STYLE, text(page::RULES.into(), "text/css; charset=utf-8"))
}
