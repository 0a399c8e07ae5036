//! Effect: whether a larger fleet does more.
//!
//! Workers that wait for a database, a full disk or one hot partition do no more for being many; the machines bought for
//! them cost and bring nothing, and since the deadline stays endangered more would be bought for ever. So what was done
//! before the fleet grew is held against what was done after, while work waited all the time. A growth that brought
//! less than a tenth of what it should have was in vain: nothing is bought until a deadline later, and it is said.
//!
//! Rates are those that were believed before the growth: workers that wait for something look slow, and a belief that
//! had followed them down would find nothing missing.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// What is done is measured over this share of the deadline: 150 s of 900 s.
const WINDOW_SHARE: i32 = 6;
/// A growth by less than this part of what there was says nothing: noise is as large.
const GROWTH_PART: u64 = 4;
/// Who brings less than this part of what it should is in vain (Flink's autoscaler blocks at the same tenth).
const GAIN_PART: u64 = 10;
/// Looks that are remembered: more than one a second for the longest window hardly help.
const LOOKS_MAX: usize = 512;

/// What is learned of one group of workers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    /// Jobs done by when, while work waited without a break; oldest first.
    looks: VecDeque<Look>,
    /// Who was ready at the last look.
    last: Ready,
    grown: Option<Growth>,
    vain: Option<Vain>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    at: Timestamp,
    done: u64,
    workers: u64,
}

/// A growth that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Growth {
    /// When the last of it became ready.
    at: Timestamp,
    /// What was done before, jobs per second.
    before: Rate,
    /// What each pool had before, and what one of its workers was believed to do.
    had: BTreeMap<String, (u64, Rate)>,
}

/// A growth that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vain {
    pub(crate) until: Timestamp,
    /// What it should have brought.
    pub(crate) added: Rate,
    /// What it brought.
    pub(crate) gained: Rate,
}

/// Workers of each pool that are ready, and what one of them is believed to do.
pub(crate) type Ready = BTreeMap<String, (u64, Rate)>;

// === impl Effect ===

impl Effect {
    /// Takes in that `done` jobs were done by `at` by those that are `ready`, more waiting all the time.
    pub(crate) fn observe(
        &mut self,
        at: Timestamp,
        done: u64,
        ready: &Ready,
        deadline: SignedDuration,
    ) {
        let window = deadline / WINDOW_SHARE;
        let workers = ready.values().map(|(count, _)| count).sum();
        if let Some(last) = self.looks.back()
            && at <= last.at
        {
            return;
        }
        self.watch(at, workers, ready, window);
        self.last.clone_from(ready);
        self.looks.push_back(Look { at, done, workers });
        // The look before the window stays: work in the window is counted from it.
        while self.looks.len() > LOOKS_MAX
            || (self.looks.len() > 2 && self.looks[1].at <= at - window)
        {
            self.looks.pop_front();
        }
        self.judge(at, ready, window, deadline);
    }

    /// Nothing waits: what is done says nothing of what could be.
    pub(crate) fn idle(&mut self) {
        *self = Self::default();
    }

    /// The growth that was in vain, as long as that counts.
    pub(crate) fn vain(&self, now: Timestamp) -> Option<&Vain> {
        self.vain.as_ref().filter(|vain| now < vain.until)
    }

    /// Notes a growth of the fleet, or that the one that is watched goes on.
    fn watch(&mut self, at: Timestamp, workers: u64, ready: &Ready, window: SignedDuration) {
        let Some(last) = self.looks.back() else {
            return;
        };
        if workers <= last.workers {
            return;
        }
        if self.grown.is_none() {
            // Before it the fleet must have been the same for a whole window.
            let is_alike = self.looks.iter().all(|look| look.workers == last.workers);
            self.grown = self.rate(window).filter(|_| is_alike).map(|before| Growth {
                at,
                before,
                had: self.last.clone(),
            });
        }
        if let Some(grown) = &mut self.grown {
            grown.at = at;
            for (pool, (_, rate)) in ready {
                grown.had.entry(pool.clone()).or_insert((0, *rate));
            }
        }
    }

    fn judge(
        &mut self,
        at: Timestamp,
        ready: &Ready,
        window: SignedDuration,
        deadline: SignedDuration,
    ) {
        let Some(grown) = &self.grown else {
            return;
        };
        if at.duration_since(grown.at) < window {
            return;
        }
        let Some(after) = self.rate(window) else {
            return;
        };
        let (mut now, mut was) = (Rate::ZERO, Rate::ZERO);
        for (pool, (count, rate)) in ready {
            let (had, believed) = grown.had.get(pool).copied().unwrap_or((0, *rate));
            now = now.plus(believed.times(*count));
            was = was.plus(believed.times(had));
        }
        let added = now.minus(was);
        let gained = after.minus(grown.before);
        let is_growth = added.milli() * GROWTH_PART >= was.milli().max(1);
        if is_growth && gained.milli() * GAIN_PART < added.milli() {
            self.vain = Some(Vain {
                until: at + deadline,
                added,
                gained,
            });
        }
        self.grown = None;
    }

    /// Jobs done per second over the last `window`; none before it was watched for so long.
    fn rate(&self, window: SignedDuration) -> Option<Rate> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let span = last.at.duration_since(first.at);
        (span >= window).then(|| Rate::of(last.done.saturating_sub(first.done), span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: SignedDuration = SignedDuration::from_secs(900);

    /// Ten minutes of ten workers, then twenty; each does ten jobs a second, together at most `most`.
    fn after(most: u64) -> Effect {
        let mut effect = Effect::default();
        let rate = Rate::from_milli(10_000);
        let mut done = 0;
        for tick in 0..80u64 {
            let workers = if tick < 40 { 10 } else { 20 };
            let ready = Ready::from([("p".to_owned(), (workers, rate))]);
            let at = Timestamp::from_second(i64::try_from(tick * 15).unwrap()).unwrap();
            effect.observe(at, done, &ready, DEADLINE);
            done += (workers * 10).min(most) * 15;
        }
        effect
    }

    #[test]
    fn machines_that_bring_nothing_are_seen() {
        let end = Timestamp::from_second(79 * 15).unwrap();
        let stuck = after(100);
        let vain = stuck.vain(end).expect("twice the workers did the same");
        assert_eq!(vain.added, Rate::from_milli(100_000));
        assert_eq!(vain.gained, Rate::ZERO);
        assert!(stuck.vain(end + DEADLINE).is_none(), "tried again later");
        assert!(after(1_000).vain(end).is_none(), "twice as much was done");
        assert!(
            after(130).vain(end).is_none(),
            "a third is more than a tenth"
        );
    }

    #[test]
    fn who_has_nothing_to_do_is_not_in_vain() {
        let mut effect = after(100);
        effect.idle();
        assert!(
            effect
                .vain(Timestamp::from_second(79 * 15).unwrap())
                .is_none()
        );
    }
}
