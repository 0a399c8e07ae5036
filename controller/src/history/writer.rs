//! The thread that writes: everything that waits goes into one transaction.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracing::warn;

use super::costs::Costs;
use super::entries::Entry;
use super::lags::LagsSeen;
use super::retention::{self, Keep};
use super::timeline::{PoolsSeen, Sample};
use super::{entries, lags, segments, timeline};

/// Writes of one transaction.
const BATCH_MAX: usize = 256;
/// What is too old is looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(600);

/// Something to be written.
pub(super) enum Write {
    Sample(Box<Sample>),
    Lags(Box<LagsSeen>),
    Entry(Box<Entry>),
    Outcome {
        policy: String,
        intent: String,
        outcome: serde_json::Value,
    },
    Seal {
        number: u64,
        path: PathBuf,
    },
    Flush(SyncSender<()>),
}

pub(super) struct Writer {
    connection: Connection,
    keep: Keep,
    pools: PoolsSeen,
    costs: Costs,
    last_minute: Option<i64>,
    forgotten_at: Option<Instant>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(connection: Connection, keep: Keep) -> anyhow::Result<Self> {
        let costs = Costs::read(&connection)?;
        Ok(Self {
            connection,
            keep,
            pools: PoolsSeen::default(),
            costs,
            last_minute: None,
            forgotten_at: None,
        })
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self, queue: &Receiver<Write>) {
        while let Ok(first) = queue.recv() {
            let rest = queue.try_iter().take(BATCH_MAX - 1);
            let batch: Vec<Write> = std::iter::once(first).chain(rest).collect();
            let mut waiting = Vec::new();
            let mut sealed = Vec::new();
            if let Err(error) = self.write(batch, &mut waiting, &mut sealed) {
                // The journal has what is needed to decide; what is shown has a gap.
                warn!(error = format!("{error:#}"), "history was not written");
            } else {
                for path in sealed {
                    if let Err(error) = std::fs::remove_file(&path) {
                        warn!(path = %path.display(), %error, "closed journal file was not removed");
                    }
                }
            }
            self.forget();
            for done in waiting {
                // Whoever waited may have gone.
                let _ = done.send(());
            }
        }
    }

    fn write(
        &mut self,
        batch: Vec<Write>,
        waiting: &mut Vec<SyncSender<()>>,
        sealed: &mut Vec<PathBuf>,
    ) -> anyhow::Result<()> {
        // First of all: they are answered whatever becomes of the others.
        let mut others = Vec::with_capacity(batch.len());
        for write in batch {
            match write {
                Write::Flush(done) => waiting.push(done),
                other => others.push(other),
            }
        }
        let transaction = self.connection.transaction()?;
        for write in others {
            match write {
                Write::Sample(sample) => {
                    timeline::write(&transaction, &sample)?;
                    self.pools.write(&transaction, &sample)?;
                    self.costs.write(&transaction, &sample)?;
                    let minute = sample.at.div_euclid(60);
                    if self.last_minute != Some(minute) {
                        timeline::roll_up(&transaction, &sample.policy, sample.at)?;
                        self.last_minute = Some(minute);
                    }
                }
                Write::Lags(seen) => lags::write(&transaction, &seen)?,
                Write::Entry(entry) => entries::write(&transaction, &entry)?,
                Write::Outcome {
                    policy,
                    intent,
                    outcome,
                } => entries::write_outcome(&transaction, &policy, &intent, &outcome)?,
                Write::Seal { number, path } => {
                    segments::write(&transaction, number, &path)?;
                    sealed.push(path);
                }
                Write::Flush(_) => {}
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn forget(&mut self) {
        let is_due = self
            .forgotten_at
            .is_none_or(|at| at.elapsed() >= FORGET_EVERY);
        if !is_due {
            return;
        }
        self.forgotten_at = Some(Instant::now());
        if let Err(error) = retention::forget(&self.connection, self.keep, jiff::Timestamp::now()) {
            warn!(%error, "old history was not removed");
        }
    }
}
