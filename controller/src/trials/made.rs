//! The outside of a controller, made: the clouds, their machines' workers, Kafka, and a clock for all of them.
//!
//! The clouds are the emulators', asked without a socket. A worker is what its heartbeats tell and its partitions lack.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spillway_cloud::{Carrier, Clock};
use spillway_emulators::state::{Machine, Why};
use spillway_emulators::{Asked, CloudKind, Phase, World};
use spillway_kafka::SeenHeartbeat;
use spillway_wire::{Control, Counters, Heartbeat, InstanceRef, Phase as Doing};
use tokio::time::Instant;

use super::line::Line;

/// The clouds that this program can ask.
#[cfg(feature = "ec2")]
pub(super) const CLOUDS: [CloudKind; 4] = CloudKind::ALL;
/// The clouds that this program can ask: without AWS's SDK.
#[cfg(not(feature = "ec2"))]
pub(super) const CLOUDS: [CloudKind; 3] = [CloudKind::Oci, CloudKind::Gce, CloudKind::Azure];
/// Topic of the jobs.
pub(super) const JOBS: &str = "jobs";
const PARTITIONS: u64 = 12;
/// From a machine that runs to a worker that works.
const WARM: SignedDuration = SignedDuration::from_secs(1);
const BEAT_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// From the order to drain until everything is committed.
const DRAINS: SignedDuration = SignedDuration::from_secs(2);

/// A clock that stands still while nobody waits, and goes on over lives.
pub(super) struct Time(Mutex<(Timestamp, Option<Instant>)>);

/// A machine that is not gone, as far as anybody looks at it: looked at twice a second of each trial's time.
pub(super) struct Alive {
    kind: CloudKind,
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) name: String,
    worker: String,
    /// Its tags; empty where it has none.
    pub(super) intent: String,
    pub(super) pool: String,
    launched_at: Timestamp,
    runs_at: Option<Timestamp>,
    is_running: bool,
    pub(super) is_ending: bool,
    /// When it is taken back.
    takes_at: Option<Timestamp>,
}

/// Everything outside.
pub(super) struct Made {
    pub(super) world: Arc<World>,
    pub(super) time: Arc<Time>,
    state: Mutex<State>,
}

/// What Kafka and the workers know.
pub(super) struct State {
    /// Of the jobs' topic: no more workers than these have anything to do.
    pub(super) partitions: u64,
    /// Jobs, as they arrive.
    pub(super) arrivals: Vec<(Timestamp, u64)>,
    /// Thousandths of jobs that are done.
    pub(super) done: u64,
    until: Timestamp,
    pub(super) base_rate: u64,
    /// Images a second of a worker, by pool.
    pub(super) rates: BTreeMap<String, u64>,
    pub(super) control: BTreeMap<String, Told>,
    pub(super) heartbeats: BTreeMap<String, SeenHeartbeat>,
    done_by: BTreeMap<String, u64>,
    /// Kafka does not answer from, to.
    pub(super) away: Vec<(Timestamp, Timestamp)>,
    /// Requests that were under way when their sender died, and when they arrive.
    pub(super) late: Vec<(Timestamp, CloudKind, Asked)>,
    /// How long after their sender's death requests arrive; without it they never do.
    pub(super) late_after: Option<SignedDuration>,
    /// Calls so far, by whether they only looked.
    pub(super) calls: Vec<(Timestamp, CloudKind, bool)>,
}

/// What a worker is told.
pub(super) struct Told {
    pub(super) control: Control,
    pub(super) renewed_at: Timestamp,
    /// Since when it is told to drain.
    pub(super) drains_since: Option<Timestamp>,
}

// === impl Time ===

impl Time {
    pub(super) fn new(at: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new((at, None))))
    }

    pub(super) fn now(&self) -> Timestamp {
        let (from, since) = *self.lock();
        let gone = since.map_or(Duration::ZERO, |since| since.elapsed());
        from + SignedDuration::try_from(gone).unwrap_or(SignedDuration::MAX)
    }

    /// From here on it follows the runtime that this is called in.
    pub(super) fn go(&self) {
        self.lock().1 = Some(Instant::now());
    }

    /// The runtime is about to end: it stands still, `pause` later.
    pub(super) fn stop(&self, pause: SignedDuration) {
        let now = self.now();
        *self.lock() = (now + pause, None);
    }

    fn lock(&self) -> MutexGuard<'_, (Timestamp, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Made ===

