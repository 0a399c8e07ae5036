//! The history: samples, decisions, orders and the closed parts of the journal, in one SQLite file that outlives restarts.
//!
//! ```text
//!  tick ──try_send──▶ writer thread ──▶ history.db (WAL) ◀── readers: API, explain, replay, policy simulate
//!  journal file, closed ──▶ compressed segment, then the file goes
//! ```
//!
//! A tick never waits for the disk: what the writer cannot take is dropped, counted and shown.
//! SQLite, because other processes read it while a controller writes (docs/decisions/0011-operators-api.md).

mod costs;
mod entries;
mod lags;
mod retention;
mod schema;
pub(crate) mod segments;
#[cfg(test)]
mod tests;
mod timeline;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

pub(crate) use costs::{DayOfPool, PoolTotal};
pub(crate) use entries::{Entry, EntryKind, Filter, Stored};
pub(crate) use lags::{EVERY_SECONDS as LAGS_EVERY_SECONDS, LagsSeen};
pub(crate) use retention::{Keep, Size};
pub(crate) use timeline::{Counts, PoolSample, Sample, Stepped, Timeline, TimelineAsked};
use writer::Write;

/// Its file, beside the journal's.
pub(crate) const FILE: &str = "history.db";
/// Writes that may wait for the disk: some minutes of them.
const QUEUE_MAX: usize = 2_048;
/// Connections kept for readers; more are opened and closed again.
const READERS_KEPT: usize = 4;
/// A reader waits so long for a writer that holds the file, which in WAL it hardly ever does.
const BUSY: Duration = Duration::from_secs(5);
/// Ids skipped at every opening: one that was given out just before a crash is never given again.
const IDS_SKIPPED: u64 = 1_000;

/// The history of one state folder.
pub(crate) struct History {
    path: PathBuf,
    keep: Keep,
    writes: Mutex<Option<SyncSender<Write>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Connection>>,
    next_id: AtomicU64,
    next_told: AtomicU64,
    dropped: Arc<AtomicU64>,
}

// === impl History ===

impl History {
    /// Opens the history in the journal's `folder`, or begins one.
    ///
    /// # Errors
    /// When the file cannot be written, or was made by a newer version.
    pub(crate) fn open(folder: &Path, keep: Keep) -> anyhow::Result<Arc<Self>> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let connection = schema::open(&path)?;
        let (last_id, last_told) = entries::last(&connection)?;
        let (writes, queue) = sync_channel(QUEUE_MAX);
        let writer = writer::Writer::new(connection, keep)?;
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run(&queue))?;
        Ok(Arc::new(Self {
            path,
            keep,
            writes: Mutex::new(Some(writes)),
            writer: Mutex::new(Some(thread)),
            readers: Mutex::default(),
            next_id: AtomicU64::new(after(last_id)),
            next_told: AtomicU64::new(after(last_told)),
            dropped,
        }))
    }

    /// The journal's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// What is kept at most.
    pub(crate) fn keep(&self) -> Keep {
        self.keep
    }

    /// A number that no decision and no order ever had.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The next place in the order in which entries are told.
    pub(crate) fn next_told(&self) -> u64 {
        self.next_told.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes that were dropped because the disk did not keep up.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn sample(&self, sample: Sample) {
        self.write(Write::Sample(Box::new(sample)));
    }

    pub(crate) fn lags(&self, lags: LagsSeen) {
        self.write(Write::Lags(Box::new(lags)));
    }

    pub(crate) fn entry(&self, entry: Entry) {
        self.write(Write::Entry(Box::new(entry)));
    }

    /// Notes how the newest step for an intent ended.
    pub(crate) fn outcome(&self, policy: &str, intent: &str, outcome: serde_json::Value) {
        self.write(Write::Outcome {
            policy: policy.to_owned(),
            intent: intent.to_owned(),
            outcome,
        });
    }

    /// Takes a closed file of the journal in, and removes it once it is.
    pub(crate) fn seal(&self, number: u64, path: PathBuf) {
        self.write(Write::Seal { number, path });
    }

    fn write(&self, write: Write) {
        let writes = self.writes.lock().expect("nothing panics holding it");
        let Some(queue) = &*writes else {
            return;
        };
        match queue.try_send(write) {
            Ok(()) => {}
            // A journal's file stays where it is and is taken in at the next start.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until all that was given before is on its way to the disk.
    pub(crate) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        let sent = {
            let writes = self.writes.lock().expect("nothing panics holding it");
            writes
                .as_ref()
                .is_some_and(|queue| queue.send(Write::Flush(done)).is_ok())
        };
        if sent {
            // An error means that the writer is gone, and with it what could be waited for.
            let _ = wait.recv();
        }
    }

    /// Ends the writer once everything is written.
    pub(crate) fn close(&self) {
        self.writes
            .lock()
            .expect("nothing panics holding it")
            .take();
        let writer = self
            .writer
            .lock()
            .expect("nothing panics holding it")
            .take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the history's writer panicked");
        }
    }

    /// Reads something. It blocks: call it where that is allowed.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read<T>(&self, what: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> anyhow::Result<T> {
        let kept = self.readers().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => schema::open_to_read(&self.path)?,
        };
        let read = what(&connection)?;
        let mut readers = self.readers();
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        Ok(read)
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().expect("nothing panics holding it")
    }

    /// Samples of a time, down to a number of points.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn timeline(&self, asked: &TimelineAsked) -> anyhow::Result<Timeline> {
        self.read(|connection| timeline::read(connection, asked))
    }

    /// The jobs that arrived in each second that was sampled, by second, between two times.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn arrivals(
        &self,
        policy: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> anyhow::Result<Vec<(i64, u64)>> {
        self.read(|connection| timeline::arrivals(connection, policy, from, to))
    }

    /// Decisions and orders, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn entries(&self, filter: &Filter) -> anyhow::Result<Vec<Stored>> {
        self.read(|connection| entries::read(connection, filter))
    }

    /// How many entries a filter lets through, whatever its limit.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn count(&self, filter: &Filter) -> anyhow::Result<u64> {
        self.read(|connection| entries::count(connection, filter))
    }

    /// Lags of partitions between two times, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn lags_between(
        &self,
        policy: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> anyhow::Result<Vec<LagsSeen>> {
        self.read(|connection| lags::read(connection, policy, from, to))
    }

    /// What each pool cost and did, day by day, since a day.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn days(&self, policy: &str, since: &str) -> anyhow::Result<Vec<DayOfPool>> {
        self.read(|connection| costs::days(connection, policy, since))
    }

    /// What each pool has cost since the history began.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn totals(&self, policy: &str) -> anyhow::Result<BTreeMap<String, PoolTotal>> {
        self.read(|connection| costs::totals(connection, policy))
    }

    /// How large it is and how far it reaches.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn size(&self) -> anyhow::Result<Size> {
        self.read(retention::size)
    }
}

/// The first number after a restart.
fn after(last: u64) -> u64 {
    if last == 0 { 1 } else { last + IDS_SKIPPED }
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}
