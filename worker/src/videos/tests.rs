//! Whole videos through the real ffmpeg, without Kafka. What runs here is not locked in: see `tests/it/videos`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use spillway_wire::{INLINE_BYTES_MAX, Reason, Sampling, SamplingRule};

use super::look::look;
use super::plan::{Picker, segments, window};
use super::probe::Film;
use super::programs::Programs;
use super::reel::{Blank, Reel};
use super::split::End;
use super::window::Source;
use super::*;
use crate::drain::Stop;
use crate::fetch::Sink as _;

/// A drawn video of ten frames a second.
const DRAWN: &str = "testsrc=size=64x36:rate=10:duration=130";

/// ffmpeg; none where it is not installed, which is an error where all tests must run.
fn programs() -> Option<Programs> {
    let found = Programs::find();
    if let Err(error) = &found {
        assert!(std::env::var_os("CI").is_none(), "{error:#}");
        println!("skipped: {error:#}");
    }
    found.ok()
}

fn claim() -> Claim {
    Claim::new(None, Arc::new(Stop::default()))
}

/// Draws `lavfi` into a file, as `encoded`.
fn draw(path: &Path, lavfi: &str, encoded: &[&str]) {
    let drawn = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", lavfi])
        .args(encoded)
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&drawn.stderr);
    assert!(drawn.status.success(), "{}: {said}", path.display());
}

fn reel(path: &Path) -> Reel {
    let claim = claim();
    let mut blank = Blank::new(path.parent().unwrap(), &claim).unwrap();
    blank.put(&std::fs::read(path).unwrap()).unwrap();
    blank.finish().unwrap()
}

/// When each frame is shown, milliseconds, and its JPEG.
type Frames = Vec<(u64, Vec<u8>)>;

/// What is taken of a video: the frames of each segment, and when each is shown.
fn taken(programs: &Programs, path: &Path, sampling: Sampling) -> Result<(Film, Frames), End> {
    let (reel, claim) = (reel(path), claim());
    let (film, length_ms) = look(programs, &reel, &claim)?;
    let source = Source {
        programs,
        film: &film,
        reel: &reel,
        claim: &claim,
    };
    let mut picker = Picker::new(sampling, None);
    let mut taken = Vec::new();
    for segment in 0..segments(length_ms) {
        let Some(window) = window(&sampling, segment, length_ms) else {
            continue;
        };
        let left = sampling.frames_max - taken.len() as u32;
        let is_cut = source.frames(window, &mut picker, left, &mut |at_ms, jpeg| {
            taken.push((at_ms, jpeg));
            Ok(())
        })?;
        if is_cut {
            break;
        }
    }
    Ok((film, taken))
}

fn times(taken: &[(u64, Vec<u8>)]) -> Vec<u64> {
    taken.iter().map(|(at_ms, _)| *at_ms).collect()
}

fn every(rule: SamplingRule, every_ms: u32) -> Sampling {
    Sampling {
        rule,
        every_ms,
        ..Sampling::default()
    }
}

#[test]
fn each_container_gives_each_frame_once_at_its_time() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, encoded, format) in [
        (
            "a.mp4",
            &["-c:v", "libx264", "-g", "250"][..],
            "mov,mp4/h264",
        ),
        (
            "a.mkv",
            &["-c:v", "libx264", "-g", "250"],
            "matroska,webm/h264",
        ),
        (
            "a.webm",
            &["-c:v", "libvpx", "-g", "100"],
            "matroska,webm/vp8",
        ),
        ("a.ts", &["-c:v", "libx264", "-g", "100"], "mpegts/h264"),
        (
            "a.mpg",
            &["-c:v", "mpeg2video", "-r", "25"],
            "mpeg/mpeg2video",
        ),
        ("a.avi", &["-c:v", "mpeg4", "-g", "100"], "avi/mpeg4"),
        ("a.flv", &["-c:v", "libx264", "-g", "100"], "flv/h264"),
        ("a.ogv", &["-c:v", "libtheora"], "ogg/theora"),
        ("a.wmv", &["-c:v", "wmv2", "-g", "100"], "asf/wmv2"),
    ] {
        let path = folder.path().join(name);
        draw(&path, DRAWN, encoded);
        let sampling = every(SamplingRule::Interval, 7_000);
        let (film, taken) = taken(&programs, &path, sampling).unwrap();
        let expected: Vec<u64> = (0..130_000).step_by(7_000).collect();
        assert_eq!(times(&taken), expected, "{name}");
        assert_eq!(
            (film.format().as_str(), film.width, film.height),
            (format, 64, 36)
        );
    }
}

