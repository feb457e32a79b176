//! Refuses the character U+0000 in what is percent-encoded, an address or a form: PostgreSQL keeps it in no text, and no text here has it.
//! What else comes from outside is looked at where it is read: JSON in `chandlery_edge::Json`, manifests where they are pushed, what
//! directories send in SCIM's words, and names, statements and events where they are parsed.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::{BODY_BYTES_MAX, NO_TEXT};

use crate::error::Error;
use crate::oci;

const FORM: &str = "application/x-www-form-urlencoded";
/// Where directories ask, who are refused it there, in SCIM's words.
const OF_DIRECTORIES: &str = "/scim/";

/// Lets through what has no U+0000 in its path, its query or the form that it brings. What JSON has is looked at where it is read.
pub async fn refuse(request: Request, next: Next) -> Result<Response, Error> {
    let address = request.uri().path_and_query().map_or("", |address| address.as_str());
    if is_in(address.as_bytes()) && !address.starts_with(OF_DIRECTORIES) {
        return match oci::speaks(request.uri().path()) {
            true => {
                Ok(oci::OciError::unasked(chandlery_edge::Error::Invalid(NO_TEXT.into())).into_response())
            }
            false => Err(Error::invalid(NO_TEXT)),
        };
    }
    if !is_form(request.headers()) {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let too_large =
        || chandlery_edge::Error::TooLarge { what: "a form".into(), bytes_max: BODY_BYTES_MAX as u64 };
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    match is_in(&body) {
        true => Err(Error::invalid(NO_TEXT)),
        false => Ok(next.run(Request::from_parts(parts, Body::from(body))).await),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    said.get(..FORM.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM.as_bytes()))
}

fn is_in(encoded: &[u8]) -> bool {
    encoded.contains(&0) || encoded.windows(3).any(|bytes| bytes == b"%00")
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::registry;

    #[tokio::test]
    async fn no_text_has_a_nul() {
        let (_folder, registry) = registry().await;
        for (method, path, kind, body, status) in [
            ("GET", "/search?q=a%00b", "", "", StatusCode::BAD_REQUEST),
            ("GET", "/api/v1/plugins?q=%00", "", "", StatusCode::BAD_REQUEST),
            ("GET", "/plugins/ac%00me/ocr", "", "", StatusCode::BAD_REQUEST),
            ("GET", "/api/v1/advisories/%00", "", "", StatusCode::BAD_REQUEST),
            ("GET", "/search?q=%2500", "", "", StatusCode::OK),
            ("GET", "/scim/v2/Groups/%00", "", "", StatusCode::UNAUTHORIZED),
            ("GET", "/v2/acme/x/manifests/a%00", "", "", StatusCode::BAD_REQUEST),
            ("POST", "/device", "application/x-www-form-urlencoded", "code=%00", StatusCode::BAD_REQUEST),
            (
                "POST",
                "/device",
                "Application/x-www-form-urlencoded; charset=utf-8",
                "a=\0",
                StatusCode::BAD_REQUEST,
            ),
            (
                "POST",
                "/api/v1/accounts",
                "application/json",
                r#"{"name":"a\u0000"}"#,
                StatusCode::BAD_REQUEST,
            ),
        ] {
            let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, kind);
            let request = request.body(Body::from(body)).unwrap();
            let answer = registry.clone().router().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status, "{method} {path} {body}");
            if status == StatusCode::BAD_REQUEST {
                let answer = to_bytes(answer.into_body(), BODY_BYTES_MAX).await.unwrap();
                let answer = String::from_utf8(answer.to_vec()).unwrap();
                assert!(answer.contains("U+0000"), "{method} {path} {body}: {answer}");
            }
        }
    }
}
