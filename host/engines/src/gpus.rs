//! The kinds of GPUs, by the short names that plans and schedulers use.

/// Memory of one GPU, in MiB, as its maker states it; for targets whose scheduler does not know it.
const MEMORY_MIB: [(&str, u32); 20] = [
    ("a10", 24 << 10),
    ("a100", 40 << 10),
    ("a100-80gb", 80 << 10),
    ("a30", 24 << 10),
    ("a40", 48 << 10),
    ("b200", 180 << 10),
    ("gb200", 186 << 10),
    ("h100", 80 << 10),
    ("h20", 96 << 10),
    ("h200", 141 << 10),
    ("l4", 24 << 10),
    ("l40", 48 << 10),
    ("l40s", 48 << 10),
    ("mi250x", 128 << 10),
    ("mi300x", 192 << 10),
    ("rtx4090", 24 << 10),
    ("rtx5090", 32 << 10),
    ("rtx6000", 48 << 10),
    ("t4", 16 << 10),
    ("v100", 16 << 10),
];

/// Memory of one GPU of this kind, in MiB; 0 where it is not known.
pub(super) fn memory_mib(kind: &str) -> u32 {
    MEMORY_MIB.iter().find(|(known, _)| *known == kind).map_or(0, |(_, memory)| *memory)
}

/// The short name of what a driver or a node's label calls `NVIDIA H100 80GB HBM3` or `NVIDIA-A100-SXM4-40GB`.
pub(super) fn kind_of(product: &str) -> String {
    let lower = product.to_lowercase();
    let words: Vec<_> = lower
        .split([' ', '-', '_'])
        .filter(|word| !["nvidia", "tesla", "geforce", "amd", "instinct", ""].contains(word))
        .collect();
    match words.as_slice() {
        ["rtx", number, ..] => format!("rtx{number}"),
        [kind, rest @ ..] if *kind == "a100" && rest.contains(&"80gb") => "a100-80gb".into(),
        [kind, ..] => (*kind).into(),
        [] => "gpu".into(),
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
            ("NVIDIA L40S", "l40s"),
            ("AMD Instinct MI300X", "mi300x"),
            ("", "gpu"),
        ] {
            assert_eq!(kind_of(product), kind, "{product}");
        }
        assert_eq!(memory_mib("h100"), 81920);
        assert_eq!(memory_mib("abacus"), 0);
    }
}
