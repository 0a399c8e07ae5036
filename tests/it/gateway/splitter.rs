//! In place of workers that take videos: the results of frames, and those of videos themselves.

use spillway_tests::Topic;
use spillway_wire::{
    Frame, JobError, JobResult, Label, Outcome, Reason, Stage, TimingsMs, UnixMs, VIDEO_SUBSET,
    Video, VideoInfo, frame_id, result_id,
};

use crate::site::Site;

/// Every model, so that an answer is complete.
pub(crate) const ALL: &str = "brands+context+humans";
/// Length of a segment.
const SEGMENT_MS: u32 = 60_000;

/// Videos that were accepted, in no order.
pub(crate) fn accepted(site: &Site) -> Vec<Video> {
    let records = site.videos.records().unwrap();
    let values = records.into_iter().filter_map(|record| record.value);
    values.map(|value| Video::decode(&value).unwrap()).collect()
}

/// The video of that id.
pub(crate) fn accepted_as(site: &Site, id: &str) -> Video {
    let found = accepted(site).into_iter().find(|video| video.id == id);
    found.expect("it was accepted")
}

/// What one subset says of the frame at a second.
pub(crate) fn frame(video: &Video, second: u64, subset: &str, outcome: Outcome) -> JobResult {
    let at_ms = second * 1_000;
    let segment = u32::try_from(at_ms / u64::from(SEGMENT_MS)).unwrap();
    let label = Label {
        name: if second.is_multiple_of(2) {
            "even".into()
        } else {
            "odd".into()
        },
        score: 0.5,
        kind: "object".into(),
        parents: Vec::new(),
    };
    JobResult {
        frame: Some(Frame {
            video_id: video.id.clone(),
            segment,
            at_ms,
            duration_ms: Some(120_000),
        }),
        labels: match outcome {
            Outcome::Error => Vec::new(),
            _ => vec![label],
        },
        ..result(video, &frame_id(&video.id, segment, at_ms), subset, outcome)
    }
}

/// What is said of the video itself once so many frames of each segment were sent.
pub(crate) fn own(video: &Video, frames: &[u32], outcome: Outcome) -> JobResult {
    let info = VideoInfo {
        width: 640,
        height: 360,
        duration_ms: u64::from(SEGMENT_MS) * frames.len() as u64 - 500,
        blake3: "0".repeat(64),
        format: "mov,mp4/h264".into(),
        bytes: 1_000,
        frames: frames.to_vec(),
        segment_ms: SEGMENT_MS,
        is_cut: false,
    };
    JobResult {
        video: (outcome != Outcome::Error).then_some(info),
        ..result(video, &video.id, VIDEO_SUBSET, outcome)
    }
}

fn result(video: &Video, job_id: &str, subset: &str, outcome: Outcome) -> JobResult {
    let error = JobError {
        stage: Stage::Decode,
        reason: Reason::CorruptImage,
        message: "it breaks off".into(),
        retryable: false,
    };
    let created_at_ms: UnixMs = video.created_at_ms;
    JobResult {
        schema: 1,
        result_id: result_id(job_id, subset),
        job_id: job_id.to_owned(),
        tenant: video.tenant.clone(),
        subset: subset.to_owned(),
        model_set: "0".repeat(64),
        worker: "stand-in".to_owned(),
        outcome,
        image: None,
        frame: None,
        video: None,
        labels: Vec::new(),
        faces: Vec::new(),
        logos: Vec::new(),
        objects: Vec::new(),
        error: (outcome != Outcome::Success).then_some(error),
        timings_ms: TimingsMs::default(),
        created_at_ms,
        finished_at_ms: created_at_ms + 1,
    }
}

/// Sends results where the video says.
pub(crate) async fn answer(results: &Topic, video: &Video, all: &[JobResult]) {
    let partition = video.reply_partition.expect("the replica owns one");
    for result in all {
        results
            .put_on(partition, &result.job_id, &result.encode())
            .await;
    }
}

/// Answers a whole video: so many frames, one a second.
pub(crate) async fn answer_all(site: &Site, video: &Video, frames: u64) {
    let mut all: Vec<JobResult> = (0..frames)
        .map(|second| frame(video, second, ALL, Outcome::Success))
        .collect();
    let segments = frames.div_ceil(60);
    let counts: Vec<u32> = (0..segments)
        .map(|segment| u32::try_from((frames - segment * 60).min(60)).unwrap())
        .collect();
    all.push(own(video, &counts, Outcome::Success));
    answer(&site.results, video, &all).await;
}
