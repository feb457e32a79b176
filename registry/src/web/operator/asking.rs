//! What the console's forms have in common: what is done is confirmed before, and where one gets to afterwards.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_money::Approved;
use chandlery_package::words::Word;
use maud::{Markup, html};
use serde::Deserialize;

use crate::console::REQUESTS;
use crate::error::Error;
use crate::shell;

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

/// A bank file of this name (ISO 20022), to be kept.
pub(super) fn bank_file(name: &str, file: String) -> Response {
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8")),
        (header::CONTENT_DISPOSITION, named.unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    (headers, file).into_response()
}

/// What stands for things in any state.
pub(super) const ANY: &str = "any";

/// In which state things of a list are asked for.
#[derive(Deserialize)]
pub(super) struct InState {
    #[serde(default)]
    state: String,
}

impl InState {
    /// The state, which is `usual` unless another one is asked for; none: any.
    pub(super) fn or<T: Word>(&self, usual: T) -> Result<Option<T>, Error> {
        match self.state.as_str() {
            "" => Ok(Some(usual)),
            ANY => Ok(None),
            state => Ok(Some(word(state)?)),
        }
    }
}

/// Why one of several was not done, for a reason that is its own; whatever keeps everything from being done is an error.
pub(super) fn why_not(error: chandlery_money::Error) -> Result<String, chandlery_money::Error> {
    shell::told(error).map(|(_, why)| why)
}
