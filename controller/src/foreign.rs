//! Workers that send no heartbeats: any consumer group's members, and what they do, seen by their commits. Pure.
//!
//! A team's own consumers need nothing of ours. Who they are is the group's description; how fast they are is how far
//! they commit while jobs wait for them. What they cannot tell (that they start, drain, or are interrupted) is unknown.
//! Who asks for the description is `roll.rs`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use spillway_core::{
    BacklogReading, Committed, IntentId, Offsets, PartitionId, SeenWorker, WorkerPhase,
};
use spillway_kafka::Member;

/// A member whose partitions no heartbeat names for so long sends none: heartbeats come every 2 s, and a rebalance may
/// give a partition to somebody who has not said so yet.
const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What is known of members that send no heartbeats.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    members: BTreeMap<String, Counted>,
    /// Where each partition was at the last look.
    last: Option<(Timestamp, BTreeMap<PartitionId, Offsets>)>,
}

/// What a member was seen to do.
#[derive(Debug)]
struct Counted {
    since: Timestamp,
    done: u64,
    busy_done: u64,
    busy_ms: u64,
}

/// A machine that was bought, by its names.
pub(crate) struct Bought<'a> {
    pub(crate) pool: &'a str,
    pub(crate) intent: &'a IntentId,
    pub(crate) instance: &'a str,
}

// === impl Foreign ===

impl Foreign {
    /// Whether any were there at the last look.
    pub(crate) fn has_any(&self) -> bool {
        !self.members.is_empty()
    }

