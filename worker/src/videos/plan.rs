//! Which part of a video is looked at when, and which of its frames are taken. Pure: no clock, no process, no Kafka.
//!
//! ```text
//! segment      0              1              2                 60 s each, half-open
//!         ├──────────────┼──────────────┼──────── … length
//! interval  ·     ·     ·     ·     ·     ·              the first frame at or after each multiple of `every_ms`
//!           └─ those whose multiple lies in the segment ─┘
//! ```
//!
//! A frame belongs to one segment alone: its time, or the multiple it stands for, lies in one.

use spillway_wire::{Sampling, SamplingRule};

/// Length of a segment.
pub(super) const SEGMENT_MS: u64 = 60_000;
/// Longest video: a day, whose segments still fit into a commit's metadata.
pub(super) const LENGTH_MAX_MS: u64 = 24 * 3_600_000;
/// Most segments of a video.
pub(super) const SEGMENTS_MAX: usize = (LENGTH_MAX_MS / SEGMENT_MS) as usize;
/// Longest side of a frame that is sent: more than any model sees.
const SIDE_MAX: u32 = 1_280;

/// The part of a video that one process decodes, and how many frames it may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// The first frame may be shown then, milliseconds from the video's beginning.
    pub(super) from_ms: u64,
    /// All frames are shown before.
    pub(super) to_ms: u64,
    /// Most frames.
    pub(super) frames_max: u32,
}

/// Which frames of a window are taken, given those that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picker {
    sampling: Sampling,
    /// The last one that was taken, in whichever segment.
    last_ms: Option<u64>,
}

/// How many segments a video has.
pub(super) fn segments(length_ms: u64) -> u32 {
    length_ms.div_ceil(SEGMENT_MS).max(1) as u32
}

/// What of a segment is to be decoded; none where no frame of it can be asked for.
pub(super) fn window(sampling: &Sampling, segment: u32, length_ms: u64) -> Option<Window> {
    let begin = u64::from(segment) * SEGMENT_MS;
    let end = begin + SEGMENT_MS;
    let every = u64::from(sampling.every_ms);
    let window = match sampling.rule {
        SamplingRule::Interval => {
            let (first, after) = (begin.div_ceil(every), end.div_ceil(every));
            Window {
                from_ms: first * every,
                to_ms: after * every,
                frames_max: (after - first) as u32,
            }
        }
        SamplingRule::Keyframes | SamplingRule::Scene => Window {
            from_ms: begin,
            to_ms: end,
            frames_max: (SEGMENT_MS / every) as u32 + 1,
        },
    };
    (window.frames_max > 0 && window.from_ms < length_ms).then_some(window)
}

/// Size of the frames that are sent of a picture of `width` × `height`: within [`SIDE_MAX`], never enlarged, even.
pub(super) fn fitted(width: u32, height: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height).max(1));
    let most = u64::from(SIDE_MAX).min(longest);
    let fit = |side: u32| {
        let side = (u64::from(side) * most + longest / 2) / longest;
        // Colours have half the pixels.
        (side as u32 / 2 * 2).max(2)
    };
    (fit(width), fit(height))
}

// === impl Picker ===

impl Picker {
    pub(super) fn new(sampling: Sampling, last_ms: Option<u64>) -> Self {
        Self { sampling, last_ms }
    }

    pub(super) fn last_ms(&self) -> Option<u64> {
        self.last_ms
    }

    /// Whether only key frames are looked at.
    pub(super) fn wants_keyframes(&self) -> bool {
        self.sampling.rule == SamplingRule::Keyframes
    }

    /// Takes a frame, or says that it is one too many.
    ///
    /// What the process chose is judged again: it may be hostile by now, and forgets what it took where the picture's
    /// size changes.
    pub(super) fn takes(&mut self, window: &Window, at_ms: u64) -> bool {
        let every = u64::from(self.sampling.every_ms);
        let is_spaced = self.last_ms.is_none_or(|last| match self.sampling.rule {
            SamplingRule::Interval => at_ms / every > last / every,
            SamplingRule::Keyframes | SamplingRule::Scene => at_ms >= last + every,
        });
        let is_taken = is_spaced && (window.from_ms..window.to_ms).contains(&at_ms);
        if is_taken {
            self.last_ms = Some(at_ms);
        }
        is_taken
    }

    /// What is left of a window after the last frame that was taken.
    pub(super) fn rest(&self, window: Window) -> Window {
        let every = u64::from(self.sampling.every_ms);
        let next = self.last_ms.map_or(0, |last| match self.sampling.rule {
            SamplingRule::Interval => (last / every + 1) * every,
            SamplingRule::Keyframes | SamplingRule::Scene => last + every,
        });
        Window {
            from_ms: window.from_ms.max(next),
            ..window
        }
    }

