//! A board that shows a policy in which everything that can be is there, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spillway_cloud::{LaunchRequest, WorkerSpec};
use spillway_core::{
    BacklogReading, Committed, IntentId, Machine, Offsets, PartitionId, PartitionReading, Planner,
    Policy, Progress, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
};
use spillway_wire::{Counters, Heartbeat, InstanceRef, LatencyQuantiles, Partition, Phase, SCHEMA};

use super::{Board, Chronicle, Lead, LoopView, Scene};
use crate::history::{History, Keep};
use crate::intents::{Intent, IntentStore, State};
use crate::orders::{By, Order, OrderBook};
use crate::policy_file;

pub(crate) const MANIFEST: &str = "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: recognition}
spec:
  source:
    kafka:
      bootstrapServers: [\"kafka:9092\"]
      consumerGroup: workers
      topics: [{name: spillway.jobs}]
  objective: {drainWithin: 15m}
  base:
    static: {workers: 1}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 20
  burst:
    maxWorkers: 4
    pools:
      - name: near
        provider: {process: {}}
        pricePerHour: 2.00
        bootTime: 8s
        throughputPerWorker: 30
        max: 4
  budget: {perHour: 10, perDay: 100}
";

/// A board, what it stands on, and the folder that both live in.
pub(crate) struct Made {
    pub(crate) board: Arc<Board>,
    pub(crate) policy: Policy,
    pub(crate) intents: Arc<IntentStore>,
    pub(crate) orders: Arc<OrderBook>,
    pub(crate) folder: tempfile::TempDir,
    planner: Planner,
    chronicle: Chronicle,
    arrived: u64,
}

/// A board on which one tick was shown, with a budget, a pause, an override and a machine.
pub(crate) fn board() -> Arc<Board> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut made = Made::new().await;
        made.order(Order::Pause { until: later() }).await;
        made.order(Order::Override {
            pool: "near".into(),
            shape: spillway_core::Shape::Floor,
            workers: 1,
            until: later(),
        })
        .await;
        made.tick();
        made.board
    })
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

// === impl Made ===

impl Made {
    pub(crate) async fn new() -> Self {
        Self::named("recognition").await
    }

    /// The same with a policy of another name.
    pub(crate) async fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = MANIFEST.replace("{name: recognition}", &format!("{{name: {name}}}"));
        let policy = policy_file::parse("made", &manifest).unwrap_or_else(|it| panic!("{it:?}"));
        let history = History::open(&folder.path().join("journal"), Keep::default()).unwrap();
        let board = Arc::new(Board::new(history));
        let intents = Arc::new(IntentStore::open(folder.path().join("intents")).unwrap());
        let at = Timestamp::now() - SignedDuration::from_mins(10);
        intents.write(intent("near-00001", at)).await.unwrap();
        let orders = OrderBook::of_file(folder.path().join("orders.json")).unwrap();
        let orders = Arc::new(orders);
        board.begin(Lead {
            policy: policy.clone(),
            manifest,
            revision: "0123456789ab".into(),
            orders: Arc::clone(&orders),
            intents: Arc::clone(&intents),
            token: 3,
            since: at,
            identity: None,
            namespace: None,
        });
        Self {
            board,
            planner: Planner::new(policy.clone()),
            policy,
            intents,
            orders,
            folder,
            chronicle: Chronicle::default(),
            arrived: 1_000,
        }
    }

    pub(crate) async fn order(&self, order: Order) {
        let by = By {
            user: "ada".into(),
            known_by: "token",
            from: "127.0.0.1".into(),
            reason: "a trial".into(),
        };
        let at = (self.board.history().next_id(), Timestamp::now());
        self.orders.give(&order, &by, at).await.unwrap();
    }

    /// A look, a plan, and both shown.
    pub(crate) fn tick(&mut self) {
        let now = Timestamp::now();
        self.arrived += 10;
        let snapshot = self.snapshot(now);
        self.planner.observe(snapshot.clone());
        let plan = self.planner.plan(now);
        let history = Arc::clone(self.board.history());
        let decision = self
            .chronicle
            .decision(&self.policy, "0123456789ab", (&plan, &[]), || {
                history.next_id()
            });
        self.board.show(&Scene {
            policy: &self.policy,
            snapshot: &snapshot,
            plan: &plan,
            decision,
            heartbeats: &[heartbeat(now, self.arrived)],
            intents: &self.intents,
            beliefs: self.planner.beliefs(),
            spent_today: self.planner.spent_today(now),
            refusals: BTreeMap::new(),
            orphans: Some(0),
            ticking: LoopView::default(),
        });
    }

    fn snapshot(&self, now: Timestamp) -> Snapshot {
        let partition = |number| PartitionReading {
            id: PartitionId::new("spillway.jobs", number),
            offsets: Ok(Offsets {
                log_start: 0,
                end: self.arrived,
                committed: Committed::At(900),
            }),
        };
        let intent = IntentId::from("near-00001".to_owned());
        Snapshot {
            taken_at: now,
            backlog: Ok(BacklogReading {
                taken_at: now,
                partitions: (0..4).map(partition).collect(),
                missing: Vec::new(),
            }),
            workers: Ok(vec![SeenWorker {
                id: "machine-1".into(),
                pool: "near".into(),
                intent: Some(intent.clone()),
                boot_id: "b".into(),
                phase: WorkerPhase::Ready,
                last_seen: now,
                images_done: self.arrived,
                saturated_images: 0,
                saturated_ms: 0,
                in_flight: 2,
                partitions: 4,
                interruption_at: None,
            }]),
            instances: vec![SeenInstance {
                intent,
                pool: "near".into(),
                progress: Progress::Launched {
                    at: now - SignedDuration::from_mins(10),
                },
                machine: Ok(Machine::Running),
            }],
            next_intent: 2,
            base: None,
            orders: self.orders.current(),
        }
    }
}

fn intent(id: &str, at: Timestamp) -> Intent {
    Intent {
        id: IntentId::from(id.to_owned()),
        number: 1,
        pool: "near".into(),
        request: LaunchRequest {
            intent: id.into(),
            owner: "spillway".into(),
            policy: "recognition".into(),
            pool: "near".into(),
            attempt: 1,
            worker: WorkerSpec {
                command: Vec::new(),
                environment: BTreeMap::new(),
            },
            lease: std::time::Duration::from_secs(900),
        },
        price_per_hour: spillway_core::Dollars("2.00".parse().unwrap()),
        billing_minimum: SignedDuration::from_secs(60),
        why: "a test".into(),
        state: State::Launched {
            instance: "machine-1".into(),
            at,
        },
    }
}

fn heartbeat(now: Timestamp, images: u64) -> Heartbeat {
    Heartbeat {
        schema: SCHEMA,
        worker: "machine-1".into(),
        instance: Some(InstanceRef {
            intent: "near-00001".into(),
            id: "machine-1".into(),
        }),
        pool: "near".into(),
        boot_id: "b".into(),
        phase: Phase::Ready,
        started_at_ms: now.as_millisecond() - 500_000,
        at_ms: now.as_millisecond(),
        partitions: (0..4)
            .map(|partition| Partition {
                topic: "spillway.jobs".into(),
                partition,
            })
            .collect(),
        in_flight: 2,
        counters: Counters {
            images_done: images,
            ..Counters::default()
        },
        latency_ms: LatencyQuantiles::default(),
        model_set: "m".into(),
        gpu: None,
        interruption_at_ms: None,
        group: None,
        assigned_in: None,
        control_token: 0,
        control_epoch: 0,
        version: "0".into(),
    }
}
