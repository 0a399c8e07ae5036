//! What a collector of traces sees of a request, and what happens to requests when it sees nothing.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use spillway_generator::{Style, draw};
use spillway_tests::{Collector, SeenSpan, Signal, eventually_async, require_kafka};

use crate::site::{Gateway, SOON, Site, ask};
use crate::{SEED, jpeg};

/// What a client began that asks with this.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENTS_SPAN: &str = "b7ad6b7169203331";

async fn recognized(gateway: &Gateway, site: &Site, traceparent: Option<&str>) {
    let image = jpeg(&draw(Style::Mixed, SEED, 0));
    let mut request = gateway
        .post("/v1/recognize", &site.key)
        .header("content-type", "image/jpeg")
        .body(image);
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = ask(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// The one span of a trace with this name.
#[track_caller]
fn one<'a>(spans: &'a [SeenSpan], name: &str) -> &'a SeenSpan {
    let named: Vec<&SeenSpan> = spans.iter().filter(|it| it.name == name).collect();
    assert_eq!(named.len(), 1, "{name} in {spans:#?}");
    named[0]
}

async fn whole_trace(collector: &Collector, spans: usize) -> Vec<SeenSpan> {
    eventually_async(SOON, "the trace is whole", || async {
        let seen = collector.spans().into_iter();
        let of_trace: Vec<SeenSpan> = seen.filter(|it| it.trace == TRACE).collect();
        match of_trace.len() >= spans {
            true => Ok(of_trace),
            false => Err(format!("{of_trace:#?}")),
        }
    })
    .await
}

