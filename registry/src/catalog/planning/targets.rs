//! The targets that a plan can be tried for: what they have is data, what their engines start is what hosts find where they are usual.

use std::sync::LazyLock;

use chandlery_package::plan::{EngineKind, Facts, GpuPool, RuntimeKind};
use serde::Deserialize;

/// GPUs that a visitor may have.
#[derive(Debug, Deserialize)]
pub struct Gpus {
    /// What it is chosen by.
    pub word: String,
    /// What people call it.
    pub title: String,
    pools: Vec<GpuPool>,
}

/// Everything that there is to choose, the first choice first; a test reads it.
static ALL: LazyLock<Vec<Gpus>> =
    LazyLock::new(|| serde_json::from_str(include_str!("targets.json")).unwrap_or_default());

/// The GPUs that there are to choose from, those that are chosen without a choice first.
pub fn all() -> &'static [Gpus] {
    &ALL
}

impl Gpus {
    /// The facts of a target with these GPUs and this engine.
    pub fn on(&self, engine: EngineKind) -> Facts {
        let runtimes = match engine {
            EngineKind::Local | EngineKind::Slurm => vec![RuntimeKind::Python, RuntimeKind::Host],
            EngineKind::Kubernetes => vec![RuntimeKind::Container],
        };
        Facts {
            name: engine.as_str().into(),
            engine,
            runtimes,
            gpu_pools: self.pools.clone(),
            architecture: "x86_64".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_target_is_chosen_by_a_word_of_its_own() {
        let read: Vec<Gpus> = serde_json::from_str(include_str!("targets.json")).unwrap();
        let words: BTreeSet<&str> = read.iter().map(|gpus| gpus.word.as_str()).collect();
        assert!(words.len() == read.len() && words.len() >= 6 && all().len() == read.len(), "{words:?}");
        for gpus in &read {
            assert!(gpus.word.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", gpus.word);
            let pools = gpus.on(EngineKind::Kubernetes).gpu_pools;
            assert!(pools.iter().all(|pool| pool.free == pool.total && pool.memory_mib > 0), "{pools:?}");
        }
        assert_eq!(all()[0].on(EngineKind::Local).name, "local");
    }
}
