//! The control topic: what every worker shall do, written by nobody else, renewed so that it knows its controller lives.
//!
//! In one tick whatever takes something away is acknowledged before anything is given: a partition that a silent
//! worker does not give back itself goes to another only when the silent one's own record says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use jiff::SignedDuration;
use spillway_core::PartitionId;
use spillway_core::assign::handover::Record;
use spillway_kafka::ControlWriter;
use spillway_wire::{Control, DesiredState, Heartbeat, Partition, SCHEMA};
use tokio::time::Instant;
use tracing::warn;

use crate::assignment::Assignment;
use crate::intents::{Intent, State};

/// Records are renewed at least this often, and five times in a lease.
const RENEW_MAX: Duration = Duration::from_secs(60);
/// A worker that does not follow its record is sent it again so often.
const REPEAT_EVERY: Duration = Duration::from_secs(5);
/// The longest that a tick waits for acknowledgements; what is not acknowledged by then is sent again.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);

/// Keeps the control topic as it is desired.
pub(crate) struct Desk {
    topic: Box<dyn ControlTopic>,
    lease: SignedDuration,
    token: u64,
    /// By key, the last record that was sent.
    sent: BTreeMap<String, Sent>,
}

/// The control topic, wherever it is.
pub(crate) trait ControlTopic: Send + Sync {
    /// Makes `control` what is desired of `worker`.
    ///
    /// # Errors
    /// When it may not be written.
    fn write<'a>(
        &'a self,
        worker: &'a str,
        control: &'a Control,
    ) -> BoxFuture<'a, anyhow::Result<()>>;

    /// Removes what was desired of `worker`.
    ///
    /// # Errors
    /// As with [`Self::write`].
    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>>;

    /// Every record there is, by worker.
    ///
    /// # Errors
    /// When not all of it could be read within `deadline`.
    fn read(&self, deadline: Duration) -> BoxFuture<'_, anyhow::Result<BTreeMap<String, Control>>>;
}

/// What is desired of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub(crate) control: Control,
    /// Whether somebody lives who counts on its renewal.
    pub(crate) is_renewed: bool,
    /// Whether its worker follows something else.
    pub(crate) is_unheard: bool,
}

/// A record that was sent.
#[derive(Debug, Clone)]
struct Sent {
    /// None for a tombstone.
    control: Option<Control>,
    at: Instant,
    is_acknowledged: bool,
    /// Whether it, or one before it that nobody acknowledged, takes something away.
    takes: bool,
}

// === impl ControlTopic ===

