//! Sizes as people read them.

/// A size, in the largest of B, KiB, MiB and GiB of which there is one.
pub fn bytes(size: u64) -> String {
    let steps = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match steps.into_iter().find(|(step, _)| size >= *step) {
        Some((step, unit)) => {
            let tenths = u128::from(size) * 10 / u128::from(step);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{size} B"),
    }
}

/// A number of mebibytes, in the largest unit of which there is one.
pub fn mebibytes(count: u32) -> String {
    bytes(u64::from(count) << 20)
}
