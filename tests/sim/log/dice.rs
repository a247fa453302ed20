//! Dice that fall alike for the same seed and the same name.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Dice of their own for `name`, whatever others draw.
pub fn dice(seed: u64, name: &str, life: u64) -> StdRng {
    let parts = seed.to_be_bytes().into_iter().chain(life.to_be_bytes()).chain(name.bytes());
    // FNV-1a, 64 bits; the generator spreads what is close together.
    let seed = parts
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    StdRng::seed_from_u64(seed)
}

/// Whether something of this probability happens. What never happens draws nothing.
pub fn happens(dice: &mut StdRng, probability: f64) -> bool {
    probability > 0.0 && dice.random_bool(probability.min(1.0))
}

/// A number from `least` to `most`, both included.
pub fn between(dice: &mut StdRng, (least, most): (u64, u64)) -> u64 {
    if least >= most { least } else { dice.random_range(least..=most) }
}
