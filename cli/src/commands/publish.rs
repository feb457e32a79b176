//! `chandlery publish`: push the artifact and its signature, then ask the registry to accept the release.

mod workload;

use std::path::{Path, PathBuf};

use chandlery_package::artifact::{Artifact, ImageManifest, MANIFEST_MEDIA_TYPE};
use chandlery_package::problem::Problem;
use chandlery_package::provenance::{Built, PREDICATE_TYPE};
use chandlery_package::signature::{SignedPayload, bundle, signature_tag};
use chandlery_package::wire::{NewRelease, ReleaseRecord, StagedRelease};
use chandlery_package::{Digest, Identity, Manifest, Namespace, PrivateKey};
use clap::Args;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::api::Context;
use crate::author::project::{Built as BuiltPlugin, Project};
use crate::commands::ready::ready;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Publish a plugin.
#[derive(Args)]
pub struct Publish {
    /// The plugin's folder, which is built first, or a component that `chandlery build` has made
    #[arg(default_value = ".")]
    plugin: PathBuf,
    /// The signing key; the one called like the namespace, where none is named
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// As a job of CI that the namespace trusts: with a token of its issuer, and a key that is made for this release
    #[arg(long, conflicts_with = "key")]
    oidc: bool,
}

impl Publish {
    /// Does it. Whatever a crash leaves undone, the same command does again.
    pub async fn run(self, context: &Context) -> Result {
        let source = Source::open(&self.plugin)?;
        let plugin = source.manifest().name.clone();
        let signer = self.signer(context, &plugin.namespace).await?;
        if let (Some(doubt), false) = (source.doubt(), context.settings.json) {
            show::warning(doubt);
        }
        let built = source.build()?;
        let (key, identity) = match signer {
            Signer::Key(key) => (key, None),
            Signer::Workload(issued) => {
                workload::log_in(context, &plugin, issued).await.map(|(key, who)| (key, Some(who)))?
            }
        };
        let published = publish(context, built, &key, identity.as_ref()).await?;
        match context.settings.json {
            true => show::json(published),
            false => published.show(),
        }
        Ok(())
    }

    /// Whoever signs; before anything is built, what they lack is told at once.
    async fn signer(&self, context: &Context, namespace: &Namespace) -> Result<Signer> {
        if self.oidc {
            return workload::issued().map(Signer::Workload);
        }
        let name = self.key.as_deref().unwrap_or(namespace.as_str());
        ready(context, namespace, name).await?;
        Ok(Signer::Key(context.home.key(name)?))
    }
}

/// What is published: a folder, which becomes a component, or one that was built before.
enum Source {
    Folder(Project),
    Built(BuiltPlugin),
}

impl Source {
    fn open(path: &Path) -> Result<Self> {
        match path.is_dir() {
            true => Project::open(path).map(Self::Folder),
            false => BuiltPlugin::read(path).map(Self::Built),
        }
    }

    fn manifest(&self) -> &Manifest {
        match self {
            Self::Folder(project) => &project.manifest,
            Self::Built(built) => &built.component.manifest,
        }
    }

    fn doubt(&self) -> Option<&'static str> {
        match self {
            Self::Folder(project) => project.doubt(),
            Self::Built(_) => None,
        }
    }

    fn build(self) -> Result<BuiltPlugin> {
        match self {
            Self::Folder(project) => project.build(None),
            Self::Built(built) => Ok(built),
        }
    }
}

/// Who signs: a key of the namespace, or a job of CI, by what its issuer gives it.
enum Signer {
    Key(PrivateKey),
    Workload(workload::Issued),
}

/// Pushes a component and its signatures, and asks the registry to accept the release. Whatever a crash leaves undone, the same again does.
pub async fn publish(
    context: &Context,
    built: BuiltPlugin,
    key: &PrivateKey,
    identity: Option<&Identity>,
) -> Result<Published> {
    let BuiltPlugin { component, bytes, .. } = built;
    let release = component.manifest.release();
    let artifact = Artifact::of_component(&component, bytes);
    let digest = artifact.digest();
    let bundle = Artifact::of_bundle(bundle::sign(key, digest), &artifact);
    let provenance = identity.map(|identity| {
        let built = Built { release: &release, artifact: digest, component: component.digest, identity };
        Artifact::of_attestation(built.attest(key), PREDICATE_TYPE, &artifact)
    });
    let signed = SignedPayload::sign(key, &release.plugin, digest);
    let pushed = Pushed { signed, artifact, bundle, provenance };

    let spinner = show::spinner(format!("pushing {release}"));
    let repository = Repository::open(context, &release.plugin.repository()).await?;
    // Who has pushed the same before may need it.
    let is_new = repository.manifest(&digest.to_string()).await?.is_none();
    let published: Result<Published> = async {
        repository.push_all(&pushed).await?;
        spinner.set_message(format!("publishing {release}"));
        let path = format!("/api/v1/plugins/{}/{}/releases", release.plugin.namespace, release.plugin.name);
        let new = NewRelease { version: release.version.clone(), artifact: digest };
        context.registry_at_once_or_later(Method::POST, &path, new).await
    }
    .await;
    if published.is_err() && is_new {
        repository.take_back(context, &pushed).await;
    }
    let published = published?;
    spinner.finish_and_clear();
    Ok(published)
}

/// What comes of publishing.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Published {
    /// It is there for everybody.
    Released(Box<ReleaseRecord>),
    /// It waits for another member.
    Staged(Box<StagedRelease>),
}

