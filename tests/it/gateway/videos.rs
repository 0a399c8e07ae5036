//! Videos: accepted, answered frame by frame, added up; with a stand-in for the workers.

use std::collections::BTreeSet;
use std::fs;

use reqwest::StatusCode;
use serde_json::{Value, json};
use spillway_tests::{Signal, eventually_async, require_kafka};
use spillway_wire::{ImageSource, Outcome, SamplingRule};

use crate::metric;
use crate::site::{Answer, Gateway, SOON, Site, ask, try_ask};
use crate::splitter::{ALL, accepted, accepted_as, answer, answer_all, frame, own};

const URI: &str = "https://example.com/v.mp4";

/// Begins a video, and says its id.
async fn begin(gateway: &Gateway, key: &str, body: &Value) -> String {
    let answer = ask(gateway.post("/v1/videos", key).json(body)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let id = answer.body["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/v1/videos/{id}"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.body["done"], false);
    id
}

/// A video, once it is as `is_so` says.
async fn until(gateway: &Gateway, key: &str, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually_async(SOON, &format!("video {id} is as expected"), || async {
        let answer = try_ask(gateway.get(&format!("/v1/videos/{id}"), key)).await?;
        match is_so(&answer.body) {
            true => Ok(answer.body),
            false => Err(format!("{answer:?}")),
        }
    })
    .await
}

fn is_done(body: &Value) -> bool {
    body["done"] == true
}

fn reason(answer: &Answer) -> (u16, String) {
    let reason = answer.body["reason"].as_str().unwrap_or_default();
    (answer.status.as_u16(), reason.to_owned())
}

/// Every frame, page by page: when it is shown and how it ended.
async fn pages(gateway: &Gateway, key: &str, id: &str, order: &str) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("/v1/videos/{id}?page_size=2&sort_by={order}{token}");
        let answer = ask(gateway.get(&path, key)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let frames = answer.body["frames"].as_array().unwrap();
        assert!(frames.len() <= 2);
        all.extend(frames.iter().map(|frame| {
            let status = frame["status"].as_str().unwrap().to_owned();
            (frame["at_ms"].as_u64().unwrap(), status)
        }));
        match answer.body["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_video_is_answered_frame_by_frame_to_its_tenant_alone() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.video_gateway("g1", &[]).await;
    let body = json!({
        "uri": URI, "max_results": 7, "deadline_seconds": 60,
        "sampling": {"rule": "keyframes", "every_ms": 2_000, "frames_max": 9},
    });
    let id = begin(&gateway, &site.key, &body).await;
    let video = accepted_as(&site, &id);
    assert_eq!(video.video, ImageSource::Uri(URI.into()));
    assert_eq!(video.sampling.rule, SamplingRule::Keyframes);
    assert_eq!((video.sampling.frames_max, video.max_results), (9, 7));
    assert_eq!(video.jobs_topic.as_deref(), Some(site.jobs.name()));
    assert_eq!(video.deadline_ms, Some(video.created_at_ms + 60_000));
    assert_eq!((video.tenant.as_str(), video.features.len()), ("acme", 3));

    // Two subsets answer each frame, in an order of their own, some twice, and one of them only in part.
    let (good, bad) = (Outcome::Success, Outcome::Error);
    let early = [
        frame(&video, 61, "humans", good),
        frame(&video, 2, "brands+context", good),
        frame(&video, 0, "brands+context", good),
        frame(&video, 0, "humans", good),
        frame(&video, 0, "humans", good),
    ];
    answer(&site.results, &video, &early).await;
    let is_early = |body: &Value| body["progress"]["frames_answered"] == 1;
    let so_far = until(&gateway, &site.key, &id, is_early).await;
    assert_eq!(so_far["progress"]["frames"], Value::Null);
    assert_eq!(so_far["progress"]["duration_ms"], 120_000);
    let late = [
        own(&video, &[2, 1], Outcome::Partial),
        frame(&video, 2, "humans", bad),
        frame(&video, 61, "brands+context", bad),
    ];
    answer(&site.results, &video, &late).await;
    let done = until(&gateway, &site.key, &id, is_done).await;
    assert_eq!(done["error"], Value::Null);
    let (response, progress) = (&done["response"], &done["progress"]);
    assert_eq!(
        (&progress["frames"], &progress["share"]),
        (&json!(3), &json!(1.0))
    );
    assert_eq!(response["partial"]["reason"], "CORRUPT_IMAGE");
    assert_eq!(response["video"]["frames"], json!([2, 1]));
    let summary = &response["summary"];
    assert_eq!(summary["frames"], 3);
    let even = &summary["labels"][0];
    assert_eq!(
        (&even["name"], &even["frames"]),
        (&json!("even"), &json!(2))
    );
    assert_eq!(even["intervals"], json!([{"from_ms": 0, "to_ms": 2_000}]));
    assert_eq!(summary["segments"].as_array().unwrap().len(), 2);
    assert_eq!(summary["segments"][0]["labels"], json!({"even": 2}));
    assert!(done.get("frames").is_none(), "nobody asked for them");

    // What comes again changes nothing.
    answer(&site.results, &video, &early).await;
    answer(&site.results, &video, &late).await;
    for (order, expected) in [("time", [0, 2_000, 61_000]), ("-time", [61_000, 2_000, 0])] {
        let frames = pages(&gateway, &site.key, &id, order).await;
        let times: Vec<u64> = frames.iter().map(|(at_ms, _)| *at_ms).collect();
        assert_eq!(times, expected);
        assert_eq!(frames[1].1, "partial");
    }
    assert_eq!(until(&gateway, &site.key, &id, is_done).await, done);
    strangers(&gateway, &site, &id).await;
}

/// Who may not read it, and what is no page.
async fn strangers(gateway: &Gateway, site: &Site, id: &str) {
    let path = format!("/v1/videos/{id}");
    for (path, key, expected) in [
        (path.clone(), &site.reading_key, (200, "")),
        (path.clone(), &site.other_key, (404, "NO_SUCH_VIDEO")),
        (format!("/v1/jobs/{id}"), &site.key, (404, "NO_SUCH_JOB")),
        ("/v1/videos/%00".into(), &site.key, (404, "NO_SUCH_VIDEO")),
        (
            format!("{path}?page_size=0"),
            &site.key,
            (400, "INVALID_FIELD"),
        ),
        (
            format!("{path}?page_token=x"),
            &site.key,
            (400, "INVALID_FIELD"),
        ),
        (
            format!("{path}?sort_by=name"),
            &site.key,
            (400, "INVALID_FIELD"),
        ),
    ] {
        let (status, name) = reason(&ask(gateway.get(&path, key)).await);
        assert_eq!((status, name.as_str()), expected, "{path}");
    }
    let reading = gateway.post("/v1/videos", &site.reading_key);
    let answer = ask(reading.json(&json!({"uri": URI}))).await;
    assert_eq!(reason(&answer), (403, "SCOPE_MISSING".into()));
    let job = json!({"images": [{"inline": "AAAA"}]});
    let sent = gateway.post("/v1/recognize", &site.key).json(&job);
    let job = ask(sent.header("prefer", "respond-async")).await;
    let job = format!("/v1/videos/{}", job.body["id"].as_str().unwrap());
    let answer = ask(gateway.get(&job, &site.key)).await;
    assert_eq!(
        reason(&answer),
        (404, "NO_SUCH_VIDEO".into()),
        "a job is no video"
    );
}

#[tokio::test]
async fn a_video_that_fails_says_why_and_what_is_old_is_gone() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.video_gateway("g1", &[]).await;
    let id = begin(&gateway, &site.key, &json!({"uri": URI})).await;
    let video = accepted_as(&site, &id);
    let all = [
        frame(&video, 0, ALL, Outcome::Success),
        own(&video, &[1], Outcome::Error),
        // A repeat that says otherwise does not count.
        own(&video, &[1], Outcome::Success),
    ];
    answer(&site.results, &video, &all).await;
    let done = until(&gateway, &site.key, &id, is_done).await;
    assert_eq!(done["error"]["reason"], "CORRUPT_IMAGE", "{done}");
    assert!(done.get("response").is_none(), "{done}");
    let frames = pages(&gateway, &site.key, &id, "time").await;
    assert_eq!(
        frames,
        [(0, "success".to_owned())],
        "what is there can be read"
    );
    drop(gateway);
    let forgetful = site.video_gateway("g2", &["--retention", "1s"]).await;
    eventually_async(SOON, "it is gone", || async {
        let answer = try_ask(forgetful.get(&format!("/v1/videos/{id}"), &site.key)).await?;
        match reason(&answer) == (404, "NO_SUCH_VIDEO".to_owned()) {
            true => Ok(()),
            false => Err(format!("{answer:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_killed_replica_loses_no_frame() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let mut first = site.video_gateway("g1", &[]).await;
    let id = begin(&first, &site.key, &json!({"uri": URI})).await;
    let video = accepted_as(&site, &id);
    let frames = |seconds: std::ops::Range<u64>| -> Vec<_> {
        seconds
            .map(|second| frame(&video, second, ALL, Outcome::Success))
            .collect()
    };
    answer(&site.results, &video, &frames(0..200)).await;
    // In the middle of storing them.
    first.process.signal(Signal::Kill);
    first.process.wait(SOON);
    let second = site.video_gateway("g2", &[]).await;
    answer(&site.results, &video, &frames(200..300)).await;
    let last = own(&video, &[60, 60, 60, 60, 60], Outcome::Success);
    answer(&site.results, &video, &[last]).await;
    let done = until(&second, &site.key, &id, is_done).await;
    assert_eq!(done["progress"]["frames_answered"], 300);
    assert_eq!(done["response"]["summary"]["frames"], 300);
    let path = format!("/v1/videos/{id}?page_size=1000");
    let page = ask(second.get(&path, &site.key)).await;
    let frames = page.body["frames"].as_array().unwrap();
    let times: BTreeSet<u64> = frames
        .iter()
        .map(|it| it["at_ms"].as_u64().unwrap())
        .collect();
    assert_eq!((frames.len(), times.len()), (300, 300));
    assert!(page.body.get("next_page_token").is_none());
}

#[tokio::test]
async fn a_video_counts_once_and_by_what_was_looked_at() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let usage = kafka.compacted_topic("usage", 1).await;
    let mut gateway = site
        .video_gateway("g1", &["--usage-topic", usage.name()])
        .await;
    let send = async |body: Value, repeat: &str| {
        let sent = gateway.post("/v1/videos", &site.other_key);
        ask(sent.header("idempotency-key", repeat).json(&body)).await
    };
    let first = send(json!({"uri": URI}), "a").await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{first:?}");
    let again = send(json!({"uri": URI}), "a").await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{again:?}");
    assert_eq!(again.body["id"], first.body["id"]);
    let reused = send(json!({"uri": URI, "max_results": 3}), "a").await;
    assert_eq!(reason(&reused), (422, "IDEMPOTENCY_KEY_REUSED".into()));
    assert_eq!(accepted(&site).len(), 1, "a key is one video");

    let id = first.body["id"].as_str().unwrap();
    let video = accepted_as(&site, id);
    for _ in 0..2 {
        answer_all(&site, &video, 45).await;
    }
    until(&gateway, &site.other_key, id, is_done).await;
    eventually_async(SOON, "the repeats are read", || async {
        match metric(&gateway, "spillway_gateway_results_stored_total").await {
            92.0 => Ok(()),
            count => Err(format!("{count} of 92")),
        }
    })
    .await;
    // The tenant has 40 images a day.
    let refused = send(json!({"uri": URI}), "b").await;
    assert_eq!(reason(&refused), (429, "QUOTA_EXCEEDED".into()));
    let seconds = metric(
        &gateway,
        "spillway_gateway_video_seconds_total{tenant=\"other\"}",
    )
    .await;
    assert_eq!(seconds, 60.0);
    gateway.process.signal(Signal::Term);
    assert!(gateway.process.wait(SOON).success());
    let records = usage.records().unwrap();
    let last = records.last().and_then(|it| it.value.as_deref()).unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    assert_eq!(
        (&last["images"], &last["video_seconds"]),
        (&json!(45), &json!(60))
    );
}

/// One part of a form.
fn part(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

#[tokio::test]
async fn a_video_is_uploaded_without_being_held_in_memory() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site
        .video_gateway("g1", &["--video-upload-max", "40"])
        .await;
    // Four parts and a bit.
    let file: Vec<u8> = (0..33_u32 << 20).map(|at| (at % 251) as u8).collect();
    let (mp4, form) = ("video/mp4", "multipart/form-data; boundary=b");
    let post = |path: &str, kind: &str, body: Vec<u8>| {
        let sent = gateway.post(path, &site.key);
        ask(sent.header("content-type", kind).body(body))
    };
    let uploaded = post("/v1/uploads", mp4, file.clone()).await;
    assert_eq!(uploaded.status, StatusCode::CREATED, "{uploaded:?}");
    assert_eq!(uploaded.body["bytes"], file.len());
    let object = uploaded.body["object"].as_str().unwrap();
    let mut ids = vec![begin(&gateway, &site.key, &json!({"object": object})).await];
    let theirs = gateway.post("/v1/videos", &site.other_key);
    let theirs = ask(theirs.json(&json!({"object": object}))).await;
    assert_eq!(
        (theirs.status.as_u16(), &theirs.body["field"]),
        (400, &json!("object"))
    );

    let options = br#"{"sampling": {"every_ms": 500}}"#;
    let whole = [
        part("options", options),
        part("video", &file),
        b"--b--\r\n".to_vec(),
    ]
    .concat();
    for (kind, body) in [(mp4, file.clone()), (form, whole)] {
        let answer = post("/v1/videos", kind, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        ids.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        let ImageSource::Object(key) = accepted_as(&site, id).video else {
            panic!("it is in the store");
        };
        let kept = fs::read(site.path("store").join(key)).unwrap();
        assert!(kept == file, "what is kept is what was sent");
    }
    assert_eq!(accepted_as(&site, &ids[2]).sampling.every_ms, 500);

    let nothing = b"--b--\r\n".to_vec();
    let twice = [part("video", b"x"), part("video", b"y"), nothing.clone()].concat();
    let named = [
        part("options", br#"{"uri": "http://e"}"#),
        part("video", b"x"),
        nothing.clone(),
    ];
    for (kind, body, expected) in [
        (mp4, vec![0; 41 << 20], (413, "TOO_LARGE", json!("body"))),
        (mp4, Vec::new(), (400, "INVALID_BODY", json!("body"))),
        (form, nothing, (400, "INVALID_FIELD", json!("video"))),
        (form, twice, (400, "INVALID_FIELD", json!("video"))),
        (form, named.concat(), (400, "INVALID_FIELD", json!("uri"))),
        (
            form,
            part("options", b"{"),
            (400, "INVALID_BODY", json!("options")),
        ),
        (
            form,
            part("evil", b"x"),
            (400, "INVALID_FIELD", json!("evil")),
        ),
        (
            "text/html",
            Vec::new(),
            (415, "UNSUPPORTED_MEDIA_TYPE", Value::Null),
        ),
    ] {
        let answer = post("/v1/videos", kind, body).await;
        let (status, name) = reason(&answer);
        let said = (status, name.as_str(), answer.body["field"].clone());
        assert_eq!(said, expected, "{answer:?}");
    }
    assert_eq!(accepted(&site).len(), 3, "what is refused is not sent");
}
