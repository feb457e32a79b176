//! Accepting a release: everything is checked first, then the release and its log entry become true together.

use chandlery_package::artifact::PAYLOAD_BYTES_MAX;
use chandlery_package::column::{Json, Text};
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::log::Entry;
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::wire::{Act, NewRelease, ReleaseRecord};
use chandlery_package::{
    Component, Digest, Manifest, Offer, PluginId, Price, PublicKey, Release, Unit, meter,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use chandlery_accounts::Actor;
use chandlery_accounts::audit::record;
use chandlery_log as log;
use chandlery_sandbox::inspect;

use super::changes::changed;
use super::error::Error;
use super::keys::trusted;
use super::looks;
use super::releases::find_release;
use super::state::Catalog;
use super::versions;
use crate::oci::{self, Oci};
use chandlery_store::{Db, Write, time};

/// Accepts a pushed artifact as a release. Doing so again with the same artifact gives the same record.
pub async fn publish(
    catalog: &Catalog,
    actor: &Actor,
    plugin: &PluginId,
    new: &NewRelease,
) -> Result<ReleaseRecord, Error> {
    let release = Release { plugin: plugin.clone(), version: new.version.clone() };
    if let Some(record) = already(&catalog.db, &release, new.artifact).await? {
        return Ok(record);
    }
    let component = check_component(catalog, &release, new.artifact).await?;
    let signed = check_signature(&catalog.oci, &release, new.artifact).await?;

    let mut write = catalog.db.write().await?;
    if insert(&mut write, &release, &component, new.artifact, &signed).await? {
        let after = json!({ "artifact": new.artifact, "key": signed.key.id().to_string() });
        record(&mut write, actor, Act::ReleasePublished, &release.to_string(), Value::Null, after).await?;
        write.commit().await?;
        catalog.oci.cache.changed(&release.plugin.namespace);
        catalog.oci.cache.released();
        let key = &signed.key;
        tracing::info!(%release, artifact = %new.artifact, key = %key.id(), "release accepted");
    }
    // Two requests may have come this far; whoever was second finds what the first one published.
    let record = already(&catalog.db, &release, new.artifact).await?;
    record.ok_or_else(|| Error::damaged(format!("{release} vanished after it was published")))
}

async fn already(db: &Db, release: &Release, artifact: Digest) -> Result<Option<ReleaseRecord>, Error> {
    match find_release(db, release).await? {
        Some(record) if record.artifact != artifact => {
            let (release, artifact) = (release.clone(), record.artifact);
            Err(oci::Error::VersionExists { release, artifact }.into())
        }
        found => Ok(found),
    }
}

struct Checked {
    component: Component,
    bytes: usize,
}

async fn check_component(catalog: &Catalog, release: &Release, artifact: Digest) -> Result<Checked, Error> {
    let oci = &catalog.oci;
    let manifest = oci::read_manifest(oci, &release.plugin, artifact).await?;
    let layer = manifest.component()?;
    let bytes = oci::read_blob(oci, &release.plugin, layer.digest, COMPONENT_BYTES_MAX as u64).await?;
    let size = bytes.len();
    let worker = catalog.worker.clone();
    let parsed = tokio::task::spawn_blocking(move || inspect(&worker, &bytes)).await;
    let component = parsed.map_err(|error| Error::damaged(error.to_string()))??;
    match component.manifest.release() {
        found if found == *release => Ok(Checked { component, bytes: size }),
        found => Err(Error::ManifestMismatch { claimed: release.clone(), found }),
    }
}

struct Signed {
    /// The manifest under the tag of the artifact's signatures.
    signatures: Digest,
    key: PublicKey,
}

/// The key of the namespace that signed this artifact.
async fn check_signature(oci: &Oci, release: &Release, artifact: Digest) -> Result<Signed, Error> {
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
            return Ok(Signed { signatures, key: *key });
        }
    }
    Err(Error::UntrustedSignature { release: release.clone() })
}

/// What is used of a plugin is reported in the unit that it costs everybody by.
async fn must_meter_its_price(write: &mut Write, manifest: &Manifest) -> Result<(), Error> {
    let found: Option<(Option<Json<Offer>>,)> = sqlx::query_as("select offer from plugins where id = $1")
        .bind(manifest.name.to_string())
        .fetch_optional(&mut **write)
        .await?;
    let price = found.and_then(|(offer,)| offer).map(|Json(offer)| offer.price);
    let Some(Price::Metered { unit: unit @ Unit::Reported(_), .. }) = price else { return Ok(()) };
    match meter::units(&manifest.meters).contains(&unit) {
        true => Ok(()),
        false => Err(Error::NotMetered { release: manifest.release(), unit }),
    }
}

/// Whether the release was not there yet and now is, with its log entry.
async fn insert(
    write: &mut Write,
    release: &Release,
    checked: &Checked,
    artifact: Digest,
    Signed { signatures, key }: &Signed,
) -> Result<bool, Error> {
    let taken: Option<(String,)> =
        sqlx::query_as("select artifact from releases where plugin = $1 and version = $2")
            .bind(release.plugin.to_string())
            .bind(release.version.to_string())
            .fetch_optional(&mut **write)
            .await?;
    if taken.is_some() {
        return Ok(false);
    }
    // The key may have been revoked since its signature was checked.
    let revoked: Option<(String,)> = sqlx::query_as(
        "select revoked_from from namespace_keys where namespace = $1 and key_id = $2 and revoked_from is not null",
    )
    .bind(release.plugin.namespace.as_str())
    .bind(key.id().to_string())
    .fetch_optional(&mut **write)
    .await?;
    if revoked.is_some() {
        return Err(Error::UntrustedSignature { release: release.clone() });
    }
    // So may what was pushed have been replaced or deleted.
    oci::release(write, release, artifact, *signatures).await?;
    looks::place(write, &release.plugin).await?;
    let manifest = &checked.component.manifest;
    must_meter_its_price(write, manifest).await?;
    let now = Timestamp::now();
    let entry = Entry::Released {
        release: release.clone(),
        component: checked.component.digest,
        artifact,
        key: key.id(),
        at: now,
    };
    let log_index = log::append(write, &entry).await?;
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
    changed(write, &release.plugin).await?;
    Ok(true)
}
