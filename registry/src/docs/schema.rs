//! The JSON Schema of `chandlery.toml`, by which editors complete and check it.

use axum::http::{HeaderName, header};

/// Where it is served.
pub const ADDRESS: &str = "/schemas/chandlery.toml.json";

const SCHEMA: &str = include_str!("../../../docs/schemas/chandlery.toml.json");

/// The schema; an editor on a page of another site may read it, too.
pub(super) async fn file() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers =
        [(header::CONTENT_TYPE, "application/schema+json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    (headers, SCHEMA)
}
