//! The trait that an integration implements, and short ways to what it may be granted.

use serde::de::DeserializeOwned;

use crate::bindings::generated_integration::wasi::config::store as config;
use crate::bindings::integration::{Event, keyvalue, secrets};
use crate::bindings::template::Problem;
use crate::template::report_panic;

/// Something that reacts to what happens to deployments.
pub trait Integration {
    /// An event. A problem has it delivered again, later.
    fn on_event(event: Event) -> Result<(), Problem>;
}

/// A setting as text; a number or a list as JSON.
pub fn setting(name: &str) -> Option<String> {
    config::get(name).ok().flatten()
}

/// A setting that must be there. The host has validated it.
pub fn required(name: &str) -> Result<String, Problem> {
    setting(name).ok_or_else(|| Problem::with(format!("/{name}"), "is not set"))
}

/// A setting that is more than a text.
pub fn setting_json<T: DeserializeOwned>(name: &str) -> Result<Option<T>, Problem> {
    let read = setting(name).map(|text| serde_json::from_str(&text)).transpose();
    read.map_err(|error| Problem::with(format!("/{name}"), error.to_string()))
}

/// A word that stands for the secret in the path and the headers of requests.
pub fn secret(name: &str) -> Result<String, Problem> {
    secrets::reference(name).map_err(|error| no_secret(name, error))
}

/// The message's HMAC-SHA-256 with the secret as its key.
pub fn hmac_sha256(secret: &str, message: &[u8]) -> Result<Vec<u8>, Problem> {
    secrets::hmac_sha256(secret, message).map_err(|error| no_secret(secret, error))
}

fn no_secret(name: &str, error: secrets::Error) -> Problem {
    Problem::of(match error {
        secrets::Error::NotGranted => format!("the permission 'secret:{name}' was not granted"),
        secrets::Error::NotSet => format!("the secret '{name}' is not set: `chandlery secrets set {name}`"),
    })
}

/// What the plugin keeps between calls; what a call changes is kept if the call ends well.
pub fn kept() -> Result<keyvalue::Bucket, Problem> {
    keyvalue::open("default")
        .map_err(|error| Problem::of(format!("what is kept cannot be opened: {error:?}")))
}

/// Answers one call of the contract with `I`.
#[doc(hidden)]
pub fn react<I: Integration>(event: Event) -> Result<(), Problem> {
    std::panic::set_hook(Box::new(report_panic));
    I::on_event(event)
}