impl ControlTopic for ControlWriter {
    fn write<'a>(
        &'a self,
        worker: &'a str,
        control: &'a Control,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.write(worker, control).await?;
            Ok(())
        })
    }

    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.bury(worker).await?;
            Ok(())
        })
    }

    fn read(&self, deadline: Duration) -> BoxFuture<'_, anyhow::Result<BTreeMap<String, Control>>> {
        Box::pin(async move { Ok(self.read(deadline).await?) })
    }
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(topic: Box<dyn ControlTopic>, lease: SignedDuration, token: u64) -> Self {
        Self {
            topic,
            lease,
            token,
            sent: BTreeMap::new(),
        }
    }

    /// Every record of the topic, for whoever takes over.
    ///
    /// # Errors
    /// When it could not be read to its end.
    pub(crate) async fn read(
        &self,
        deadline: Duration,
    ) -> anyhow::Result<BTreeMap<String, Control>> {
        self.topic.read(deadline).await
    }

    /// Writes what is due of `wishes`, and removes what is no longer among them; what fails is due again.
    pub(crate) async fn keep(&mut self, wishes: &BTreeMap<String, Wish>) {
        let now = Instant::now();
        let every = RENEW_MAX.min(self.lease.unsigned_abs() / 5);
        let is_gone = |key: &&String| !wishes.contains_key(*key);
        let gone: Vec<String> = self.sent.keys().filter(is_gone).cloned().collect();
        for key in gone {
            self.turn(now, &key, None, Duration::MAX);
        }
        for (key, wish) in wishes {
            let every = match wish {
                Wish {
                    is_unheard: true, ..
                } => REPEAT_EVERY,
                Wish {
                    is_renewed: true, ..
                } => every,
                Wish { .. } => Duration::MAX,
            };
            self.turn(now, key, Some(&wish.control), every);
        }
        for takes in [true, false] {
            let due: Vec<String> = self
                .sent
                .iter()
                .filter(|(_, sent)| !sent.is_acknowledged && sent.takes == takes)
                .map(|(key, _)| key.clone())
                .collect();
            if !self.write(due).await {
                return;
            }
        }
        self.sent.retain(|_, sent| sent.control.is_some());
    }

    /// Puts a record where it is to be sent, if it is another than the last or that one is old.
    fn turn(&mut self, now: Instant, key: &str, control: Option<&Control>, every: Duration) {
        let last = self.sent.get(key);
        let is_same = last.is_some_and(|last| last.control.as_ref() == control);
        if is_same && last.is_some_and(|last| now.duration_since(last.at) < every) {
            return;
        }
        let was_taken = last.is_some_and(|last| last.takes && !last.is_acknowledged);
        let sent = Sent {
            takes: was_taken || takes(last.and_then(|last| last.control.as_ref()), control),
            control: control.cloned(),
            at: now,
            is_acknowledged: false,
        };
        self.sent.insert(key.to_owned(), sent);
    }

    /// Whether all of it is acknowledged now.
    async fn write(&mut self, keys: Vec<String>) -> bool {
        let (topic, sent) = (&self.topic, &self.sent);
        let writes = keys.iter().map(|key| async move {
            match sent.get(key).and_then(|sent| sent.control.as_ref()) {
                Some(control) => topic.write(key, control).await,
                None => topic.bury(key).await,
            }
        });
        let answers = tokio::time::timeout(WRITE_DEADLINE, join_all(writes)).await;
        let Ok(answers) = answers else {
            warn!(
                count = keys.len(),
                "control records were not acknowledged in time"
            );
            return false;
        };
        let mut all = true;
        for (key, answer) in keys.iter().zip(answers) {
            match (answer, self.sent.get_mut(key)) {
                (Ok(_), Some(sent)) => {
                    sent.is_acknowledged = true;
                    sent.takes = false;
                }
                (Err(error), _) => {
                    warn!(worker = key, %error, "control record was not written");
                    all = false;
                }
                (Ok(_), None) => {}
            }
        }
        all
    }

    /// What is desired of the machines of intents, where Kafka assigns partitions.
    pub(crate) fn wishes(&self, intents: &[Intent]) -> BTreeMap<String, Wish> {
        let machines = intents
            .iter()
            .filter_map(|intent| Some((intent.instance()?.to_owned(), intent)));
        machines
            .map(|(key, intent)| {
                let wish = Wish {
                    control: self.control(Some(intent)),
                    is_renewed: true,
                    is_unheard: false,
                };
                (key, wish)
            })
            .collect()
    }

    /// What is desired of every worker, where the controller assigns.
    pub(crate) fn wishes_of(
        &self,
        assignment: &Assignment,
        intents: &[Intent],
        alive: &[&Heartbeat],
    ) -> BTreeMap<String, Wish> {
        let mut wishes = self.wishes(intents);
        let alive: BTreeMap<&str, &Heartbeat> = alive
            .iter()
            .filter(|beat| assignment.has(beat))
            .map(|beat| (beat.worker.as_str(), *beat))
            .collect();
        let told = assignment.told().keys().map(String::as_str);
        let workers: BTreeSet<&str> = told.chain(alive.keys().copied()).collect();
        for worker in workers {
            let beat = alive.get(worker);
            let instance = beat.and_then(|beat| beat.instance.as_ref());
            let intent = intents.iter().find(|intent| {
                let is_its = instance.is_some_and(|it| it.intent == intent.id.as_str());
                is_its || intent.instance() == Some(worker)
            });
            let none = Record::default();
            let record = assignment.told().get(worker).unwrap_or(&none);
            let control = Control {
                epoch: record.epoch,
                group: Some(assignment.group().to_owned()),
                partitions: Some(record.partitions.iter().map(on_wire).collect()),
                ..self.control(intent)
            };
            let wish = Wish {
                control,
                is_renewed: beat.is_some() || intent.is_some(),
                is_unheard: beat.is_some_and(|beat| {
                    (beat.control_token, beat.control_epoch) != (self.token, record.epoch)
                }),
            };
            wishes.insert(worker.to_owned(), wish);
        }
        wishes
    }

    /// What the worker of an intent shall do, or one that nobody launched.
    fn control(&self, intent: Option<&Intent>) -> Control {
        let (state, drain_by_ms) = match intent.map(|intent| &intent.state) {
            Some(State::Retiring { drain_by, .. }) => {
                (DesiredState::Drain, Some(drain_by.as_millisecond()))
            }
            Some(State::Written { .. } | State::Launched { .. } | State::Closed { .. }) | None => {
                (DesiredState::Run, None)
            }
        };
        Control {
            schema: SCHEMA,
            token: self.token,
            epoch: 0,
            group: None,
            partitions: None,
            state,
            drain_by_ms,
            lease_seconds: u32::try_from(self.lease.as_secs()).unwrap_or(u32::MAX),
        }
    }
}

fn on_wire(partition: &PartitionId) -> Partition {
    Partition {
        topic: partition.topic.clone(),
        partition: partition.partition,
    }
}

/// Whether `next` lacks something that `last` gave.
fn takes(last: Option<&Control>, next: Option<&Control>) -> bool {
    let Some(next) = next else {
        return true;
    };
    // What a leader before us gave is not known here: what is no larger than nothing takes.
    let next = next.partitions.as_deref().unwrap_or_default();
    match last {
        None => next.is_empty(),
        Some(last) => {
            let next: BTreeSet<&Partition> = next.iter().collect();
            let had = last.partitions.as_deref().unwrap_or_default();
            had.iter().any(|partition| !next.contains(partition))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(partitions: Option<&[i32]>) -> Control {
        let on_wire = |partition: &i32| Partition {
            topic: "jobs".into(),
            partition: *partition,
        };
        Control {
            schema: SCHEMA,
            token: 1,
            epoch: 1,
            group: Some("workers".into()),
            partitions: partitions.map(|partitions| partitions.iter().map(on_wire).collect()),
            state: DesiredState::Run,
            drain_by_ms: None,
            lease_seconds: 60,
        }
    }

    #[test]
    fn what_takes_something_away_goes_first() {
        let some = |partitions: &[i32]| Some(control(Some(partitions)));
        for (name, last, next, is_first) in [
            ("the first that is given", None, some(&[1]), false),
            ("nothing, after who knows what", None, some(&[]), true),
            ("more", some(&[1]), some(&[1, 2]), false),
            ("the same", some(&[1]), some(&[1]), false),
            ("less", some(&[1, 2]), some(&[2]), true),
            ("another", some(&[1]), some(&[2]), true),
            ("a tombstone", some(&[1]), None, true),
            (
                "none of ours",
                Some(control(None)),
                Some(control(None)),
                false,
            ),
        ] {
            assert_eq!(takes(last.as_ref(), next.as_ref()), is_first, "{name}");
        }
    }
}
