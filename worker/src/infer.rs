//! Runs batches on one thread; finds the image that spoils a batch by halving it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use spillway_wire::{Reason, Stage};
use tracing::{error, warn};

use crate::attempts::Lane;
use crate::crash::{self, Step};
use crate::drain::Stop;
use crate::frame::Frame;
use crate::models::{BackendError, Findings, Recognizer};
use crate::stats::Stats;
use crate::work::{Ending, Failure, Framed, Wants, now_ms};

/// What one thread needs.
pub(crate) struct Infer<'a> {
    pub(crate) recognizer: &'a Recognizer,
    pub(crate) lane: Lane,
    pub(crate) batches: Receiver<Vec<Framed>>,
    pub(crate) endings: Sender<Ending>,
    pub(crate) stats: &'a Stats,
    pub(crate) stop: &'a Stop,
}

impl Infer<'_> {
    /// Runs every batch that comes; returns when there are no more, or the device is broken.
    pub(crate) fn run(&self) {
        for batch in &self.batches {
            let (live, over): (Vec<Framed>, Vec<Framed>) = batch
                .into_iter()
                .filter(|framed| !framed.work.is_revoked())
                .partition(|framed| !framed.work.is_late(now_ms()));
            for framed in over {
                self.end(framed.work.expire(Stage::Infer));
            }
            if live.is_empty() {
                continue;
            }
            self.stats.batched(live.len());
            let began = Instant::now();
            if let Err(broken) = self.batch(live, began) {
                error!(error = %broken, "device broken");
                self.stop.fail(broken);
                return;
            }
        }
    }

    /// Ends every job of a batch; fails only if the device is broken.
    fn batch(&self, batch: Vec<Framed>, began: Instant) -> Result<(), String> {
        let mut stack = vec![batch];
        while let Some(mut batch) = stack.pop() {
            let jobs = batch.iter().map(|framed| framed.work.record.job);
            match self.lane.at(jobs, || recognize(self.recognizer, &batch)) {
                Ok(findings) => {
                    let spent = began.elapsed();
                    for (mut framed, found) in batch.into_iter().zip(findings) {
                        framed.work.spent.infer = spent;
                        self.finish(framed, Ok(found));
                    }
                }
                Err(BackendError::Broken(why)) => return Err(why),
                Err(BackendError::Failed(why)) if batch.len() == 1 => {
                    let Some(framed) = batch.pop() else { continue };
                    warn!(
                        job = framed.work.job.id,
                        error = why,
                        "image failed in the models"
                    );
                    let failure = Failure::new(Stage::Infer, Reason::ModelFailed, why);
                    self.finish(framed, Err(failure));
                }
                Err(BackendError::Failed(why)) => {
                    warn!(count = batch.len(), error = why, "batch failed, halving it");
                    let second = batch.split_off(batch.len() / 2);
                    stack.push(second);
                    stack.push(batch);
                }
            }
        }
        Ok(())
    }

    fn finish(&self, framed: Framed, found: Result<Findings, Failure>) {
        let Framed { work, wants, .. } = framed;
        crash::point(Step::Inferred);
        let lacking = wants.without(self.recognizer.subset.features);
        self.end(Ending {
            work,
            found,
            lacking,
        });
    }

    fn end(&self, ending: Ending) {
        // The publisher only goes away when the process ends.
        let _ = self.endings.send(ending);
    }
}

/// Runs the models; a panic in them is a failure like any other.
fn recognize(recognizer: &Recognizer, batch: &[Framed]) -> Result<Vec<Findings>, BackendError> {
    let frames: Vec<&Frame> = batch.iter().map(|framed| &framed.frame).collect();
    let wants: Vec<Wants> = batch.iter().map(|framed| framed.wants).collect();
    catch_unwind(AssertUnwindSafe(|| recognizer.recognize(&frames, &wants)))
        .unwrap_or_else(|_| Err(BackendError::Failed("the backend panicked".into())))
}
