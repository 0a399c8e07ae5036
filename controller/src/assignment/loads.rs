//! What each partition carries, as last known: an unknown lag is never nothing. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use spillway_core::{BacklogReading, PartitionId, Policy, Rate, assign};

/// The first estimate of an arrival rate is made of so much time, and every later one.
const FIRST_AFTER: SignedDuration = SignedDuration::from_secs(10);
const THEN_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// What is known of each partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads(BTreeMap<PartitionId, Load>);

#[derive(Debug, Clone, Default)]
struct Load {
    lag: Option<u64>,
    /// The end offset at some time, from which the next estimate is made.
    from: Option<(Timestamp, u64)>,
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
    fn arrived(&mut self, at: Timestamp, end: u64) {
        let Some((from, before)) = self.from.filter(|(_, before)| *before <= end) else {
            // The first look, or the topic was made anew.
            self.from = Some((at, end));
            return;
        };
        let elapsed = at.duration_since(from);
        let due = self.arrivals.map_or(FIRST_AFTER, |_| THEN_EVERY);
        let ms = u128::try_from(elapsed.as_millis()).unwrap_or(0);
        if elapsed < due || ms == 0 {
            return;
        }
        let milli = u128::from(end - before) * 1_000_000 / ms;
        let milli = u64::try_from(milli).unwrap_or(u64::MAX);
        // A quarter of what is new: what wavers must not move partitions.
        let smooth = self.arrivals.map_or(milli, |old| {
            let old = old.milli();
            old - old / 4 + milli / 4
        });
        self.arrivals = Some(Rate::from_milli(smooth));
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
    fn arrivals_are_measured_and_smoothed_and_begin_anew_with_the_topic() {
        let mut loads = Loads::default();
        let rate = |loads: &Loads| {
            let partitions = loads.partitions(&policy());
            partitions[0].arrivals.map(Rate::milli)
        };
        for (second, end, expected) in [
            (0, 100, None),
            (5, 150, None),
            (10, 200, Some(10_000)),
            (20, 200, Some(10_000)),
            (40, 200, Some(7_500)),
            (50, 3, Some(7_500)),
            (80, 903, Some(13_125)),
        ] {
            loads.observe(&reading(second, &[(0, Some(end))]));
            assert_eq!(rate(&loads), expected, "at {second} s");
        }
    }
}
