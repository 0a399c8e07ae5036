//! Looks at a file: which stream of it is the video, and how long that is.

use spillway_wire::{Reason, Stage};
use tracing::warn;

use super::Claim;
use super::arguments::{packets, probe};
use super::child::{Ended, lines};
use super::container::Container;
use super::plan::LENGTH_MAX_MS;
use super::probe::{Film, Length};
use super::programs::Programs;
use super::reel::Reel;
use super::split::End;
use super::window::DEATHS_MAX;
use crate::work::Failure;

/// Most bytes of what ffprobe says of streams.
const PROBE_BYTES_MAX: usize = 256 << 10;

/// The video of a file, and its length in milliseconds.
///
/// # Errors
/// `UnsupportedFormat`, `CorruptImage` or `TooLarge`.
pub(super) fn look(programs: &Programs, reel: &Reel, claim: &Claim) -> Result<(Film, u64), End> {
    let Some(container) = Container::sniff(&reel.head) else {
        return Err(failed(
            Reason::UnsupportedFormat,
            "no video of a known kind",
        ));
    };
    let ask = Ask {
        programs,
        reel,
        claim,
    };
    let answer = ask.lines(&probe(container), |answer: &mut Vec<u8>, line| {
        if answer.len() + line.len() < PROBE_BYTES_MAX {
            answer.extend_from_slice(line.as_bytes());
        }
    })?;
    let film = Film::read(container, &answer).map_err(End::Failed)?;
    let of_packets = packets(container, film.stream);
    let length = ask.lines(&of_packets, |length: &mut Length, line| length.see(line))?;
    let Some(length_ms) = length.ms(film.start_us) else {
        let message = "no frame of the video has a time";
        return Err(failed(Reason::CorruptImage, message));
    };
    if length_ms > LENGTH_MAX_MS {
        return Err(failed(Reason::TooLarge, "the video is longer than a day"));
    }
    Ok((film, length_ms))
}

/// Whom and what is asked.
struct Ask<'a> {
    programs: &'a Programs,
    reel: &'a Reel,
    claim: &'a Claim,
}

// === impl Ask ===

impl Ask<'_> {
    /// What is made of the lines that ffprobe says of the file.
    fn lines<T: Default>(&self, arguments: &[String], take: fn(&mut T, &str)) -> Result<T, End> {
        let program = &self.programs.ffprobe;
        for _ in 0..DEATHS_MAX {
            let mut said = T::default();
            let mut take = |line: String| take(&mut said, &line);
            let ended = lines(program, arguments, &self.reel.file, self.claim, &mut take)
                .map_err(|error| End::Unable(format!("ffprobe does not start: {error}")))?;
            match ended {
                Ended::Abandoned => return Err(End::Abandoned),
                Ended::Slow => {
                    let message = "the file takes too long to be read";
                    return Err(failed(Reason::CorruptImage, message));
                }
                Ended::Died => warn!("reader of a video died"),
                // Where it failed it said too little, which whoever reads that sees.
                Ended::Well | Ended::Failed | Ended::Enough => return Ok(said),
            }
        }
        Err(failed(Reason::CorruptImage, "the reader died of the file"))
    }
}

fn failed(reason: Reason, message: &str) -> End {
    End::Failed(Failure::new(Stage::Decode, reason, message))
}
