//! axum's extractors, which refuse with a problem that says what cannot be read.

use std::error::Error as _;

use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chandlery_package::problem::{INVALID, Problem};
use serde::Serialize;

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Refused))]
pub(crate) struct Json<T>(pub(crate) T);

/// The variable parts of a path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refused))]
pub(crate) struct Path<T>(pub(crate) T);

/// What a form of a page sends.
#[derive(FromRequest)]
#[from_request(via(axum::extract::Form), rejection(Refused))]
pub(crate) struct Form<T>(pub(crate) T);

/// What the query says, each value a text.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refused))]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A request that cannot be read.
pub(crate) struct Refused(Problem);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

macro_rules! refused {
    ($($rejection:ty),*) => {
        $(impl From<$rejection> for Refused {
            fn from(rejection: $rejection) -> Self {
                let status = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self(Problem {
                    r#type: INVALID.word.into(),
                    title: INVALID.title.into(),
                    status: status.as_u16(),
                    // What cannot be read says so itself; before it stand words of the framework.
                    detail: rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string),
                    remedy: None,
                })
            }
        })*
    };
}
refused!(FormRejection, JsonRejection, PathRejection, QueryRejection);
