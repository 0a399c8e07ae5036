//! The only source of chance: one independent stream for each image and purpose.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of chance is for, so that a longer drawing never shifts another choice.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Drawing = 0,
    Format = 1,
}

/// Seeded chance, `ChaCha8` with the image's index as its stream.
///
/// The ways to draw from it are written here, not taken from `rand`, whose samplers may
/// give other values in a later version: the same seed must draw the same image for good.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

// === impl Dice ===

impl Dice {
    pub(crate) fn new(seed: u64, index: u64, purpose: Purpose) -> Self {
        let mut chacha = ChaCha8Rng::seed_from_u64(seed ^ ((purpose as u64) << 56));
        chacha.set_stream(index);
        Self(chacha)
    }

    /// Uniform in 0..1, without 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform between `low` and `high`.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Between `low` and `high`, each doubling of the size equally likely.
    pub(crate) fn size(&mut self, low: f32, high: f32) -> f32 {
        low * (high / low).powf(self.unit())
    }

    /// Uniform in `0..n`; `n` is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, which is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        (self.0.next_u32() >> 24) as u8
    }
}
