//! Stories of a base in Kubernetes: filled first, in one step, and back at its floor; what is silent does not count.

use super::*;
use crate::snapshot::{SeenBase, SeenPod};

/// A workload and its pods.
pub(super) struct MadeBase {
    pub(super) replicas: u32,
    pods: Vec<MadePod>,
    made: u64,
    boot_seconds: i64,
    /// New pods never say anything.
    pub(super) is_mute: bool,
    /// No node has room for another pod.
    pub(super) is_crowded: bool,
    pub(super) is_unreadable: bool,
    pub(super) refuses: bool,
    /// Every scale it was set to.
    pub(super) set: Vec<u32>,
}

struct MadePod {
    name: String,
    created_at: Timestamp,
    speaks_at: Option<Timestamp>,
    done: u64,
}

impl MadeBase {
    fn new(replicas: u32, now: Timestamp) -> Self {
        let mut base = Self {
            replicas,
            pods: Vec::new(),
            made: 0,
            boot_seconds: 6,
            is_mute: false,
            is_crowded: false,
            is_unreadable: false,
            refuses: false,
            set: Vec::new(),
        };
        base.settle(now - SignedDuration::from_secs(60));
        base
    }

    /// Pods come and go as Kubernetes makes them.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let replicas = usize::try_from(self.replicas).unwrap();
        self.pods.truncate(replicas);
        while self.pods.len() < replicas && !self.is_crowded {
            self.made += 1;
            let boot = SignedDuration::from_secs(self.boot_seconds);
            self.pods.push(MadePod {
                name: format!("worker-{}", self.made),
                created_at: now,
                speaks_at: (!self.is_mute).then_some(now + boot),
                done: 0,
            });
        }
    }

    pub(super) fn work(&mut self, now: Timestamp, waiting: u64, each: u64) -> u64 {
        let mut left = waiting;
        for pod in self
            .pods
            .iter_mut()
            .filter(|pod| pod.speaks_at.is_some_and(|at| at <= now))
        {
            let done = left.min(each);
            left -= done;
            pod.done += done;
        }
        waiting - left
    }

    pub(super) fn workers(&self, now: Timestamp) -> Vec<SeenWorker> {
        let speaking = self
            .pods
            .iter()
            .filter(|pod| pod.speaks_at.is_some_and(|at| at <= now));
        speaking
            .map(|pod| SeenWorker {
                id: pod.name.clone(),
                pool: BASE_POOL.into(),
                intent: None,
                boot_id: "1".into(),
                phase: WorkerPhase::Ready,
                last_seen: now,
                images_done: pod.done,
                saturated_images: 0,
                saturated_ms: 0,
                in_flight: 0,
                partitions: 1,
                interruption_at: None,
            })
            .collect()
    }

    pub(super) fn seen(&self) -> Result<SeenBase, String> {
        if self.is_unreadable {
            return Err("no answer within 5 s".to_owned());
        }
        let pods = self.pods.iter().map(|pod| SeenPod {
            name: pod.name.clone(),
            created_at: pod.created_at,
            is_ready: true,
            is_leaving: false,
        });
        Ok(SeenBase {
            replicas: self.replicas,
            pods: pods.collect(),
        })
    }

    pub(super) fn scale(&mut self, replicas: u32) -> Outcome {
        if self.refuses {
            return Outcome::Failed {
                why: "forbidden".to_owned(),
            };
        }
        self.set.push(replicas);
        self.replicas = replicas;
        Outcome::Done
    }
}

/// Two to `max` base workers of 8 jobs/s.
fn policy_to(max: u32) -> Policy {
    policy_with(|spec| {
        let base = spec.base.as_mut().unwrap();
        base.process = None;
        base.kubernetes = Some(raw::BaseKubernetes {
            deployment: Some("worker".into()),
            replicas: Some(raw::Replicas {
                min: Some(2),
                max: Some(max),
            }),
            ..raw::BaseKubernetes::default()
        });
    })
}

fn world_to(max: u32) -> World {
    World::begin_with(policy_to(max), |world| {
        world.base = Some(MadeBase::new(2, world.now));
    })
}

fn base(world: &mut World) -> &mut MadeBase {
    world.base.as_mut().unwrap()
}

#[test]
fn a_base_that_is_enough_is_left_alone() {
    let mut world = world_to(8);
    world.arriving = 10;
    world.run(60);
    world.arrived += 300;
    world.run(120);
    assert_eq!(base(&mut world).set, [0u32; 0]);
    assert_eq!(world.launched_ever, 0);
}

#[test]
fn the_base_is_filled_in_one_step_before_anything_is_bought_and_goes_back() {
    let mut world = world_to(8);
    world.arriving = 10;
    world.run(30);
    world.arrived += 1_800; // 8 workers do it in time, 2 do not
    world.tick();
    assert_eq!(base(&mut world).set, [8]);
    assert!(world.says("BaseFilled"), "{:?}", world.last);
    let sentence = world.last.as_ref().unwrap().sentence();
    assert!(
        sentence.starts_with("Setting the base to 8: "),
        "{sentence}"
    );
    world.run_until(90, "all is done", |world| world.backlog() < 20);
    assert_eq!(world.launched_ever, 0, "the base was enough");
    world.run(120);
    assert_eq!(base(&mut world).set, [8, 2], "there and back, a step each");
    world.run(60);
    assert_eq!(base(&mut world).set, [8, 2], "and then rest");
}

