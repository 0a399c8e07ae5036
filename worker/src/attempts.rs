//! Which jobs may have ended the process, counted where its end does not reach.
//!
//! ```text
//! decode, infer ─▶ lanes: what each thread is at now ──┐
//!                                                      ├ a file, mapped into memory
//!  next start ◀── suspects: a job, how often it was at ┘
//! ```
//!
//! Whatever was being worked on when the process ended without having been asked to is suspect: once more it is tried
//! alone, so that it takes no other job along, and after [`ATTEMPTS_MAX`] ends it is set aside.
//! A thread that is at one thing for too long ends the process too: it counts as any other end.
//! Deliberately absent: what waits, is fetched or is on its way to Kafka. Nothing of that runs foreign code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use spillway_wire::Partition;
use tracing::{error, warn};

use crate::ffi::SharedWords;

/// Ends of the process in the midst of a job after which it is not tried again.
pub(crate) const ATTEMPTS_MAX: u64 = 3;
/// Most jobs that are being decoded or inferred at once, by all threads.
const LANE_WORDS: usize = 32_768;
/// Most suspects; further ones are tried like any job.
const SUSPECTS_MAX: usize = 1_024;
/// First word of the file: its kind and version.
const MAGIC: u64 = u64::from_le_bytes(*b"spillwa1");
/// How often it is looked whether a thread is at the same thing still.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A job, for as long as its record lies in Kafka: a hash of group, partition and offset; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobKey(u64);

/// What is being worked on, and what was when earlier processes ended.
pub(crate) struct Attempts {
    words: Words,
    lanes: Mutex<Vec<Arc<Turns>>>,
    lane_words: AtomicUsize,
    /// Lanes whose threads ended: those of models that were replaced.
    free: Mutex<Vec<FreeLane>>,
    /// Attempts by job, and the job's place in the file.
    suspects: Mutex<BTreeMap<JobKey, (u64, usize)>>,
    suspected: AtomicUsize,
}

/// What one thread is at.
pub(crate) struct Lane {
    attempts: Arc<Attempts>,
    from: usize,
    len: usize,
    turns: Arc<Turns>,
}

/// A lane that nobody is on: where its words begin, how many they are, and its turns.
type FreeLane = (usize, usize, Arc<Turns>);

/// Counts what a thread has begun and ended; odd while it is at something.
#[derive(Debug, Default)]
struct Turns(AtomicU64);

/// Where the words are.
enum Words {
    File(SharedWords),
    /// Nothing outlives the process.
    Memory(Vec<AtomicU64>),
}

// === impl JobKey ===

impl JobKey {
    pub(crate) fn new(group: &str, partition: &Partition, offset: i64) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in [group, &partition.topic] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&partition.partition.to_le_bytes());
        hasher.update(&offset.to_le_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_le_bytes(first).max(1))
    }
}

// === impl Attempts ===

impl Attempts {
    /// Takes up what the last process left in `file`; without one, nothing outlives the process.
    ///
    /// # Errors
    /// If the file cannot be had, or another process has it.
    pub(crate) fn open(file: Option<&Path>) -> anyhow::Result<Arc<Self>> {
        let len = 1 + LANE_WORDS + 2 * SUSPECTS_MAX;
        let words = match file {
            Some(path) => Words::File(SharedWords::open(path, len).with_context(|| {
                format!("the file of attempts, {}, cannot be had", path.display())
            })?),
            None => Words::Memory((0..len).map(|_| AtomicU64::new(0)).collect()),
        };
        let attempts = Self {
            words,
            lanes: Mutex::default(),
            lane_words: AtomicUsize::new(0),
            free: Mutex::default(),
            suspects: Mutex::default(),
            suspected: AtomicUsize::new(0),
        };
        attempts.take_up();
        Ok(Arc::new(attempts))
    }

    /// Reads what is there and counts what the last process was at.
    fn take_up(&self) {
        let words = self.words();
        if words[0].swap(MAGIC, Ordering::Relaxed) != MAGIC {
            words[1..]
                .iter()
                .for_each(|word| word.store(0, Ordering::Relaxed));
            return;
        }
        for place in 0..SUSPECTS_MAX {
            let (key, attempts) = self.suspect(place);
            let (key, attempts) = (
                key.load(Ordering::Relaxed),
                attempts.load(Ordering::Relaxed),
            );
            if key != 0 {
                self.suspects().insert(JobKey(key), (attempts, place));
            }
        }
        for word in &words[1..=LANE_WORDS] {
            // Counted first: an end between the two counts twice, not never.
            let key = word.load(Ordering::Relaxed);
            if key != 0 {
                self.suspected_once_more(JobKey(key));
            }
            word.store(0, Ordering::Relaxed);
        }
        let count = self.suspects().len();
        self.suspected.store(count, Ordering::Relaxed);
        if count > 0 {
            warn!(count, "an earlier process ended in the midst of jobs");
        }
    }

