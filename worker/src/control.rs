//! Follows the state that the controller wants: renews the lease, drains when told to, hands on what to read.
//!
//! Reads the whole topic at start, since it is compacted, and then what comes. Commits nothing, joins no group.
//! Where the controller assigns partitions, it also asks once a second whether it has read everything: a worker that
//! cannot know what it was told must not commit (`told.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use spillway_wire::{Control, DesiredState, UnixMs};
use tracing::{info, warn};

use crate::config::Config;
use crate::drain::Stop;
use crate::stats::Stats;
use crate::told::{Moment, Order, Told};
use crate::work::now_ms;

const POLL_WAIT: Duration = Duration::from_millis(200);
/// How often the topic's partitions are looked up, until there are some and after.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
const LOOK_UP_AGAIN_EVERY: Duration = Duration::from_secs(60);
const LOOK_UP_MAX: Duration = Duration::from_secs(2);
/// How often the topic's end is asked for, and how long the answer may take for one partition.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_MAX: Duration = Duration::from_secs(1);
/// How soon it is asked for again where there was more to read.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Decides what a record means for this worker. Pure: time comes in.
#[derive(Debug)]
pub(crate) struct Obedience {
    /// Keys that mean this worker: its own id, and its instance's.
    keys: Vec<Vec<u8>>,
    token: u64,
    /// Group whose partitions are taken from records; none leaves them to Kafka.
    group: Option<String>,
    /// Token and epoch of the last assignment.
    assigned: (u64, u64),
    drain_timeout: Duration,
}

/// What to do about a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// The lease holds from this moment, by Kafka's clock.
    pub(crate) renewed_at_ms: Option<UnixMs>,
    /// Drain, and be done by then.
    pub(crate) drain_by_ms: Option<UnixMs>,
    /// Token and epoch that are followed now.
    pub(crate) followed: Option<(u64, u64)>,
    /// What to read from now on.
    pub(crate) order: Option<Order>,
}

/// Reads the control topic.
pub(crate) struct Follow {
    consumer: BaseConsumer,
    topic: String,
    obedience: Obedience,
    lease_file: Option<PathBuf>,
    stop: Arc<Stop>,
    stats: Arc<Stats>,
    /// Where orders go; none where Kafka assigns.
    told: Option<Arc<Told>>,
    partitions: usize,
    /// By partition, the offset before which everything has been read.
    read: BTreeMap<i32, i64>,
    ask_at: Instant,
    looked_up: Option<Instant>,
    is_over: Arc<AtomicBool>,
}

/// A running [`Follow`].
pub(crate) struct Following {
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

// === impl Obedience ===

impl Obedience {
    pub(crate) fn new(keys: Vec<Vec<u8>>, drain_timeout: Duration) -> Self {
        Self {
            keys,
            token: 0,
            group: None,
            assigned: (0, 0),
            drain_timeout,
        }
    }

    /// Takes partitions of `group` from the records of its own key, which is the first.
    pub(crate) fn assigned_in(mut self, group: Option<String>) -> Self {
        self.group = group;
        self
    }

    /// Judges a record; `at_ms` is its Kafka timestamp.
    pub(crate) fn judge(
        &mut self,
        now_ms: UnixMs,
        key: &[u8],
        control: &Control,
        at_ms: UnixMs,
    ) -> Orders {
        // A lower token is of a leader that has been replaced, or a replay.
        if !self.keys.iter().any(|own| own == key) || control.token < self.token {
            return Orders::default();
        }
        self.token = control.token;
        let lease_ends_ms = at_ms.saturating_add(i64::from(control.lease_seconds) * 1_000);
        let timeout_ms = self.drain_timeout.as_millis() as i64;
        let drain_by_ms = match control.state {
            DesiredState::Run => None,
            DesiredState::Drain => Some(control.drain_by_ms.unwrap_or(now_ms + timeout_ms)),
        };
        Orders {
            renewed_at_ms: (lease_ends_ms > now_ms).then_some(at_ms.min(now_ms)),
            drain_by_ms,
            followed: Some((control.token, control.epoch)),
            order: self.order(key, control),
        }
    }

    /// Its own record is gone: nothing is its any more.
    pub(crate) fn forget(&mut self, key: &[u8]) -> Option<Order> {
        let is_own = self.keys.first().is_some_and(|own| own == key);
        let (token, epoch) = self.assigned;
        (is_own && self.assigned != (0, 0)).then(|| Order {
            token,
            epoch,
            partitions: BTreeSet::new(),
            is_late: false,
        })
    }

