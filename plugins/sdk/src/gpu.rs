//! Which programs a kind of GPU runs, and what a slice of one is cut out of.

use crate::bindings::template::{Facts, Problem};

/// NVIDIA's kinds before Turing. CUDA 13, and what is built with it, has left them behind.
const BEFORE_TURING: [&str; 19] = [
    "v100",
    "v100s",
    "gv100",
    "titanv",
    "p100",
    "gp100",
    "p40",
    "p6",
    "p4",
    "m60",
    "m40",
    "k80",
    "k40",
    "gtx1080",
    "gtx1070",
    "gtx1060",
    "quadrogv100",
    "quadrogp100",
    "quadrop6000",
];

/// The end of the name of a kind whose GPUs several take turns at.
const SHARED: &str = "-shared";

/// What programs for GPUs of a kind are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// CUDA, on NVIDIA's GPUs since Turing; what is not known is taken for one of them.
    Cuda,
    /// CUDA, on NVIDIA's older GPUs.
    CudaBeforeTuring,
    /// ROCm, on AMD's GPUs.
    Rocm,
}

impl Platform {
    /// The platform of a kind of GPU, as targets call it: `h100`, `tesla_v100`, `mi300x`.
    pub fn of(kind: &str) -> Self {
        let kind = kind.to_lowercase();
        let mut words = kind.split(['-', '_', ' ']);
        let is_amd = |word: &str| {
            let number = word.strip_prefix("mi").or(word.strip_prefix("rx")).or(word.strip_prefix("gfx"));
            matches!(word, "amd" | "instinct" | "radeon")
                || number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        };
        match () {
            () if words.clone().any(is_amd) => Self::Rocm,
            () if words.any(|word| BEFORE_TURING.contains(&word)) => Self::CudaBeforeTuring,
            () => Self::Cuda,
        }
    }

    /// Whose GPUs these are.
    fn whose(self) -> &'static str {
        match self {
            Self::Cuda => "NVIDIA's GPUs",
            Self::CudaBeforeTuring => "NVIDIA's GPUs before Turing",
            Self::Rocm => "AMD's GPUs",
        }
    }
}

/// The kinds of GPUs to ask a target for, where a program is built for these platforms: the one that is wished for; or, where none is,
/// those that it runs on, and none where it runs on all that there are. What it does not run on is a problem with `/gpu`.
pub fn kinds_that_run(
    program: &str,
    platforms: &[Platform],
    wished: Option<&str>,
    target: &Facts,
) -> Result<Vec<String>, Vec<Problem>> {
    let there = target.gpu_pools.iter().map(|pool| pool.kind.as_str());
    let candidates: Vec<_> = wished.map_or_else(|| there.collect(), |kind| vec![kind]);
    let (run, others): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|kind| platforms.contains(&Platform::of(kind)));
    match (run.as_slice(), others.first()) {
        ([], Some(kind)) => {
            let message = format!(
                "{program} is not built for {}: {kind}; choose another kind of GPU, or name an image that is built for it",
                Platform::of(kind).whose()
            );
            Err(vec![Problem::with("/gpu", message)])
        }
        (_, None) if wished.is_none() => Ok(Vec::new()),
        (run, _) => Ok(run.iter().map(|kind| (*kind).to_owned()).collect()),
    }
}

/// Whether a GPU of this kind is given to several at once, each of which sees all of its memory.
pub(crate) fn is_shared(kind: &str) -> bool {
    kind.ends_with(SHARED)
}

/// The whole GPU of a kind, which may be a slice of it: `a100` of `a100-mig-1g.5gb` and of Slurm's `a100_1g.5gb`, `t4` of `t4-shared`.
pub fn chip_of(kind: &str) -> &str {
    let whole = kind.strip_suffix(SHARED).unwrap_or(kind);
    let profile = whole.split(['-', '_']).find(|word| is_profile(word));
    let Some((chip, _)) = profile.and_then(|profile| whole.split_once(profile)) else { return whole };
    chip.trim_end_matches(['-', '_']).trim_end_matches("-mig")
}

/// Whether a kind is a slice. Of these a replica can have one on each node: CUDA shows a process one MIG instance, and turns at a GPU are
/// turns at the same one, however many they are.
pub(crate) fn is_slice(kind: &str) -> bool {
    chip_of(kind) != kind
}

/// Whether this names a MIG instance by its part of the cores and of the memory: `1g.5gb`, `1g.10gb.me`.
fn is_profile(word: &str) -> bool {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let parts = word.split_once("g.").and_then(|(cores, rest)| Some((cores, rest.split_once("gb")?.0)));
    parts.is_some_and(|(cores, memory)| is_number(cores) && is_number(memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_of_a_whole_gpu() {
        for (kind, chip) in [
            ("a100", "a100"),
            ("a100-80gb-mig-1g.10gb", "a100-80gb"),
            ("a100-mig-1g.5gb-shared", "a100"),
            ("t4-shared", "t4"),
            ("nvidia_a100_1g.5gb", "nvidia_a100"),
            ("1g.5gb", ""),
        ] {
            assert_eq!((chip_of(kind), is_slice(kind)), (chip, chip != kind), "{kind}");
        }
    }

    #[test]
    fn kinds_have_a_platform() {
        for (kind, platform) in [
            ("h100", Platform::Cuda),
            ("t4", Platform::Cuda),
            ("rtx4090", Platform::Cuda),
            ("abacus", Platform::Cuda),
            ("mi", Platform::Cuda),
            ("v100", Platform::CudaBeforeTuring),
            ("Tesla_V100-SXM2-32GB", Platform::CudaBeforeTuring),
            ("p4", Platform::CudaBeforeTuring),
            ("gtx1080", Platform::CudaBeforeTuring),
            ("t4-shared", Platform::Cuda),
            ("a100-mig-1g.5gb", Platform::Cuda),
            ("mi300x", Platform::Rocm),
            ("MI250X", Platform::Rocm),
            ("amd_instinct_mi210", Platform::Rocm),
            ("radeon", Platform::Rocm),
        ] {
            assert_eq!(Platform::of(kind), platform, "{kind}");
        }
    }
}