    fn suspected_once_more(&self, job: JobKey) {
        let mut suspects = self.suspects();
        let place = match suspects.get(&job) {
            Some((_, place)) => Some(*place),
            None => {
                (0..SUSPECTS_MAX).find(|place| self.suspect(*place).0.load(Ordering::Relaxed) == 0)
            }
        };
        let Some(place) = place else {
            return;
        };
        let attempts = suspects.get(&job).map_or(0, |(attempts, _)| *attempts) + 1;
        suspects.insert(job, (attempts, place));
        let (key, count) = self.suspect(place);
        count.store(attempts, Ordering::Relaxed);
        key.store(job.0, Ordering::Relaxed);
    }

    /// How many processes have ended while they worked on a job.
    pub(crate) fn of(&self, job: JobKey) -> u64 {
        if self.suspected.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.suspects()
            .get(&job)
            .map_or(0, |(attempts, _)| *attempts)
    }

    /// Forgets a job: it has its result.
    pub(crate) fn settled(&self, job: JobKey) {
        if self.suspected.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut suspects = self.suspects();
        if let Some((_, place)) = suspects.remove(&job) {
            self.suspect(place).0.store(0, Ordering::Relaxed);
            self.suspected.store(suspects.len(), Ordering::Relaxed);
        }
    }

    /// Counts an end of the process, which is to come, against a job.
    pub(crate) fn blame(&self, job: JobKey) {
        self.suspected_once_more(job);
        self.suspected
            .store(self.suspects().len(), Ordering::Relaxed);
    }

