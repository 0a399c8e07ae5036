//! What thousands of labels cost beside the matrix that scores them: measured with random weights.

use std::time::{Duration, Instant};

use serde::Serialize;
use tch::{Device, Kind, TchError, Tensor};

use super::BackendError;
use super::torch::{Thresholds, explain, select_there};

/// Features before the last layer, as in a ResNet-50.
const FEATURES: i64 = 2_048;
/// Images of a batch.
const BATCH: i64 = 16;
/// How long each loop runs, and in how many turns, so that what disturbs one disturbs all alike.
const LOOP_TIME: Duration = Duration::from_millis(150);
const TURNS: usize = 6;

/// Milliseconds of a batch of 16.
#[derive(Debug, Serialize)]
pub(crate) struct HeadCost {
    labels: i64,
    /// The matrix alone.
    matrix_ms: f64,
    /// The matrix, scores, thresholds and the choice of the best.
    chosen_ms: f64,
    /// The same, chosen as a GPU does it, by `topk`.
    topk_ms: f64,
    /// `chosen_ms ÷ matrix_ms`.
    pub(crate) ratio: f64,
}

/// Measures a head of `labels` labels on one thread of the CPU.
///
/// # Errors
/// When libtorch cannot do it.
pub(crate) fn head_cost(labels: u32) -> Result<HeadCost, BackendError> {
    tch::set_num_threads(1);
    let _no_grad = tch::no_grad_guard();
    let labels = i64::from(labels);
    let random = |size: &[i64]| Tensor::f_randn(size, (Kind::Float, Device::Cpu));
    let made = || -> Result<_, TchError> {
        let weights = random(&[labels, FEATURES])?.f_mul_scalar(1.0 / (FEATURES as f64).sqrt())?;
        Ok((
            random(&[BATCH, FEATURES])?,
            weights.f_transpose(0, 1)?,
            random(&[labels])?,
            Thresholds::new(vec![0.9; labels as usize], Device::Cpu)?,
            Tensor::f_full([labels], 0.9, (Kind::Float, Device::Cpu))?,
        ))
    };
    let (images, weights, bias, thresholds, on_device) = made().map_err(explain)?;
    let matrix = || bias.f_addmm(&images, &weights).map_err(explain);
    let scores = || matrix().and_then(|logits| logits.f_sigmoid().map_err(explain));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..TURNS {
        let times = [
            per_turn(|| matrix().map(drop))?,
            per_turn(|| thresholds.select(&scores()?).map(drop))?,
            per_turn(|| select_there(&scores()?, &on_device).map(drop))?,
        ];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(time);
        }
    }
    let [matrix_ms, chosen_ms, topk_ms] = best;
    Ok(HeadCost {
        labels,
        matrix_ms,
        chosen_ms,
        topk_ms,
        ratio: chosen_ms / matrix_ms,
    })
}

/// Milliseconds of one turn.
fn per_turn(mut turn: impl FnMut() -> Result<(), BackendError>) -> Result<f64, BackendError> {
    let (began, mut turns) = (Instant::now(), 0_u32);
    while began.elapsed() < LOOP_TIME {
        turn()?;
        turns += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3 / f64::from(turns))
}

impl std::fmt::Display for HeadCost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a head of {} labels, batch of {BATCH}: matrix {:.2} ms, with the choice of labels {:.2} ms ({:.2} times), \
             by topk {:.2} ms",
            self.labels, self.matrix_ms, self.chosen_ms, self.ratio, self.topk_ms
        )
    }
}
