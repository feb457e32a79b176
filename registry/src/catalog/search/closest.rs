//! Which plugin somebody may have meant who asks for one that is not there.

use std::collections::HashSet;

use chandlery_accounts::Principal;
use chandlery_package::{Namespace, PluginId};

use super::{Index, Search};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::catalog::visibility::{must_see, namespaces_seen};
use chandlery_store::Db;

/// How many slips of the fingers an id may be away; of the same name in another namespace, any number.
const SLIPS_MAX: usize = 2;

/// Refuses whoever may not see a plugin, as [`must_see`], and says which one with a name like it they may.
pub(in crate::catalog) async fn must_see_or_mean(
    catalog: &Catalog,
    principal: &Principal,
    plugin: &PluginId,
) -> Result<(), Error> {
    match must_see(&catalog.db, principal, plugin).await {
        Err(error) if error.is_not_found() => {
            let (all, seen) = namespaces_seen(&catalog.db, principal).await?;
            let closest = catalog.search.closest(&catalog.db, plugin, (all, &seen)).await?;
            Err(closest.map_or(error, |closest| Error::NoSuchPlugin { plugin: plugin.clone(), closest }))
        }
        seen => seen,
    }
}

impl Search {
    async fn closest(
        &self,
        db: &Db,
        plugin: &PluginId,
        (all, seen): (bool, &HashSet<String>),
    ) -> Result<Option<PluginId>, Error> {
        self.refresh(db).await?;
        let sees = |namespace: &Namespace| all || seen.contains(namespace.as_str());
        Ok(self.0.read().await.closest(plugin, sees).cloned())
    }
}

impl Index {
    /// The plugin with the id that is fewest slips away; of several, the first by name.
    pub(super) fn closest(&self, asked: &PluginId, sees: impl Fn(&Namespace) -> bool) -> Option<&PluginId> {
        let text = asked.to_string();
        let known = self.documents.iter().flatten();
        let seen = known.filter(|document| document.private_to.as_ref().is_none_or(&sees));
        seen.map(|document| &document.record.release.plugin)
            .filter_map(|plugin| Some((slips(asked, &text, plugin)?, plugin)))
            .min()
            .map(|(_, plugin)| plugin)
    }
}

/// How far a plugin's id is from the one that is asked for; none: too far to be meant.
fn slips(asked: &PluginId, text: &str, known: &PluginId) -> Option<usize> {
    let id = known.to_string();
    let slips = match id.len().abs_diff(text.len()) <= SLIPS_MAX {
        true => strsim::osa_distance(text, &id),
        false => SLIPS_MAX + 1,
    };
    (slips <= SLIPS_MAX || known.name == asked.name).then_some(slips)
}
