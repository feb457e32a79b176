//! Publishing a draft that its uploader has signed: it is pushed as a client would push it, and accepted as any release is.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chandlery_accounts::Caller;
use chandlery_package::artifact::Artifact;
use chandlery_package::problem::Problem;
use chandlery_package::signature::{SignedPayload, bundle};
use chandlery_package::wire::{NewKey, NewRelease};
use chandlery_package::{Component, Digest, PublicKey};

use super::checks::faults;
use super::kept::{Draft, Read, discard};
use crate::catalog::error::Error;
use crate::catalog::keys::{add_key, trusted};
use crate::catalog::publish::{self, Published};
use crate::catalog::state::Catalog;
use crate::oci;

/// What was signed, elsewhere.
pub(in crate::catalog) struct Signed {
    pub(in crate::catalog) key: PublicKey,
    /// The signature of cosign's payload, in base64.
    pub(in crate::catalog) payload: String,
    /// The signature of what a sigstore bundle carries, in base64.
    pub(in crate::catalog) bundle: String,
    /// That whoever signs has the key, in base64, where it is to be added to the namespace; empty: it is there.
    pub(in crate::catalog) proof: String,
}

/// Publishes a draft, whose key is added to its namespace before where it is not there yet and whoever asks may add it.
pub(in crate::catalog) async fn publish(
    catalog: &Catalog,
    caller: &Caller,
    draft: &Draft,
    signed: Signed,
) -> Result<Published, Error> {
    if let Some(Problem { detail, .. }) = faults(catalog, caller, draft).await?.into_iter().next() {
        return Err(Error::invalid(detail));
    }
    let Read::Component(component, artifact) = &draft.read else {
        return Err(Error::damaged(format!("draft {} was refused without a fault", draft.id)));
    };
    let (release, artifact) = (component.manifest.release(), *artifact);
    let plugin = &release.plugin;
    let payload = SignedPayload { payload: SignedPayload::text(plugin, artifact), signature: signed.payload };
    payload.verify(&signed.key, artifact).map_err(|error| Error::invalid(error.to_string()))?;
    let of_bundle = decoded(&signed.bundle)?;
    signed.key.verify(bundle::text(artifact).as_bytes(), &of_bundle)?;
    if !trusted(&catalog.db, &plugin.namespace).await?.contains(&signed.key) {
        if signed.proof.is_empty() {
            return Err(Error::UntrustedSignature { release });
        }
        caller.must_own(&catalog.db, &plugin.namespace, "add keys to").await?;
        let new = NewKey { key: signed.key, proof: signed.proof };
        add_key(&catalog.db, &caller.actor, &plugin.namespace, &new).await?;
    }

    let whole = whole(catalog, draft, component, artifact).await?;
    let bundle = Artifact::of_bundle(bundle::of_signature(&signed.key, artifact, &of_bundle), &whole);
    oci::push(&catalog.oci, plugin, whole).await?;
    oci::sign(&catalog.oci, plugin, artifact, &payload).await?;
    oci::push(&catalog.oci, plugin, bundle).await?;
    let new = NewRelease { version: release.version.clone(), artifact };
    let by = (&caller.actor, caller.person());
    let published = publish::publish(catalog, by, plugin, &new, None).await?;
    discard(&catalog.db, caller.person(), draft.id).await?;
    Ok(published)
}

fn decoded(signature: &str) -> Result<Vec<u8>, Error> {
    BASE64_STANDARD.decode(signature).map_err(|_| Error::invalid("the signature is not base64"))
}

/// The artifact that was signed, with its bytes.
async fn whole(
    catalog: &Catalog,
    draft: &Draft,
    component: &Component,
    artifact: Digest,
) -> Result<Artifact, Error> {
    let bytes = catalog.oci.storage.get(&draft.digest.into()).await?;
    let whole = Artifact::of_component(component, bytes.into());
    match whole.digest() == artifact && Digest::of(&whole.layer) == draft.digest {
        true => Ok(whole),
        false => Err(Error::damaged(format!("draft {} is no longer what was uploaded", draft.id))),
    }
}
