//! What records something at the registry answers with what was recorded.

use reqwest::Method;
use serde::Serialize;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Sends it, and says what was done; to scripts, what was sent.
pub async fn record(
    context: &Context,
    method: Method,
    path: &str,
    body: impl Serialize,
    done: String,
) -> Result {
    context.tell_registry(method, path, &body).await?;
    match context.settings.json {
        true => show::json(body),
        false => show::done(done),
    }
    Ok(())
}
