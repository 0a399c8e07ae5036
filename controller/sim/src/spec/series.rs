//! What a spot market had over time, as it was recorded.

use serde::{Deserialize, Serialize};

/// A recorded series of how many spot machines could be had: it holds for every spot offer, in proportion to its most,
/// and begins anew when it ends.
///
/// An offer has that many places. A machine takes the lowest free one and is taken back, with notice, when there are no
/// longer so many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpotSeries {
    /// Most that could be had while it was recorded.
    pub most: u32,
    /// How long it lasts, seconds.
    pub lasts: f64,
    /// Notice before a machine is taken back, seconds.
    pub notice: f64,
    /// From when on how many could be had: seconds, ascending, the first at 0.
    pub changes: Vec<(f64, u32)>,
}

// === impl SpotSeries ===

impl SpotSeries {
    /// Machines of an offer of at most `max` that can be held at `at`, rounded up where a share of one is left.
    pub(crate) fn held_most(&self, max: u32, at: f64) -> u32 {
        let into = at.rem_euclid(self.lasts);
        let after = self.changes.partition_point(|(from, _)| *from <= into);
        let available = after.checked_sub(1).map_or(0, |last| self.changes[last].1);
        self.share(max, available)
    }

    /// When the machine in the place `place` of an offer of at most `max` is taken back that holds it at `now`; infinite
    /// if never.
    pub(crate) fn taken_at(&self, max: u32, place: u32, now: f64) -> f64 {
        let round = (now / self.lasts).floor() * self.lasts;
        let twice = [round, round + self.lasts].into_iter().flat_map(|begins| {
            let changes = self.changes.iter();
            changes.map(move |(at, available)| (begins + at, *available))
        });
        twice
            .filter(|(at, _)| *at > now)
            .find(|(_, available)| self.share(max, *available) <= place)
            .map_or(f64::INFINITY, |(at, _)| at)
    }

    /// When what can be held changes, up to `until`.
    pub(crate) fn times(&self, until: f64) -> impl Iterator<Item = f64> {
        let rounds = (0_u32..).map(move |round| f64::from(round) * self.lasts);
        let rounds = rounds.take_while(move |begins| *begins < until);
        rounds.flat_map(move |begins| self.changes.iter().map(move |(at, _)| begins + at))
    }

    fn share(&self, max: u32, available: u32) -> u32 {
        let share = u64::from(max) * u64::from(available.min(self.most));
        u32::try_from(share.div_ceil(u64::from(self.most.max(1)))).unwrap_or(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_back_from_the_last_and_the_series_repeats() {
        let series = SpotSeries {
            most: 4,
            lasts: 1_000.0,
            notice: 120.0,
            changes: vec![(0.0, 4), (300.0, 1), (500.0, 3)],
        };
        for (at, most) in [
            (0.0, 20),
            (299.0, 20),
            (300.0, 5),
            (600.0, 15),
            (1_001.0, 20),
        ] {
            assert_eq!(series.held_most(20, at), most, "{at}");
        }
        assert!((series.taken_at(20, 5, 10.0) - 300.0).abs() < 1e-9);
        assert!(series.taken_at(20, 4, 10.0).is_infinite());
        assert!((series.taken_at(20, 17, 1_200.0) - 1_300.0).abs() < 1e-9);
        assert!((series.taken_at(20, 12, 600.0) - 1_300.0).abs() < 1e-9);
        assert_eq!(series.times(1_400.0).count(), 6);
    }
}
