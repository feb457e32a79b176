//! `chandlery keys`.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_package::wire::{KeyRecord, KeyRequest, NewKey, NewRevocation, Page};
use chandlery_package::{KeyId, Namespace, PrivateKey};
use clap::Subcommand;
use jiff::Timestamp;
use reqwest::Method;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Keys that sign the releases of a namespace.
#[derive(Subcommand)]
pub enum Keys {
    /// Make a signing key, which stays on this machine
    New {
        /// What to call it; usually the namespace
        name: String,
    },
    /// Add a key to a namespace; the log will say so for ever
    Add {
        /// The namespace that the key signs for
        namespace: Namespace,
        /// The key; the one called like the namespace, where none is named
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Ask the owners of a namespace, in which you publish, to add your key
    Request {
        /// The namespace that the key is to sign for
        namespace: Namespace,
        /// The key; the one called like the namespace, where none is named
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Show the keys that members ask the owners of a namespace to add
    Waiting {
        /// The namespace that the keys are to sign for
        namespace: Namespace,
    },
    /// Add the key that a member asks for; the log will say so for ever
    Approve {
        /// The namespace that the key is to sign for
        namespace: Namespace,
        /// The key, as `keys waiting` names it
        key: KeyId,
    },
    /// Refuse the key that a member asks for, or take your own request back
    Refuse {
        /// The namespace that the key is not to sign for
        namespace: Namespace,
        /// The key, as `keys waiting` names it
        key: KeyId,
    },
    /// Revoke a key of a namespace; the log will say so for ever
    Revoke {
        /// The namespace that the key signs for
        namespace: Namespace,
        /// The key, as `keys list` names it
        key: KeyId,
        /// From when on nothing that it signed is to be trusted, such as 2026-01-31T12:00:00Z; now, unless given
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
    },
    /// Make a new key, add it, and revoke the old one from now on
    Rotate {
        /// The namespace that the key signs for
        namespace: Namespace,
        /// The old key; the one called like the namespace, where none is named
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Show the keys of a namespace
    List {
        /// The namespace that the key signs for
        namespace: Namespace,
    },
}

impl Keys {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::New { name } => new(context, &name),
            Self::Add { namespace, key } => add(context, &namespace, key.as_deref()).await,
            Self::Request { namespace, key } => request(context, &namespace, key.as_deref()).await,
            Self::Waiting { namespace } => waiting(context, &namespace).await,
            Self::Approve { namespace, key } => approve(context, &namespace, &key).await,
            Self::Refuse { namespace, key } => refuse(context, &namespace, &key).await,
            Self::Revoke { namespace, key, from } => revoke(context, &namespace, &key, from).await,
            Self::Rotate { namespace, key } => {
                rotate(context, &namespace, key.as_deref().unwrap_or(namespace.as_str())).await
            }
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
    let added = add_key(context, namespace, &key).await.map_err(|failure| match failure.is("forbidden") {
        true => failure.remedy(format!("ask the owners to add it with `chandlery keys request {namespace}`")),
        false => failure,
    })?;
    show_added(context, namespace, &added);
    Ok(())
}

fn show_added(context: &Context, namespace: &Namespace, added: &KeyRecord) {
    match context.settings.json {
        true => show::json(added),
        false => show::done(format!(
            "key {} may sign releases of '{namespace}', by entry {} of the log",
            added.key.id(),
            added.log_index
        )),
    }
}

/// Lets a key sign for a namespace.
pub async fn add_key(context: &Context, namespace: &Namespace, key: &PrivateKey) -> Result<KeyRecord> {
    let path = format!("/api/v1/namespaces/{namespace}/keys");
    context.registry(Method::POST, &path, proven(namespace, key)).await
}

/// A key, with the proof that this machine holds it.
fn proven(namespace: &Namespace, key: &PrivateKey) -> NewKey {
    let proof = BASE64_STANDARD.encode(key.sign(NewKey::proof_text(namespace).as_bytes()));
    NewKey { key: key.public(), proof }
}

fn requests(namespace: &Namespace) -> String {
    format!("/api/v1/namespaces/{namespace}/key-requests")
}

async fn request(context: &Context, namespace: &Namespace, name: Option<&str>) -> Result {
    let key = context.home.key(name.unwrap_or(namespace.as_str()))?;
    let new = proven(namespace, &key);
    let request: KeyRequest = context.registry(Method::POST, &requests(namespace), new).await?;
    if context.settings.json {
        show::json(request);
        return Ok(());
    }
    let (id, until) = (request.key.id(), request.lapses_at.strftime("%Y-%m-%d %H:%M UTC"));
    show::done(format!("the owners of '{namespace}' are asked to add key {id} until {until}"));
    show::note(format!("tell one of them its id; they run `chandlery keys approve {namespace} {id}`"));
    Ok(())
}

async fn waiting(context: &Context, namespace: &Namespace) -> Result {
    let page: Page<KeyRequest> = context.registry_list(&requests(namespace)).await?;
    if context.settings.json {
        show::json(page);
        return Ok(());
    }
    let row = |request: KeyRequest| {
        let until = request.lapses_at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        vec![request.key.id().to_string(), request.asked_by.to_string(), until]
    };
    show::table(&["key", "asked by", "until"], page.items.into_iter().map(row));
    Ok(())
}

async fn approve(context: &Context, namespace: &Namespace, key: &KeyId) -> Result {
    let path = format!("{}/{key}/approval", requests(namespace));
    let added: KeyRecord = context.registry(Method::POST, &path, ()).await?;
    show_added(context, namespace, &added);
    Ok(())
}

async fn refuse(context: &Context, namespace: &Namespace, key: &KeyId) -> Result {
    let path = format!("{}/{key}", requests(namespace));
    context.tell_registry(Method::DELETE, &path, ()).await?;
    match context.settings.json {
        true => show::json(serde_json::json!({ "refused": key })),
        false => show::done(format!("key {key} is not added to '{namespace}'")),
    }
    Ok(())
}

async fn revoke(context: &Context, namespace: &Namespace, key: &KeyId, from: Option<Timestamp>) -> Result {
    let from = from.unwrap_or_else(Timestamp::now);
    let path = format!("/api/v1/namespaces/{namespace}/keys/{key}/revocation");
    context.tell_registry(Method::PUT, &path, NewRevocation { from }).await?;
    match context.settings.json {
        true => show::json(serde_json::json!({ "revoked": key, "from": from })),
        false => show::done(format!("key {key} of '{namespace}' is not to be trusted from {from} on")),
    }
    Ok(())
}

/// The new key takes the old one's name once the registry knows it; until then nothing is lost whatever fails.
async fn rotate(context: &Context, namespace: &Namespace, name: &str) -> Result {
    let old = context.home.key(name)?.public().id();
    let next = format!("{name}-next");
    if !context.home.key_path(&next).exists() {
        context.home.new_key(&next)?;
    }
    add(context, namespace, Some(&next)).await?;
    revoke(context, namespace, &old, None).await?;
    context.home.replace_key(name, &next)
}

async fn list(context: &Context, namespace: &Namespace) -> Result {
    let page: Page<KeyRecord> = context.public_list(&format!("/api/v1/namespaces/{namespace}/keys")).await?;
    match context.settings.json {
        true => show::json(page),
        false => show::table(
            &["key", ">log entry", "revoked from"],
            page.items.iter().map(|record| {
                let revoked = record.revoked_from.map(|from| from.to_string()).unwrap_or_default();
                vec![record.key.id().to_string(), record.log_index.to_string(), revoked]
            }),
        ),
    }
    Ok(())
}
