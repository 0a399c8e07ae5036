//! The controller: how long a decision takes in a large world, and the memory it needs in the demo.

mod report;

use std::{
    fs,
    hint::black_box,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use spillway_core::{
    Action, BASE_POOL, BacklogReading, Committed, IntentId, Machine, Offsets, Orders, PartitionId,
    PartitionReading, Planner, Policy, Progress, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
    check, raw,
};
use spillway_tests::{Process, require_program};

use report::Report;

/// One cloud group as it may well be.
const COMMON: Size = Size {
    partitions: 1_000,
    workers: 200,
    pools: 2,
};
/// As large as one policy is meant to get: four clouds of twenty offers.
const LARGE: Size = Size {
    partitions: 10_000,
    workers: 1_000,
    pools: 80,
};
/// One in so many workers is of the base.
const BASE_PART: u64 = 4;
/// Jobs per second of one worker.
const WORKER_RATE: u64 = 8;
/// Ticks before those that are measured: the planner remembers twice the objective, 180 s.
const TICKS_BEFORE: u64 = 240;
/// The workers keep up, then a burst arrives that they could not do in time.
const BURST: Scene = Scene {
    name: "planner_tick",
    size: COMMON,
    backlog: 0,
    rate_before: COMMON.workers * WORKER_RATE,
    rate: 10_000,
    ticks: 25,
    rounds: 25,
};
/// Much is late already, and more arrives than is done: bought up to the policy's limit in one tick.
const FLOODED: Scene = Scene {
    name: "planner_tick_flooded",
    size: COMMON,
    backlog: 150_000,
    rate_before: 2_500,
    rate: 2_500,
    ticks: 30,
    rounds: 7,
};
/// A burst that takes hundreds of machines more, from the largest of worlds.
const LARGE_BURST: Scene = Scene {
    name: "planner_tick_large",
    size: LARGE,
    backlog: 0,
    rate_before: LARGE.workers * WORKER_RATE,
    rate: 20_000,
    ticks: 10,
    rounds: 30,
};
/// Fewest ticks that a figure stands on.
const TICKS_MIN: usize = 200;
/// Event streams that are open at once.
const STREAMS: usize = 100;
const DEMO_MAX: Duration = Duration::from_secs(300);

/// How large a world is.
#[derive(Clone, Copy)]
struct Size {
    partitions: u64,
    workers: u64,
    /// Pools that can be bought from.
    pools: u64,
}

/// What the workers are up against.
struct Scene {
    /// Beginning of the names of its figures.
    name: &'static str,
    size: Size,
    /// Jobs that wait at first.
    backlog: u64,
    /// Jobs per second that arrive before what is measured.
    rate_before: u64,
    /// Jobs per second that arrive while it is measured.
    rate: u64,
    /// Ticks of a round; only those that buy are counted.
    ticks: u64,
    /// How often it is measured, each time from the same beginning.
    rounds: u64,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("controller")?;
    planner(&mut report, &BURST)?;
    planner(&mut report, &FLOODED)?;
    planner(&mut report, &LARGE_BURST)?;
    memory(&mut report)?;
    report.finish()
}

/// `observe + plan + check` on made snapshots.
fn planner(report: &mut Report, scene: &Scene) -> anyhow::Result<()> {
    let mut before = Planner::new(policy(scene.size)?);
    for second in 0..TICKS_BEFORE {
        before.observe(scene.snapshot(second)?);
    }
    let mut took_ms = Vec::new();
    let mut parts_ms = [0.0; 3];
    let mut launches = Vec::new();
    for _ in 0..scene.rounds {
        let mut planner = before.clone();
        for second in TICKS_BEFORE..TICKS_BEFORE + scene.ticks {
            let snapshot = scene.snapshot(second)?;
            let now = snapshot.taken_at;
            // The checker is given the planner's own snapshot in the controller too; the copy is not measured.
            let observed = snapshot.clone();
            let began = Instant::now();
            planner.observe(observed);
            let after_observe = began.elapsed();
            let plan = planner.plan(now);
            let after_plan = began.elapsed();
            let violations = check(planner.policy(), &snapshot, &plan);
            let took = began.elapsed();
            ensure!(violations.is_empty(), "{violations:?}");
            let bought = black_box(plan).actions;
            let bought = bought
                .iter()
                .filter(|action| matches!(action, Action::Launch { .. }))
                .count();
            if bought == 0 {
                continue;
            }
            launches.push(bought);
            took_ms.push(took.as_secs_f64() * 1e3);
            let parts = [after_observe, after_plan - after_observe, took - after_plan];
            for (sum, part) in parts_ms.iter_mut().zip(parts) {
                *sum += part.as_secs_f64() * 1e3;
            }
        }
    }
    let ticks = took_ms.len();
    ensure!(ticks >= TICKS_MIN, "only {ticks} ticks buy");
    let [observe, plan, check] = parts_ms.map(|sum| sum / ticks as f64);
    launches.sort_unstable();
    took_ms.sort_by(f64::total_cmp);
    let at = |percent: usize| took_ms[(took_ms.len() * percent / 100).min(took_ms.len() - 1)];
    let how = format!(
        "observe + plan + check, {} partitions, {} workers, {} pools, {} launches planned (median) in each of {ticks} ticks; \
         means {observe:.2} + {plan:.2} + {check:.2} ms",
        scene.size.partitions,
        scene.size.workers,
        scene.size.pools,
        launches[ticks / 2]
    );
    eprintln!("{}: {how}", scene.name);
    for (percent, which) in [(50, "median"), (99, "p99")] {
        let name = format!("{}_{which}", scene.name);
        report.figure(&name, at(percent), "ms", format!("{which} of {how}"))?;
    }
    Ok(())
}

/// Pools of burst that could still grow by more than is needed, dearer the sooner they are there.
fn policy(size: Size) -> anyhow::Result<Policy> {
    let pools: Vec<serde_json::Value> = (0..size.pools)
        .map(|number| {
            let part = number as f64 / (size.pools - 1) as f64;
            serde_json::json!({
                "name": pool_name(number), "provider": {"process": {}},
                "pricePerHour": format!("{:.3}", 2.0 - 1.2 * part),
                "bootTime": format!("{}s", 8 + (12.0 * part) as u64),
                "billingMinimum": "30s", "throughputPerWorker": WORKER_RATE.to_string(),
                "max": 800 / size.pools.min(20) + size.workers / size.pools
            })
        })
        .collect();
    let text = serde_json::json!({
        "apiVersion": "spillway.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {"name": "bench"},
        "spec": {
            "source": {"kafka": {
                "bootstrapServers": ["kafka:9092"], "consumerGroup": "g", "topics": [{"name": "jobs"}]
            }},
            "objective": {"drainWithin": "90s"},
            "base": {"process": {"workers": size.workers / BASE_PART}, "pricePerWorkerHour": "0.64",
                     "throughputPerWorker": WORKER_RATE.to_string()},
            "burst": {"maxWorkers": 3 * size.workers, "pools": pools}
        }
    });
    let raw: raw::ScalingPolicy = serde_json::from_value(text)?;
    Policy::check(&raw).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

fn pool_name(number: u64) -> String {
    format!("pool-{number}")
}

// === impl Scene ===

impl Scene {
    /// The world after `second` seconds: every worker at work.
    fn snapshot(&self, second: u64) -> anyhow::Result<Snapshot> {
        let began = Timestamp::from_second(1_000_000)?;
        let now = began + SignedDuration::from_secs(i64::try_from(second)?);
        let Size {
            partitions,
            workers,
            pools,
        } = self.size;
        let arrived = self.backlog
            + second.min(TICKS_BEFORE) * self.rate_before
            + second.saturating_sub(TICKS_BEFORE) * self.rate;
        let done = second * workers * WORKER_RATE;
        let share =
            |jobs: u64, number: u64| jobs / partitions + u64::from(number < jobs % partitions);
        let partition = |number: u64| {
            let end = share(arrived, number);
            Ok(PartitionReading {
                id: PartitionId::new("jobs", i32::try_from(number)?),
                offsets: Ok(Offsets {
                    log_start: 0,
                    end,
                    committed: Committed::At(share(done, number).min(end)),
                }),
            })
        };
        let intents: Vec<(String, IntentId)> = (0..workers)
            .map(|number| {
                let pool = match number {
                    _ if number < workers / BASE_PART => BASE_POOL.to_owned(),
                    _ => pool_name(number % pools),
                };
                let intent = IntentId::new(&pool, number + 1);
                (pool, intent)
            })
            .collect();
        let worker = |(pool, intent): &(String, IntentId)| SeenWorker {
            id: intent.to_string(),
            pool: pool.clone(),
            intent: Some(intent.clone()),
            boot_id: "1".into(),
            phase: WorkerPhase::Ready,
            last_seen: now,
            images_done: second * WORKER_RATE,
            saturated_images: second * WORKER_RATE,
            saturated_ms: second * 1_000,
            in_flight: 16,
            partitions: u32::try_from(partitions / workers).unwrap_or(1),
            interruption_at: None,
        };
        let instance = |(pool, intent): &(String, IntentId)| SeenInstance {
            intent: intent.clone(),
            pool: pool.clone(),
            progress: Progress::Launched { at: began },
            machine: Ok(Machine::Running),
        };
        Ok(Snapshot {
            taken_at: now,
            backlog: Ok(BacklogReading {
                taken_at: now,
                partitions: (0..partitions)
                    .map(partition)
                    .collect::<anyhow::Result<_>>()?,
                missing: vec![],
            }),
            workers: Ok(intents.iter().map(worker).collect()),
            instances: intents.iter().map(instance).collect(),
            next_intent: workers + 1,
            base: None,
            orders: Orders::default(),
        })
    }
}

/// The controller's memory, as a short demo reports it: with nobody looking, and with many streams open.
fn memory(report: &mut Report) -> anyhow::Result<()> {
    let alone = Demo::run(0)?;
    report.figure(
        "controller_memory",
        alone.bytes / 1e6,
        "MB",
        format!(
            "most resident memory seen in spillway demo --once --burst 300 --drain-within 60s ({} jobs)",
            alone.jobs
        ),
    )?;
    let followed = Demo::run(STREAMS)?;
    ensure!(
        followed.streams_fed == STREAMS,
        "{} of {STREAMS} streams were given states",
        followed.streams_fed
    );
    report.figure(
        "streams_memory",
        (followed.bytes - alone.bytes) / 1e6,
        "MB",
        format!("the same demo with {STREAMS} event streams open from its beginning to its end, less the one above"),
    )
}

/// A short demo, and what was seen of it.
struct Demo {
    /// Most resident memory of its controller.
    bytes: f64,
    jobs: serde_json::Value,
    /// Streams that were given two states at least.
    streams_fed: usize,
}

impl Demo {
    /// Runs one, with so many event streams open.
    fn run(streams: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("report.json");
        // Free a moment ago; the dashboard's own default may be another demo's.
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut demo = require_program("spillway").context("spillway is not built")?;
        demo.current_dir(report::root())
            .args(["demo", "--once", "--plain", "--burst", "300"])
            .args(["--drain-within", "60s", "--listen", &listen.to_string()])
            .arg("--report")
            .arg(&file);
        let mut demo = Process::spawn("demo", demo)?;
        let readers: Vec<_> = (0..streams)
            .map(|_| std::thread::spawn(move || follow(listen)))
            .collect();
        let ended = demo.wait(DEMO_MAX);
        let fed = readers.into_iter().filter_map(|reader| reader.join().ok());
        let streams_fed = fed.filter(|states| *states >= 2).count();
        let text = fs::read_to_string(&file)
            .with_context(|| format!("the demo ({ended}) wrote no report:\n{}", demo.log()))?;
        let summary: serde_json::Value = serde_json::from_str(&text)?;
        let bytes = summary["controller_memory_bytes_max"]
            .as_f64()
            .context("the demo saw no memory of its controller")?;
        Ok(Self {
            bytes,
            jobs: summary["jobs"].clone(),
            streams_fed,
        })
    }
}

/// Follows a controller's events until it ends; how many states it was given.
fn follow(address: std::net::SocketAddr) -> usize {
    let began = Instant::now();
    while began.elapsed() < DEMO_MAX {
        let Ok(mut stream) = TcpStream::connect(address) else {
            std::thread::sleep(Duration::from_millis(200));
            continue;
        };
        let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        if stream.write_all(request.as_bytes()).is_err() {
            continue;
        }
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let states = lines.filter(|line| line == "event: state").count();
        // Before the first tick there is nothing to follow yet.
        if states > 0 {
            return states;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    0
}
