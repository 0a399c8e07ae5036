//! Makes jobs of videos: one for each frame that is asked for.
//!
//! ```text
//!  spillway.videos ─▶ consume ─▶ split: fetch ▶ probe ▶ segment ▶ segment … ─▶ the video's answer
//!       ▲             (polls)     │                      │
//!       └─ checkpoint, offset ◀───┘                      └─ frames ─▶ spillway.jobs
//! ```
//!
//! A thread reads the topic, polls, and commits; another goes through one video at a time, with a process of ffmpeg for
//! each minute of it (docs/decisions/0020-videos.md).
//! `plan.rs`, `checkpoint.rs`, `arguments.rs`, `probe.rs`, `container.rs` and `jpegs.rs` decide and read, without clocks.
//!
//! **Invariant:** a checkpoint is committed only after every frame before it was acknowledged by Kafka, and the offset moves
//! only after the video's answer was.
//! Deliberately absent: sound, subtitles, and what becomes of the results of frames.

mod answer;
mod arguments;
mod checkpoint;
mod child;
mod consume;
mod container;
mod jpegs;
mod lock;
mod look;
mod outbound;
mod plan;
mod probe;
mod programs;
mod reel;
mod split;
mod window;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::bounded;
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::attempts::Attempts;
use crate::config::Config;
use crate::drain::Stop;
use crate::fetch::Fetcher;
use crate::ffi::Landlock;
use crate::ledger::Assignment;
use crate::publish::Outbox;
use crate::stats::Stats;
use consume::Intake;
pub(crate) use lock::{CHILD_COMMAND, ChildArgs};
pub(crate) use programs::Programs;
use split::{Event, Splitter, Task};

/// Events that may wait: there is one video, and each of its segments takes longer than a look.
const EVENTS_MAX: usize = 64;

/// How a worker goes through videos.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) topic: String,
    pub(crate) group: String,
    /// Most bytes of a video's file.
    pub(crate) bytes_max: u64,
    /// Where the file lies meanwhile.
    pub(crate) folder: PathBuf,
    pub(crate) programs: Programs,
}

/// Everything that goes through videos, set up.
pub(crate) struct Videos {
    intake: Intake,
    splitter: Splitter,
    tasks: crossbeam_channel::Receiver<Task>,
    events: crossbeam_channel::Sender<Event>,
}

/// What the line shares with it.
pub(crate) struct Ends {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) runtime: Handle,
}

/// What a worker has of a video: not for ever.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    assignment: Option<Arc<Assignment>>,
    stop: Arc<Stop>,
}

// === impl Claim ===

impl Claim {
    pub(crate) fn new(assignment: Option<Arc<Assignment>>, stop: Arc<Stop>) -> Self {
        Self { assignment, stop }
    }

    /// Whether work on it is to end now: another worker has the video or will have it, or this one drains.
    ///
    /// A drain does not wait for a segment: the next worker does it once more, under the same ids.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_asked() || self.assignment.as_ref().is_some_and(|it| it.is_revoked())
    }
}

// === impl Videos ===

impl Videos {
    /// Checks what is needed, and joins the group.
    ///
    /// # Errors
    /// When a topic is missing, ffmpeg cannot be run or locked in, or a client cannot be set up.
    pub(crate) fn join(
        config: &Config,
        settings: &Settings,
        stats: &Stats,
        ends: Ends,
    ) -> anyhow::Result<Self> {
        let Ends {
            outbox,
            attempts,
            stop,
            runtime,
        } = ends;
        outbox.check_topics(std::slice::from_ref(&settings.topic))?;
        settings.programs.check(&settings.folder, &stop)?;
        if Landlock::version() == 0 {
            warn!(
                "the kernel has no Landlock: ffmpeg can read what this worker can, if a video takes it over"
            );
        }
        let (tasks, to_split) = bounded(1);
        let (events, heard) = bounded(EVENTS_MAX);
        let intake = Intake::join(
            config,
            settings,
            attempts.clone(),
            stop.clone(),
            tasks,
            heard,
        )?;
        let splitter = Splitter {
            settings: settings.clone(),
            jobs: config.kafka.jobs.clone(),
            results: config.kafka.results.clone(),
            worker: config.identity.worker.clone(),
            fetcher: Fetcher::new(&config.sources, stats.fetch.clone())?,
            outbox,
            lane: attempts.lane(1),
            attempts,
            counts: stats.videos.clone(),
            stop,
            runtime,
        };
        info!(
            topic = settings.topic,
            group = settings.group,
            "videos are taken"
        );
        Ok(Self {
            intake,
            splitter,
            tasks: to_split,
            events,
        })
    }

    /// Takes videos until the worker is to stop.
    ///
    /// # Errors
    /// When the consumer can no longer consume: the process must end.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self {
            intake,
            splitter,
            tasks,
            events,
        } = self;
        std::thread::scope(|scope| {
            let split = std::thread::Builder::new()
                .name("split".to_owned())
                .spawn_scoped(scope, move || splitter.run(&tasks, &events));
            let split = split.map_err(|error| anyhow::anyhow!("no thread: {error}"))?;
            let ended = intake.run();
            // The intake's end of the tasks is gone: the splitter ends with what it is at, which it gives up.
            match split.join() {
                Ok(()) => ended,
                Err(_) => Err(anyhow::anyhow!("the thread that splits videos panicked")),
            }
        })
    }
}
