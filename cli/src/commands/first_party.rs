//! The first-party plugins, with which a fresh registry is not empty: published as `chandlery`, which only its operator takes, and
//! signed with a key that is made for it here.

use std::fs;
use std::path::{Path, PathBuf};

use chandlery_accounts::check_token;
use chandlery_package::wire::{Category, NewNamespace};
use chandlery_package::{Namespace, PrivateKey};
use chandlery_registry::{Registry, catalog};
use clap::Args;
use reqwest::Method;

use crate::api::{Context, Settings};
use crate::arguments::LogFormat;
use crate::author::project::Built;
use crate::commands::keys::add_key;
use crate::commands::listing::set_category;
use crate::commands::publish::publish as publish_one;
use crate::commands::ready::key_of;
use crate::failure::{Failure, Result};
use crate::home::{Home, read_token};
use crate::show;

/// Whose they are.
const NAMESPACE: &str = "chandlery";
/// Where they are, seen from the binary's folder: beside it, where a build leaves them, and where a package installs them.
const FOLDERS: [&str; 3] = ["plugins", "../plugins", "../share/chandlery/plugins"];

/// What each is for, by which the shop is searched.
const CATEGORIES: [(&str, Category); 11] = [
    ("guardrails", Category::Security),
    ("jupyter-gpu", Category::Notebooks),
    ("llama-cpp", Category::Inference),
    ("prometheus", Category::Monitoring),
    ("ray-serve", Category::Inference),
    ("sglang", Category::Inference),
    ("slack", Category::Integration),
    ("text-embeddings-inference", Category::Embeddings),
    ("torchrun-job", Category::Training),
    ("vllm", Category::Inference),
    ("webhook", Category::Integration),
];

/// Which of them whoever begins is told to install: it runs without GPUs, and changes nothing of other plugins' plans.
const FIRST: &str = "llama-cpp";

/// Whether they are published, and from where.
#[derive(Args)]
pub struct FirstParty {
    /// Where the first-party plugins are, as components; a folder `plugins` beside the binary, unless given
    #[arg(long, value_name = "DIR", env = "CHANDLERY_REGISTRY_PLUGINS")]
    plugins: Option<PathBuf>,
    /// Publish the first-party plugins that are not published yet, as 'chandlery'; `chandlery up` asks at a terminal, unless given
    #[arg(long, conflicts_with = "no_publish_first_party", env = "CHANDLERY_REGISTRY_PUBLISH_FIRST_PARTY")]
    publish_first_party: bool,
    /// Publish no first-party plugins, and do not ask
    #[arg(long)]
    no_publish_first_party: bool,
}

/// Those that are published once the registry answers, and by whose right.
pub struct Offer {
    plugins: Vec<Built>,
    operator: Context,
}

impl FirstParty {
    /// What whoever starts the registry wants to be published of what is not, which is asked where somebody is there to answer; its
    /// data are in this folder, and it will answer at this URL.
    pub async fn offer(
        &self,
        registry: &Registry,
        data: &Path,
        url: &str,
        asks: bool,
    ) -> Result<Option<Offer>> {
        let folder = self.folder().filter(|_| !self.no_publish_first_party);
        let folder = match (folder, self.publish_first_party) {
            (Some(folder), true) => folder,
            (Some(folder), false) if asks => folder,
            (Some(folder), false) => {
                let folder = folder.display();
                show::note(format!(
                    "{folder} has first-party plugins: `--publish-first-party` publishes them"
                ));
                return Ok(None);
            }
            (None, true) => {
                return Err(Failure::of("there is no folder with first-party plugins beside this binary")
                    .remedy(
                        "name it with `--plugins DIR`; from the source, `make plugins` fills target/plugins",
                    ));
            }
            (None, false) => return Ok(None),
        };
        let plugins = not_published(registry, read_all(&folder)?).await?;
        if plugins.is_empty() || !(self.publish_first_party || agrees(&plugins)?) {
            return Ok(None);
        }
        Ok(Some(Offer { plugins, operator: operator(registry, data, url).await? }))
    }

    /// The folder that was named, or the first one that is there.
    fn folder(&self) -> Option<PathBuf> {
        if let Some(named) = &self.plugins {
            return Some(named.clone());
        }
        let binary = std::env::current_exe().ok()?;
        let beside = binary.parent()?;
        FOLDERS.iter().map(|folder| beside.join(folder)).find(|folder| folder.is_dir())
    }
}

/// The components in a folder that are of the namespace, by the names of their files.
fn read_all(folder: &Path) -> Result<Vec<Built>> {
    let failed = |error: std::io::Error| {
        Failure::of(format!("{}: {error}", folder.display()))
            .remedy("name a folder with components with `--plugins DIR`")
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match Built::read(&path) {
            Ok(built) if built.component.manifest.name.namespace.as_str() == NAMESPACE => found.push(built),
            Ok(_) => {}
            Err(failure) => show::notice(format!("{} is left out: {}", path.display(), failure.detail())),
        }
    }
    Ok(found)
}

