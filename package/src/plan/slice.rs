//! Slices of GPUs, which are kinds of their own: what they are cut out of.

/// The end of the name of a kind whose GPUs several take turns at.
const SHARED: &str = "-shared";

/// The whole GPU of a kind, which may be a slice of it: `a100` of `a100-mig-1g.5gb` and of Slurm's `a100_1g.5gb`, `t4` of `t4-shared`.
pub(super) fn chip_of(kind: &str) -> &str {
    let whole = kind.strip_suffix(SHARED).unwrap_or(kind);
    let profile = whole.split(['-', '_']).find(|word| is_profile(word));
    let Some((chip, _)) = profile.and_then(|profile| whole.split_once(profile)) else { return whole };
    chip.trim_end_matches(['-', '_']).trim_end_matches("-mig")
}

/// Whether a kind is a slice. Of these a replica can have one on each node: CUDA shows a process one MIG instance, and turns at a GPU are
/// turns at the same one, however many they are.
pub fn is_slice(kind: &str) -> bool {
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
            ("a100-80gb-mig-1g.10gb", "a100-80gb"),
            ("h100-mig-1g.10gb.me", "h100"),
            ("a100-mig-1g.5gb-shared", "a100"),
            ("t4-shared", "t4"),
            ("nvidia_a100_1g.5gb", "nvidia_a100"),
            ("1g.5gb", ""),
        ] {
            assert_eq!((chip_of(kind), is_slice(kind)), (chip, true), "{kind}");
        }
        for kind in ["a100", "a100-80gb", "nvidia_h100_80gb_hbm3", "gpu", ""] {
            assert_eq!((chip_of(kind), is_slice(kind)), (kind, false), "{kind}");
        }
    }
}
