//! Accepting a release: everything is checked first, then the release and its log entry become true together.

use bytes::Bytes;
use chandlery_package::artifact::PAYLOAD_BYTES_MAX;
use chandlery_package::column::{Json, Text};
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::log::Entry;
use chandlery_package::provenance::{BUNDLE_BYTES_MAX, BUNDLES_MAX, Built};
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::wire::{Act, ReleaseRecord};
use chandlery_package::{
    Component, ComponentError, Digest, Manifest, Namespace, Offer, Price, PublicKey, Release, Unit, meter,
    parameters,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AnyConnection;

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_log as log;
use chandlery_sandbox::{Worker, inspect};

use super::changes::changed;
use super::error::Error;
use super::keys::{bind, trusted};
use super::looks;
use super::releases::find_release;
use super::reviews;
use super::state::Catalog;
use super::versions;
use crate::oci::{self, Oci};
use crate::trusted::Exchange;
use chandlery_store::{Db, Write, time};

/// A pushed artifact that may become a release.
pub(super) struct Checked {
    component: Component,
    bytes: usize,
    /// The manifest under the tag of the artifact's signatures.
    signatures: Digest,
    signer: Signer,
}

/// Who has signed it.
enum Signer {
    /// A key of the namespace.
    Namespace(PublicKey),
    /// The key of a workload, for this release alone.
    Workload(Exchange),
}

impl Signer {
    fn key(&self) -> PublicKey {
        match self {
            Self::Namespace(key) => *key,
            Self::Workload(exchange) => exchange.key,
        }
    }
}

/// Checks all that is pushed of a release, for this account: its component, and that it is signed by a key of the namespace or by whoever
/// has this token.
pub(super) async fn check(
    catalog: &Catalog,
    by: &Namespace,
    release: &Release,
    artifact: Digest,
    exchange: Option<&Exchange>,
) -> Result<Checked, Error> {
    let (component, bytes) = check_component(catalog, by, release, artifact).await?;
    let (signatures, signer) = check_signature(&catalog.oci, release, artifact, exchange).await?;
    if let Signer::Workload(exchange) = &signer {
        check_provenance(&catalog.oci, release, artifact, component.digest, exchange).await?;
    }
    Ok(Checked { component, bytes, signatures, signer })
}

/// Makes a release of what was checked, with its log entry, unless it is one already.
pub(super) async fn accept(
    write: &mut Write,
    actor: &Actor,
    release: &Release,
    artifact: Digest,
    checked: &Checked,
) -> Result<(), Error> {
    if insert(write, release, checked, artifact).await? {
        let key = checked.signer.key().id();
        let mut after = json!({ "artifact": artifact, "key": key.to_string() });
        if let Signer::Workload(exchange) = &checked.signer {
            after["identity"] = json!(exchange.identity);
        }
        record(write, actor, Act::ReleasePublished, &release.to_string(), Value::Null, after).await?;
        tracing::info!(%release, %artifact, %key, "release accepted");
    }
    Ok(())
}

/// The release that was accepted, and that searches and pulls find from now on.
pub(super) async fn accepted(
    catalog: &Catalog,
    release: &Release,
    artifact: Digest,
) -> Result<ReleaseRecord, Error> {
    catalog.oci.cache.changed(&release.plugin.namespace);
    catalog.oci.cache.released();
    let record = already(&catalog.db, release, artifact).await?;
    record.ok_or_else(|| Error::damaged(format!("{release} vanished after it was published")))
}

/// The release, if it is published: with this very artifact, or it is refused.
pub(super) async fn already(
    db: &Db,
    release: &Release,
    artifact: Digest,
) -> Result<Option<ReleaseRecord>, Error> {
    match find_release(db, release).await? {
        Some(record) if record.artifact != artifact => {
            let (release, artifact) = (release.clone(), record.artifact);
            Err(oci::Error::VersionExists { release, artifact }.into())
        }
        found => Ok(found),
    }
}

async fn check_component(
    catalog: &Catalog,
    by: &Namespace,
    release: &Release,
    artifact: Digest,
) -> Result<(Component, usize), Error> {
    let oci = &catalog.oci;
    let manifest = oci::read_manifest(oci, &release.plugin, artifact).await?;
    let layer = manifest.component()?;
    let bytes = oci::read_blob(oci, &release.plugin, layer.digest, COMPONENT_BYTES_MAX as u64);
    let look = |worker: &Worker, bytes: Bytes| {
        let component = inspect(worker, &bytes)?;
        parameters::check_defaults(&component.manifest)?;
        Ok::<_, ComponentError>((component, bytes.len()))
    };
    let (component, size) = catalog.inspector.look(Some(by), bytes, look).await??;
    match component.manifest.release() {
        found if found == *release => Ok((component, size)),
        found => Err(Error::ManifestMismatch { claimed: release.clone(), found }),
    }
}

/// The key of the namespace, or of the workload, that signed this artifact.
async fn check_signature(
    oci: &Oci,
    release: &Release,
    artifact: Digest,
    exchange: Option<&Exchange>,
) -> Result<(Digest, Signer), Error> {
    let tag = signature_tag(artifact);
    let signatures = oci::read_tag(&oci.db, &release.plugin, &tag).await?;
    let signatures = signatures.ok_or_else(|| Error::unsigned(release, artifact))?;
    let manifest = oci::read_manifest(oci, &release.plugin, signatures).await?;
    let keys = trusted(&oci.db, &release.plugin.namespace).await?;
    for (payload, signature) in manifest.signatures()? {
        let bytes = oci::read_blob(oci, &release.plugin, payload.digest, PAYLOAD_BYTES_MAX).await?;
        let Ok(payload) = String::from_utf8(bytes.to_vec()) else { continue };
        let signed = SignedPayload { payload, signature: signature.into() };
        if let Some(key) = keys.iter().find(|key| signed.verify(key, artifact).is_ok()) {
            return Ok((signatures, Signer::Namespace(*key)));
        }
        if let Some(exchange) = exchange.filter(|exchange| signed.verify(&exchange.key, artifact).is_ok()) {
            return Ok((signatures, Signer::Workload(exchange.clone())));
        }
    }
    Err(Error::UntrustedSignature { release: release.clone() })
}

/// Refuses what a workload has published without saying where it comes from: hosts would refuse it, too.
async fn check_provenance(
    oci: &Oci,
    release: &Release,
    artifact: Digest,
    component: Digest,
    exchange: &Exchange,
) -> Result<(), Error> {
    let built = Built { release, artifact, component, identity: &exchange.identity };
    for manifest in oci::read_bundles(oci, &release.plugin, artifact, BUNDLES_MAX).await? {
        let Some(layer) = manifest.bundle(BUNDLE_BYTES_MAX) else { continue };
        let bundle = oci::read_blob(oci, &release.plugin, layer.digest, BUNDLE_BYTES_MAX).await?;
        if built.check(&bundle, &exchange.key).is_ok() {
            return Ok(());
        }
    }
    Err(Error::Unproven { release: release.clone() })
}

/// What is used of a plugin is reported in the unit that it costs everybody by.
pub(super) async fn must_meter_its_price(db: &mut AnyConnection, manifest: &Manifest) -> Result<(), Error> {
    let found: Option<(Option<Json<Offer>>,)> = sqlx::query_as("select offer from plugins where id = $1")
        .bind(manifest.name.to_string())
        .fetch_optional(db)
        .await?;
    let price = found.and_then(|(offer,)| offer).map(|Json(offer)| offer.price);
    let Some(Price::Metered { unit: unit @ Unit::Reported(_), .. }) = price else { return Ok(()) };
    match meter::units(&manifest.meters).contains(&unit) {
        true => Ok(()),
        false => Err(Error::NotMetered { release: manifest.release(), unit }),
    }
}

/// Refuses a key that was revoked since its signature was checked.
async fn must_not_be_revoked(write: &mut Write, release: &Release, key: &PublicKey) -> Result<(), Error> {
    let revoked: Option<(String,)> = sqlx::query_as(
        "select revoked_from from namespace_keys where namespace = $1 and key_id = $2 and revoked_from is not null",
    )
    .bind(release.plugin.namespace.as_str())
    .bind(key.id().to_string())
    .fetch_optional(&mut **write)
    .await?;
    match revoked {
        Some(_) => Err(Error::UntrustedSignature { release: release.clone() }),
        None => Ok(()),
    }
}

/// Whether the release was not there yet and now is, with its log entry.
async fn insert(
    write: &mut Write,
    release: &Release,
    checked: &Checked,
    artifact: Digest,
) -> Result<bool, Error> {
    let (key, now) = (checked.signer.key(), Timestamp::now());
    let taken: Option<(String,)> =
        sqlx::query_as("select artifact from releases where plugin = $1 and version = $2")
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    if taken.is_some() {
        return Ok(false);
    }
    match &checked.signer {
        Signer::Namespace(key) => must_not_be_revoked(write, release, key).await?,
        Signer::Workload(exchange) => bind(write, release, artifact, exchange, now).await?,
    }
    // What was pushed may have been replaced or deleted since it was checked.
    oci::release(write, release, artifact, checked.signatures).await?;
    looks::place(write, &release.plugin).await?;
    let manifest = &checked.component.manifest;
    must_meter_its_price(write, manifest).await?;
    let entry = Entry::Released {
        release: release.clone(),
        component: checked.component.digest,
        artifact,
        key: key.id(),
        at: now,
    };
    let log_index = log::append(write, &entry).await?;
    sqlx::query("insert into plugins (id, namespace) values ($1, $2) on conflict do nothing")
        .bind(release.plugin.to_string())
        .bind(release.plugin.namespace.as_str())
        .execute(&mut **write)
        .await?;
    sqlx::query(
        "insert into releases (plugin, version, version_order, kind, title, description, component, component_bytes,
                               artifact, key_id, log_index, published_at, manifest)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(release.plugin.to_string())
    .bind(release.version.to_string())
    .bind(versions::order(&release.version))
    .bind(Text(manifest.kind))
    .bind(&manifest.title)
    .bind(&manifest.description)
    .bind(checked.component.digest.to_string())
    .bind(checked.bytes as i64)
    .bind(artifact.to_string())
    .bind(key.id().to_string())
    .bind(log_index as i64)
    .bind(time(now))
    .bind(json!(manifest).to_string())
    .execute(&mut **write)
    .await?;
    reviews::begin_if_certified(write, release, now).await?;
    changed(write, &release.plugin).await?;
    Ok(true)
}