impl Made {
    pub(super) fn new(at: Timestamp) -> Arc<Self> {
        let time = Time::new(at);
        let tell = Arc::clone(&time);
        Arc::new(Self {
            world: World::new(Arc::new(move || tell.now())),
            time,
            state: Mutex::new(State {
                partitions: PARTITIONS,
                arrivals: Vec::new(),
                done: 0,
                until: at,
                base_rate: 0,
                rates: BTreeMap::new(),
                control: BTreeMap::new(),
                heartbeats: BTreeMap::new(),
                done_by: BTreeMap::new(),
                away: Vec::new(),
                late: Vec::new(),
                late_after: None,
                calls: Vec::new(),
            }),
        })
    }

    pub(super) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.time);
        Clock::told_by(Arc::new(move || time.now()))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn carrier(self: &Arc<Self>, kind: CloudKind) -> Arc<dyn Carrier> {
        Arc::new(Line {
            made: Arc::clone(self),
            kind,
        })
    }

    /// Every machine of a cloud that is not gone.
    pub(super) fn alive(&self, kind: CloudKind) -> Vec<Alive> {
        self.world.with(kind, |cloud, now| {
            let machines = cloud.machines.values();
            machines
                .filter(|machine| {
                    !matches!(machine.phase(now), Phase::Gone | Phase::Failed)
                        && machine.fails.is_none()
                })
                .map(|machine| Alive::of(kind, machine, now))
                .collect()
        })
    }

    /// Keeps a request whose sender died, to arrive late, where such things happen.
    pub(super) fn hold(&self, kind: CloudKind, asked: Asked) {
        let now = self.time.now();
        let mut state = self.state();
        if let Some(after) = state.late_after {
            state.late.push((now + after, kind, asked));
        }
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> u64 {
        let now = self.time.now();
        let state = self.state();
        state.arrived(now).saturating_sub(state.done / 1_000)
    }

    /// Brings about what was due: work, heartbeats, late requests, machines whose lease is over.
    pub(super) fn settle(&self, lease: SignedDuration) {
        let now = self.time.now();
        let late: Vec<_> = {
            let mut state = self.state();
            let (due, later) = std::mem::take(&mut state.late)
                .into_iter()
                .partition(|(at, ..)| *at <= now);
            state.late = later;
            due
        };
        for (_, kind, asked) in late {
            self.world.ask(kind, &asked);
        }
        let machines: Vec<Alive> = CLOUDS.iter().flat_map(|kind| self.alive(*kind)).collect();
        let lapsed = self.state().work(now, lease, &machines);
        for (kind, number) in lapsed {
            self.world
                .with(kind, |cloud, now| cloud.end(now, number, Why::Itself, None));
        }
    }
}

// === impl Alive ===

impl Alive {
    fn of(kind: CloudKind, machine: &Machine, now: Timestamp) -> Self {
        let tag = |name: &str| machine.tags.get(name).cloned().unwrap_or_default();
        Self {
            kind,
            number: machine.number,
            id: machine.id.clone(),
            name: machine.name.clone(),
            worker: id_of(kind, machine),
            intent: tag("spillway-intent"),
            pool: tag("spillway-pool"),
            launched_at: machine.launched_at,
            runs_at: machine.runs_at,
            is_running: machine.phase(now) == Phase::Running,
            is_ending: machine.ending.is_some(),
            takes_at: machine.notice.as_ref().map(|notice| notice.takes_at),
        }
    }
}

// === impl State ===

impl State {
    pub(super) fn arrived(&self, now: Timestamp) -> u64 {
        let arrivals = self.arrivals.iter().filter(|(at, _)| *at <= now);
        arrivals.map(|(_, jobs)| jobs).sum()
    }

