//! Whether videos are taken, and how.

use std::path::PathBuf;

use clap::Args;
use spillway_wire::topics;

use crate::videos::{Programs, Settings};

#[derive(Debug, Args)]
#[command(next_help_heading = "Videos")]
pub(super) struct VideoArgs {
    /// Take videos too, one at a time, and make a job of each frame that is asked for; needs ffmpeg and ffprobe, which
    /// Debian's package `ffmpeg` has.
    #[arg(long, env = "SPILLWAY_VIDEOS")]
    videos: bool,
    /// Topic of videos.
    #[arg(long, env = "SPILLWAY_VIDEOS_TOPIC", default_value = topics::VIDEOS, value_name = "TOPIC")]
    videos_topic: String,
    /// Consumer group that takes them: one for all workers, whichever models they run.
    #[arg(long, env = "SPILLWAY_VIDEOS_GROUP", default_value = topics::VIDEOS_GROUP, value_name = "GROUP")]
    videos_group: String,
    /// Most bytes of a video's file, as in 2GiB.
    #[arg(long, env = "SPILLWAY_VIDEO_BYTES_MAX", default_value = "2GiB", value_name = "BYTES", value_parser = bytes)]
    video_bytes_max: u64,
    /// Folder with room for one video, which lies there without a name; by default that for temporary files.
    #[arg(long, env = "SPILLWAY_VIDEO_DIR", value_name = "DIR")]
    video_dir: Option<PathBuf>,
}

// === impl VideoArgs ===

impl VideoArgs {
    /// How videos are gone through; none where they are not.
    ///
    /// # Errors
    /// If the programs are not there.
    pub(super) fn settings(self) -> anyhow::Result<Option<Settings>> {
        if !self.videos {
            return Ok(None);
        }
        Ok(Some(Settings {
            topic: self.videos_topic,
            group: self.videos_group,
            bytes_max: self.video_bytes_max,
            folder: self.video_dir.unwrap_or_else(std::env::temp_dir),
            programs: Programs::find()?,
        }))
    }

    /// # Errors
    /// If videos are to be taken and the programs for it are not there: said before models are loaded.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.videos {
            true => Programs::find().map(drop),
            false => Ok(()),
        }
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let found = units
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (number, size) = found.unwrap_or((text, 1_u64));
    let number: u64 = number.parse().unwrap_or(0);
    match number.checked_mul(size) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("must be a whole number of bytes, KiB, MiB or GiB, as in 2GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("2GiB", Some(2 << 30)),
            ("700MiB", Some(700 << 20)),
            ("1KiB", Some(1_024)),
            ("12", Some(12)),
            ("0", None),
            ("2GB", None),
            ("-1", None),
            ("99999999999GiB", None),
            ("", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text:?}");
        }
    }
}
