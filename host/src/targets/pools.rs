//! What targets have at the moment, and which deployments hold their GPUs.

use std::collections::BTreeMap;
use std::time::Duration;

use chandlery_package::plan::Facts;
use futures::future::join_all;

use super::{Error, Targets};
use crate::engines::replicas::{self, Held};

/// How long targets are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Targets {
    /// What each target has at the moment, by name; or why that is not known, in words. All are asked at once, and a target that takes
    /// long holds up nobody for long.
    pub(crate) async fn looks(&self) -> BTreeMap<String, Result<Facts, String>> {
        let looks = self.engines().await.into_iter().map(|(name, engine)| async move {
            let found = match tokio::time::timeout(PATIENCE, engine.inventory()).await {
                Ok(found) => found.map_err(|error| error.to_string()),
                Err(_) => Err(format!("it has not answered within {} seconds", PATIENCE.as_secs())),
            };
            (name, found)
        });
        join_all(looks).await.into_iter().collect()
    }

    /// Which deployments hold GPUs, by target; on each, those that hold the most first.
    pub(crate) async fn holders(&self) -> Result<Vec<Held>, Error> {
        Ok(replicas::held(self.db.pool()).await?)
    }
}
