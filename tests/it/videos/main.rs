//! Videos on a real Apache Kafka broker, through the real ffmpeg: every frame has its result, whatever ends a worker.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod bed;
mod hostile;
mod locked;

use std::collections::{BTreeMap, BTreeSet};

use spillway_tests::{Signal, require_kafka};
use spillway_wire::{ImageSource, Outcome, Sampling, SamplingRule, VIDEO_SUBSET, Video, frame_id};

use bed::{Bed, SOON, draw, require_ffmpeg};

/// Ten frames a second; two minutes and ten seconds, so that the third segment is short.
const DRAWN: &str = "testsrc=size=160x90:rate=10:duration=130";

#[tokio::test]
async fn every_frame_of_a_video_has_a_result_at_its_time() {
    let (Some(kafka), Some(())) = (require_kafka(), require_ffmpeg()) else {
        return;
    };
    let bed = Bed::new(&kafka).await;
    let uri = bed.serve("/a.mp4", &draw("a.mp4", DRAWN, &["-c:v", "libx264"]));
    let Some(mut worker) = bed.worker("w1", &[]) else {
        return;
    };
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let video = Video {
        tenant: "acme".into(),
        reply_partition: Some(1),
        sampling: Sampling {
            every_ms: 2_000,
            ..Sampling::default()
        },
        ..Video::new("v", 5, ImageSource::Uri(uri))
    };
    bed.send_traced(&video, trace).await;
    let keys = Video {
        sampling: Sampling {
            rule: SamplingRule::Keyframes,
            every_ms: 1_000,
            frames_max: 3,
            ..Sampling::default()
        },
        ..Video::new("keys", 6, video.video.clone())
    };
    bed.send(&keys).await;
    let answers = bed.answers(2).await;

    let answer = &answers["v"];
    assert_eq!(answer.outcome, Outcome::Success, "{:?}", answer.error);
    assert_eq!(
        (answer.subset.as_str(), answer.model_set.as_str()),
        (VIDEO_SUBSET, "")
    );
    assert_eq!((answer.tenant.as_str(), answer.created_at_ms), ("acme", 5));
    let info = answer.video.as_ref().unwrap();
    assert_eq!(info.frames, [30, 30, 5]);
    assert_eq!(
        (info.width, info.height, info.duration_ms),
        (160, 90, 130_000)
    );
    assert_eq!((info.format.as_str(), info.is_cut), ("mov,mp4/h264", false));
    assert_eq!((info.segment_ms, info.blake3.len()), (60_000, 64));

    let frames = bed.frames("v", 65).await;
    let expected: BTreeSet<String> = (0..65_u64)
        .map(|number| number * 2_000)
        .map(|at_ms| frame_id("v", (at_ms / 60_000) as u32, at_ms))
        .collect();
    assert_eq!(frames.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (id, results) in &frames {
        let [result] = results.as_slice() else {
            panic!("{id} has {} results", results.len());
        };
        assert_eq!(result.outcome, Outcome::Success, "{id}: {:?}", result.error);
        let frame = result.frame.as_ref().unwrap();
        assert_eq!(*id, frame_id("v", frame.segment, frame.at_ms));
        assert_eq!(frame.duration_ms, Some(130_000));
        let image = result.image.as_ref().unwrap();
        assert_eq!(
            (image.width, image.height, image.format.as_str()),
            (160, 90, "jpeg")
        );
    }
    let records = bed.results.records().unwrap();
    let of_v = records.iter().filter(|record| {
        record
            .key
            .as_deref()
            .is_some_and(|key| key == "v" || key.starts_with("v/"))
    });
    for record in of_v {
        assert_eq!(record.partition, 1, "{:?}", record.key);
        assert_eq!(record.headers["traceparent"], trace);
    }
    let info = answers["keys"].video.as_ref().unwrap();
    assert_eq!((info.frames.as_slice(), info.is_cut), (&[3][..], true));
    bed.is_committed().await;
    let metrics = bed.metrics(&worker).await;
    for line in [
        r#"spillway_videos_total{outcome="success"} 2"#,
        "spillway_video_seconds_total 190",
    ] {
        assert!(metrics.contains(line), "{line} should be in {metrics}");
    }
    worker.signal(Signal::Term);
    assert!(worker.wait(SOON).success(), "a drain is no failure");
}

#[tokio::test]
async fn a_killed_worker_s_video_goes_on_after_its_checkpoint() {
    let (Some(kafka), Some(())) = (require_kafka(), require_ffmpeg()) else {
        return;
    };
    let bed = Bed::new(&kafka).await;
    // Large enough that it takes a while.
    let drawn = "testsrc=size=640x360:rate=10:duration=900";
    let fast = ["-c:v", "libx264", "-preset", "ultrafast"];
    let uri = bed.serve("/a.mp4", &draw("long.mp4", drawn, &fast));
    let Some(mut first) = bed.worker("w1", &[]) else {
        return;
    };
    let video = Video::new("v", 5, ImageSource::Uri(uri));
    bed.send(&video).await;
    // A frame of the third segment has its result, so two are behind a checkpoint, or soon.
    bed.frames("v", 121).await;
    first.signal(Signal::Kill);
    first.wait(SOON);
    assert!(!bed.has_answer("v"), "killed in the middle, not after it");

    let mut second = bed.worker("w2", &[]).expect("it was there just now");
    let answers = bed.answers(1).await;
    let info = answers["v"].video.as_ref().unwrap();
    assert_eq!(answers["v"].outcome, Outcome::Success);
    assert_eq!(info.frames, [60; 15]);
    let frames = bed.frames("v", 900).await;
    assert_eq!(frames.len(), 900, "nothing is lost");
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for record in bed.jobs.records().unwrap() {
        *sent.entry(record.key.unwrap()).or_default() += 1;
    }
    assert_eq!(sent.len(), 900, "no frame has two ids");
    let again: BTreeSet<&str> = sent
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(id, _)| &id[..6])
        .collect();
    eprintln!("sent again: {again:?}");
    assert!(
        again.len() <= 1,
        "only one segment was sent again: {again:?}"
    );
    assert!(
        !again.contains("v/0000"),
        "the first was behind a checkpoint"
    );
    second.signal(Signal::Term);
    assert!(second.wait(SOON).success());
}

#[tokio::test]
async fn a_drain_leaves_a_video_to_the_next_worker_at_once() {
    let (Some(kafka), Some(())) = (require_kafka(), require_ffmpeg()) else {
        return;
    };
    let bed = Bed::new(&kafka).await;
    let drawn = "testsrc=size=640x360:rate=10:duration=300";
    let fast = ["-c:v", "libx264", "-preset", "ultrafast"];
    let uri = bed.serve("/a.mkv", &draw("long.mkv", drawn, &fast));
    let Some(mut first) = bed.worker("w1", &[]) else {
        return;
    };
    bed.send(&Video::new("v", 5, ImageSource::Uri(uri))).await;
    bed.frames("v", 1).await;
    let mut second = bed.worker("w2", &[]).expect("it was there just now");
    first.signal(Signal::Term);
    assert!(first.wait(SOON).success(), "a drain is no failure");
    let answers = bed.answers(1).await;
    assert_eq!(answers["v"].outcome, Outcome::Success);
    assert_eq!(bed.frames("v", 300).await.len(), 300);
    second.signal(Signal::Term);
    assert!(second.wait(SOON).success());
}
