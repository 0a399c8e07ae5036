//! How a CPU's cores are shared: several batches side by side, or each batch on several cores. Measured, not guessed.
//!
//! Small models lose more by splitting a layer than they gain; large ones on many cores share caches better when
//! fewer batches run at once. Which of the two a set is, only a measurement tells.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use super::cascade::blank;
use super::{BackendError, Recognizer};
use crate::frame::{Frame, FramePool};
use crate::work::Wants;

/// How much faster another division must be to be taken: less is noise.
const GAIN_MIN: f64 = 1.1;
/// Images of a batch while divisions are compared.
const BATCH: usize = 8;

/// A division of the cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Threads {
    /// Batches that run side by side.
    pub(crate) infer: usize,
    /// Threads of each.
    pub(crate) op: usize,
}

/// Images a second of a division.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Measured {
    #[serde(flatten)]
    pub(crate) threads: Threads,
    pub(crate) images_per_second: f64,
}

/// The divisions worth trying, the most batches side by side first.
pub(crate) fn divisions(cores: usize) -> Vec<Threads> {
    let mut divisions = Vec::new();
    let mut op = 1;
    while op <= cores {
        let infer = cores / op;
        divisions.push(Threads { infer, op });
        op *= 2;
    }
    divisions
}

/// The first, unless another is clearly faster.
pub(crate) fn choose(measured: &[Measured]) -> Option<Threads> {
    let first = measured.first()?;
    let best = measured
        .iter()
        .max_by(|a, b| a.images_per_second.total_cmp(&b.images_per_second))?;
    let is_clear = best.images_per_second > first.images_per_second * GAIN_MIN;
    Some(if is_clear { best } else { first }.threads)
}

/// Runs each division for `each` over blank images.
///
/// # Errors
/// When the models cannot be run.
pub(crate) fn measure(
    recognizer: &Recognizer,
    cores: usize,
    each: Duration,
) -> Result<Vec<Measured>, BackendError> {
    divisions(cores)
        .into_iter()
        .map(|threads| {
            recognizer.backend().split(threads.op);
            let images_per_second = rate(recognizer, threads.infer, each)?;
            Ok(Measured {
                threads,
                images_per_second,
            })
        })
        .collect()
}

/// Images a second of `threads` threads that each run one batch after the other.
fn rate(recognizer: &Recognizer, threads: usize, each: Duration) -> Result<f64, BackendError> {
    let start = Barrier::new(threads);
    let run = || -> Result<f64, BackendError> {
        let entered = recognizer.backend().enter();
        let pool = FramePool::new(recognizer.subset.frame);
        let frames: Vec<Frame> = (0..BATCH).map(|_| blank(&pool)).collect();
        let frames: Vec<&Frame> = frames.iter().collect();
        let wants: Vec<Wants> = vec![recognizer.subset.features; BATCH];
        // The first time is not like the others; and nobody may miss the start, or all others wait for ever.
        let first = recognizer.recognize(&frames, &wants);
        start.wait();
        let _entered = entered?;
        first?;
        let (began, mut images) = (Instant::now(), 0);
        while images == 0 || began.elapsed() < each {
            recognizer.recognize(&frames, &wants)?;
            images += BATCH;
        }
        Ok(images as f64 / began.elapsed().as_secs_f64())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let rates = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(BackendError::Failed("the backend panicked".into())))
        });
        rates.sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rates: &[f64]) -> Vec<Measured> {
        let divisions = divisions(1 << (rates.len() - 1)).into_iter();
        let rates = divisions.zip(rates).map(|(threads, rate)| Measured {
            threads,
            images_per_second: *rate,
        });
        rates.collect()
    }

    #[test]
    fn divisions_use_the_cores_and_no_more() {
        let all = |cores| {
            let all = divisions(cores).into_iter();
            all.map(|it| (it.infer, it.op)).collect::<Vec<_>>()
        };
        assert_eq!(all(1), [(1, 1)]);
        assert_eq!(all(2), [(2, 1), (1, 2)]);
        assert_eq!(all(6), [(6, 1), (3, 2), (1, 4)]);
        assert_eq!(all(16), [(16, 1), (8, 2), (4, 4), (2, 8), (1, 16)]);
    }

    #[test]
    fn another_division_is_taken_only_where_it_is_clearly_faster() {
        let chosen = |rates: &[f64]| choose(&measured(rates)).unwrap().op;
        assert_eq!(chosen(&[100.0, 109.0, 50.0]), 1);
        assert_eq!(chosen(&[100.0, 111.0, 50.0]), 2);
        assert_eq!(chosen(&[100.0, 120.0, 150.0]), 4);
        assert_eq!(choose(&[]), None);
    }
}
