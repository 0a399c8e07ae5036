//! What ffmpeg and ffprobe are called with. Pure.
//!
//! The file is standard input, opened once more by its descriptor, since ffmpeg cannot go back in a pipe.
//! Frames leave as `mpjpeg`: each with its length before it. Their times leave by standard error, a line each, in
//! milliseconds; nothing else is written there.

use super::container::Container;
use super::plan::{Picker, Window, fitted};
use super::probe::Film;

/// Most pixels of a picture: 8192 × 4320 and a little.
pub(super) const PIXELS_MAX: u64 = 36_000_000;
/// Decoders that may be used, by ffmpeg's names; of those of AV1 some, depending on how it was built.
const DECODERS: [&str; 24] = [
    "h264",
    "hevc",
    "av1",
    "libdav1d",
    "libaom-av1",
    "vp8",
    "vp9",
    "mpeg4",
    "mpeg2video",
    "mpeg1video",
    "mjpeg",
    "theora",
    "vc1",
    "wmv1",
    "wmv2",
    "wmv3",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4",
    "flv",
    "h263",
    "h263p",
    "prores",
    "dnxhd",
];
/// What of a file is asked of ffprobe.
const ENTRIES: &str = "format=start_time:stream=index,codec_type,codec_name,width,height:\
                       stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation";
/// The key of our mark on a frame, which has its time printed.
const MARK: &str = "spillway";

/// How good JPEGs are, by ffmpeg's scale (2 is best, 31 worst): the next one is taken from a frame on that is too large.
pub(super) const QUALITIES: [u32; 4] = [3, 8, 16, 31];

/// What every call on the file has in common, up to the file itself.
///
/// `codecs`: the option that says which decoders there are. ffprobe opens one for each stream and fails where it may not:
/// there it is of pictures alone.
fn input(container: Container, codecs: &str, more: &[String]) -> Vec<String> {
    let demuxer = container.demuxer();
    let decoders = DECODERS.join(",");
    let fixed = [
        ["-protocol_whitelist", "file"],
        ["-format_whitelist", demuxer],
        [codecs, &decoders],
        ["-f", demuxer],
    ];
    let mut all: Vec<String> = fixed.iter().flatten().map(|it| (*it).to_owned()).collect();
    all.extend_from_slice(more);
    all.extend(["-i", "file:/proc/self/fd/0"].map(str::to_owned));
    all
}

/// Asks ffprobe what streams a file has, as JSON.
pub(super) fn probe(container: Container) -> Vec<String> {
    let first = ["-v", "quiet", "-of", "json", "-show_entries", ENTRIES];
    let mut all: Vec<String> = first.map(str::to_owned).into();
    all.extend(input(container, "-codec_whitelist:v", &[]));
    all
}

/// Asks ffprobe for the time and the length of each packet of a stream, seconds, a line each.
pub(super) fn packets(container: Container, stream: u32) -> Vec<String> {
    let stream = stream.to_string();
    let first = [
        "-v",
        "quiet",
        "-of",
        "csv=p=0",
        "-select_streams",
        &stream,
        "-show_entries",
        "packet=pts_time,duration_time",
    ];
    let mut all: Vec<String> = first.map(str::to_owned).into();
    all.extend(input(container, "-codec_whitelist:v", &[]));
    all
}

