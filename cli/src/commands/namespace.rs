//! `chandlery namespace`.

use chandlery_package::wire::NewNamespace;
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Namespaces.
#[derive(Subcommand)]
pub enum Namespace {
    /// Take a namespace that nobody has
    Take {
        /// Which
        name: chandlery_package::Namespace,
    },
}

impl Namespace {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let Self::Take { name } = self;
        context
            .tell_registry(Method::POST, "/api/v1/namespaces", NewNamespace { name: name.clone() })
            .await?;
        match context.settings.json {
            true => show::json(serde_json::json!({ "namespace": name })),
            false => show::done(format!("the namespace '{name}' is yours")),
        }
        Ok(())
    }
}
