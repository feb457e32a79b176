//! What publishing would refuse of a draft: all that can be found before it is signed.

use chandlery_accounts::{Account, Role};
use chandlery_package::problem::{Explain as _, Problem};
use chandlery_package::{Component, Digest};

use super::kept::{Draft, Read};
use crate::catalog::accept::{already, must_meter_its_price};
use crate::catalog::error::Error;
use crate::catalog::looks;
use crate::catalog::state::Catalog;
use crate::oci;

/// What publishing a draft would refuse to an account, by the checks that publishing makes; nothing: it only lacks a signature.
pub(in crate::catalog) async fn faults(
    catalog: &Catalog,
    caller: &Account,
    draft: &Draft,
) -> Result<Vec<Problem>, Error> {
    let (component, artifact) = match &draft.read {
        Read::Refused(problem) => return Ok(vec![problem.clone()]),
        Read::Component(component, artifact) => (component, *artifact),
    };
    let checked = [
        must_be_of_its_namespace(draft, component),
        caller
            .must_be(&catalog.db, Role::Publisher, &component.manifest.name.namespace, "push to")
            .await
            .map_err(Error::from),
        must_be_new(catalog, component, artifact).await,
        looks::has_place(&mut *catalog.db.read().acquire().await?, &component.manifest.name).await.map(drop),
        must_meter_its_price(&mut *catalog.db.read().acquire().await?, &component.manifest).await,
        oci::must_have_room(&catalog.oci, &draft.namespace, draft.bytes).await.map_err(Error::from),
    ];
    let mut faults = Vec::new();
    for error in checked.into_iter().filter_map(Result::err) {
        match error.explain().kind.status {
            500.. => return Err(error),
            _ => faults.push(error.problem()),
        }
    }
    Ok(faults)
}

fn must_be_of_its_namespace(draft: &Draft, component: &Component) -> Result<(), Error> {
    let (wanted, plugin) = (&draft.namespace, &component.manifest.name);
    match plugin.namespace == *wanted {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "the manifest inside says '{plugin}', and it was uploaded to '{wanted}': upload it to '{}', or change chandlery.toml and \
             build again",
            plugin.namespace
        ))),
    }
}

async fn must_be_new(catalog: &Catalog, component: &Component, artifact: Digest) -> Result<(), Error> {
    let release = component.manifest.release();
    match already(&catalog.db, &release, artifact).await? {
        None => Ok(()),
        Some(_) => Err(Error::conflict(format!("{release} is published already, with just this content"))),
    }
}
