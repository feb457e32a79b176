//! Randomness that nobody can guess.

use rand::Rng as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

/// So many random bytes from the operating system, for keys, tokens and nonces.
///
/// # Panics
/// Where the operating system has none to give: nothing that needs a key could go on.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    bytes
}
