//! Frames of one window of a video: as many processes as it takes, one after the other.
//!
//! More than one only where a frame was too large for a record, which the next does not so well, or where one died.

use std::collections::VecDeque;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::process::{ChildStderr, ChildStdout};

use crossbeam_channel::Sender;
use spillway_wire::{INLINE_BYTES_MAX, Reason, Stage};
use tracing::warn;

use super::Claim;
use super::arguments::{QUALITIES, frames, time_of};
use super::child::{Ended, run};
use super::jpegs;
use super::plan::{Picker, Window};
use super::probe::Film;
use super::programs::Programs;
use super::reel::Reel;
use super::split::End;
use crate::work::Failure;

/// Most processes that may die of one part of a video: the second time it is the video's fault, not that of the system.
pub(super) const DEATHS_MAX: u32 = 2;

/// What is gone through.
pub(super) struct Source<'a> {
    pub(super) programs: &'a Programs,
    pub(super) film: &'a Film,
    pub(super) reel: &'a Reel,
    pub(super) claim: &'a Claim,
}

/// What a process says.
enum Said {
    /// A frame is shown then, milliseconds; frames follow in the same order.
    At(u64),
    Frame(Vec<u8>),
    /// What it wrote makes no sense.
    Nonsense,
}

/// Why a process was told that it is enough.
enum Enough {
    /// There are more frames than may be sent.
    Cut,
    /// A frame is too large for a record.
    TooLarge,
    Nonsense,
    /// It gave as many as it was asked for, and fewer were taken.
    Short,
    End(End),
}

/// Frames and times that wait for each other, and how many found each other.
#[derive(Default)]
struct Pairs {
    times: VecDeque<u64>,
    frames: VecDeque<Vec<u8>>,
    found: u32,
}

// === impl Pairs ===

impl Pairs {
    fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.times.is_empty() || self.frames.is_empty() {
            return None;
        }
        self.found += 1;
        self.times.pop_front().zip(self.frames.pop_front())
    }
}

// === impl Source ===

impl Source<'_> {
    /// Gives each frame of a window that `picker` takes to `send`, in the order of their times; at most `left`.
    ///
    /// Returns whether there are more.
    ///
    /// # Errors
    /// What `send` says; `CorruptImage` where the video cannot be decoded.
    pub(super) fn frames(
        &self,
        window: Window,
        picker: &mut Picker,
        mut left: u32,
        send: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), End>,
    ) -> Result<bool, End> {
        let mut window = Window {
            // One more, to know whether there are more.
            frames_max: window.frames_max.min(left.saturating_add(1)),
            ..window
        };
        let (mut quality, mut deaths) = (0, 0);
        loop {
            let before = left;
            let enough = self.process(&window, picker, QUALITIES[quality], &mut left, send)?;
            match enough {
                Ok(Ended::Well | Ended::Enough) => return Ok(false),
                // It stopped before the window did: of those that it gave, not all were to be taken.
                Err(Enough::Short) if left < before => {}
                Err(Enough::Short) => return Ok(false),
                Ok(Ended::Abandoned) => return Err(End::Abandoned),
                Ok(Ended::Failed) => return Err(corrupt("the video cannot be decoded")),
                Ok(Ended::Slow) => return Err(corrupt("the decoder took too long")),
                Ok(Ended::Died) => {
                    deaths += 1;
                    warn!(from_ms = window.from_ms, "video decoder died");
                    if deaths >= DEATHS_MAX {
                        return Err(corrupt("the decoder died of it"));
                    }
                }
                Err(Enough::Cut) => return Ok(true),
                Err(Enough::TooLarge) if quality + 1 < QUALITIES.len() => quality += 1,
                Err(Enough::TooLarge) => {
                    let message = "a frame does not fit into a record";
                    return Err(failed(Reason::TooLarge, message));
                }
                Err(Enough::Nonsense) => return Err(corrupt("the decoder answers nonsense")),
                Err(Enough::End(end)) => return Err(end),
            }
            window = picker.rest(window);
        }
    }

    /// One process.
    fn process(
        &self,
        window: &Window,
        picker: &mut Picker,
        quality: u32,
        left: &mut u32,
        send: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), End>,
    ) -> Result<Result<Ended, Enough>, End> {
        let arguments = frames(self.film, window, picker, quality);
        let before = *left;
        let mut pairs = Pairs::default();
        let mut enough = None;
        let take = |said: Said| {
            match said {
                Said::At(at_ms) => pairs.times.push_back(at_ms),
                Said::Frame(frame) => pairs.frames.push_back(frame),
                Said::Nonsense => enough = Some(Enough::Nonsense),
            }
            if pairs.times.len().max(pairs.frames.len()) > window.frames_max as usize {
                enough = Some(Enough::Nonsense);
            }
            while enough.is_none()
                && let Some((at_ms, frame)) = pairs.next()
            {
                enough = take_frame(window, picker, left, (at_ms, frame), send).err();
            }
            match enough {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        };
        let program = &self.programs.ffmpeg;
        let ended = run(
            program,
            &arguments,
            &self.reel.file,
            self.claim,
            read_frames,
            read_times,
            take,
        );
        let ended =
            ended.map_err(|error| End::Unable(format!("ffmpeg does not start: {error}")))?;
        if let Some(enough) = enough {
            return Ok(Err(enough));
        }
        if ended == Ended::Well && !(pairs.times.is_empty() && pairs.frames.is_empty()) {
            return Ok(Err(Enough::Nonsense));
        }
        if ended == Ended::Well && pairs.found == window.frames_max && before - *left < pairs.found
        {
            return Ok(Err(Enough::Short));
        }
        Ok(Ok(ended))
    }
}

fn take_frame(
    window: &Window,
    picker: &mut Picker,
    left: &mut u32,
    (at_ms, frame): (u64, Vec<u8>),
    send: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), End>,
) -> Result<(), Enough> {
    let mut picked = *picker;
    if !picked.takes(window, at_ms) {
        return Ok(());
    }
    if *left == 0 {
        return Err(Enough::Cut);
    }
    if frame.len() > INLINE_BYTES_MAX {
        return Err(Enough::TooLarge);
    }
    *picker = picked;
    *left -= 1;
    send(at_ms, frame).map_err(Enough::End)
}

fn read_frames(mut from: BufReader<ChildStdout>, tell: &Sender<Said>) {
    loop {
        let said = match jpegs::next(&mut from) {
            Ok(Some(frame)) => Said::Frame(frame),
            Ok(None) => return,
            Err(_) => Said::Nonsense,
        };
        let is_nonsense = matches!(said, Said::Nonsense);
        if tell.send(said).is_err() || is_nonsense {
            return;
        }
    }
}

fn read_times(mut from: BufReader<ChildStderr>, tell: &Sender<Said>) {
    while let Ok(Some(line)) = jpegs::line(&mut from) {
        if let Some(at_ms) = time_of(&line)
            && tell.send(Said::At(at_ms)).is_err()
        {
            return;
        }
    }
    // Who writes more than lines is not to wait for somebody who reads it.
    let _ = std::io::copy(&mut from, &mut std::io::sink());
}

fn corrupt(message: &str) -> End {
    failed(Reason::CorruptImage, message)
}

fn failed(reason: Reason, message: &str) -> End {
    End::Failed(Failure::new(Stage::Decode, reason, message))
}
