//! Runs batches on the threads of a crew; finds the image that spoils a batch by halving it.
//!
//! A crew is the threads that run one model set. While one serves, another can get ready beside it, and the two change
//! places between two batches. A crew that rests keeps its models, so that it can take over again at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded, never, select_biased};
use spillway_wire::{Reason, Stage};
use tracing::{error, warn};

use crate::attempts::{Attempts, JobKey, Lane};
use crate::content::ContentCache;
use crate::crash::{self, Step};
use crate::drain::Stop;
use crate::frame::Frame;
use crate::models::{BackendError, Costs, Findings, Recognizer, SetError};
use crate::spans;
use crate::stats::Stats;
use crate::work::{Ending, Failure, Framed, Stint, Wants, Work, now_ms};

/// Turns that may wait for a thread which is in the middle of a batch: one to rest, one to serve again.
const TURNS_MAX: usize = 4;

/// What all crews share with the line.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) batches: Receiver<Vec<Framed>>,
    pub(crate) endings: Sender<Ending>,
    pub(crate) content: Arc<ContentCache>,
    pub(crate) attempts: Arc<Attempts>,
    /// Most images of a batch.
    pub(crate) images_max: usize,
    /// Batches that a crew took and may not answer; at most one for each thread.
    pub(crate) returned: (Sender<Vec<Framed>>, Receiver<Vec<Framed>>),
    pub(crate) alarms: Sender<Alarm>,
    /// How often each thread compares the answers to golden inputs again.
    pub(crate) canary_every: Duration,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: Arc<Stop>,
}

/// A crew's models no longer answer as they must.
pub(crate) struct Alarm {
    /// Digest of their set.
    pub(crate) model_set: String,
    pub(crate) why: SetError,
}

/// The threads that run one model set.
pub(crate) struct Crew {
    pub(crate) recognizer: Arc<Recognizer>,
    pub(crate) costs: Costs,
    turns: Vec<Sender<Turn>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Serve,
    Rest,
}

/// One thread of a crew.
struct Infer {
    recognizer: Arc<Recognizer>,
    lane: Lane,
    bench: Bench,
    model_set: Arc<str>,
    checked: Instant,
}

// === impl Crew ===

impl Crew {
    /// Starts threads and waits until each has checked and warmed the models; they rest until told to serve.
    ///
    /// # Errors
    /// Which model does not answer as its set declares.
    pub(crate) fn hire(
        recognizer: Arc<Recognizer>,
        threads: usize,
        bench: &Bench,
    ) -> anyhow::Result<Self> {
        let (warm, warmed) = bounded(threads);
        let mut crew = Self {
            costs: Costs::default(),
            turns: Vec::with_capacity(threads),
            threads: Vec::with_capacity(threads),
            recognizer,
        };
        for _ in 0..threads {
            let (turn, turns) = bounded(TURNS_MAX);
            let (recognizer, bench, warm) = (crew.recognizer.clone(), bench.clone(), warm.clone());
            let stop = bench.stop.clone();
            let run = move || {
                if catch_unwind(AssertUnwindSafe(|| enter(recognizer, bench, turns, &warm)))
                    .is_err()
                {
                    stop.fail("stage infer panicked");
                }
            };
            let thread = std::thread::Builder::new().name("infer".to_owned());
            crew.threads.push(thread.spawn(run)?);
            crew.turns.push(turn);
        }
        drop(warm);
        for _ in 0..threads {
            crew.costs = warmed.recv().context("a thread of the models ended")??;
        }
        Ok(crew)
    }

    /// Lets it take batches.
    pub(crate) fn serve(&self) {
        self.tell(Turn::Serve);
    }

    /// Lets it take no more; what it has taken it finishes.
    pub(crate) fn rest(&self) {
        self.tell(Turn::Rest);
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    fn tell(&self, turn: Turn) {
        for turns in &self.turns {
            // Fails only for a thread that has ended.
            let _ = turns.send(turn);
        }
    }
}

/// The life of a thread: get ready, say so, work.
fn enter(
    recognizer: Arc<Recognizer>,
    bench: Bench,
    turns: Receiver<Turn>,
    warm: &Sender<Result<Costs, SetError>>,
) {
    match recognizer.enter() {
        Ok((_guard, costs)) => {
            let _ = warm.send(Ok(costs));
            let mut infer = Infer {
                model_set: recognizer.subset.digest.as_str().into(),
                recognizer,
                lane: bench.attempts.lane(bench.images_max),
                bench,
                checked: Instant::now(),
            };
            infer.run(turns);
        }
        Err(error) => {
            let _ = warm.send(Err(error));
        }
    }
}

// === impl Infer ===

impl Infer {
    /// Runs batches whenever it is its crew's turn; returns when there are no more, when its crew is dropped while it
    /// rests, or when the device is broken.
    fn run(&mut self, mut turns: Receiver<Turn>) {
        let mut is_serving = false;
        loop {
            if !is_serving {
                match turns.recv() {
                    Ok(turn) => is_serving = turn == Turn::Serve,
                    Err(_) => return,
                }
                continue;
            }
            let batch = select_biased! {
                recv(turns) -> turn => {
                    match turn {
                        Ok(turn) => is_serving = turn == Turn::Serve,
                        // Nobody is left to say anything: what there is must still be finished.
                        Err(_) => turns = never(),
                    }
                    continue;
                }
                recv(self.bench.returned.1) -> batch => batch,
                recv(self.bench.batches) -> batch => batch,
            };
            let Ok(batch) = batch.or_else(|_| self.bench.returned.1.try_recv()) else {
                return;
            };
            if let Err(why) = self.check() {
                let _ = self.bench.returned.0.send(batch);
                let model_set = self.recognizer.subset.digest.clone();
                let _ = self.bench.alarms.send(Alarm { model_set, why });
                is_serving = false;
                continue;
            }
            if let Err(broken) = self.start(batch) {
                error!(error = %broken, "device broken");
                self.bench.stop.fail(broken);
                return;
            }
        }
    }