#[test]
fn key_frames_and_changes_are_found_across_segments() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.mp4");
    draw(
        &path,
        DRAWN,
        &["-c:v", "libx264", "-g", "25", "-sc_threshold", "0"],
    );
    let (_, keys) = taken(&programs, &path, every(SamplingRule::Keyframes, 4_000)).unwrap();
    let expected: Vec<u64> = (0..130_000).step_by(5_000).collect();
    assert_eq!(times(&keys), expected);

    let path = folder.path().join("scene.mp4");
    let blinks = "color=c=black:s=64x36:r=10:d=130,\
                  drawbox=t=fill:c=white:enable='between(mod(t,40),20,39.99)'";
    draw(&path, blinks, &["-c:v", "libx264", "-g", "250"]);
    let (_, changes) = taken(&programs, &path, every(SamplingRule::Scene, 1_000)).unwrap();
    let expected: Vec<u64> = (0..130_000).step_by(20_000).collect();
    assert_eq!(times(&changes), expected);
}

#[test]
fn frames_are_upright_and_fit_into_a_record() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (lying, upright) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    draw(
        &lying,
        "testsrc=size=1920x1080:rate=2:duration=2",
        &["-c:v", "libx264"],
    );
    let turned = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(&lying)
        .args(["-c", "copy", "-metadata:s:v:0", "rotate=90"])
        .arg(&upright)
        .status();
    assert!(turned.unwrap().success());
    let (film, frames) = taken(&programs, &upright, Sampling::default()).unwrap();
    assert_eq!((film.width, film.height), (1_080, 1_920));
    assert_eq!(times(&frames), [0, 1_000]);
    let image = image::load_from_memory(&frames[0].1).unwrap();
    assert_eq!((image.width(), image.height()), (720, 1_280));

    // Nothing is harder to compress than noise, which is too large at the quality that is tried first.
    let noise = folder.path().join("noise.mp4");
    let drawn = "nullsrc=s=1280x1280:r=2:d=3,geq=random(1)*255:128:128";
    draw(
        &noise,
        drawn,
        &["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"],
    );
    let (_, frames) = taken(&programs, &noise, Sampling::default()).unwrap();
    assert_eq!(times(&frames), [0, 1_000, 2_000]);
    let sizes: Vec<usize> = frames.iter().map(|(_, jpeg)| jpeg.len()).collect();
    assert!(
        sizes.iter().all(|size| *size <= INLINE_BYTES_MAX),
        "{sizes:?}"
    );
}

#[test]
fn a_video_is_cut_after_its_last_frame() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    draw(&path, DRAWN, &["-c:v", "libx264"]);
    let sampling = Sampling {
        frames_max: 62,
        ..Sampling::default()
    };
    let (_, frames) = taken(&programs, &path, sampling).unwrap();
    assert_eq!(frames.len(), 62);
    assert_eq!(times(&frames).last(), Some(&61_000));
}

#[test]
fn what_is_no_video_says_why() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.mp4");
    draw(
        &whole,
        "testsrc=size=64x36:rate=10:duration=5",
        &["-c:v", "libx264"],
    );
    let whole = std::fs::read(whole).unwrap();
    let sound = folder.path().join("sound.mp4");
    draw(&sound, "sine=duration=2", &["-c:a", "aac"]);
    let huge = folder.path().join("huge.mkv");
    draw(&huge, "color=s=8192x8192:r=1:d=1", &["-c:v", "mjpeg"]);
    let strange = folder.path().join("strange.avi");
    draw(
        &strange,
        "testsrc=size=64x36:rate=10:duration=1",
        &["-c:v", "huffyuv"],
    );
    let read = |path: &Path| std::fs::read(path).unwrap();
    for (name, bytes, expected) in [
        ("empty", Vec::new(), Reason::UnsupportedFormat),
        (
            "text",
            b"no video at all".to_vec(),
            Reason::UnsupportedFormat,
        ),
        (
            "playlist",
            b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n".to_vec(),
            Reason::UnsupportedFormat,
        ),
        (
            "list of files",
            b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec(),
            Reason::UnsupportedFormat,
        ),
        (
            "cut",
            whole[..whole.len() / 2].to_vec(),
            Reason::CorruptImage,
        ),
        ("head alone", whole[..64].to_vec(), Reason::CorruptImage),
        ("sound alone", read(&sound), Reason::UnsupportedFormat),
        ("huge", read(&huge), Reason::TooLarge),
        ("another codec", read(&strange), Reason::UnsupportedFormat),
    ] {
        let path = folder.path().join("it");
        std::fs::write(&path, bytes).unwrap();
        match taken(&programs, &path, Sampling::default()) {
            Err(End::Failed(failure)) => {
                assert_eq!(failure.reason, expected, "{name}: {failure:?}")
            }
            other => panic!("{name}: {:?}", other.map(|(film, _)| film)),
        }
    }
}
