//! Partitions that the controller assigns: taken, read oldest first, given back without stopping the others.
//!
//! ```text
//!  order ─▶ coming:  committed offsets ─▶ read
//!        ─▶ leaving: no longer read ─▶ in flight ends ─▶ committed ─▶ let go ─▶ confirmed
//!        ─▶ late:    no longer read ─▶ let go, nothing committed ────────────▶ confirmed
//! ```
//!
//! Each partition has a queue of its own, so that one with many records holds up no other, and nothing is ever paused.
//! Why so: `docs/decisions/0010-weighted-on-kafka.md`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use spillway_wire::{Partition, topics};
use tracing::{info, warn};

use super::client::park;
use super::commit;
use super::group::{self, Group};
use super::{Consume, POLL_WAIT, Parked};
use crate::ledger::Commit;
use crate::told::{Moment, Order, Told};

/// Longest wait for what is in flight in partitions that are taken away.
const LEAVING_MAX: Duration = Duration::from_secs(10);
/// How often commits are made while a partition waits for one.
pub(super) const LEAVING_COMMIT_EVERY: Duration = Duration::from_millis(20);
/// Wait for the committed offsets of partitions that come, and until they are asked for again.
const COMMITTED_WAIT: Duration = Duration::from_secs(2);
const COMMITTED_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How much older a job of the next class must be to be begun first.
const CLASS_AHEAD: Duration = Duration::from_secs(60);
/// How often partitions are looked at of which nothing waits.
const FILL_EVERY: Duration = Duration::from_millis(5);

/// What is read for the controller.
pub(super) struct Seat {
    told: Arc<Told>,
    /// Topics of jobs, the most urgent first.
    classes: Vec<String>,
    /// Of the partitions that are read.
    queues: BTreeMap<Partition, PartitionQueue<Group>>,
    /// What was read of each and not begun, in order; never an empty list.
    heads: BTreeMap<Partition, VecDeque<Parked>>,
    change: Option<Change>,
    filled: Instant,
    ask_again_at: Instant,
}

/// An order that is being carried out.
struct Change {
    order: Order,
    leaving: Vec<Partition>,
    leaving_until: Instant,
    coming: Vec<Partition>,
}

// === impl Seat ===

impl Seat {
    pub(super) fn new(told: Arc<Told>, classes: Vec<String>, now: Instant) -> Self {
        told.begin();
        Self {
            told,
            classes,
            queues: BTreeMap::new(),
            heads: BTreeMap::new(),
            change: None,
            filled: now,
            ask_again_at: now,
        }
    }

    pub(super) fn stands(&self) -> bool {
        self.told.stands(Moment::now())
    }

    pub(super) fn has_waiting(&self) -> bool {
        let mut heads = self.heads.values().filter_map(VecDeque::front);
        heads.any(Parked::is_due)
    }

    /// Whether partitions wait for a commit.
    pub(super) fn is_leaving(&self) -> bool {
        let change = self.change.as_ref();
        change.is_some_and(|change| !change.leaving.is_empty())
    }

    /// Keeps a record, unless its partition is no longer read.
    pub(super) fn keep(&mut self, record: Parked) {
        if self.queues.contains_key(&record.partition) {
            let waiting = self.heads.entry(record.partition.clone()).or_default();
            waiting.push_back(record);
        }
    }

    /// Nothing is read and nothing in flight any more.
    pub(super) fn end(self) {
        self.told.end();
    }

    /// Looks at every partition of which nothing waits.
    fn fill(&mut self) -> Result<(), KafkaError> {
        self.filled = Instant::now();
        for (partition, queue) in &self.queues {
            if self.heads.contains_key(partition) {
                continue;
            }
            if let Some(message) = queue.poll(Duration::ZERO) {
                let head = VecDeque::from([park(&message?)]);
                self.heads.insert(partition.clone(), head);
            }
        }
        Ok(())
    }

