//! What publishers write in Markdown, rendered where no other request waits for it.

use maud::Markup;

use crate::catalog::error::Error;
use crate::markdown;

/// A text as a part of a page.
pub(super) async fn prose(text: String) -> Result<Markup, Error> {
    let read = tokio::task::spawn_blocking(move || markdown::prose(&text)).await;
    read.map_err(|error| Error::damaged(format!("a text in Markdown was not read: {error}")))
}
