//! The target that a visitor is shown who has chosen none: the first one that the plugin itself plans for.

use std::sync::Arc;

use chandlery_edge::Client;
use chandlery_package::Manifest;
use chandlery_package::plan::EngineKind;
use chandlery_package::wire::ReleaseRecord;
use serde_json::Map;

use crate::catalog::error::Error;
use crate::catalog::planning::{Gpus, Outcome, all_gpus};
use crate::catalog::state::Catalog;

/// Engines in the order in which they are tried: what most visitors have comes first.
const ENGINES: [EngineKind; 3] = [EngineKind::Kubernetes, EngineKind::Local, EngineKind::Slurm];

/// A target, and what the plugin answers for it.
pub(super) struct First {
    pub(super) gpus: &'static Gpus,
    pub(super) engine: EngineKind,
    pub(super) outcome: Arc<Outcome>,
}

/// The targets that are tried, in order: the usual GPUs on each engine, then all others on the usual engine.
fn candidates() -> impl Iterator<Item = (&'static Gpus, EngineKind)> {
    let usual = all_gpus().iter().take(1).flat_map(|gpus| ENGINES.map(|engine| (gpus, engine)));
    usual.chain(all_gpus().iter().skip(1).map(|gpus| (gpus, ENGINES[0])))
}

/// The first target that a release fits with its defaults; where it fits none, the first one, with why not. `asks`: the release may be
/// run for that; otherwise there is none as soon as an answer is not known from before.
pub(super) async fn fit(
    catalog: &Catalog,
    visitor: Client,
    record: &ReleaseRecord,
    asks: bool,
) -> Result<Option<First>, Error> {
    let planner = &catalog.planner;
    let mut refused = None;
    for (gpus, engine) in candidates() {
        let target = gpus.on(engine);
        let answer = match asks {
            true => Some(planner.plan(&catalog.oci, visitor, record, Map::new(), target).await?),
            false => planner.known(record, Map::new(), target),
        };
        let Some(outcome) = answer else { return Ok(None) };
        let first = First { gpus, engine, outcome };
        match *first.outcome {
            Outcome::Plan(_) => return Ok(Some(first)),
            // No other target changes that.
            Outcome::Without { .. } => return Ok(refused.or(Some(first))),
            Outcome::Problems(_) => refused = refused.or(Some(first)),
        }
    }
    Ok(refused)
}

/// Whether a parameter must be given before there is anything to plan.
pub(super) fn must_be_given(manifest: &Manifest) -> bool {
    let has_default =
        |name: &String| manifest.parameters.get(name).is_some_and(|schema| schema.get("default").is_some());
    !manifest.required.iter().all(has_default)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_engine_and_all_gpus_are_tried_the_usual_ones_first() {
        let tried: Vec<(&str, EngineKind)> =
            candidates().map(|(gpus, engine)| (gpus.word.as_str(), engine)).collect();
        assert_eq!(tried[0], ("2xh100", EngineKind::Kubernetes));
        let engines: BTreeSet<EngineKind> = tried.iter().map(|(_, engine)| *engine).collect();
        let gpus: BTreeSet<&str> = tried.iter().map(|(gpus, _)| *gpus).collect();
        assert_eq!((engines.len(), gpus.len()), (EngineKind::ALL.len(), all_gpus().len()));
    }
}
