//! Which release of a plugin stands for it.

use chandlery_package::PluginId;
use chandlery_package::wire::{Paging, ReleaseRecord};
use chandlery_store::Db;

use super::error::Error;
use super::releases::releases;
use super::search::rank;

/// How many of the highest releases it is looked for in.
const LOOKED_AT: u32 = 100;

/// The release that stands for a plugin, without its manifest: the newest that may be chosen, where there is one.
pub(super) async fn newest(db: &Db, plugin: &PluginId) -> Result<ReleaseRecord, Error> {
    let listed = releases(db, plugin, &Paging::first(LOOKED_AT)).await?.items;
    let newest = listed.into_iter().max_by(|one, other| rank(one).cmp(&rank(other)));
    newest.ok_or_else(|| Error::not_found(format!("plugin '{plugin}'")))
}
