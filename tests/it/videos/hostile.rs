//! Files, addresses and records that nobody should have sent: each has its answer, and the worker goes on.

use std::collections::BTreeMap;

use spillway_tests::{Origin, Page, Signal, require_kafka};
use spillway_wire::{ImageSource, Outcome, Reason, Video};

use crate::bed::{Bed, SOON, draw, require_ffmpeg};

/// What is sent, by its id, and what is answered.
fn cases(bed: &Bed, elsewhere: &Origin) -> Vec<(&'static str, ImageSource, Reason)> {
    let whole = draw(
        "a.mp4",
        "testsrc=size=64x36:rate=10:duration=5",
        &["-c:v", "libx264"],
    );
    let sound = draw("a.mp4", "sine=duration=2", &["-c:a", "aac"]);
    let huge = draw("a.mkv", "color=s=8192x8192:r=1:d=1", &["-c:v", "mjpeg"]);
    let page = Page::new("video/mp4", whole.clone());
    let private = elsewhere.put("/a.ts", page);
    let playlist = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{private}\n");
    let served = |path: &str, file: &[u8]| ImageSource::Uri(bed.serve(path, file));
    let redirect = Page::redirect(private.clone());
    vec![
        (
            "cut",
            served("/cut", &whole[..whole.len() / 2]),
            Reason::CorruptImage,
        ),
        (
            "playlist",
            served("/a.m3u8", playlist.as_bytes()),
            Reason::UnsupportedFormat,
        ),
        (
            "list",
            served(
                "/list",
                format!("ffconcat version 1.0\nfile {private}\n").as_bytes(),
            ),
            Reason::UnsupportedFormat,
        ),
        (
            "text",
            served("/text", b"no video at all"),
            Reason::UnsupportedFormat,
        ),
        ("empty", served("/empty", b""), Reason::UnsupportedFormat),
        ("sound", served("/sound", &sound), Reason::UnsupportedFormat),
        ("huge", served("/huge", &huge), Reason::TooLarge),
        ("long", served("/long", &vec![0; 3 << 20]), Reason::TooLarge),
        (
            "gone",
            ImageSource::Uri(format!("http://{}/gone", bed.origin.address())),
            Reason::NotFound,
        ),
        ("private", ImageSource::Uri(private), Reason::FetchBlocked),
        (
            "redirect",
            ImageSource::Uri(bed.origin.put("/redirect", redirect)),
            Reason::FetchBlocked,
        ),
        (
            "metadata",
            ImageSource::Uri("http://169.254.169.254/a.mp4".into()),
            Reason::FetchBlocked,
        ),
        (
            "file",
            ImageSource::Uri("file:///etc/passwd".into()),
            Reason::FetchBlocked,
        ),
        (
            "object",
            ImageSource::Object("a".into()),
            Reason::FetchBlocked,
        ),
    ]
}

#[tokio::test]
async fn what_is_hostile_is_answered_and_reaches_nothing() {
    let (Some(kafka), Some(())) = (require_kafka(), require_ffmpeg()) else {
        return;
    };
    let bed = Bed::new(&kafka).await;
    let elsewhere = Origin::start().unwrap();
    let Some(mut worker) = bed.worker("w1", &["--video-bytes-max", "2MiB"]) else {
        return;
    };
    let cases = cases(&bed, &elsewhere);
    for (id, source, _) in &cases {
        bed.send(&Video::new(*id, 5, source.clone())).await;
    }
    let good = draw(
        "b.mp4",
        "testsrc=size=64x36:rate=10:duration=3",
        &["-c:v", "libx264"],
    );
    let good = ImageSource::Inline(good);
    bed.send(&Video {
        jobs_topic: Some("somebody.else.s".into()),
        ..Video::new("topic", 5, good.clone())
    })
    .await;
    bed.send(&Video {
        deadline_ms: Some(6),
        ..Video::new("late", 5, good.clone())
    })
    .await;
    bed.videos.put("no-video", Some(b"{\"id\": 7}")).await;
    // At last, to see that it still can.
    bed.send(&Video::new("good", 5, good)).await;

    let mut expected: BTreeMap<&str, Reason> =
        cases.iter().map(|(id, _, reason)| (*id, *reason)).collect();
    expected.insert("topic", Reason::InvalidJob);
    expected.insert("late", Reason::DeadlineExceeded);
    expected.insert("no-video", Reason::InvalidJob);
    let answers = bed.answers(expected.len() + 1).await;
    for (id, reason) in expected {
        let answer = &answers[id];
        let error = answer
            .error
            .as_ref()
            .unwrap_or_else(|| panic!("{id} has no error"));
        assert_eq!(error.reason, reason, "{id}: {}", error.message);
        assert_eq!(
            (answer.outcome, &answer.video),
            (Outcome::Error, &None),
            "{id}"
        );
    }
    assert_eq!(answers["good"].outcome, Outcome::Success);
    assert_eq!(answers["good"].video.as_ref().unwrap().frames, [3]);
    assert_eq!(elsewhere.asked("/a.ts"), 0, "nothing private was contacted");
    let letters = bed.dead_letters.records().unwrap();
    let mut letters: Vec<String> = letters.into_iter().filter_map(|it| it.key).collect();
    letters.sort();
    assert_eq!(letters, ["no-video", "topic"]);
    bed.is_committed().await;
    let metrics = bed.metrics(&worker).await;
    let line = r#"spillway_video_errors_total{reason="FETCH_BLOCKED"} 5"#;
    assert!(metrics.contains(line), "{line} should be in {metrics}");
    worker.signal(Signal::Term);
    assert!(worker.wait(SOON).success());
}

#[tokio::test]
async fn a_worker_without_ffmpeg_says_what_to_install() {
    let Some(kafka) = require_kafka() else { return };
    let bed = Bed::new(&kafka).await;
    let Some(mut command) = spillway_tests::require_program("spillway-worker") else {
        return;
    };
    let output = command
        .env("PATH", bed.folder())
        .args([
            "run",
            "--brokers",
            "127.0.0.1:1",
            "--device",
            "none",
            "--videos",
        ])
        .args(["--listen", "127.0.0.1:0", "--model-set"])
        .arg(bed.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("Debian's package `ffmpeg`"), "{said}");
}
