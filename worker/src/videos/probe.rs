//! What ffprobe says of a file, as far as it is believed. Pure.

use serde::Deserialize;
use spillway_wire::{Reason, Stage};

use super::arguments::PIXELS_MAX;
use super::container::Container;
use crate::work::Failure;

/// Longest name of a codec.
const CODEC_CHARS_MAX: usize = 32;

/// The stream of a file that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Film {
    pub(super) container: Container,
    pub(super) stream: u32,
    pub(super) codec: String,
    /// Of the upright picture.
    pub(super) width: u32,
    pub(super) height: u32,
    /// The time in the file that is the video's beginning, microseconds.
    pub(super) start_us: i64,
}

/// How long a stream is, by its packets: what a file's header says of it may be anything.
#[derive(Debug, Default)]
pub(super) struct Length {
    end_us: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    format: Format,
    streams: Vec<Stream>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    start_time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_type: String,
    codec_name: String,
    width: i64,
    height: i64,
    disposition: Disposition,
    tags: Tags,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tags {
    rotate: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

// === impl Film ===

impl Film {
    /// Reads ffprobe's answer.
    ///
    /// # Errors
    /// `CorruptImage` where there is none, `UnsupportedFormat` where there is no video in the file or none of a known codec,
    /// `TooLarge`.
    pub(super) fn read(container: Container, answer: &[u8]) -> Result<Self, Failure> {
        // Where the file can be read and a decoder cannot be had, it stops in the middle.
        let answer: Answer = serde_json::from_slice(answer).map_err(|_| {
            let message = "the video's codec is none that is taken";
            failure(Reason::UnsupportedFormat, message)
        })?;
        let is_video = |it: &&Stream| it.codec_type == "video" && it.disposition.attached_pic == 0;
        let stream = answer.streams.iter().find(is_video).ok_or_else(|| {
            match answer.streams.is_empty() {
                true => failure(Reason::CorruptImage, "the file cannot be read as a video"),
                false => failure(Reason::UnsupportedFormat, "there is no video in the file"),
            }
        })?;
        let side = |side: i64| u32::try_from(side).ok().filter(|side| *side > 0);
        let (Some(width), Some(height)) = (side(stream.width), side(stream.height)) else {
            return Err(failure(
                Reason::CorruptImage,
                "the video's picture has no size",
            ));
        };
        if u64::from(width) * u64::from(height) > PIXELS_MAX {
            let message = format!("{width} × {height} pixels; {PIXELS_MAX} are allowed");
            return Err(failure(Reason::TooLarge, message));
        }
        let (width, height) = match stream.is_turned() {
            true => (height, width),
            false => (width, height),
        };
        let codec = stream.codec_name.chars();
        let codec = codec.filter(|it| it.is_ascii_alphanumeric() || *it == '_');
        let start = answer.format.start_time.as_deref();
        Ok(Self {
            container,
            stream: stream.index,
            codec: codec.take(CODEC_CHARS_MAX).collect(),
            width,
            height,
            start_us: start.and_then(microseconds).unwrap_or(0),
        })
    }

    /// The container's and the codec's names.
    pub(super) fn format(&self) -> String {
        format!("{}/{}", self.container.name(), self.codec)
    }
}

// === impl Stream ===

impl Stream {
    /// Whether the picture is shown with its sides swapped.
    fn is_turned(&self) -> bool {
        let of_side_data = self.side_data_list.iter().find_map(|it| it.rotation);
        let of_tags = || self.tags.rotate.as_deref()?.parse().ok();
        let degrees: f64 = of_side_data.or_else(of_tags).unwrap_or(0.0);
        (degrees.rem_euclid(180.0) - 90.0).abs() < 45.0
    }
}

// === impl Length ===

impl Length {
    /// Takes in a packet's line: when it is shown and for how long, seconds.
    pub(super) fn see(&mut self, line: &str) {
        let mut fields = line.split(',');
        let Some(at) = fields.next().and_then(microseconds) else {
            return;
        };
        let lasts = fields.next().and_then(microseconds).unwrap_or(0).max(0);
        let end = at.saturating_add(lasts);
        self.end_us = Some(self.end_us.map_or(end, |before| before.max(end)));
    }

    /// From the video's beginning to its end, milliseconds; none where no packet has a time.
    pub(super) fn ms(&self, start_us: i64) -> Option<u64> {
        let length = self.end_us?.saturating_sub(start_us).max(0);
        // At least the frame that is there.
        Some((length as u64).div_ceil(1_000).max(1))
    }
}

/// A number of seconds as microseconds.
fn microseconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.trim().parse().ok()?;
    seconds
        .is_finite()
        .then_some((seconds * 1e6).round() as i64)
}

fn failure(reason: Reason, message: impl Into<String>) -> Failure {
    Failure::new(Stage::Decode, reason, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(streams: &str) -> Result<Film, Reason> {
        let answer = format!(r#"{{"format":{{"start_time":"1.400000"}},"streams":[{streams}]}}"#);
        Film::read(Container::Mov, answer.as_bytes()).map_err(|failure| failure.reason)
    }

    #[test]
    fn the_first_video_that_is_no_cover_is_looked_at() {
        let sound = r#"{"index":0,"codec_type":"audio","codec_name":"aac"}"#;
        let cover = r#"{"index":1,"codec_type":"video","codec_name":"mjpeg","width":9,"height":9,
                        "disposition":{"attached_pic":1}}"#;
        let video =
            r#"{"index":2,"codec_type":"video","codec_name":"h264","width":640,"height":360}"#;
        let film = read(&[sound, cover, video].join(",")).unwrap();
        assert_eq!((film.stream, film.width, film.height), (2, 640, 360));
        assert_eq!(
            (film.start_us, film.format().as_str()),
            (1_400_000, "mov,mp4/h264")
        );
        let unsupported = Err(Reason::UnsupportedFormat);
        assert_eq!(read(&[sound, cover].join(",")), unsupported);
        assert_eq!(read(sound), unsupported);
        assert_eq!(read(""), Err(Reason::CorruptImage));
        assert_eq!(read(r#"{"codec_type":"video"}"#), Err(Reason::CorruptImage));
        let huge = r#"{"codec_type":"video","width":65535,"height":65535}"#;
        assert_eq!(read(huge), Err(Reason::TooLarge));
        for (answer, expected) in [
            ("{\n\n}", Reason::CorruptImage),
            ("{\n", Reason::UnsupportedFormat),
        ] {
            let none = Film::read(Container::Mov, answer.as_bytes()).unwrap_err();
            assert_eq!(none.reason, expected, "{answer:?}");
        }
    }

    #[test]
    fn a_turned_picture_has_its_sides_swapped() {
        for (says, is_turned) in [
            (r#""side_data_list":[{"rotation":-90}]"#, true),
            (r#""side_data_list":[{},{"rotation":270}]"#, true),
            (r#""side_data_list":[{"rotation":180}]"#, false),
            (r#""tags":{"rotate":"90"}"#, true),
            (r#""tags":{"rotate":"x"}"#, false),
            (r#""tags":{}"#, false),
        ] {
            let stream = format!(r#"{{"codec_type":"video","width":64,"height":36,{says}}}"#);
            let film = read(&stream).unwrap();
            assert_eq!(film.width == 36, is_turned, "{says}");
        }
    }

    #[test]
    fn a_video_is_as_long_as_its_packets_say() {
        let mut length = Length::default();
        assert_eq!(length.ms(0), None);
        for line in [
            "1.400000,0.040000,K_,",
            "",
            "N/A,0.04",
            "1.480000,0.040000",
            "1.440000",
        ] {
            length.see(line);
        }
        assert_eq!(length.ms(1_400_000), Some(120));
        assert_eq!(length.ms(9_000_000), Some(1));
    }
}
