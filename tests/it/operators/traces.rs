//! A tick that decides is a trace: what was seen, why, and the calls that came of it.

use spillway_tests::{Collector, SeenSpan, eventually, require_kafka, require_program};

use crate::alerts::{idler, policy};
use crate::{Controller, Machines, SOON, fixed_topics};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_that_decides_is_a_trace_down_to_the_providers_call() {
    let (Some(kafka), Some(_)) = (require_kafka(), require_program("spillway")) else {
        return;
    };
    let folder = tempfile::Builder::new()
        .prefix("spillway-traces-")
        .tempdir()
        .unwrap();
    let _machines = Machines(folder.path().to_owned());
    fixed_topics(&kafka).await;
    let jobs = kafka.topic("traced", 1).await;
    let base = "  base:
    process: {workers: 1}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
";
    let name = kafka.name("traced");
    let policy = policy(&name, &kafka, jobs.name(), base);
    let collector = Collector::start().unwrap();
    let idler = idler(folder.path());
    let more = ["--worker", &idler, "--otlp-endpoint", &collector.endpoint()];
    let _controller = Controller::start(&name, &policy, &folder.path().join("state"), &more);

    let of = |spans: &[SeenSpan], name: &str, trace: Option<&str>| {
        let mut spans = spans.iter();
        let found = spans.find(|it| it.name == name && trace.is_none_or(|trace| it.trace == trace));
        found.cloned()
    };
    let (call, spans) = eventually(SOON, "the call is told", || {
        let spans = collector.spans();
        let call = of(&spans, "launch process", None).ok_or_else(|| format!("{spans:#?}"))?;
        // The whole of its trace: the tick ends after it has begun the step.
        match of(&spans, "tick", Some(&call.trace)) {
            Some(_) => Ok((call, spans)),
            None => Err(format!("{spans:#?}")),
        }
    });
    let part = |name: &str| of(&spans, name, Some(&call.trace)).unwrap();
    let (tick, step) = (part("tick"), part("launch"));
    assert_eq!(
        (call.kind.as_str(), call.service.as_str()),
        ("Client", "spillway-controller")
    );
    assert_eq!((&call.parent, &step.parent), (&step.id, &tick.id));
    assert_eq!(tick.parent, "");
    for name in ["observe", "plan"] {
        assert_eq!(part(name).parent, tick.id, "{name}");
    }
    assert_eq!(tick.says("spillway.policy"), name);
    assert!(!tick.says("spillway.sentence").is_empty());
    assert!(!step.says("spillway.reason").is_empty());
    assert!(!step.says("spillway.intent").is_empty());
    assert!(!call.failed && !step.failed);
}
