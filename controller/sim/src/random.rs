//! Randomness by entity: a stream depends on the seed, the trace and what it is for, and on nothing else.
//!
//! So what the world does to the k-th machine of an offer is the same whatever was bought before it.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;

/// Where all streams of one run come from.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    root: u64,
}

/// One entity's randomness.
pub(crate) struct Stream(Pcg64);

// === impl Seeds ===

impl Seeds {
    /// Of the run of `trace` with `seed`.
    pub(crate) fn new(seed: u64, trace: &str) -> Self {
        Self {
            root: mixed(mixed(seed) ^ hashed(trace)),
        }
    }

    /// The stream of the `number`-th entity of a kind, as `("boot", "aws-g6", 3)`.
    pub(crate) fn stream(&self, kind: &str, name: &str, number: u64) -> Stream {
        let name = mixed(self.root ^ hashed(kind)) ^ hashed(name);
        let low = mixed(mixed(name) ^ number);
        let high = mixed(low);
        Stream(Pcg64::new(
            (u128::from(high) << 64) | u128::from(low),
            u128::from(mixed(high)),
        ))
    }
}

// === impl Stream ===

impl Stream {
    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let bits = (self.0.next_u64() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// Uniform in [`least`, `most`).
    pub(crate) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.uniform()
    }

    /// A whole number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "far below 2^53"
        )]
        let number = (self.uniform() * end as f64) as usize;
        number.min(end.saturating_sub(1))
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Exponential with this mean; infinite if the mean is.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.uniform()).ln() * mean
    }
}

/// FNV-1a of 64 bits.
fn hashed(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of SplitMix64: near numbers become far ones.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draws: u32, mut draw: impl FnMut() -> f64) -> f64 {
        (0..draws).map(|_| draw()).sum::<f64>() / f64::from(draws)
    }

    #[test]
    fn laws_have_their_means() {
        let seeds = Seeds::new(1, "made");
        let mut stream = seeds.stream("test", "", 0);
        assert!((mean(20_000, || stream.uniform()) - 0.5).abs() < 0.01);
        assert!(mean(20_000, || stream.normal()).abs() < 0.02);
        assert!((mean(20_000, || stream.normal().powi(2)) - 1.0).abs() < 0.04);
        assert!((mean(20_000, || stream.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!((0..1_000).all(|_| stream.below(3) < 3));
        assert_eq!(stream.below(0), 0);
    }

    #[test]
    fn streams_differ_by_everything_they_are_for_and_by_nothing_else() {
        let draw = |seed, trace: &str, kind: &str, name: &str, number| {
            Seeds::new(seed, trace)
                .stream(kind, name, number)
                .uniform()
                .to_bits()
        };
        let one = draw(1, "a", "boot", "x", 1);
        assert_eq!(one, draw(1, "a", "boot", "x", 1));
        let others = [
            draw(2, "a", "boot", "x", 1),
            draw(1, "b", "boot", "x", 1),
            draw(1, "a", "rate", "x", 1),
            draw(1, "a", "boot", "y", 1),
            draw(1, "a", "boot", "x", 2),
        ];
        assert!(others.iter().all(|other| *other != one));
    }
}
