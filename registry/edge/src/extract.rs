//! axum's extractors, which refuse in the registry's own words.

use std::error::Error as _;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BODY_BYTES_MAX, Error};

/// Why the character U+0000 is refused.
pub const NO_TEXT: &str = "what was sent has the character U+0000, which is in no text here: leave it out";

/// A JSON body of at most [`BODY_BYTES_MAX`], in whose texts is no U+0000.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await?;
        if has_nul(&body) {
            return Err(Error::Invalid(NO_TEXT.into()));
        }
        let request = Request::from_parts(parts, Body::from(body));
        Ok(Self(axum::Json::from_request(request, state).await?.0))
    }
}

/// Whether a text of JSON has the character U+0000, which databases do not keep.
pub fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (_, escape) = rest.split_at(at);
        if escape.starts_with(br"\u0000") {
            return true;
        }
        // An escaped backslash escapes nothing.
        rest = escape.get(2..).unwrap_or_default();
    }
    false
}

/// The variable parts of a path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

/// What follows the question mark of a URL.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

/// What a form of a page sends.
#[derive(FromRequest)]
#[from_request(via(axum::extract::Form), rejection(Error))]
pub struct Form<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

macro_rules! invalid {
    ($($rejection:ty),*) => {
        $(impl From<$rejection> for Error {
            fn from(rejection: $rejection) -> Self {
                match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge {
                        what: "a request that is no push".into(),
                        bytes_max: BODY_BYTES_MAX as u64,
                    },
                    // What cannot be read says so itself; before it stand words of the framework.
                    _ => Error::Invalid(
                        rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string),
                    ),
                }
            }
        })*
    };
}
invalid!(BytesRejection, FormRejection, JsonRejection, PathRejection, QueryRejection);

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts as _;
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Asked {
        limit: u32,
    }

    #[tokio::test]
    async fn what_cannot_be_read_says_why_and_nothing_of_who_reads_it() {
        for (uri, found) in
            [("/?limit=2", Ok(2)), ("/?limit=many", Err("limit: invalid digit found in string".to_owned()))]
        {
            let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
            let query = Query::<Asked>::from_request_parts(&mut parts, &()).await;
            assert_eq!(query.map(|Query(asked)| asked.limit).map_err(|error| error.to_string()), found);
        }
        let form = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let form = form.body(Body::from("limit=1&limit=2")).unwrap();
        let form = Form::<Asked>::from_request(form, &()).await.err().unwrap();
        assert_eq!(form.to_string(), "duplicate field `limit`");
        let json = Request::post("/").header("content-type", "application/json");
        let json = json.body(Body::from(r#"{"limit":"many"}"#)).unwrap();
        let json = Json::<Asked>::from_request(json, &()).await.err().unwrap().to_string();
        assert!(json.starts_with("limit: invalid type: string \"many\", expected u32"), "{json}");
    }

    #[test]
    fn an_escaped_nul_is_known_from_the_text_of_one() {
        for (json, has) in [
            (r#"{"a":"b"}"#, false),
            (r#""\u0000""#, true),
            (r#""\\u0000""#, false),
            (r#""\\\u0000""#, true),
            (r#""\n\"\u0001""#, false),
            (r#""\"#, false),
            ("", false),
        ] {
            assert_eq!(has_nul(json.as_bytes()), has, "{json}");
        }
    }
}