    /// What the record says to read, unless that was said before or something newer was.
    fn order(&mut self, key: &[u8], control: &Control) -> Option<Order> {
        let partitions = control.partitions.as_ref()?;
        let number = (control.token, control.epoch);
        // A machine's record is not the worker's: it may be older.
        let is_own = self.keys.first().is_some_and(|own| own == key);
        let is_ours = self.group.is_some() && self.group == control.group;
        if !is_own || !is_ours || number <= self.assigned {
            return None;
        }
        self.assigned = number;
        Some(Order {
            token: control.token,
            epoch: control.epoch,
            partitions: partitions.iter().cloned().collect(),
            is_late: false,
        })
    }
}

// === impl Follow ===

impl Follow {
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(crate) fn new(
        config: &Config,
        stop: Arc<Stop>,
        stats: Arc<Stats>,
        told: Option<Arc<Told>>,
    ) -> anyhow::Result<Self> {
        let identity = &config.identity;
        let mut client = config.kafka.client();
        // librdkafka assigns nothing without a group's name; nothing is committed under it.
        client.set("group.id", format!("{}-control", identity.worker));
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
        client.set("auto.offset.reset", "earliest");
        client.set("queued.max.messages.kbytes", "1024");
        let mut keys = vec![identity.worker.clone().into_bytes()];
        if let Some(instance) = &identity.instance {
            keys.push(instance.intent.clone().into_bytes());
            keys.push(instance.id.clone().into_bytes());
        }
        Ok(Self {
            consumer: client
                .create()
                .context("the control topic's consumer cannot be set up")?,
            topic: config.kafka.control.clone(),
            obedience: Obedience::new(keys, config.limits.drain_timeout)
                .assigned_in(told.as_ref().map(|_| config.kafka.group.clone())),
            lease_file: config.lease_file.clone(),
            stop,
            stats,
            told,
            partitions: 0,
            read: BTreeMap::new(),
            ask_at: Instant::now(),
            looked_up: None,
            is_over: Arc::default(),
        })
    }

    /// Follows on a thread of its own.
    pub(crate) fn start(mut self) -> Following {
        let is_over = self.is_over.clone();
        let run = move || {
            while !self.is_over.load(Ordering::Relaxed) {
                self.look_up();
                self.turn();
                self.ask();
            }
        };
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(run)
            .expect("the system can start a thread");
        Following { thread, is_over }
    }

    /// Takes in partitions that the topic has gained; it may come to be later than the worker.
    fn look_up(&mut self) {
        let every = if self.partitions == 0 {
            LOOK_UP_EVERY
        } else {
            LOOK_UP_AGAIN_EVERY
        };
        if self.looked_up.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        self.looked_up = Some(Instant::now());
        let Ok(metadata) = self.consumer.fetch_metadata(Some(&self.topic), LOOK_UP_MAX) else {
            return;
        };
        let found = metadata
            .topics()
            .iter()
            .find(|topic| topic.name() == self.topic)
            .map_or(0, |topic| topic.partitions().len());
        if found <= self.partitions {
            return;
        }
        let mut list = TopicPartitionList::new();
        for partition in 0..found {
            list.add_partition(&self.topic, partition as i32)
                .set_offset(Offset::Beginning)
                .expect("the beginning is a valid offset");
        }
        match self.consumer.assign(&list) {
            Ok(()) => {
                self.partitions = found;
                // All of it is read anew.
                self.read = (0..found as i32).map(|partition| (partition, 0)).collect();
            }
            Err(error) => warn!(%error, "control topic not followed"),
        }
    }

    /// Asks for the topic's end, and notes it if everything before it has been read.
    fn ask(&mut self) {
        let Some(told) = &self.told else { return };
        if Instant::now() < self.ask_at || self.read.is_empty() {
            return;
        }
        // Before the question: what is written after it may not be in the answer.
        let asked = Moment::now();
        let consumer = &self.consumer;
        let has_read_all = self.read.iter_mut().all(|(partition, read)| {
            let ends = consumer.fetch_watermarks(&self.topic, *partition, ASK_MAX);
            ends.is_ok_and(|(start, end)| has_read(read, start, end))
        });
        if has_read_all {
            told.read_to_end(asked);
        }
        let again = if has_read_all {
            ASK_EVERY
        } else {
            ASK_AGAIN_AFTER
        };
        self.ask_at = Instant::now() + again;
    }

    fn turn(&mut self) {
        let Some(polled) = self.consumer.poll(POLL_WAIT) else {
            return;
        };
        let message = match polled {
            Ok(message) => message,
            Err(error) => {
                warn!(%error, "control topic not read");
                return;
            }
        };
        self.read.insert(message.partition(), message.offset() + 1);
        let Some(key) = message.key() else {
            return;
        };
        let Some(value) = message.payload() else {
            let order = self.obedience.forget(key);
            if let (Some(told), Some(order)) = (&self.told, order) {
                told.order(Moment::now(), order);
            }
            return;
        };
        let Ok(control) = Control::decode(value) else {
            warn!("control record not understood");
            return;
        };
        let now_ms = now_ms();
        let at_ms = message.timestamp().to_millis().unwrap_or(now_ms);
        let orders = self.obedience.judge(now_ms, key, &control, at_ms);
        match (&self.told, orders.followed) {
            (None, Some((token, epoch))) => self.stats.followed(token, epoch),
            // Confirmed only when it is carried out.
            (Some(told), _) => {
                if let Some(order) = orders.order {
                    told.order(Moment::now(), order);
                }
            }
            (None, None) => {}
        }
        if let (Some(at_ms), Some(path)) = (orders.renewed_at_ms, &self.lease_file)
            && let Err(error) = touch(path, at_ms)
        {
            warn!(%error, path = %path.display(), "lease not renewed");
        }
        if let Some(by_ms) = orders.drain_by_ms {
            if !self.stop.is_asked() {
                info!(token = control.token, "drain ordered");
            }
            self.stop.drain(by_ms);
        }
    }
}

/// Whether all before `end` has been read, where the first that is left is `start`.
///
/// An end before what was read is that of a topic made anew: it is read again from its beginning.
fn has_read(read: &mut i64, start: i64, end: i64) -> bool {
    if end < *read {
        *read = start;
    }
    *read = (*read).max(start);
    *read >= end
}

// === impl Following ===

impl Following {
    /// Stops following.
    pub(crate) fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            warn!("control thread panicked");
        }
    }
}

