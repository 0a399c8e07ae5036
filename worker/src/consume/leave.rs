//! The end: finish what is in flight, commit, leave.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use spillway_wire::{Partition, Phase};
use tracing::{info, warn};

use super::commit::Commits;
use super::{Consume, POLL_MAX, POLL_WAIT};
use crate::crash::{self, Step};
use crate::work::now_ms;

// === impl Consume ===

impl Consume {
    /// Finishes what is in flight, commits and leaves; at the end of its time it abandons the rest.
    pub(super) fn drain(mut self) -> anyhow::Result<()> {
        let (stats, stop) = (self.shared.stats.clone(), self.stop.clone());
        stats.enter(Phase::Draining);
        info!(count = self.shared.ledger().in_flight(), "draining");
        // Not begun, so it stays in Kafka.
        self.parked.clear();
        self.put_off.clear();
        self.suspect = None;
        self.stop_reading_all()?;
        let mut paused: Vec<Partition> = Vec::new();
        loop {
            let in_flight = self.shared.ledger().in_flight();
            let is_over = stop.by_ms().is_some_and(|by| now_ms() >= by);
            if in_flight == 0 || is_over {
                break;
            }
            let assigned = self.shared.ledger().partitions();
            if self.seat.is_none() && paused != assigned {
                self.consumer.pause(&self.consumer.assignment()?)?;
                paused = assigned;
            }
            self.poll(Duration::ZERO)?;
            self.parked.clear();
            let now = Instant::now();
            self.follow(now)?;
            self.book(now);
            self.commit_when_due(now)?;
            if let Ok(completion) = self.shared.completions.recv_timeout(POLL_WAIT) {
                self.shared.absorb(&completion);
            }
        }
        self.leave()
    }

    fn leave(mut self) -> anyhow::Result<()> {
        while let Ok(completion) = self.shared.completions.try_recv() {
            self.shared.absorb(&completion);
        }
        // Without a result that Kafka has acknowledged nothing more is committed, but what is finished is. A group that
        // rebalances takes no commit until it is over, and it goes on only while its members poll.
        let deadline = Instant::now() + self.last_commit_wait;
        let shared = self.shared.clone();
        let has_commits = || !shared.ledger().committable().is_empty();
        let is_held_up =
            |consume: &Self| !consume.shared.is_answered() || (has_commits() && !consume.stands());
        while is_held_up(&self) && Instant::now() < deadline {
            self.follow(Instant::now())?;
            self.poll(POLL_WAIT)?;
            self.parked.clear();
        }
        while self.stands()
            && shared.commit_now(&self.consumer, None, POLL_MAX) == Commits::Later
            && Instant::now() < deadline
        {
            self.poll(POLL_MAX)?;
            self.parked.clear();
        }
        let abandoned = self.shared.revoke_all();
        if abandoned > 0 {
            warn!(
                count = abandoned,
                "jobs abandoned, they will be redelivered"
            );
            self.shared.stats.abandoned(abandoned);
        }
        self.shared.stats.polled(Instant::now(), 0);
        match self.seat.take() {
            Some(seat) => seat.end(),
            None => self.shared.stats.assigned(Vec::new()),
        }
        crash::point(Step::Leaving);
        // Dropping the consumer closes it: it leaves the group.
        drop(self.consumer);
        info!("left the group");
        Ok(())
    }
}
