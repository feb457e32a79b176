//! Errors as answers: RFC 9457 problems.

use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::Explain;

/// The answer that tells of an error. What failed inside stays in the server's own log.
pub fn answer(error: &impl Explain) -> Response {
    let explanation = error.explain();
    let mut problem = error.problem();
    if problem.status >= 500 {
        tracing::error!(%error, "request failed");
    }
    if problem.status == 500 {
        problem.detail = "the registry could not complete the request".into();
    }
    let mut response = problem.into_response();
    response.headers_mut().extend(explanation.http_header());
    response
}