impl Published {
    fn show(&self) {
        match self {
            Self::Released(record) => {
                show::done(format!("{} is published", record.release));
                show::check("artifact", &record.artifact.to_string());
                show::check("signed", &format!("by {}", record.key.id()));
                if let Some(identity) = &record.identity {
                    show::check("published by", &identity.to_string());
                }
                show::check("logged", &format!("entry {}, {}", record.log_index, record.published_at));
            }
            Self::Staged(staged) => {
                let until = staged.lapses_at.strftime("%Y-%m-%d %H:%M UTC");
                show::done(format!("{} waits for approval until {until}", staged.release));
                show::check("artifact", &staged.artifact.to_string());
                show::note(format!("another member runs `chandlery releases approve {}`", staged.release));
            }
        }
    }
}

/// What a release is pushed as. Its version's tag is the registry's to set, when it accepts the release.
struct Pushed {
    artifact: Artifact,
    signed: SignedPayload,
    bundle: Artifact,
    /// Of a release that a workload publishes.
    provenance: Option<Artifact>,
}

struct Repository {
    client: Client,
    auth: RegistryAuth,
    registry: String,
    name: String,
}

impl Repository {
    async fn open(context: &Context, name: &str) -> Result<Self> {
        let url = &context.settings.registry;
        let (scheme, registry) = url.split_once("://").unwrap_or(("https", url));
        let protocol = if scheme == "http" { ClientProtocol::Http } else { ClientProtocol::Https };
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        let auth = RegistryAuth::Bearer(context.token()?);
        let this = Self { client, auth, registry: registry.into(), name: name.into() };
        let reference = this.reference("any");
        this.client.auth(&reference, &this.auth, RegistryOperation::Push).await.map_err(refused)?;
        Ok(this)
    }

    /// What is called by a tag, or by a digest.
    fn reference(&self, name: &str) -> Reference {
        let with = if name.contains(':') { Reference::with_digest } else { Reference::with_tag };
        with(self.registry.clone(), self.name.clone(), name.into())
    }

    async fn push_all(&self, Pushed { artifact, signed, bundle, provenance }: &Pushed) -> Result {
        self.push(&artifact.digest().to_string(), artifact).await?;
        self.sign(artifact.digest(), signed).await?;
        for about in std::iter::once(bundle).chain(provenance) {
            self.push(&about.digest().to_string(), about).await?;
        }
        Ok(())
    }

    /// Removes what was pushed for a release that was refused, the tag of its signature with it. The registry keeps what a release
    /// needs by now, and what is not removed is no harm, so nothing is told of that.
    async fn take_back(&self, context: &Context, Pushed { artifact, signed, bundle, provenance }: &Pushed) {
        let signature = Artifact::of_signature(signed);
        for manifest in std::iter::once(&signature).chain(provenance).chain([bundle, artifact]) {
            let path = format!("/v2/{}/manifests/{}", self.name, manifest.digest());
            let _ = context.tell_registry(Method::DELETE, &path, ()).await;
        }
    }

    /// Adds a signature to those that are there: nobody else's is taken away.
    async fn sign(&self, artifact: Digest, signed: &SignedPayload) -> Result {
        let tag = signature_tag(artifact);
        let mut again = 3;
        loop {
            let layers = self.manifest(&tag).await?.map(|manifest| manifest.layers).unwrap_or_default();
            match self.push(&tag, &Artifact::of_signatures(layers, signed)).await {
                // Somebody has added theirs in between.
                Err(failure) if failure.is("signatures-lost") && again > 0 => again -= 1,
                outcome => return outcome,
            }
        }
    }

    /// What a tag or a digest names, if there is such a manifest.
    async fn manifest(&self, name: &str) -> Result<Option<ImageManifest>> {
        let reference = self.reference(name);
        let pulled = self.client.pull_manifest_raw(&reference, &self.auth, &[MANIFEST_MEDIA_TYPE]).await;
        match pulled.map_err(refused) {
            Ok((manifest, _)) => ImageManifest::parse(&manifest)
                .map(Some)
                .map_err(|error| Failure::new(&words::PUSH_FAILED, format!("{name}: {error}"))),
            Err(failure) if failure.is("not-found") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn push(&self, name: &str, artifact: &Artifact) -> Result {
        let reference = self.reference(name);
        for blob in [&artifact.config, &artifact.layer] {
            let digest = Digest::of(blob).to_string();
            self.client.push_blob(&reference, blob.clone(), &digest).await.map_err(refused)?;
        }
        let media_type = HeaderValue::from_static(MANIFEST_MEDIA_TYPE);
        let manifest = artifact.manifest.clone();
        self.client.push_manifest_raw(&reference, manifest, media_type).await.map_err(refused)?;
        Ok(())
    }
}

/// What the OCI side answers where it refuses: in the detail of each error is the problem as the API says it.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    detail: Problem,
}

/// An OCI error's detail is, from our registry, the whole problem.
fn refused(error: OciDistributionError) -> Failure {
    let problem: Option<Problem> = match &error {
        OciDistributionError::RequestError(error) => return Failure::away("registry", "its address", error),
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.first().and_then(|first| serde_json::from_value(first.detail.clone()).ok())
        }
        OciDistributionError::ServerError { message, .. } => serde_json::from_str(message)
            .ok()
            .and_then(|Envelope { errors }| Some(errors.into_iter().next()?.detail)),
        _ => None,
    };
    match problem {
        Some(problem) => problem.into(),
        None => Failure::new(&words::PUSH_FAILED, error.to_string()),
    }
}