    /// The oldest record that waits and is due, by its Kafka timestamp; each partition's in their order.
    ///
    /// A record of a less urgent class counts as younger, so that it waits for the more urgent ones, but not for ever.
    fn pop(&mut self) -> Option<Parked> {
        let later_ms = |partition: &Partition| {
            let class = self
                .classes
                .iter()
                .position(|it| it == topics::base(&partition.topic));
            class.unwrap_or(0) as i64 * CLASS_AHEAD.as_millis() as i64
        };
        let heads = self.heads.iter();
        let ages = heads.filter_map(|(partition, waiting)| {
            let head = waiting.front().filter(|head| head.is_due())?;
            let at_ms = head.at_ms;
            Some((at_ms.map(|at_ms| at_ms + later_ms(partition)), partition))
        });
        let (_, oldest) = ages.min()?;
        let oldest = oldest.clone();
        let waiting = self.heads.get_mut(&oldest)?;
        let record = waiting.pop_front();
        if waiting.is_empty() {
            self.heads.remove(&oldest);
        }
        record
    }

    fn refill(&mut self, partition: &Partition) -> Result<(), KafkaError> {
        if self.heads.contains_key(partition) {
            return Ok(());
        }
        let queue = self.queues.get(partition);
        if let Some(message) = queue.and_then(|queue| queue.poll(Duration::ZERO)) {
            let head = VecDeque::from([park(&message?)]);
            self.heads.insert(partition.clone(), head);
        }
        Ok(())
    }
}

// === impl Consume ===

impl Consume {
    /// Follows what the controller has told, as far as it can be followed now.
    pub(super) fn follow(&mut self, now: Instant) -> anyhow::Result<()> {
        self.shared.hear();
        let Some(seat) = &self.seat else {
            return Ok(());
        };
        if let Some(order) = seat.told.take() {
            self.turn_to(now, order)?;
        }
        self.take_up(now)?;
        // While records wait nobody else polls.
        if now.duration_since(self.polled) >= POLL_WAIT {
            self.poll(Duration::ZERO)?;
        }
        // Just before it is looked whether all is committed: the next commit is on its way soon.
        self.shared.hear();
        self.let_go(now);
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        let is_done = |change: &mut Change| change.leaving.is_empty() && change.coming.is_empty();
        if let Some(change) = seat.change.take_if(|change| is_done(change)) {
            let partitions = self.shared.ledger().partitions();
            info!(
                count = partitions.len(),
                epoch = change.order.epoch,
                "partitions assigned"
            );
            seat.told.confirm(&change.order, partitions);
        }
        Ok(())
    }

    /// Begins to carry out an order.
    fn turn_to(&mut self, now: Instant, order: Order) -> anyhow::Result<()> {
        let Some(seat) = &self.seat else {
            return Ok(());
        };
        let is_read = |partition: &Partition| seat.queues.contains_key(partition);
        let mut leaving = self.shared.ledger().partitions();
        leaving.retain(|held| !(is_read(held) && order.partitions.contains(held)));
        let wanted = order.partitions.iter();
        let coming: Vec<Partition> = if self.stop.is_asked() {
            Vec::new()
        } else {
            wanted.filter(|it| !is_read(it)).cloned().collect()
        };
        self.stop_reading(&leaving)?;
        // Others may read them by now; or they left, came back, and are begun anew.
        let (lost, leaving): (Vec<Partition>, Vec<Partition>) = leaving
            .into_iter()
            .partition(|left| order.is_late || coming.contains(left));
        let mut ledger = self.shared.ledger();
        let unfinished: usize = lost.iter().map(|lost| ledger.revoke(lost)).sum();
        drop(ledger);
        if !lost.is_empty() {
            warn!(count = lost.len(), unfinished, "partitions lost");
            self.shared.stats.abandoned(unfinished);
        }
        if let Some(seat) = &mut self.seat {
            seat.change = Some(Change {
                order,
                leaving,
                leaving_until: now + LEAVING_MAX,
                coming,
            });
        }
        Ok(())
    }

    /// Reads some partitions no longer; what is in flight for them goes on.
    fn stop_reading(&mut self, partitions: &[Partition]) -> anyhow::Result<()> {
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        let read = partitions.iter();
        let read: Vec<&Partition> = read
            .filter(|partition| seat.queues.remove(partition).is_some())
            .collect();
        for partition in &read {
            seat.heads.remove(partition);
        }
        if !read.is_empty() {
            self.consumer
                .incremental_unassign(&group::unset(read))
                .context("partitions could not be let go")?;
        }
        Ok(())
    }

    /// Reads nothing any more.
    pub(super) fn stop_reading_all(&mut self) -> anyhow::Result<()> {
        let all = self.seat.as_ref().map(|seat| seat.queues.keys().cloned());
        let all: Vec<Partition> = all.into_iter().flatten().collect();
        self.stop_reading(&all)
    }

