//! The kinds of GPUs, by the short names that plans and schedulers use. A slice of a GPU is of a kind of its own: `a100-mig-1g.5gb` is
//! an instance that NVIDIA's MIG cuts out, and `t4-shared` one of the turns that pods take at a whole one.

/// Memory of one GPU, in MiB, as its driver reports it (`memory.total` of nvidia-smi, `VRAM Total Memory` of rocm-smi), which is less
/// than its maker's label where error correction takes a part; for targets whose scheduler does not know it. Those of NVIDIA are by
/// Modal's list of what its GPUs report (<https://github.com/modal-labs/modal-client/pull/2797>), and else by tables that nvidia-smi
/// has printed since driver 510. An MI250X is two devices of half its memory each. The smallest slice of a B200 has less than its name
/// says (<https://github.com/NVIDIA/gpu-operator/pull/1351>).
const MEMORY_MIB: [(&str, u32); 27] = [
    ("a10", 23_028),
    ("a100", 40_960),
    ("a100-80gb", 81_920),
    ("a10g", 23_028),
    ("a30", 24_576),
    ("a40", 46_068),
    ("b200", 183_359),
    ("b200-mig-1g.23gb", 20_992),
    ("gb200", 189_471),
    ("gh200", 97_871),
    ("h100", 81_559),
    ("h20", 97_871),
    ("h200", 143_771),
    ("l4", 23_034),
    ("l40", 46_068),
    ("l40s", 46_068),
    ("mi250x", 65_520),
    ("mi300x", 196_592),
    ("rtx3090", 24_576),
    ("rtx4090", 24_564),
    ("rtx5090", 32_607),
    ("rtx6000", 49_140),
    ("rtxa6000", 49_140),
    ("rtxpro6000", 97_887),
    ("t4", 15_360),
    ("titanrtx", 24_576),
    ("v100", 16_384),
];

/// What stands before the profile of a MIG instance in the name of its kind.
const MIG: &str = "mig";
/// The end of the name of a kind of which a GPU is given to several at once.
const SHARED: &str = "shared";
/// Words of products that their kinds do without.
const MAKERS: [&str; 6] = ["nvidia", "tesla", "geforce", "amd", "instinct", ""];
/// Families whose products are told apart by the word that follows.
const FAMILIES: [&str; 5] = ["gtx", "pro", "quadro", "rtx", "titan"];

/// Memory of one GPU of this kind, or of what a scheduler calls it, in MiB; 0 where it is not known.
pub(super) fn memory_mib(kind: &str) -> u32 {
    let kind = kind_of(kind);
    let known = MEMORY_MIB.iter().find(|(known, _)| *known == kind).map(|(_, memory)| *memory);
    known.or_else(|| slice_mib(&kind)).unwrap_or(0)
}

/// The memory that the profile of a slice names, `1g.5gb`, in gigabytes of 10^9 bytes: the least that it can mean.
fn slice_mib(kind: &str) -> Option<u32> {
    let gigabytes = kind.split('-').find_map(gigabytes)?;
    u32::try_from((u64::from(gigabytes) * 1_000_000_000) >> 20).ok()
}

fn gigabytes(profile: &str) -> Option<u32> {
    let (slices, memory) = profile.split_once("g.")?;
    slices.parse::<u8>().ok()?;
    memory.split_once("gb")?.0.parse().ok()
}

/// The short name of what a driver, a scheduler or a node's label calls `NVIDIA H100 80GB HBM3`, `NVIDIA-A100-SXM4-40GB-MIG-1g.5gb` or
/// `Tesla-T4-SHARED`.
pub(super) fn kind_of(product: &str) -> String {
    let lower = product.to_lowercase().replace('+', ".");
    let words: Vec<_> = lower.split([' ', '-', '_']).filter(|word| !MAKERS.contains(word)).collect();
    let is_slice = |word: &&str| *word == SHARED || *word == MIG || gigabytes(word).is_some();
    let (slice, whole): (Vec<_>, Vec<_>) = words.into_iter().partition(is_slice);
    let profile = slice.iter().find(|word| gigabytes(word).is_some());
    let parts = [
        Some(chip(&whole)),
        profile.map(|profile| format!("{MIG}-{profile}")),
        slice.contains(&SHARED).then(|| SHARED.into()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("-")
}

/// The short name of a whole GPU, by the words of its product.
fn chip(words: &[&str]) -> String {
    let family = words.iter().take_while(|word| FAMILIES.contains(word)).count();
    match words {
        [] => "gpu".into(),
        [kind, rest @ ..] if *kind == "a100" && rest.contains(&"80gb") => "a100-80gb".into(),
        words => words[..words.len().min(family + 1)].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_have_short_names() {
        for (product, kind) in [
            ("NVIDIA H100 80GB HBM3", "h100"),
            ("NVIDIA-A100-SXM4-40GB", "a100"),
            ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
            ("NVIDIA H200", "h200"),
            ("Tesla T4", "t4"),
            ("NVIDIA GeForce RTX 4090", "rtx4090"),
            ("NVIDIA RTX 6000 Ada Generation", "rtx6000"),
            ("NVIDIA RTX A6000", "rtxa6000"),
            ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtxpro6000"),
            ("Quadro RTX 6000", "quadrortx6000"),
            ("NVIDIA GeForce GTX 1080 Ti", "gtx1080"),
            ("NVIDIA TITAN V", "titanv"),
            ("NVIDIA TITAN RTX", "titanrtx"),
            ("NVIDIA L40S", "l40s"),
            ("AMD Instinct MI300X", "mi300x"),
            ("", "gpu"),
        ] {
            assert_eq!(kind_of(product), kind, "{product}");
        }
    }

    #[test]
    fn slices_are_kinds_of_their_own() {
        for (product, kind) in [
            ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "a100-mig-1g.5gb"),
            ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", "a100-80gb-mig-3g.40gb"),
            ("NVIDIA H100 80GB HBM3 MIG 1g.10gb+me", "h100-mig-1g.10gb.me"),
            ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED", "a100-mig-1g.5gb-shared"),
            ("Tesla-T4-SHARED", "t4-shared"),
            ("nvidia_a100_1g.5gb", "a100-mig-1g.5gb"),
            ("1g.5gb", "gpu-mig-1g.5gb"),
        ] {
            assert_eq!(kind_of(product), kind, "{product}");
            assert_eq!(kind_of(kind), kind, "a kind is its own name");
        }
    }

    #[test]
    fn memory_is_what_the_driver_reports() {
        for (kind, memory) in [
            ("h100", 81_559),
            ("t4", 15_360),
            ("l4", 23_034),
            ("l40s", 46_068),
            ("nvidia_h100_80gb_hbm3", 81_559),
            ("a100-mig-1g.5gb", 4_768),
            ("3g.40gb", 38_146),
            ("b200-mig-1g.23gb", 20_992),
            ("abacus", 0),
            ("99999g.99999999999gb", 0),
            ("", 0),
        ] {
            assert_eq!(memory_mib(kind), memory, "{kind}");
        }
        for (kind, _) in MEMORY_MIB {
            assert_eq!(kind_of(kind), kind, "a kind is its own name");
        }
    }
}
