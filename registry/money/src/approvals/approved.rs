//! What became of something that others may have to approve.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::Json;
use chandlery_package::wire::ApprovalRequest;
use serde::Serialize;

/// What asking for it, or an approval, has led to.
pub enum Approved<T> {
    /// It needs nobody else, and is done.
    Done(T),
    /// Others must approve it first.
    Waits(Box<ApprovalRequest>),
}

impl<T> Approved<T> {
    /// The answer to whoever asked: that it waits, or whatever is said of it now that it is done.
    pub fn answer(self, done: impl FnOnce(T) -> Response) -> Response {
        match self {
            Self::Done(what) => done(what),
            Self::Waits(request) => (StatusCode::ACCEPTED, Json(*request)).into_response(),
        }
    }
}

/// What was done, or what waits.
pub(crate) fn answer<T: Serialize>(approved: Approved<T>) -> Response {
    approved.answer(|done| Json(done).into_response())
}