async fn metric(address: &str, line: &str) -> u64 {
    let text = reqwest::get(format!("http://{address}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let found = text.lines().find_map(|it| it.strip_prefix(line));
    let value = found.unwrap_or_else(|| panic!("no {line} in {text}"));
    value.trim().parse().unwrap()
}

#[tokio::test]
async fn one_request_is_one_trace_from_the_gateway_to_the_result() {
    let Some(kafka) = require_kafka() else { return };
    let Some(mut site) = Site::new(&kafka).await else {
        return;
    };
    let collector = Collector::start().unwrap();
    site.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ];
    let Some(mut worker) = site.worker("w1", &[]) else {
        return;
    };
    let gateway = site.gateway("g1", &["--wait-max", "240s"]).await;

    recognized(
        &gateway,
        &site,
        Some(&format!("00-{TRACE}-{CLIENTS_SPAN}-01")),
    )
    .await;
    let names = ["fetch", "decode", "queue", "infer", "infer batch"];
    // A request that its client does not want traced, and is not.
    let other = TRACE.replace('0', "1");
    recognized(
        &gateway,
        &site,
        Some(&format!("00-{other}-{CLIENTS_SPAN}-00")),
    )
    .await;
    let spans = whole_trace(&collector, 8).await;

    let (jobs, results) = (site.jobs.name(), site.results.name());
    let request = one(&spans, "POST /v1/recognize");
    let sent = one(&spans, &format!("send {jobs}"));
    let job = one(&spans, &format!("process {jobs}"));
    let answer = one(&spans, &format!("send {results}"));
    let by_id: BTreeMap<&str, &SeenSpan> = spans.iter().map(|it| (it.id.as_str(), it)).collect();
    let said = |span: &SeenSpan| (span.service.clone(), span.kind.clone(), span.parent.clone());
    let gateway_name = "spillway-gateway".to_owned();
    let worker_name = "spillway-worker".to_owned();
    let kind = |name: &str| name.to_owned();
    assert_eq!(
        said(request),
        (
            gateway_name.clone(),
            kind("Server"),
            CLIENTS_SPAN.to_owned()
        )
    );
    assert_eq!(
        said(sent),
        (gateway_name, kind("Producer"), request.id.clone())
    );
    assert_eq!(
        said(job),
        (worker_name.clone(), kind("Consumer"), sent.id.clone())
    );
    assert_eq!(
        said(answer),
        (worker_name.clone(), kind("Producer"), job.id.clone())
    );
    // Bytes that came with the job are not fetched.
    assert!(spans.iter().all(|it| it.name != "fetch"));
    let mut last = job.began;
    for name in &names[1..4] {
        let stage = one(&spans, name);
        let expected = (worker_name.clone(), kind("Internal"), job.id.clone());
        assert_eq!(said(stage), expected, "{name}");
        assert!(last <= stage.began && stage.began <= stage.ended, "{name}");
        last = stage.ended;
    }
    let (infer, batch) = (one(&spans, "infer"), one(&spans, "infer batch"));
    assert_eq!(infer.links, std::slice::from_ref(&batch.id));
    assert_eq!(infer.says("spillway.batch.images"), "1");
    assert!(by_id.contains_key(batch.parent.as_str()));

    assert_eq!(request.says("http.route"), "/v1/recognize");
    assert_eq!(request.says("http.response.status_code"), "200");
    assert_eq!(sent.says("spillway.tenant"), "acme");
    assert_eq!(job.says("messaging.destination.name"), jobs);
    assert_eq!(job.says("spillway.outcome"), "success");
    assert!(spans.iter().all(|it| !it.failed));
    // No key, and nothing of what a client wrote into its path.
    let told = format!("{spans:?}");
    assert!(!told.contains(&site.key));

    let records = site.results.records().unwrap();
    let traceparent = |record: &spillway_tests::Record| record.headers.get("traceparent").cloned();
    let expected = format!("00-{TRACE}-{}-01", answer.id);
    assert!(
        records
            .iter()
            .any(|it| traceparent(it).as_ref() == Some(&expected))
    );
    // What is not traced goes on as what is not to be traced.
    let unwanted = records.iter().filter_map(traceparent);
    assert!(
        unwanted
            .into_iter()
            .any(|it| it.contains(&other) && it.ends_with("-00"))
    );
    assert!(collector.spans().iter().all(|it| it.trace != other));

    assert!(
        metric(
            &gateway.operators,
            "spillway_gateway_spans_exported_total{} "
        )
        .await
            >= 2
    );
    let lost = "spillway_gateway_spans_dropped_total{why=\"full\"} ";
    assert_eq!(metric(&gateway.operators, lost).await, 0);
    worker.signal(Signal::Term);
    assert!(worker.wait(SOON).success());
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_harms_nothing() {
    let Some(kafka) = require_kafka() else { return };
    let Some(mut site) = Site::new(&kafka).await else {
        return;
    };
    let hung = Collector::hung().unwrap();
    site.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", hung.endpoint()),
        ("OTEL_BSP_SCHEDULE_DELAY", "10".to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4".to_owned()),
    ];
    let Some(mut worker) = site.worker("w1", &[]) else {
        return;
    };
    let mut gateway = site.gateway("g1", &["--wait-max", "240s"]).await;
    for _ in 0..12 {
        recognized(&gateway, &site, None).await;
    }
    let full = "spillway_gateway_spans_dropped_total{why=\"full\"} ";
    assert!(metric(&gateway.operators, full).await > 0);
    // Neither waits for it longer than a few seconds.
    for process in [&mut worker, &mut gateway.process] {
        process.signal(Signal::Term);
        assert!(process.wait(SOON).success());
    }

    let nobody = Collector::start().unwrap().endpoint();
    site.environment[0].1 = nobody;
    let Some(mut worker) = site.worker("w2", &[]) else {
        return;
    };
    let mut gateway = site.gateway("g2", &["--wait-max", "240s"]).await;
    recognized(&gateway, &site, None).await;
    let failed = "spillway_gateway_spans_dropped_total{why=\"failed\"} ";
    let operators = gateway.operators.clone();
    eventually_async(SOON, "lost spans are counted", || async {
        match metric(&operators, failed).await {
            0 => Err("none is lost".to_owned()),
            lost => Ok(lost),
        }
    })
    .await;
    for process in [&mut worker, &mut gateway.process] {
        process.signal(Signal::Term);
        assert!(process.wait(SOON).success());
    }
}