    /// Compares the answers to golden inputs, if that is due.
    fn check(&mut self) -> Result<(), SetError> {
        let Some(golden) = self.recognizer.golden() else {
            return Ok(());
        };
        if self.checked.elapsed() < self.bench.canary_every {
            return Ok(());
        }
        golden.check(&self.recognizer)?;
        self.checked = Instant::now();
        Ok(())
    }

    /// Runs a batch, but for what is late or no longer ours.
    fn start(&self, batch: Vec<Framed>) -> Result<(), String> {
        let (mut live, over): (Vec<Framed>, Vec<Framed>) = batch
            .into_iter()
            .filter(|framed| !framed.work.is_revoked())
            .partition(|framed| !framed.work.is_over(now_ms()));
        for framed in over {
            self.end(framed.work.expire(Stage::Infer));
        }
        if live.is_empty() {
            return Ok(());
        }
        self.bench.stats.batched(live.len());
        // Ends with the batch.
        let _span = spans::batch(&mut live, &self.model_set);
        self.batch(live, Instant::now())
    }

    /// Ends every job of a batch; fails only if the device is broken.
    fn batch(&self, batch: Vec<Framed>, began: Instant) -> Result<(), String> {
        let mut stack = vec![batch];
        while let Some(batch) = stack.pop() {
            let (mut left, failed) = self.recognize(batch, began);
            match failed {
                Ok(()) => {}
                Err(BackendError::Broken(why)) => return Err(why),
                Err(BackendError::Failed(why)) if left.len() == 1 => {
                    let Some(framed) = left.pop() else { continue };
                    let job = &framed.work.job.id;
                    warn!(job, error = why, "image failed in the models");
                    let failure = Failure::new(Stage::Infer, Reason::ModelFailed, why);
                    self.finish(framed.work, framed.wants, Err(failure));
                }
                Err(BackendError::Failed(why)) => {
                    warn!(count = left.len(), error = why, "batch failed, halving it");
                    let second = left.split_off(left.len() / 2);
                    stack.push(second);
                    stack.push(left);
                }
            }
        }
        Ok(())
    }

    /// Runs the models and ends each job as it is done; returns what is not done. A panic is a failure like any other.
    fn recognize(
        &self,
        batch: Vec<Framed>,
        began: Instant,
    ) -> (Vec<Framed>, Result<(), BackendError>) {
        let jobs: Vec<JobKey> = batch.iter().map(|framed| framed.work.record.job).collect();
        let wants: Vec<Wants> = batch.iter().map(|framed| framed.wants).collect();
        let (mut works, frames): (Vec<Option<Box<Work>>>, Vec<Frame>) = batch
            .into_iter()
            .map(|framed| (Some(framed.work), framed.frame))
            .unzip();
        let views: Vec<&Frame> = frames.iter().collect();
        let mut done = |image: usize, found: Findings| {
            if let Some(mut work) = works[image].take() {
                work.spent.infer = Stint::since(began);
                self.finish(work, wants[image], Ok(found));
            }
        };
        let recognized = self.lane.at(jobs.into_iter(), || {
            catch_unwind(AssertUnwindSafe(|| {
                self.recognizer.recognize_each(&views, &wants, &mut done)
            }))
        });
        let recognized =
            recognized.unwrap_or_else(|_| Err(BackendError::Failed("the backend panicked".into())));
        let left = works.into_iter().zip(frames).zip(wants);
        let left = left.filter_map(|((work, frame), wants)| {
            Some(Framed {
                work: work?,
                frame,
                wants,
            })
        });
        (left.collect(), recognized)
    }

    fn finish(&self, mut work: Box<Work>, wants: Wants, found: Result<Findings, Failure>) {
        crash::point(Step::Inferred);
        work.model_set = Some(self.model_set.clone());
        let subset = &self.recognizer.subset;
        if let (Ok(found), Some(image)) = (&found, &work.image) {
            self.bench
                .content
                .keep(image, wants, found, &self.model_set);
        }
        let lacking = wants.without(subset.features);
        self.end(Ending {
            work,
            found,
            lacking,
        });
    }

    fn end(&self, ending: Ending) {
        // The publisher only goes away when the process ends.
        let _ = self.bench.endings.send(ending);
    }
}
