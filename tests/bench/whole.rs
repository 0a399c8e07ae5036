//! The whole way with a real worker: from a request with an image's address to its JSON, one at a time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use spillway_generator::{Format, Style, draw, encode};
use spillway_tests::{Kafka, Origin, Page, Process, Topic, require_program};

use crate::{
    Gateway,
    load::Measured,
    report::{Report, root},
};

/// Images, one after the other; the first are not counted.
const IMAGES: usize = 300;
const WARM_UP: usize = 50;
/// Images of their own.
const DRAWN: u64 = 64;
const SEED: u64 = 11;
/// Between two, so that each finds everything idle.
const PAUSE: Duration = Duration::from_millis(20);
const STAGES: [&str; 4] = ["fetch", "decode", "queue", "infer"];

/// Starts a worker and a gateway of their own, and asks.
pub(crate) async fn measure(
    kafka: &Kafka,
    jobs: &Topic,
    results: &Topic,
    report: &mut Report,
) -> anyhow::Result<()> {
    let origin = Origin::start()?;
    let addresses: Vec<String> = (0..DRAWN)
        .map(|index| {
            let drawn = draw(Style::Mixed, SEED, index);
            let bytes = encode(&drawn.pixels, Format::Jpeg { quality: 85 });
            origin.put(&format!("/{index}.jpg"), Page::new("image/jpeg", bytes))
        })
        .collect();
    let worker = worker(kafka, jobs, results, &origin.address().to_string())?;
    let mut gateway = Gateway::start(kafka, jobs, results)?;
    gateway.is_ready().await?;
    let client = reqwest::Client::new();
    let mut whole_ms = Vec::new();
    let mut stages: [Vec<f64>; STAGES.len()] = Default::default();
    for number in 0..WARM_UP + IMAGES {
        let asked = Instant::now();
        let answer = client
            .post(format!("http://{}/v1/recognize", gateway.address))
            .header("x-goog-api-key", &gateway.key)
            .json(&json!({"images": [{"uri": addresses[number % addresses.len()]}]}))
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        let took_ms = asked.elapsed().as_secs_f64() * 1e3;
        let image: Value = serde_json::from_str(&text)?;
        let image = &image["images"][0];
        ensure!(
            status == 200 && image["status"] == "success",
            "{status}: {text}\n{}",
            worker.log()
        );
        if number >= WARM_UP {
            whole_ms.push(took_ms);
            for (of, stage) in stages.iter_mut().zip(STAGES) {
                let ms = image["timings_ms"][stage].as_f64();
                of.push(ms.with_context(|| format!("no time for {stage}: {text}"))?);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    ensure!(gateway.process.is_running(), "{}", gateway.process.log());
    let how = format!(
        "{IMAGES} requests with the address of a JPEG image, one after the other, the demo's models, all on the same cores"
    );
    let whole = Measured::of(whole_ms);
    report.figure("whole_p50", whole.at(50), "ms", &how)?;
    report.figure("whole_p99", whole.at(99), "ms", &how)?;
    for (of, stage) in stages.into_iter().zip(STAGES) {
        let of = Measured::of(of);
        let how = "of the answers' own timings, whole milliseconds";
        for percent in [50, 99] {
            let name = format!("whole_{stage}_p{percent}");
            report.figure(&name, of.at(percent), "ms", how)?;
        }
    }
    Ok(())
}

fn worker(kafka: &Kafka, jobs: &Topic, results: &Topic, origin: &str) -> anyhow::Result<Process> {
    let mut command = require_program("spillway-worker").context("spillway-worker is not built")?;
    let models: &Path = &root().join("worker/models/demo");
    command
        .args(["run", "--brokers", kafka.brokers()])
        .args(["--group", jobs.name(), "--topic", jobs.name()])
        .args(["--results-topic", results.name()])
        .args(["--workers-topic", "whole-workers"])
        .args(["--control-topic", "whole-control"])
        .arg("--model-set")
        .arg(models)
        .args(["--device", "cpu", "--worker-id", "whole"])
        .args(["--allow-origin", origin, "--listen", "127.0.0.1:0"]);
    Process::spawn("worker", command)
}