/// Gives the file the time of the renewal, so that whoever watches it counts from there.
fn touch(path: &std::path::Path, at_ms: UnixMs) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    let since_epoch = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0));
    file.set_modified(SystemTime::UNIX_EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(token: u64, state: DesiredState) -> Control {
        Control {
            schema: 1,
            token,
            epoch: 3,
            group: None,
            partitions: None,
            state,
            drain_by_ms: None,
            lease_seconds: 60,
        }
    }

    fn obedience() -> Obedience {
        Obedience::new(
            vec![b"w1".to_vec(), b"i-1".to_vec()],
            Duration::from_secs(25),
        )
    }

    #[test]
    fn only_records_for_this_worker_or_its_instance_count() {
        for (key, counts) in [("w1", true), ("i-1", true), ("w2", false), ("", false)] {
            let orders = obedience().judge(0, key.as_bytes(), &control(1, DesiredState::Drain), 0);
            assert_eq!(orders.drain_by_ms.is_some(), counts, "{key:?}");
        }
    }

    #[test]
    fn a_lower_token_is_ignored() {
        let mut obedience = obedience();
        let run = control(7, DesiredState::Run);
        assert_eq!(obedience.judge(0, b"w1", &run, 0).followed, Some((7, 3)));
        let deposed = control(6, DesiredState::Drain);
        assert_eq!(obedience.judge(0, b"w1", &deposed, 0), Orders::default());
        let again = control(7, DesiredState::Drain);
        assert_eq!(
            obedience.judge(5, b"w1", &again, 0).drain_by_ms,
            Some(25_005)
        );
    }

    #[test]
    fn a_lease_counts_from_the_records_timestamp() {
        let run = control(1, DesiredState::Run);
        let cases = [
            ("fresh", 100_000, 99_000, Some(99_000)),
            ("a replay of an old one", 100_000, 39_000, None),
            ("a clock ahead of ours", 100_000, 101_000, Some(100_000)),
        ];
        for (name, now, at, renewed) in cases {
            let orders = obedience().judge(now, b"w1", &run, at);
            assert_eq!(orders.renewed_at_ms, renewed, "{name}");
        }
    }

    #[test]
    fn an_assignment_is_taken_once_from_its_own_record_and_of_its_own_group() {
        let assign = |token, epoch, group: &str| Control {
            epoch,
            group: Some(group.to_owned()),
            partitions: Some(Vec::new()),
            ..control(token, DesiredState::Run)
        };
        let mut obedience = obedience().assigned_in(Some("workers".to_owned()));
        for (name, key, record, is_taken) in [
            ("another group's", "w1", assign(1, 9, "others"), false),
            ("its machine's", "i-1", assign(1, 8, "workers"), false),
            ("its own", "w1", assign(1, 3, "workers"), true),
            ("the same again", "w1", assign(1, 3, "workers"), false),
            (
                "an older one, read anew",
                "w1",
                assign(1, 2, "workers"),
                false,
            ),
            (
                "the same of a new leader",
                "w1",
                assign(2, 3, "workers"),
                true,
            ),
            (
                "that of a deposed one",
                "w1",
                assign(1, 7, "workers"),
                false,
            ),
            (
                "one that leaves it to Kafka",
                "w1",
                control(2, DesiredState::Run),
                false,
            ),
        ] {
            let orders = obedience.judge(0, key.as_bytes(), &record, 0);
            assert_eq!(orders.order.is_some(), is_taken, "{name}");
        }
    }

    #[test]
    fn everything_is_read_only_when_the_end_was_reached() {
        for (name, before, start, end, is_read, after) in [
            ("an empty topic", 0, 0, 0, true, 0),
            ("a record that did not come yet", 5, 0, 6, false, 5),
            ("all", 6, 0, 6, true, 6),
            ("retention took what is not read", 2, 6, 6, true, 6),
            ("made anew with records", 90, 0, 3, false, 0),
            ("made anew, empty", 90, 0, 0, true, 0),
        ] {
            let mut read = before;
            assert_eq!(has_read(&mut read, start, end), is_read, "{name}");
            assert_eq!(read, after, "{name}");
        }
    }

    #[test]
    fn touching_sets_the_time_of_the_renewal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        touch(&path, 1_700_000_000_000).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since_epoch.as_millis(), 1_700_000_000_000);
    }
}