#[test]
fn what_the_whole_base_cannot_do_is_bought_and_goes_before_the_base_does() {
    let mut world = world_to(8);
    world.run(15);
    world.arrived += 5_500;
    world.tick();
    assert_eq!(base(&mut world).set, [8]);
    assert!(world.burst() > 0, "{:?}", world.last);
    while world.backlog() > 0 || world.burst() > 0 {
        assert_eq!(base(&mut world).set, [8], "the base stays beside a burst");
        world.tick();
    }
    world.run(120);
    assert_eq!(base(&mut world).set, [8, 2]);
    assert_eq!(world.burst(), 0);
}

#[test]
fn no_worker_is_started_that_cannot_get_a_partition() {
    let mut world = world_to(100);
    world.arrived += 20_000;
    world.tick();
    assert_eq!(base(&mut world).set, [24], "as many as partitions, exactly");
    assert_eq!(world.launched_ever, 0);
    assert!(world.says("PartitionCap"), "{:?}", world.last);
}

#[test]
fn pods_that_say_nothing_are_no_capacity() {
    let mut world = world_to(8);
    base(&mut world).is_mute = true;
    world.arrived += 1_800;
    world.tick();
    assert_eq!(world.launched_ever, 0, "they are waited for");
    world.arriving = 30;
    world.run_until(240, "machines are bought instead", |world| {
        world.burst() > 0
    });
    world.run_until(240, "it is said", |world| world.says("BaseSilent"));
}

#[test]
fn a_base_that_cannot_grow_is_bought_for() {
    let mut crowded = world_to(8);
    base(&mut crowded).is_crowded = true;
    crowded.arrived += 1_800;
    crowded.arriving = 30;
    crowded.run_until(240, "no room", |world| world.burst() > 0);

    let mut refused = world_to(8);
    base(&mut refused).refuses = true;
    refused.arrived += 1_800;
    refused.run(3);
    assert!(refused.burst() > 0, "{:?}", refused.last);
    assert!(refused.says("BaseRefused"), "{:?}", refused.last);

    let mut unread = world_to(8);
    base(&mut unread).is_unreadable = true;
    unread.arrived += 1_800;
    unread.tick();
    assert!(unread.burst() > 0, "{:?}", unread.last);
    assert!(unread.says("BaseUnknown"), "{:?}", unread.last);
    assert_eq!(base(&mut unread).set, [0u32; 0]);
}

#[test]
fn a_partial_reading_never_lowers_the_base() {
    let mut world = world_to(8);
    world.arrived += 1_800;
    world.tick();
    world.run_until(90, "all is done", |world| world.backlog() == 0);
    world.unknown_partitions = true;
    world.run(120);
    assert_eq!(base(&mut world).set, [8]);
    world.unknown_partitions = false;
    world.run(90);
    assert_eq!(base(&mut world).set, [8, 2]);
}

#[test]
fn a_scale_that_somebody_else_set_is_brought_back() {
    let mut world = world_to(8);
    base(&mut world).replicas = 1;
    world.run(2);
    assert_eq!(base(&mut world).set, [2]);
    base(&mut world).replicas = 12;
    world.run(2);
    assert_eq!(base(&mut world).set, [2, 8]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever arrives: every plan passes the checker (asserted in `tick`), nothing is bought while the base may grow,
    /// and when it is over the base is at its floor and rests there.
    #[test]
    fn any_load_fills_the_base_first_and_ends_at_its_floor(
        bursts in proptest::collection::vec((0u64..2_500, 1u64..25), 1..10),
        doing in 3u64..20,
        max in 3u32..30,
    ) {
        let mut world = world_to(max);
        world.doing = doing;
        for (jobs, seconds) in bursts {
            world.arrived += jobs;
            for _ in 0..seconds {
                let before = world.launched_ever;
                world.tick();
                let room = max.min(24);
                let is_full = world.base.as_ref().unwrap().replicas >= room;
                prop_assert!(world.launched_ever == before || is_full, "{:?}", world.last);
            }
        }
        let limit = world.backlog() / (2 * doing) + 900;
        world.run_until(limit, "peace", |world| {
            world.backlog() == 0 && world.burst() == 0 && world.base.as_ref().unwrap().replicas == 2
        });
        let steps = base(&mut world).set.len();
        world.run(60);
        prop_assert_eq!(base(&mut world).set.len(), steps);
    }
}

#[test]
fn who_says_nothing_goes_first_then_who_has_least() {
    let mut world = world_to(8);
    world.arrived += 1_800;
    world.tick();
    world.run_until(90, "all is done", |world| world.backlog() == 0);
    let now = world.now;
    let mut snapshot = world.snapshot();
    let workers = snapshot.workers.as_mut().unwrap();
    workers[0].in_flight = 0;
    workers[1].in_flight = 9;
    workers.truncate(6);
    let seen = snapshot.base.clone().unwrap().unwrap();
    for worker in &mut workers[2..6] {
        worker.in_flight = 5;
    }
    let victims = world.planner.victims(&snapshot, &seen, 4, now);
    assert_eq!(victims, ["worker-7", "worker-8", "worker-1", "worker-3"]);
}
