//! What a worker and everything beside it used meanwhile: looked at now and then, and told by the worker itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use spillway_tests::Process;

use crate::cpu;

const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// CPU milliseconds since some beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// All processes of the worker.
    pub(crate) worker: f64,
    pub(crate) broker: f64,
    /// This process: the origin and the sampling.
    pub(crate) origin: f64,
    /// Everything on the machine.
    pub(crate) machine: f64,
}

/// What was spent up to a moment.
pub(crate) struct Sample {
    at_ms: f64,
    spent: Spent,
    threads: BTreeMap<String, f64>,
}

/// What was spent up to `at_ms`, on the line between the samples around it.
pub(crate) fn spent_until(samples: &[Sample], at_ms: f64) -> Spent {
    let after = samples
        .iter()
        .position(|sample| sample.at_ms >= at_ms)
        .unwrap_or(samples.len() - 1)
        .max(1);
    let (a, b) = (&samples[after - 1], &samples[after]);
    let part = ((at_ms - a.at_ms) / (b.at_ms - a.at_ms)).clamp(0.0, 1.0);
    let between = |of: fn(&Spent) -> f64| of(&a.spent) + part * (of(&b.spent) - of(&a.spent));
    Spent {
        worker: between(|it| it.worker),
        broker: between(|it| it.broker),
        origin: between(|it| it.origin),
        machine: between(|it| it.machine),
    }
}

/// The worker's own metrics; its log says where they are.
pub(crate) async fn metrics(worker: &Process) -> anyhow::Result<String> {
    let log = worker.log();
    let (_, rest) = log
        .split_once("127.0.0.1:")
        .context("the worker does not say where it listens")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let address = format!("http://127.0.0.1:{port}/metrics");
    Ok(client.get(address).send().await?.text().await?)
}

/// The value of a metric, with its labels if it has any; not a number if it is not there.
pub(crate) fn value(metrics: &str, name: &str) -> f64 {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or(f64::NAN)
}

/// How long a job was in each stage, waiting for the next one included.
pub(crate) fn show_stages(metrics: &str) {
    eprintln!("wall-clock ms of a job by stage:");
    let sums = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("spillway_stage_seconds_sum")?;
        rest.rsplit_once(' ')
    });
    for (labels, sum) in sums {
        let count = value(metrics, &format!("spillway_stage_seconds_count{labels}"));
        let sum: f64 = sum.parse().unwrap_or(f64::NAN);
        eprintln!("  {labels:20} {:8.3}", sum * 1e3 / count);
    }
}

/// CPU milliseconds between two moments by the names of the worker's threads.
pub(crate) fn threads_between(
    samples: &[Sample],
    from_ms: f64,
    to_ms: f64,
) -> BTreeMap<String, f64> {
    let near = |at_ms: f64| samples.iter().find(|sample| sample.at_ms >= at_ms);
    let (Some(from), Some(to)) = (near(from_ms), near(to_ms)) else {
        return BTreeMap::new();
    };
    to.threads
        .iter()
        .map(|(name, ms)| (name.clone(), ms - from.threads.get(name).unwrap_or(&0.0)))
        .collect()
}

/// Where the worker's time went, by the names of its threads.
pub(crate) fn show_threads(samples: &[Sample], from_ms: f64, to_ms: f64, images: usize) {
    let spent = threads_between(samples, from_ms, to_ms);
    let mut spent: Vec<(f64, String)> = spent.into_iter().map(|(name, ms)| (ms, name)).collect();
    spent.sort_by(|a, b| b.0.total_cmp(&a.0));
    eprintln!("CPU ms per image by the worker's threads:");
    for (ms, name) in spent.into_iter().filter(|(ms, _)| *ms > 0.0) {
        eprintln!("  {name:16} {:8.3}", ms / images as f64);
    }
}

/// Looks at the clocks now and then, on a thread of its own.
pub(crate) struct Sampling {
    stop: Arc<AtomicBool>,
    samples: thread::JoinHandle<anyhow::Result<Vec<Sample>>>,
}

// === impl Sampling ===

impl Sampling {
    pub(crate) fn start(workers: &[u32], broker: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = stop.clone();
        let workers = workers.to_vec();
        let samples = thread::spawn(move || {
            let mut samples = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let mut worker = 0.0;
                let mut threads = BTreeMap::new();
                for id in &workers {
                    worker += cpu::process_ms(*id)?;
                    for (name, ms) in cpu::threads_ms(*id) {
                        *threads.entry(name).or_insert(0.0) += ms;
                    }
                }
                samples.push(Sample {
                    at_ms: Timestamp::now().as_millisecond() as f64,
                    spent: Spent {
                        worker,
                        broker: cpu::process_ms(broker)?,
                        origin: cpu::process_ms(std::process::id())?,
                        machine: cpu::machine_ms(),
                    },
                    threads,
                });
                thread::sleep(SAMPLE_EVERY);
            }
            Ok(samples)
        });
        Self { stop, samples }
    }

    pub(crate) fn end(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self
            .samples
            .join()
            .map_err(|_| anyhow::anyhow!("sampling panicked"))??;
        ensure!(samples.len() >= 2, "{} samples", samples.len());
        Ok(samples)
    }
}

// === impl Spent ===

impl Spent {
    /// Without the rest of the machine.
    pub(crate) fn ours(self) -> f64 {
        self.worker + self.broker + self.origin
    }

    pub(crate) fn minus(self, before: Self) -> Self {
        Self {
            worker: self.worker - before.worker,
            broker: self.broker - before.broker,
            origin: self.origin - before.origin,
            machine: self.machine - before.machine,
        }
    }
}
