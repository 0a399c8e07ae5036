//! Who is silent, and who only was not listened to. Pure: time comes in.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use spillway_core::assign::handover::SILENT_AFTER;

/// Between two looks; beyond it this process slept, and what came meanwhile has yet to be read.
const LOOKS_APART_MAX: SignedDuration = SignedDuration::from_secs(5);

/// Since when the workers are listened to without a gap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hearing {
    since: Option<Timestamp>,
    looked: Option<Timestamp>,
}

// === impl Hearing ===

impl Hearing {
    /// How long each worker has been silent; none while that cannot be told.
    ///
    /// `heard`: when this process read each one's last heartbeat; none if heartbeats cannot be read.
    /// Silence counts from when listening began: after an outage everybody would be silent otherwise. Until all have
    /// been heard, or had the time to be, nothing is told: one that died long ago would count as alive.
    pub(crate) fn silences<'a>(
        &mut self,
        now: Timestamp,
        heard: Option<BTreeMap<&'a str, Timestamp>>,
    ) -> Option<BTreeMap<&'a str, SignedDuration>> {
        let slept = self
            .looked
            .is_some_and(|looked| now.duration_since(looked) > LOOKS_APART_MAX);
        if slept || heard.is_none() {
            self.since = None;
        }
        self.looked = Some(now);
        let heard = heard?;
        let since = *self.since.get_or_insert(now);
        let all_heard = heard.values().all(|at| *at >= since);
        let had_time = now.duration_since(since) >= SILENT_AFTER;
        let silence = |at: Timestamp| now.duration_since(at.max(since));
        (all_heard || had_time).then(|| {
            let heard = heard.into_iter();
            heard.map(|(worker, at)| (worker, silence(at))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Seconds of silence at `now` of workers heard at some seconds.
    fn look(hearing: &mut Hearing, now: i64, heard: &[(&'static str, i64)]) -> Option<Vec<i64>> {
        let heard = heard.iter().map(|(worker, second)| (*worker, at(*second)));
        let silences = hearing.silences(at(now), Some(heard.collect()))?;
        Some(silences.values().map(SignedDuration::as_secs).collect())
    }

    #[test]
    fn a_new_leader_waits_until_all_are_heard_or_10_s() {
        let mut hearing = Hearing::default();
        let ghost = ("ghost", -900);
        assert_eq!(look(&mut hearing, 0, &[("a", -1), ghost]), None);
        assert_eq!(look(&mut hearing, 2, &[("a", 1), ghost]), None);
        for now in [4, 6, 8] {
            assert_eq!(look(&mut hearing, now, &[("a", now), ghost]), None);
        }
        let silences = look(&mut hearing, 10, &[("a", 9), ghost]);
        assert_eq!(silences, Some(vec![1, 10]), "now the ghost is silent");

        let mut hearing = Hearing::default();
        assert_eq!(look(&mut hearing, 0, &[("a", -1), ("b", -1)]), None);
        let silences = look(&mut hearing, 2, &[("a", 1), ("b", 2)]);
        assert_eq!(silences, Some(vec![1, 0]));
    }

    #[test]
    fn after_an_outage_or_a_sleep_silence_counts_anew() {
        let mut hearing = Hearing::default();
        assert_eq!(
            look(&mut hearing, 0, &[("a", 0), ("b", 0)]),
            Some(vec![0, 0])
        );
        assert_eq!(hearing.silences(at(3), None), None);
        assert_eq!(look(&mut hearing, 7, &[("a", 7), ("b", 0)]), None, "outage");
        assert_eq!(
            look(&mut hearing, 9, &[("a", 9), ("b", 9)]),
            Some(vec![0, 0])
        );
        assert_eq!(look(&mut hearing, 60, &[("a", 9), ("b", 9)]), None, "slept");
        assert_eq!(look(&mut hearing, 61, &[("a", 61), ("b", 9)]), None);
    }
}
