//! Which model set serves: changes it when its files change, and back when its answers go wrong.
//!
//! ```text
//!  files change ─▶ load beside ─▶ warm, check ─▶ change places ─▶ old one stands by ─▶ dropped after a while
//!                     │ refused       │ refused                     ▲
//!                     ▼               ▼            golden mismatch ─┘ back again
//!                   the old set keeps serving
//! ```
//!
//! **Invariant:** a set takes batches only after every thread of its crew had the expected answers to its golden inputs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tracing::{error, info, warn};

use crate::infer::{Alarm, Bench, Crew};
use crate::models::{Loader, Recognizer, Serving, SetError, Stamp};

/// How long the set before stays loaded, to take over again at once.
const STANDBY_FOR: Duration = Duration::from_secs(600);
/// How often it looks whether there is anything to do.
const TICK: Duration = Duration::from_millis(200);

/// Where new sets come from, and how often to look.
pub(crate) struct Source {
    pub(crate) versions: Box<dyn Versions>,
    /// What the files looked like before the set that serves was loaded.
    pub(crate) seen: Stamp,
    pub(crate) every: Duration,
}

/// Where the set is that should serve.
pub(crate) trait Versions: Send {
    /// What its files look like now, where they looked so `before`.
    fn stamp(&self, before: Option<&Stamp>) -> Stamp;

    /// Loads what the files are now.
    ///
    /// # Errors
    /// Which file is refused, and why.
    fn load(&self) -> Result<Recognizer, SetError>;
}

/// Keeps one crew serving.
pub(crate) struct Shift {
    pub(crate) crew: Crew,
    /// The one that served before, and since when it rests.
    standby: Option<(Crew, Instant)>,
    serving: Arc<Serving>,
    threads: usize,
    bench: Bench,
    alarms: Receiver<Alarm>,
}

impl Versions for Loader {
    fn stamp(&self, before: Option<&Stamp>) -> Stamp {
        Self::stamp(self, before)
    }

    fn load(&self) -> Result<Recognizer, SetError> {
        Self::load(self)
    }
}

// === impl Shift ===

impl Shift {
    /// Hires the first crew and lets it serve.
    ///
    /// # Errors
    /// Which model does not answer as its set declares.
    pub(crate) fn begin(
        serving: Arc<Serving>,
        threads: usize,
        bench: Bench,
        alarms: Receiver<Alarm>,
    ) -> anyhow::Result<Self> {
        let recognizer = serving.recognizer();
        if recognizer.backend().looks() && recognizer.golden().is_none() {
            warn!(
                model_set = recognizer.subset.digest,
                "model set has no golden inputs"
            );
        }
        let crew = Crew::hire(recognizer, threads, &bench)?;
        serving.replace(crew.recognizer.clone(), crew.costs);
        crew.serve();
        Ok(Self {
            crew,
            standby: None,
            serving,
            threads,
            bench,
            alarms,
        })
    }

    /// Works until the crew has nothing more to do.
    pub(crate) fn run(mut self, mut source: Option<Source>) {
        let mut looked = Instant::now();
        while !self.crew.is_done() {
            match self.alarms.recv_timeout(TICK) {
                Ok(alarm) => {
                    self.answer(&alarm);
                    if self.bench.stop.failure().is_some() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let is_old = |since: Instant| since.elapsed() > STANDBY_FOR;
            if self
                .standby
                .as_ref()
                .is_some_and(|(_, since)| is_old(*since))
            {
                self.standby = None;
            }
            let Some(source) = &mut source else { continue };
            if self.bench.stop.is_asked() || looked.elapsed() < source.every {
                continue;
            }
            looked = Instant::now();
            let stamp = source.versions.stamp(Some(&source.seen));
            if stamp != source.seen {
                source.seen = stamp;
                self.change(source.versions.as_ref());
            }
        }
    }

    /// Loads what the files are now; the crew that serves goes on meanwhile, and after a refusal.
    fn change(&mut self, versions: &dyn Versions) {
        let began = Instant::now();
        match self.candidate(versions) {
            Ok(Some(crew)) => {
                let set = crew.recognizer.subset.set.clone();
                self.hand_over(crew);
                let elapsed_ms = began.elapsed().as_millis() as u64;
                let model_set = self.serving.digest();
                info!(set, model_set, elapsed_ms, "model set changed");
                self.bench.stats.model_set("changed", "");
            }
            Ok(None) => info!("model set is the same as before"),
            Err(error) => {
                let kind = error
                    .downcast_ref::<SetError>()
                    .map_or("failed", SetError::kind);
                let error = format!("{error:#}");
                warn!(
                    kind,
                    error, "model set refused, the one before keeps serving"
                );
                self.bench.stats.model_set("refused", kind);
            }
        }
    }

    /// A crew for the set as it is now; none if it answers exactly as the one that serves.
    fn candidate(&self, versions: &dyn Versions) -> anyhow::Result<Option<Crew>> {
        let recognizer = versions.load()?;
        if recognizer.subset.digest == self.serving.digest() {
            return Ok(None);
        }
        fits(&recognizer, &self.crew.recognizer)?;
        Crew::hire(Arc::new(recognizer), self.threads, &self.bench).map(Some)
    }

    fn hand_over(&mut self, crew: Crew) {
        self.crew.rest();
        self.serving.replace(crew.recognizer.clone(), crew.costs);
        crew.serve();
        let before = std::mem::replace(&mut self.crew, crew);
        self.standby = Some((before, Instant::now()));
    }

    /// The set before takes over from one that answers wrongly; without one before, nothing that is said can be
    /// believed.
    fn answer(&mut self, alarm: &Alarm) {
        let is_of = |crew: &Crew| crew.recognizer.subset.digest == alarm.model_set;
        if !is_of(&self.crew) {
            // Late words of one that rests; it must not serve again.
            self.standby.take_if(|(crew, _)| is_of(crew));
            return;
        }
        let why = format!("the models do not answer as they did: {}", alarm.why);
        let Some((before, _)) = self.standby.take() else {
            error!(error = why, "models broken");
            self.bench.stop.fail(why);
            return;
        };
        self.hand_over(before);
        self.standby = None;
        let model_set = self.serving.digest();
        error!(error = why, model_set, "model set before took over again");
        self.bench.stats.model_set("rolled_back", alarm.why.kind());
    }
}

/// Whether a set can take over in a running line.
fn fits(new: &Recognizer, old: &Recognizer) -> Result<(), SetError> {
    let unfit = |why: String| {
        Err(SetError::Unfit {
            path: new.subset.path.clone(),
            why,
        })
    };
    let (subset, before) = (&new.subset, &old.subset);
    if subset.name != before.name {
        let (now, before) = (&subset.name, &before.name);
        return unfit(format!(
            "it is of `{now}`, this worker's group is of `{before}`"
        ));
    }
    if subset.frame != before.frame {
        return unfit("its frame is another: images in the line are of the frame before".into());
    }
    if new.backend().looks() && new.golden().is_none() {
        return unfit("it has no golden inputs: nothing shows that it answers rightly".into());
    }
    Ok(())
}
