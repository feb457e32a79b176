//! `chandlery keys`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::Namespace;
use chandlery_package::wire::{KeyRecord, NewKey, Page};
use clap::Subcommand;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Signing keys.
#[derive(Subcommand)]
pub enum Keys {
    /// Make a signing key, which stays on this machine
    New {
        /// What to call it; usually the namespace
        name: String,
    },
    /// Add a key to a namespace; the log will say so for ever
    Add {
        /// The namespace
        namespace: Namespace,
        /// The key; the one called like the namespace, where none is named
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Show the keys of a namespace
    List {
        /// The namespace
        namespace: Namespace,
    },
}

impl Keys {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::New { name } => new(context, &name),
            Self::Add { namespace, key } => add(context, &namespace, key.as_deref()).await,
            Self::List { namespace } => list(context, &namespace).await,
        }
    }
}

fn new(context: &Context, name: &str) -> Result {
    let key = context.home.new_key(name)?;
    let path = context.home.key_path(name);
    match context.settings.json {
        true => show::json(serde_json::json!({ "key": key.public().id(), "path": path })),
        false => show::done(format!("key {} in {}", key.public().id(), path.display())),
    }
    Ok(())
}

async fn add(context: &Context, namespace: &Namespace, name: Option<&str>) -> Result {
    let key = context.home.key(name.unwrap_or(namespace.as_str()))?;
    let proof = BASE64_STANDARD.encode(key.sign(NewKey::proof_text(namespace).as_bytes()));
    let new = NewKey { key: key.public(), proof };
    let path = format!("/api/v1/namespaces/{namespace}/keys");
    let record: KeyRecord = context.registry(Method::POST, &path, new).await?;
    match context.settings.json {
        true => show::json(record),
        false => show::done(format!(
            "key {} may sign releases of '{namespace}', by entry {} of the log",
            record.key.id(),
            record.log_index
        )),
    }
    Ok(())
}

async fn list(context: &Context, namespace: &Namespace) -> Result {
    let page: Page<KeyRecord> = context.ask(&format!("/api/v1/namespaces/{namespace}/keys")).await?;
    match context.settings.json {
        true => show::json(page),
        false => show::table(
            &["key", ">log entry"],
            page.items.iter().map(|record| vec![record.key.id().to_string(), record.log_index.to_string()]),
        ),
    }
    Ok(())
}
