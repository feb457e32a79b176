//! How much each weight takes.

/// Thousandths of a bit for each weight, with the scales that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits(pub u64);

impl Bits {
    /// 8 bits, with a scale for a row or for a block of 128 × 128.
    pub const FP8: Self = Self(8002);
    /// 4 bits, with a scale of 8 bits for every 32.
    pub const MXFP4: Self = Self(4250);
    /// 4 bits, with a scale of 8 bits for every 16.
    pub const NVFP4: Self = Self(4500);

    /// So many bits, with a scale of `scale` bits for each group of weights.
    pub(crate) fn in_groups(bits: u64, group: u64, scale: u64) -> Self {
        Self(bits * 1000 + (scale * 1000).checked_div(group).unwrap_or(0))
    }

    /// The bytes of so many weights.
    pub(crate) fn bytes(self, weights: u64) -> u64 {
        u64::try_from((u128::from(weights) * u128::from(self.0)).div_ceil(8000)).unwrap_or(u64::MAX)
    }
}
