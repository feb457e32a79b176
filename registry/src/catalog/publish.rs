//! Publishing: what was pushed becomes a release at once or, where it takes two people, when another one approves it.

use chandlery_accounts::Actor;
use chandlery_package::wire::{NewRelease, ReleaseRecord, StagedRelease};
use chandlery_package::{Namespace, PluginId, Release};

use super::error::Error;
use super::state::Catalog;
use super::{accept, staging, two_people};
use crate::trusted::Exchange;

/// What came of publishing.
pub enum Published {
    /// It is a release.
    Released(Box<ReleaseRecord>),
    /// It will be one when another member approves it.
    Staged(Box<StagedRelease>),
}

/// Accepts a pushed artifact as a release, of an account or of a workload that acts by its right. Doing so again with the same artifact
/// gives the same record.
pub async fn publish(
    catalog: &Catalog,
    (actor, by): (&Actor, &Namespace),
    plugin: &PluginId,
    new: &NewRelease,
    exchange: Option<&Exchange>,
) -> Result<Published, Error> {
    let release = Release { plugin: plugin.clone(), version: new.version.clone() };
    if let Some(record) = accept::already(&catalog.db, &release, new.artifact).await? {
        return Ok(Published::Released(Box::new(record)));
    }
    let checked = accept::check(catalog, by, &release, new.artifact, exchange).await?;

    let mut write = catalog.db.write().await?;
    if two_people::are_required(&mut write, &plugin.namespace).await? {
        let staged = staging::stage(&mut write, (actor, by), &release, new.artifact, exchange).await?;
        write.commit().await?;
        return Ok(Published::Staged(Box::new(staged)));
    }
    // Two requests may have come this far; whoever is second finds what the first one published.
    accept::accept(&mut write, actor, &release, new.artifact, &checked).await?;
    write.commit().await?;
    let record = accept::accepted(catalog, &release, new.artifact).await?;
    Ok(Published::Released(Box::new(record)))
}
