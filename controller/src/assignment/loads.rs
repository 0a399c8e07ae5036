//! What each partition carries, as last known: an unknown lag is never nothing. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use spillway_core::{BacklogReading, PartitionId, Policy, Rate, assign};

/// Arrivals are counted over so much time, twice.
const WINDOW: SignedDuration = SignedDuration::from_secs(30);

/// What is known of each partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads(BTreeMap<PartitionId, Load>);

#[derive(Debug, Clone, Default)]
struct Load {
    lag: Option<u64>,
    /// The end offset when the present window began.
    from: Option<(Timestamp, u64)>,
    /// What came in the window before.
    last: Option<Rate>,
    arrivals: Option<Rate>,
}

// === impl Loads ===

impl Loads {
    /// Takes in a look. What could not be read stays as it was; what is gone from a topic that was read goes.
    pub(crate) fn observe(&mut self, reading: &BacklogReading) {
        if reading.partitions.is_empty() {
            return;
        }
        let read: BTreeSet<&PartitionId> = reading.partitions.iter().map(|it| &it.id).collect();
        let missing = |topic: &str| reading.missing.iter().any(|(name, _)| name == topic);
        self.0
            .retain(|id, _| read.contains(id) || missing(&id.topic));
        for partition in &reading.partitions {
            if !self.0.contains_key(&partition.id) {
                self.0.insert(partition.id.clone(), Load::default());
            }
            if let (Some(load), Ok(offsets)) = (self.0.get_mut(&partition.id), &partition.offsets) {
                load.lag = Some(offsets.lag());
                load.arrived(reading.taken_at, offsets.end);
            }
        }
    }

    /// Every partition, in order.
    pub(crate) fn ids(&self) -> Vec<PartitionId> {
        self.0.keys().cloned().collect()
    }

    /// The same, as far as it matters who reads them.
    pub(crate) fn partitions(&self, policy: &Policy) -> Vec<assign::Partition> {
        let class = |topic: &str| {
            let place = policy.topics().iter().position(|it| it.name == topic);
            u8::try_from(place.unwrap_or(0)).unwrap_or(u8::MAX)
        };
        let loads = self.0.iter();
        loads
            .map(|(id, load)| assign::Partition {
                class: class(&id.topic),
                arrivals: load.arrivals,
                lag: load.lag,
            })
            .collect()
    }
}

// === impl Load ===

impl Load {
    /// The lesser of two windows: what came in a burst comes no more, and over the hour that may be looked ahead it
    /// would outweigh everything that waits.
    fn arrived(&mut self, at: Timestamp, end: u64) {
        let Some((from, before)) = self.from.filter(|(_, before)| *before <= end) else {
            // The first look, or the topic was made anew.
            (self.from, self.last, self.arrivals) = (Some((at, end)), None, None);
            return;
        };
        let elapsed = at.duration_since(from);
        if elapsed < WINDOW {
            return;
        }
        let rate = Rate::of(end - before, elapsed);
        self.arrivals = self.last.map(|last| last.min(rate));
        self.last = Some(rate);
        self.from = Some((at, end));
    }
}

#[cfg(test)]
mod tests {
    use spillway_core::{Committed, Offsets, PartitionReading};

    use super::*;
    use crate::assignment::tests::policy;

    fn reading(second: i64, ends: &[(i32, Option<u64>)]) -> BacklogReading {
        let of = |(partition, end): &(i32, Option<u64>)| PartitionReading {
            id: PartitionId::new("jobs", *partition),
            offsets: end
                .map(|end| Offsets {
                    log_start: 0,
                    end,
                    committed: Committed::Never,
                })
                .ok_or_else(|| "no leader".to_owned()),
        };
        BacklogReading {
            taken_at: Timestamp::from_second(second).unwrap(),
            partitions: ends.iter().map(of).collect(),
            missing: Vec::new(),
        }
    }

    fn lags(loads: &Loads) -> Vec<Option<u64>> {
        let partitions = loads.partitions(&policy());
        partitions.into_iter().map(|it| it.lag).collect()
    }

    #[test]
    fn an_unknown_lag_is_the_last_known_one() {
        let mut loads = Loads::default();
        loads.observe(&reading(0, &[(0, Some(70)), (1, None)]));
        assert_eq!(lags(&loads), [Some(70), None]);
        loads.observe(&reading(1, &[(0, None), (1, Some(5))]));
        assert_eq!(lags(&loads), [Some(70), Some(5)]);
        let nothing = BacklogReading {
            missing: vec![("jobs".into(), "no metadata".into())],
            ..reading(2, &[])
        };
        loads.observe(&nothing);
        assert_eq!(lags(&loads), [Some(70), Some(5)]);
        loads.observe(&reading(3, &[(1, Some(6))]));
        assert_eq!(lags(&loads), [Some(6)], "the other one is gone");
    }

    #[test]
    fn arrivals_are_what_keeps_coming_and_no_burst() {
        let mut loads = Loads::default();
        let rate = |loads: &Loads| {
            let partitions = loads.partitions(&policy());
            partitions[0].arrivals.map(Rate::milli)
        };
        for (second, end, expected, what) in [
            (0, 100, None, "the first look"),
            (15, 250, None, "half a window"),
            (30, 400, None, "one window"),
            (60, 700, Some(10_000), "two"),
            (90, 9_700, Some(10_000), "a burst"),
            (120, 10_000, Some(10_000), "after it"),
            (150, 10_000, Some(0), "nothing more comes"),
            (160, 3, None, "the topic was made anew"),
        ] {
            loads.observe(&reading(second, &[(0, Some(end))]));
            assert_eq!(rate(&loads), expected, "{what}, at {second} s");
        }
    }
}