/// Those of which the registry has no such release, whatever its content.
async fn not_published(registry: &Registry, all: Vec<Built>) -> Result<Vec<Built>> {
    let mut new = Vec::new();
    for built in all {
        let found = catalog::find_release(&registry.db, &built.component.manifest.release()).await;
        if found.map_err(chandlery_registry::Error::from)?.is_none() {
            new.push(built);
        }
    }
    Ok(new)
}

fn agrees(plugins: &[Built]) -> Result<bool> {
    let names: Vec<_> = plugins.iter().map(|built| built.component.manifest.name.name.to_string()).collect();
    show::note(format!("first-party plugins that are not published: {}", names.join(", ")));
    let answer = show::ask(&format!("Publish them as '{NAMESPACE}'? [Y/n]"))?.to_lowercase();
    Ok(matches!(answer.as_str(), "" | "y" | "yes"))
}

/// Whoever operates the registry, by the token that its first start has left in its folder.
async fn operator(registry: &Registry, data: &Path, url: &str) -> Result<Context> {
    let path = data.join("operator.token");
    let by_hand = format!(
        "log in as an operator, `chandlery namespace take {NAMESPACE}`, `chandlery keys new {NAMESPACE}` and `chandlery keys add \
         {NAMESPACE}`, and `chandlery publish` each of them; `--no-publish-first-party` starts without"
    );
    let token = read_token(&path).map_err(|failure| failure.remedy(by_hand.clone()))?;
    let principal = check_token(&registry.db, &token).await?;
    let account = principal.and_then(|principal| principal.account).filter(|account| account.operator);
    let account = account.ok_or_else(|| {
        Failure::of(format!("the token in {} is no operator's", path.display())).remedy(by_hand)
    })?;
    let url = url.to_owned();
    let settings = Settings {
        registry: url.clone(),
        host: url,
        account: None,
        acts_for: None,
        json: false,
        log_format: LogFormat::Text,
    };
    let context = Context::new(settings, Home::find()?);
    context.speak_as(account.name, token);
    Ok(context)
}

/// Publishes what there is to publish. What cannot be published is told, and is no reason to stop what serves.
pub async fn publish(offer: Option<Offer>) {
    if let Some(offer) = offer
        && let Err(failure) = offer.publish().await
    {
        failure.tell(false);
    }
}

impl Offer {
    /// Publishes them, as anybody publishes. What a crash leaves undone, the next start offers again.
    async fn publish(self) -> Result {
        let Self { plugins, operator } = self;
        let namespace: Namespace = NAMESPACE.parse().map_err(|error| Failure::of(format!("{error}")))?;
        take(&operator, &namespace).await?;
        let key = signing_key(&operator, &namespace).await?;
        let names = || plugins.iter().map(|built| &built.component.manifest.name);
        let first = names().find(|plugin| plugin.name.as_str() == FIRST).or_else(|| names().next());
        let first = first.map(ToString::to_string);
        let count = plugins.len();
        for built in plugins {
            let plugin = built.component.manifest.name.clone();
            publish_one(&operator, built, &key, None).await?;
            let category = CATEGORIES.into_iter().find(|(name, _)| *name == plugin.name.as_str());
            if let Some((_, category)) = category {
                set_category(&operator, &plugin, category).await?;
            }
        }
        let install = first.map(|plugin| format!(": `chandlery install {plugin}`")).unwrap_or_default();
        show::done(format!("published {count} first-party plugins as '{namespace}'{install}"));
        Ok(())
    }
}

/// Takes the namespace, unless it is taken: whether the operator may publish there is seen then.
async fn take(operator: &Context, namespace: &Namespace) -> Result {
    let new = NewNamespace { name: namespace.clone() };
    match operator.tell_registry(Method::POST, "/api/v1/namespaces", new).await {
        Err(failure) if failure.is("conflict") => Ok(()),
        outcome => outcome,
    }
}

/// The key that signs for the namespace, made and added where there is none.
async fn signing_key(operator: &Context, namespace: &Namespace) -> Result<PrivateKey> {
    let name = namespace.as_str();
    let key = match operator.home.key_path(name).exists() {
        true => operator.home.key(name)?,
        false => operator.home.new_key(name)?,
    };
    match key_of(operator, namespace, key.public(), name).await {
        Err(failure) if failure.is("untrusted-signature") => {
            add_key(operator, namespace, &key).await?;
        }
        outcome => {
            outcome?;
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_components_are_read_and_what_is_none_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("README.md", "words"), ("broken.wasm", "no component")] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        assert!(read_all(folder.path()).is_ok_and(|found| found.is_empty()));
        let missing = folder.path().join("missing");
        assert!(read_all(&missing).is_err_and(|failure| failure.detail().contains("missing")));
        let named = FirstParty {
            plugins: Some(missing.clone()),
            publish_first_party: true,
            no_publish_first_party: false,
        };
        assert_eq!(named.folder(), Some(missing));
    }
}