    /// Takes in a look, and gives the workers that are seen by it alone.
    ///
    /// `claimed`: partitions that workers with heartbeats say they read. `base`: the pool of whoever runs on none of
    /// the machines that were `bought`; a machine's worker calls itself by the machine's name (`client.id`).
    pub(crate) fn look(
        &mut self,
        reading: &BacklogReading,
        members: &[Member],
        claimed: &BTreeSet<PartitionId>,
        (base, bought): (&str, &[Bought<'_>]),
    ) -> Vec<SeenWorker> {
        let now = reading.taken_at;
        let read = reading.partitions.iter();
        let offsets: BTreeMap<PartitionId, Offsets> = read
            .filter_map(|it| Some((it.id.clone(), it.offsets.clone().ok()?)))
            .collect();
        let is_foreign = |member: &&Member| {
            let mut partitions = member.partitions.iter();
            !member.partitions.is_empty() && !partitions.any(|it| claimed.contains(it))
        };
        let foreign: Vec<&Member> = members.iter().filter(is_foreign).collect();
        let mut known = std::mem::take(&mut self.members);
        for member in &foreign {
            let mut counted = known.remove(&member.id).unwrap_or(Counted {
                since: now,
                done: 0,
                busy_done: 0,
                busy_ms: 0,
            });
            if let Some((before, last)) = &self.last {
                counted.add(
                    &member.partitions,
                    last,
                    &offsets,
                    now.duration_since(*before),
                );
            }
            self.members.insert(member.id.clone(), counted);
        }
        self.last = Some((now, offsets));
        let seen = foreign.into_iter().filter_map(|member| {
            let counted = &self.members[&member.id];
            let of = bought.iter().find(|it| member.client.contains(it.instance));
            (now.duration_since(counted.since) >= SILENT_AFTER).then(|| SeenWorker {
                id: member.id.clone(),
                pool: of.map_or(base, |it| it.pool).to_owned(),
                intent: of.map(|it| it.intent.clone()),
                boot_id: member.id.clone(),
                phase: WorkerPhase::Ready,
                last_seen: now,
                images_done: counted.done,
                saturated_images: counted.busy_done,
                saturated_ms: counted.busy_ms,
                in_flight: 0,
                partitions: u32::try_from(member.partitions.len()).unwrap_or(u32::MAX),
                interruption_at: None,
            })
        });
        seen.collect()
    }
}

// === impl Counted ===

impl Counted {
    /// Adds what was committed between two looks; as busy where jobs waited for it at both.
    fn add(
        &mut self,
        partitions: &[PartitionId],
        before: &BTreeMap<PartitionId, Offsets>,
        now: &BTreeMap<PartitionId, Offsets>,
        elapsed: SignedDuration,
    ) {
        let at = |offsets: &Offsets| match offsets.committed {
            Committed::At(at) => at,
            Committed::Never => offsets.log_start,
        };
        let (mut done, mut left_before, mut left_now) = (0, 0, 0);
        for partition in partitions {
            let (Some(before), Some(now)) = (before.get(partition), now.get(partition)) else {
                // One that could not be read may have been worked on: nothing is known of this time.
                return;
            };
            done += at(now).saturating_sub(at(before));
            left_before += before.lag();
            left_now += now.lag();
        }
        self.done += done;
        if left_before > 0 && left_now > 0 {
            self.busy_done += done;
            self.busy_ms += u64::try_from(elapsed.as_millis()).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use spillway_core::PartitionReading;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Each partition's committed offset and end; none where it could not be read.
    fn reading(at: i64, partitions: &[Option<(u64, u64)>]) -> BacklogReading {
        let read = (0..)
            .zip(partitions)
            .map(|(partition, offsets)| PartitionReading {
                id: PartitionId::new("jobs", partition),
                offsets: offsets
                    .map(|(at, end)| Offsets {
                        log_start: 0,
                        end,
                        committed: Committed::At(at),
                    })
                    .ok_or_else(|| "no leader".to_owned()),
            });
        BacklogReading {
            taken_at: second(at),
            partitions: read.collect(),
            missing: Vec::new(),
        }
    }

    fn member(id: &str, partitions: &[i32]) -> Member {
        let partitions = partitions.iter().map(|it| PartitionId::new("jobs", *it));
        Member {
            id: id.into(),
            client: format!("python-{id}"),
            host: "/10.0.0.1".into(),
            partitions: partitions.collect(),
        }
    }

    fn look(
        foreign: &mut Foreign,
        reading: &BacklogReading,
        members: &[Member],
    ) -> Vec<SeenWorker> {
        foreign.look(reading, members, &BTreeSet::new(), ("base", &[]))
    }

    #[test]
    fn how_fast_a_consumer_is_shows_in_its_commits_while_jobs_wait() {
        let mut foreign = Foreign::default();
        let members = [member("a", &[0]), member("b", &[1])];
        let mut seen = Vec::new();
        for at in 0_u64..=20 {
            // `a` does 10 a second and has enough, `b` is done after 30.
            let partitions = [Some((10 * at, 1_000)), Some(((15 * at).min(30), 30))];
            seen = look(
                &mut foreign,
                &reading(i64::try_from(at).unwrap(), &partitions),
                &members,
            );
        }
        let [a, b] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!((a.saturated_images, a.saturated_ms), (200, 20_000));
        assert_eq!(
            (b.images_done, b.saturated_images, b.saturated_ms),
            (30, 15, 1_000)
        );
    }

    #[test]
    fn one_that_sends_heartbeats_is_left_to_them() {
        let mut foreign = Foreign::default();
        let claimed = BTreeSet::from([PartitionId::new("jobs", 0)]);
        let members = [
            member("ours", &[0]),
            member("theirs", &[1]),
            member("idle", &[]),
        ];
        let mut seen = Vec::new();
        for at in [0, 9, 10] {
            let reading = reading(at, &[Some((0, 9)), Some((0, 9))]);
            seen = foreign.look(&reading, &members, &claimed, ("base", &[]));
            assert!(
                at >= 10 || seen.is_empty(),
                "not yet: its heartbeat may come"
            );
        }
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].id.as_str(), seen[0].pool.as_str()),
            ("theirs", "base")
        );
    }

    #[test]
    fn a_bought_machine_is_known_by_its_name() {
        let mut foreign = Foreign::default();
        let intent = IntentId::new("oci", 4);
        let bought = Bought {
            pool: "oci",
            intent: &intent,
            instance: "vm-17",
        };
        let mut theirs = member("m", &[0]);
        theirs.client = "loop@vm-17".into();
        let mut seen = Vec::new();
        for at in [0, 10] {
            let members = [theirs.clone()];
            let bought = std::slice::from_ref(&bought);
            seen = foreign.look(
                &reading(at, &[Some((0, 9))]),
                &members,
                &BTreeSet::new(),
                ("base", bought),
            );
        }
        assert_eq!(
            (seen[0].pool.as_str(), &seen[0].intent),
            ("oci", &Some(intent))
        );
    }

    #[test]
    fn a_look_that_failed_counts_for_nothing() {
        let mut foreign = Foreign::default();
        let members = [member("a", &[0])];
        for (at, offsets) in [(0, Some((0, 900))), (10, None), (20, Some((400, 900)))] {
            look(&mut foreign, &reading(at, &[offsets]), &members);
        }
        let seen = look(&mut foreign, &reading(21, &[Some((410, 900))]), &members);
        assert_eq!((seen[0].images_done, seen[0].saturated_ms), (10, 1_000));
    }
}