    /// Nothing that is being worked on is to blame for the end of the process, which is in order.
    pub(crate) fn forgive(&self) {
        let lanes = &self.words()[1..=LANE_WORDS];
        lanes
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// A lane for a thread that works on at most `jobs` at once.
    ///
    /// # Panics
    /// If all lanes together are wider than [`LANE_WORDS`], which no number of threads that may be asked for is.
    pub(crate) fn lane(self: &Arc<Self>, jobs: usize) -> Lane {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = free.iter().position(|(_, len, _)| *len == jobs) {
            let (from, len, turns) = free.swap_remove(at);
            return Lane {
                attempts: self.clone(),
                from,
                len,
                turns,
            };
        }
        drop(free);
        let from = self.lane_words.fetch_add(jobs, Ordering::Relaxed);
        assert!(from + jobs <= LANE_WORDS, "there is a lane for each thread");
        let turns = Arc::<Turns>::default();
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.push(turns.clone());
        Lane {
            attempts: self.clone(),
            from: 1 + from,
            len: jobs,
            turns,
        }
    }

    /// Ends the process when a thread is at one thing for as long as `hang_max`, while anybody holds `self`.
    ///
    /// Looks are counted, not time: a process that was stopped for a while has not hung.
    pub(crate) fn watch(self: &Arc<Self>, hang_max: Duration) {
        let watched = Arc::downgrade(self);
        let looks_max = (hang_max.as_secs_f64() / LOOK_EVERY.as_secs_f64()).ceil() as u32;
        let run = move || {
            let mut seen: Vec<(u64, u32)> = Vec::new();
            loop {
                std::thread::sleep(LOOK_EVERY);
                let Some(attempts) = watched.upgrade() else {
                    return;
                };
                let lanes = attempts
                    .lanes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                seen.resize(lanes.len(), (0, 0));
                for (lane, (turn, looks)) in lanes.iter().zip(&mut seen) {
                    let now = lane.0.load(Ordering::Relaxed);
                    let is_same = now == *turn && now % 2 == 1;
                    (*turn, *looks) = (now, if is_same { *looks + 1 } else { 0 });
                    if *looks >= looks_max {
                        error!(
                            elapsed_ms = hang_max.as_millis() as u64,
                            "a job hangs, the process ends"
                        );
                        // Not an orderly end: that would wait for the thread that hangs.
                        std::process::abort();
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(run)
            .expect("the system can start a thread");
    }

    fn words(&self) -> &[AtomicU64] {
        match &self.words {
            Words::File(words) => words,
            Words::Memory(words) => words,
        }
    }

    /// Key and attempts of the suspect at `place`.
    fn suspect(&self, place: usize) -> (&AtomicU64, &AtomicU64) {
        let at = 1 + LANE_WORDS + 2 * place;
        let words = self.words();
        (&words[at], &words[at + 1])
    }

    fn suspects(&self) -> MutexGuard<'_, BTreeMap<JobKey, (u64, usize)>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lane ===

impl Lane {
    /// Works on `jobs`, and says so meanwhile to whoever comes after this process.
    ///
    /// # Panics
    /// If they are more than the lane is wide.
    pub(crate) fn at<T>(&self, jobs: impl Iterator<Item = JobKey>, work: impl FnOnce() -> T) -> T {
        self.write(jobs, || {
            self.turns.0.fetch_add(1, Ordering::Relaxed);
            let done = work();
            self.turns.0.fetch_add(1, Ordering::Relaxed);
            done
        })
    }

    /// The same for one job that takes long, and that whoever works on it bounds itself: it does not hang.
    pub(crate) fn during<T>(&self, job: JobKey, work: impl FnOnce() -> T) -> T {
        self.write(std::iter::once(job), work)
    }

    fn write<T>(&self, jobs: impl Iterator<Item = JobKey>, work: impl FnOnce() -> T) -> T {
        let words = &self.attempts.words()[self.from..self.from + self.len];
        let mut count = 0;
        for job in jobs {
            words[count].store(job.0, Ordering::Relaxed);
            count += 1;
        }
        let done = work();
        words[..count]
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        done
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let free = &self.attempts.free;
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push((self.from, self.len, self.turns.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(offset: i64) -> JobKey {
        let partition = Partition {
            topic: "jobs".into(),
            partition: 0,
        };
        JobKey::new("group", &partition, offset)
    }

    /// A process that ends while it is at `jobs`: what it wrote stays.
    fn ends_at(file: &Path, jobs: &[i64]) {
        let attempts = Attempts::open(Some(file)).unwrap();
        let lane = attempts.lane(8);
        for (word, job) in attempts.words()[lane.from..].iter().zip(jobs) {
            word.store(key(*job).0, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_a_process_was_at_when_it_ended_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attempts");
        ends_at(&file, &[1, 2]);
        ends_at(&file, &[2]);
        ends_at(&file, &[]);
        let attempts = Attempts::open(Some(&file)).unwrap();
        assert_eq!([1, 2, 3].map(|job| attempts.of(key(job))), [1, 2, 0]);
        attempts.settled(key(2));
        assert_eq!(attempts.of(key(2)), 0);
        drop(attempts);
        let attempts = Attempts::open(Some(&file)).unwrap();
        assert_eq!([1, 2].map(|job| attempts.of(key(job))), [1, 0]);
    }

    #[test]
    fn an_orderly_end_leaves_no_suspects() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attempts");
        let attempts = Attempts::open(Some(&file)).unwrap();
        let lane = attempts.lane(1);
        lane.at([key(1)].into_iter(), || attempts.forgive());
        attempts.words()[lane.from].store(key(2).0, Ordering::Relaxed);
        attempts.forgive();
        drop((lane, attempts));
        let attempts = Attempts::open(Some(&file)).unwrap();
        assert_eq!([1, 2].map(|job| attempts.of(key(job))), [0, 0]);
    }

    #[test]
    fn what_ended_well_is_no_suspect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attempts");
        let attempts = Attempts::open(Some(&file)).unwrap();
        let lane = attempts.lane(2);
        lane.at([key(1), key(2)].into_iter(), || {});
        drop((lane, attempts));
        assert_eq!(Attempts::open(Some(&file)).unwrap().of(key(1)), 0);
    }

    #[test]
    fn a_file_has_one_process_and_what_is_no_such_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attempts");
        std::fs::write(&file, vec![7; 100_000]).unwrap();
        let attempts = Attempts::open(Some(&file)).unwrap();
        assert_eq!(attempts.suspects().len(), 0);
        let error = Attempts::open(Some(&file)).err().unwrap();
        assert!(
            format!("{error:#}").contains("another process"),
            "{error:#}"
        );
    }

    #[test]
    fn what_is_blamed_is_suspect_for_the_next_process_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("attempts");
        let attempts = Attempts::open(Some(&file)).unwrap();
        attempts.blame(key(1));
        assert_eq!(attempts.of(key(1)), 1);
        drop(attempts);
        let attempts = Attempts::open(Some(&file)).unwrap();
        assert_eq!([1, 2].map(|job| attempts.of(key(job))), [1, 0]);
    }

    #[test]
    fn suspects_beyond_their_bound_are_tried_like_any_job() {
        let attempts = Attempts::open(None).unwrap();
        for job in 0..=SUSPECTS_MAX as i64 {
            attempts.suspected_once_more(key(job));
        }
        assert_eq!(attempts.suspects().len(), SUSPECTS_MAX);
    }
}
