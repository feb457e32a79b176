//! What the console's forms have in common: what is done is confirmed before, and where one gets to afterwards.

use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_money::Approved;
use chandlery_package::problem::Explain as _;
use chandlery_package::words::Word;
use maud::{Markup, html};

use crate::error::Error;

/// Where requests for approval are.
pub(super) const REQUESTS: &str = "/operator/approvals";

/// The path of the page of a request for approval.
pub(super) fn request_path(id: i64) -> String {
    format!("{REQUESTS}/{id}")
}

/// A form whose button does what its page has said. What it sends stands in hidden fields.
pub(super) fn confirm(path: &str, fields: &[(&str, &str)], says: &str) -> Markup {
    html! {
        form.row method="post" action=(path) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button { (says) }
        }
    }
}

/// To a page, where it is done; to the request that others approve first, where it waits.
pub(super) fn led<T>(approved: Approved<T>, path: &str) -> Response {
    match approved {
        Approved::Done(_) => Redirect::to(path).into_response(),
        Approved::Waits(request) => Redirect::to(&request_path(request.id)).into_response(),
    }
}

/// One of the words that a form may send.
pub(super) fn word<T: Word>(text: &str) -> Result<T, Error> {
    Ok(text.parse::<T>().map_err(chandlery_money::Error::from)?)
}

/// What a room of the money refuses for a reason that others are not refused for; whatever keeps everything from being done is an error.
pub(super) fn refused(error: chandlery_money::Error) -> Result<String, chandlery_money::Error> {
    match error.kind().status {
        400 | 404 | 409 | 422 => Ok(error.problem().in_words()),
        _ => Err(error),
    }
}
