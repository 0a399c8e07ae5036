//! Follows the state that the controller wants: renews the lease, drains when told to.
//!
//! Reads the whole topic at start, since it is compacted, and then what comes. Commits nothing, joins no group.

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
use crate::work::now_ms;

const POLL_WAIT: Duration = Duration::from_millis(200);
/// How often the topic's partitions are looked up, until there are some and after.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
const LOOK_UP_AGAIN_EVERY: Duration = Duration::from_secs(60);
const LOOK_UP_MAX: Duration = Duration::from_secs(2);

/// Decides what a record means for this worker. Pure: time comes in.
#[derive(Debug)]
pub(crate) struct Obedience {
    /// Keys that mean this worker: its own id, and its instance's.
    keys: Vec<Vec<u8>>,
    token: u64,
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
}

/// Reads the control topic.
pub(crate) struct Follow {
    consumer: BaseConsumer,
    topic: String,
    obedience: Obedience,
    lease_file: Option<PathBuf>,
    stop: Arc<Stop>,
    stats: Arc<Stats>,
    partitions: usize,
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
            drain_timeout,
        }
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
        }
    }
}

// === impl Follow ===

impl Follow {
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(crate) fn new(config: &Config, stop: Arc<Stop>, stats: Arc<Stats>) -> anyhow::Result<Self> {
        let identity = &config.identity;
        let mut client = config.kafka.client();
        // librdkafka assigns nothing without a group's name; nothing is committed under it.
        client.set("group.id", format!("{}-control", identity.worker));
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
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
            obedience: Obedience::new(keys, config.limits.drain_timeout),
            lease_file: config.lease_file.clone(),
            stop,
            stats,
            partitions: 0,
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
            Ok(()) => self.partitions = found,
            Err(error) => warn!(%error, "control topic not followed"),
        }
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
        let (Some(key), Some(value)) = (message.key(), message.payload()) else {
            return;
        };
        let Ok(control) = Control::decode(value) else {
            warn!("control record not understood");
            return;
        };
        let now_ms = now_ms();
        let at_ms = message.timestamp().to_millis().unwrap_or(now_ms);
        let orders = self.obedience.judge(now_ms, key, &control, at_ms);
        if let Some((token, epoch)) = orders.followed {
            self.stats.followed(token, epoch);
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
    fn touching_sets_the_time_of_the_renewal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        touch(&path, 1_700_000_000_000).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since_epoch.as_millis(), 1_700_000_000_000);
    }
}