    /// Begins to read what comes, from where the group is; while that cannot be known, it waits.
    fn take_up(&mut self, now: Instant) -> anyhow::Result<()> {
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        let is_due = now >= seat.ask_again_at;
        let coming = seat.change.as_mut().map(|change| &mut change.coming);
        let Some(coming) = coming.filter(|coming| is_due && !coming.is_empty()) else {
            return Ok(());
        };
        let coming = std::mem::take(coming);
        let Some(committed) = self.committed_exactly(&coming) else {
            if let Some(seat) = &mut self.seat {
                seat.ask_again_at = Instant::now() + COMMITTED_AGAIN_AFTER;
                if let Some(change) = &mut seat.change {
                    change.coming = coming;
                }
            }
            return Ok(());
        };
        let mut list = TopicPartitionList::with_capacity(coming.len());
        for partition in &coming {
            let known = committed.get(partition);
            let from = known.map_or(Offset::Beginning, |commit| Offset::Offset(commit.offset));
            list.add_partition_offset(&partition.topic, partition.partition, from)?;
            let known = known.map(|commit| (commit.offset, commit.metadata.as_str()));
            self.shared.ledger().assign(partition.clone(), known);
            // Before it is assigned: what is fetched goes nowhere else then.
            let queue = self
                .consumer
                .split_partition_queue(&partition.topic, partition.partition)
                .context("a partition has no queue")?;
            if let Some(seat) = &mut self.seat {
                seat.queues.insert(partition.clone(), queue);
            }
        }
        self.consumer
            .incremental_assign(&list)
            .context("partitions could not be assigned")
    }

    /// What the group has committed, by partition; none if it could not be read of all.
    fn committed_exactly(&self, partitions: &[Partition]) -> Option<BTreeMap<Partition, Commit>> {
        let list = group::unset(partitions);
        let answer = self.consumer.committed_offsets(list, COMMITTED_WAIT);
        let answer = answer.and_then(|answer| {
            let errors = answer.elements();
            let errors = errors.iter().map(|element| element.error());
            errors.collect::<Result<Vec<()>, KafkaError>>()?;
            Ok(answer)
        });
        match answer {
            Ok(answer) => {
                let commits = answer.elements();
                let commits = commits.iter().filter_map(commit::commit_of);
                Some(commits.map(|it| (it.partition.clone(), it)).collect())
            }
            Err(error) => {
                warn!(%error, "committed offsets could not be read");
                None
            }
        }
    }

    /// Lets go what leaves, once it is committed or its time is over.
    fn let_go(&mut self, now: Instant) {
        let Some(change) = self.seat.as_mut().and_then(|seat| seat.change.as_mut()) else {
            return;
        };
        if change.leaving.is_empty() {
            return;
        }
        let is_finished = self.shared.ledger().in_flight_of(&change.leaving) == 0;
        let is_committed = is_finished && self.shared.is_committed(&change.leaving);
        if !is_committed && now < change.leaving_until {
            return;
        }
        let leaving = std::mem::take(&mut change.leaving);
        let mut ledger = self.shared.ledger();
        let unfinished: usize = leaving.iter().map(|left| ledger.revoke(left)).sum();
        drop(ledger);
        info!(
            count = leaving.len(),
            unfinished, is_committed, "partitions given back"
        );
        self.shared.stats.abandoned(unfinished);
    }

    /// The next record to begin: the oldest that was read.
    pub(super) fn next_assigned(&mut self) -> anyhow::Result<Option<Parked>> {
        let Some(seat) = &mut self.seat else {
            return Ok(None);
        };
        let is_due = seat.heads.is_empty() || seat.filled.elapsed() >= FILL_EVERY;
        let filled = if is_due { seat.fill() } else { Ok(()) };
        let record = seat.pop();
        let refilled = match &record {
            Some(record) => seat.refill(&record.partition),
            None => Ok(()),
        };
        for error in [filled, refilled].into_iter().filter_map(Result::err) {
            self.judge(&error)?;
        }
        Ok(record)
    }

    /// Looks whether anything waits, so that it is known whether input is empty.
    pub(super) fn look_ahead(&mut self) -> anyhow::Result<()> {
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        if seat.heads.is_empty()
            && seat.filled.elapsed() >= FILL_EVERY
            && let Err(error) = seat.fill()
        {
            self.judge(&error)?;
        }
        Ok(())
    }
}
