//! The target that a visitor is shown who has chosen none: the first one that the plugin itself plans for.

use std::sync::Arc;

use chandlery_edge::Client;
use chandlery_package::Manifest;
use chandlery_package::plan::{EngineKind, say};
use chandlery_package::wire::ReleaseRecord;
use serde_json::Map;

use super::engines::engine_title;
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
    /// How many targets were tried.
    tried: usize,
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
    let mut refused: Option<First> = None;
    for (before, (gpus, engine)) in candidates().enumerate() {
        let target = gpus.on(engine);
        let answer = match asks {
            true => Some(planner.plan(&catalog.oci, visitor, record, Map::new(), target).await?),
            false => planner.known(record, Map::new(), target),
        };
        let Some(outcome) = answer else { return Ok(None) };
        let first = First { gpus, engine, outcome, tried: before + 1 };
        match *first.outcome {
            Outcome::Plan(_) => return Ok(Some(first)),
            // No other target changes that.
            Outcome::Without { .. } => return Ok(refused.or(Some(first))),
            Outcome::Problems(_) | Outcome::Unfit { .. } => {
                let tried = first.tried;
                refused.get_or_insert(first).tried = tried;
            }
        }
    }
    Ok(refused)
}

impl First {
    /// Where it fits none of the targets that were tried: what it needs, and which they were, in a sentence.
    pub(super) fn unfit(&self) -> Option<String> {
        unfit(&self.outcome, self.tried)
    }
}

/// The sentence, after so many targets: what the plan needs or, where there is none, why not.
fn unfit(outcome: &Outcome, tried: usize) -> Option<String> {
    let needs = match outcome {
        Outcome::Unfit { needs, .. } => needs.clone(),
        // A parameter that is refused is refused on any target.
        Outcome::Problems(problems) if problems.iter().all(|problem| problem.parameter.is_none()) => {
            say(problems)
        }
        Outcome::Problems(_) | Outcome::Plan(_) | Outcome::Without { .. } => return None,
    };
    let on = |engine: EngineKind| {
        let gpus =
            candidates().take(tried).filter(|(_, on)| *on == engine).map(|(gpus, _)| gpus.title.as_str());
        Some(gpus.collect::<Vec<_>>().join(", ")).filter(|gpus| !gpus.is_empty())
    };
    let targets =
        ENGINES.into_iter().filter_map(|engine| Some(format!("{} ({})", engine_title(engine), on(engine)?)));
    Some(format!("{needs}; tried were {}.", targets.collect::<Vec<_>>().join(", ")))
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

    use chandlery_package::plan::PlanProblem;

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

    #[test]
    fn what_fits_nothing_says_what_it_needs_and_what_was_tried() {
        let outcome =
            Outcome::Unfit { needs: "workload 'server' needs containers".into(), lacks: String::new() };
        assert_eq!(
            unfit(&outcome, 2).unwrap(),
            "workload 'server' needs containers; tried were Kubernetes (2 × H100 80 GB), A machine of its own \
             (2 × H100 80 GB)."
        );
        let all = unfit(&outcome, candidates().count()).unwrap();
        assert!(all.contains("Kubernetes (2 × H100 80 GB, 8 × H100 80 GB, "), "{all}");
        assert!(all_gpus().iter().all(|gpus| all.contains(&gpus.title)), "{all}");
        let problem = |message: &str| PlanProblem { parameter: None, message: message.into() };
        let refuses = Outcome::Problems(vec![problem("it wants a b200"), problem("and a lake")]);
        assert!(unfit(&refuses, 1).unwrap().starts_with("it wants a b200; and a lake; tried "));
        let of_parameter = PlanProblem { parameter: Some("model".into()), message: "unknown".into() };
        assert_eq!(unfit(&Outcome::Problems(vec![of_parameter, problem("no room")]), 1), None);
        assert_eq!(unfit(&Outcome::Without { why: String::new(), remedy: None }, 1), None);
    }
}