    /// The same choice as an expression of ffmpeg's `select`, whose `pts` are milliseconds.
    pub(super) fn expression(&self, window: &Window) -> String {
        let Sampling {
            every_ms,
            scene_percent,
            ..
        } = self.sampling;
        let Window { from_ms, to_ms, .. } = window;
        let inside = format!("gte(pts,{from_ms})*lt(pts,{to_ms})");
        let next = self.last_ms.map(|last| last + u64::from(every_ms));
        let first = next.map_or_else(|| "1".to_owned(), |next| format!("gte(pts,{next})"));
        let spaced = format!("gte(pts-prev_selected_pts,{every_ms})");
        let changed = format!("gte(scene,{scene_percent}/100)");
        match self.sampling.rule {
            SamplingRule::Interval => format!(
                "{inside}*if(isnan(prev_selected_pts),1,\
                 gt(floor(pts/{every_ms}),floor(prev_selected_pts/{every_ms})))"
            ),
            SamplingRule::Keyframes => {
                format!("{inside}*if(isnan(prev_selected_pts),{first},{spaced})")
            }
            // The first frame of all stands for itself.
            SamplingRule::Scene if next.is_none() => {
                format!("{inside}*if(isnan(prev_selected_pts),1,{spaced}*{changed})")
            }
            SamplingRule::Scene => {
                format!("{inside}*{changed}*if(isnan(prev_selected_pts),{first},{spaced})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sampling(rule: SamplingRule, every_ms: u32) -> Sampling {
        Sampling {
            rule,
            every_ms,
            ..Sampling::default()
        }
    }

    /// What is taken of a video of `frames` (their times), gone through in segments.
    fn taken(sampling: Sampling, frames: &[u64]) -> Vec<u64> {
        let length_ms = frames.last().map_or(0, |last| last + 1);
        let mut picker = Picker::new(sampling, None);
        let mut taken = Vec::new();
        for segment in 0..segments(length_ms) {
            let Some(window) = window(&sampling, segment, length_ms) else {
                continue;
            };
            let before = taken.len();
            taken.extend(frames.iter().filter(|at| picker.takes(&window, **at)));
            assert!(taken.len() - before <= window.frames_max as usize);
        }
        taken
    }

    #[test]
    fn a_segment_asks_for_the_multiples_in_it() {
        let of = |every_ms, segment| {
            let sampling = sampling(SamplingRule::Interval, every_ms);
            let window = window(&sampling, segment, 10_000_000)?;
            Some((window.from_ms, window.to_ms, window.frames_max))
        };
        assert_eq!(of(1_000, 0), Some((0, 60_000, 60)));
        assert_eq!(of(1_000, 1), Some((60_000, 120_000, 60)));
        assert_eq!(of(7_000, 0), Some((0, 63_000, 9)));
        assert_eq!(of(7_000, 1), Some((63_000, 126_000, 9)));
        assert_eq!(of(150_000, 0), Some((0, 150_000, 1)));
        assert_eq!(of(150_000, 1), None);
        assert_eq!(of(150_000, 2), Some((150_000, 300_000, 1)));
        assert_eq!(
            window(&sampling(SamplingRule::Interval, 1_000), 2, 90_000),
            None
        );
    }

    #[test]
    fn a_picture_is_fitted_and_never_enlarged() {
        for (size, expected) in [
            ((1_920, 1_080), (1_280, 720)),
            ((1_080, 1_920), (720, 1_280)),
            ((3_840, 2_160), (1_280, 720)),
            ((321, 181), (320, 180)),
            ((1, 1), (2, 2)),
            ((36_000_000, 1), (1_280, 2)),
            ((0, 0), (2, 2)),
        ] {
            assert_eq!(fitted(size.0, size.1), expected, "{size:?}");
        }
    }

    #[test]
    fn what_is_chosen_is_said_in_the_words_of_ffmpeg() {
        let window = Window {
            from_ms: 60_000,
            to_ms: 120_000,
            frames_max: 9,
        };
        let said = |rule, last| Picker::new(sampling(rule, 7_000), last).expression(&window);
        let inside = "gte(pts,60000)*lt(pts,120000)";
        assert_eq!(
            said(SamplingRule::Interval, Some(56_000)),
            format!(
                "{inside}*if(isnan(prev_selected_pts),1,\
                 gt(floor(pts/7000),floor(prev_selected_pts/7000)))"
            )
        );
        let spaced = "gte(pts-prev_selected_pts,7000)";
        assert_eq!(
            said(SamplingRule::Keyframes, Some(59_000)),
            format!("{inside}*if(isnan(prev_selected_pts),gte(pts,66000),{spaced})")
        );
        assert_eq!(
            said(SamplingRule::Scene, None),
            format!("{inside}*if(isnan(prev_selected_pts),1,{spaced}*gte(scene,30/100))")
        );
        assert_eq!(
            said(SamplingRule::Scene, Some(59_000)),
            format!(
                "{inside}*gte(scene,30/100)*if(isnan(prev_selected_pts),gte(pts,66000),{spaced})"
            )
        );
    }

    proptest! {
        #[test]
        fn segments_take_what_one_pass_would(
            steps in proptest::collection::vec(1..4_000_u64, 1..200),
            every_ms in 40..200_000_u32,
            is_interval in any::<bool>(),
        ) {
            let mut at = 0;
            let frames: Vec<u64> = steps.iter().map(|step| { at += step; at }).collect();
            let rule = if is_interval { SamplingRule::Interval } else { SamplingRule::Keyframes };
            let every = u64::from(every_ms);
            let mut expected: Vec<u64> = Vec::new();
            for at in &frames {
                let is_next = expected.last().is_none_or(|last| match is_interval {
                    true => at / every > last / every,
                    false => *at >= last + every,
                });
                if is_next {
                    expected.push(*at);
                }
            }
            prop_assert_eq!(taken(sampling(rule, every_ms), &frames), expected);
        }

        #[test]
        fn frames_fit(width in 1..100_000_u32, height in 1..100_000_u32) {
            let (w, h) = fitted(width, height);
            prop_assert!(w.max(h) <= SIDE_MAX && w % 2 == 0 && h % 2 == 0 && w.min(h) >= 2);
            prop_assert!(w <= width.max(2) && h <= height.max(2));
        }
    }
}