    pub(super) fn is_away(&self, now: Timestamp) -> bool {
        self.away
            .iter()
            .any(|(from, to)| (*from..*to).contains(&now))
    }

    /// Works up to `now`, and says whose lease is over.
    fn work(
        &mut self,
        now: Timestamp,
        lease: SignedDuration,
        machines: &[Alive],
    ) -> Vec<(CloudKind, u64)> {
        let span = u64::try_from(now.duration_since(self.until).as_millis()).unwrap_or(0);
        self.until = now;
        let is_away = self.is_away(now);
        let waits = self.arrived(now) * 1_000;
        let mut lapsed = Vec::new();
        let mut workers = vec![(None, "base".to_owned(), Doing::Ready, self.base_rate)];
        for machine in machines {
            let Some(ready_at) = machine.runs_at.map(|at| at + WARM) else {
                continue;
            };
            let worker = machine.worker.clone();
            let told = self.control.get(&worker);
            let renewed = told.map_or(machine.launched_at, |told| told.renewed_at);
            if now.duration_since(renewed) > lease && !machine.is_ending {
                lapsed.push((machine.kind, machine.number));
            }
            if !machine.is_running {
                continue;
            }
            let doing = match told.and_then(|told| told.drains_since) {
                Some(since) if now >= since + DRAINS => Doing::Stopped,
                Some(_) => Doing::Draining,
                None if now >= ready_at => Doing::Ready,
                None => Doing::Starting,
            };
            let rate = self.rates.get(&machine.pool).copied();
            workers.push((Some(machine), worker, doing, rate.unwrap_or(0)));
        }
        for (machine, worker, doing, rate) in workers {
            let can = if doing == Doing::Ready && !is_away {
                (span * rate).min(waits.saturating_sub(self.done))
            } else {
                0
            };
            self.done += can;
            *self.done_by.entry(worker.clone()).or_default() += can;
            if !is_away {
                self.beat(now, machine, worker, doing);
            }
        }
        lapsed
    }

    fn beat(&mut self, now: Timestamp, machine: Option<&Alive>, worker: String, doing: Doing) {
        let last = self.heartbeats.get(&worker);
        let is_news = last.is_none_or(|last| last.heartbeat.phase != doing);
        if !is_news && last.is_some_and(|last| now.duration_since(last.record_at) < BEAT_EVERY) {
            return;
        }
        let done = self.done_by.get(&worker).copied().unwrap_or(0) / 1_000;
        let heartbeat = Heartbeat {
            schema: spillway_wire::SCHEMA,
            worker: worker.clone(),
            instance: machine
                .filter(|it| !it.intent.is_empty())
                .map(|machine| InstanceRef {
                    intent: machine.intent.clone(),
                    id: worker.clone(),
                }),
            pool: machine.map_or_else(|| "base".to_owned(), |it| it.pool.clone()),
            boot_id: "1".to_owned(),
            phase: doing,
            started_at_ms: 0,
            at_ms: now.as_millisecond(),
            partitions: Vec::new(),
            in_flight: 0,
            counters: Counters {
                images_done: done,
                ..Counters::default()
            },
            latency_ms: Default::default(),
            model_set: String::new(),
            gpu: None,
            interruption_at_ms: machine
                .and_then(|machine| machine.takes_at)
                .map(Timestamp::as_millisecond),
            group: None,
            assigned_in: None,
            control_token: 0,
            control_epoch: 0,
            version: String::new(),
        };
        let seen = SeenHeartbeat {
            heartbeat,
            received_at: now,
            record_at: now,
        };
        self.heartbeats.insert(worker, seen);
    }
}

/// A worker's name: its machine's, as its provider lists it.
fn id_of(kind: CloudKind, machine: &Machine) -> String {
    match kind {
        CloudKind::Aws | CloudKind::Oci => machine.id.clone(),
        CloudKind::Gce => format!("{}/{}", machine.offer.zone, machine.name),
        CloudKind::Azure => machine.name.clone(),
    }
}