/// Asks ffmpeg for the frames of a window.
pub(super) fn frames(film: &Film, window: &Window, picker: &Picker, quality: u32) -> Vec<String> {
    let seek_ms = window.from_ms.saturating_sub(film.container.lead_ms());
    let mut before = vec!["-threads".to_owned(), "1".to_owned()];
    let mut add = |words: &[&str]| before.extend(words.iter().map(|it| (*it).to_owned()));
    if picker.wants_keyframes() {
        add(&["-skip_frame", "nokey"]);
    }
    // Times stay those of the file, counted from its beginning. Frames before the window are there, and not chosen.
    add(&["-copyts", "-start_at_zero", "-noaccurate_seek"]);
    let (pixels, seek) = (PIXELS_MAX.to_string(), seconds(seek_ms));
    add(&["-max_pixels", &pixels]);
    if seek_ms > 0 {
        add(&["-ss", &seek]);
    }
    let mut all: Vec<String> = ["-nostdin", "-v", "quiet", "-filter_threads", "1"]
        .map(str::to_owned)
        .into();
    all.extend(input(film.container, "-codec_whitelist", &before));
    let map = format!("0:{}", film.stream);
    let (quality, most) = (quality.to_string(), window.frames_max.to_string());
    let filter = filter(film, window, picker);
    let after = [
        ["-map", &map],
        ["-vf", &filter],
        ["-vsync", "passthrough"],
        ["-enc_time_base", "1:1000"],
        ["-c:v", "mjpeg"],
        ["-q:v", &quality],
        ["-frames:v", &most],
        ["-map_metadata", "-1"],
        ["-f", "mpjpeg"],
    ];
    all.extend(after.iter().flatten().map(|it| (*it).to_owned()));
    all.push("pipe:1".to_owned());
    all
}

fn filter(film: &Film, window: &Window, picker: &Picker) -> String {
    let (width, height) = fitted(film.width, film.height);
    let chosen = picker.expression(window);
    [
        // Milliseconds, before anything is judged by them.
        "settb=1/1000".to_owned(),
        format!("trim=end_pts={}", window.to_ms),
        format!("select='{chosen}'"),
        // A fixed size: a picture that changes its own in between does not change that of the JPEGs.
        format!("scale={width}:{height}:flags=bicubic"),
        "setsar=1,format=yuvj420p".to_owned(),
        format!("metadata=add:key={MARK}:value=1"),
        format!(r"metadata=print:key={MARK}:file='pipe\:2':direct=1"),
    ]
    .join(",")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// The time in a line of standard error, milliseconds; none in any other.
pub(super) fn time_of(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("frame:")?.split_once("pts:")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use spillway_wire::{Sampling, SamplingRule};

    use super::*;

    #[test]
    fn times_are_read_from_lines_alone_that_have_them() {
        for (line, expected) in [
            ("frame:0    pts:60000   pts_time:60", Some(60_000)),
            ("frame:12   pts:0       pts_time:0", Some(0)),
            ("frame:1    pts:-40     pts_time:-0.04", None),
            ("frame:1    pts:NOPTS   pts_time:NOPTS", None),
            ("spillway=1", None),
            ("", None),
        ] {
            assert_eq!(time_of(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_file_is_read_as_what_it_is_and_nothing_else() {
        let film = Film {
            container: Container::Mov,
            stream: 1,
            codec: "h264".into(),
            width: 1_920,
            height: 1_080,
            start_us: 0,
        };
        let window = Window {
            from_ms: 61_500,
            to_ms: 120_000,
            frames_max: 40,
        };
        let picker = Picker::new(
            Sampling {
                rule: SamplingRule::Keyframes,
                every_ms: 1_500,
                ..Sampling::default()
            },
            None,
        );
        let said = frames(&film, &window, &picker, 3).join(" ");
        for part in [
            "-protocol_whitelist file -format_whitelist mov",
            "-f mov -threads 1 -skip_frame nokey",
            "-ss 60.500 -i file:/proc/self/fd/0 -map 0:1",
            "scale=1280:720:",
            "-frames:v 40",
        ] {
            assert!(said.contains(part), "{part} should be in {said}");
        }
        let calls = [probe(Container::MpegTs), packets(Container::MpegTs, 0)];
        for call in calls {
            let said = call.join(" ");
            assert!(said.contains("-format_whitelist mpegts"), "{said}");
            assert!(
                said.ends_with("-f mpegts -i file:/proc/self/fd/0"),
                "{said}"
            );
        }
    }
}
