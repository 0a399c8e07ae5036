//! When and how often names are seen in frames that come in their order. No clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most names of one kind in a summary; those beyond are left out, and it says so.
pub(super) const NAMES_MAX: usize = 2_000;
/// Most intervals of one name; beyond them the two that are nearest to each other are joined.
pub(super) const INTERVALS_MAX: usize = 50;

/// When and how often something was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) frames: u32,
    pub(super) best_score: f32,
    pub(super) first_at_ms: u64,
    pub(super) last_at_ms: u64,
    pub(super) intervals: Vec<Interval>,
    /// Number of the last frame in which it was.
    last: u32,
}

/// From the first to the last frame of several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Interval {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

/// Best score of each name in one frame.
pub(super) type Names<'a> = BTreeMap<&'a str, f32>;

/// The best score of each name.
pub(super) fn best<'a>(names: impl Iterator<Item = (&'a str, f32)>) -> Names<'a> {
    let mut best = Names::new();
    for (name, score) in names {
        let known = best.entry(name).or_insert(score);
        *known = known.max(score);
    }
    best
}

/// Counts a frame for each name in it.
pub(super) fn count(counts: &mut BTreeMap<String, u32>, names: &Names<'_>) {
    for name in names.keys() {
        let has_room = counts.len() < NAMES_MAX;
        match counts.get_mut(*name) {
            Some(count) => *count += 1,
            None if has_room => {
                counts.insert((*name).to_owned(), 1);
            }
            None => {}
        }
    }
}

/// Notes what is in a frame; says whether there was room for all of it.
pub(super) fn note(
    all: &mut BTreeMap<String, Seen>,
    names: &Names<'_>,
    number: u32,
    at_ms: u64,
) -> bool {
    let mut is_whole = true;
    for (name, score) in names {
        let has_room = all.len() < NAMES_MAX;
        match all.get_mut(*name) {
            Some(seen) => seen.again(*score, number, at_ms),
            None if has_room => {
                all.insert((*name).to_owned(), Seen::first(*score, number, at_ms));
            }
            None => is_whole = false,
        }
    }
    is_whole
}

// === impl Seen ===

impl Seen {
    fn first(score: f32, number: u32, at_ms: u64) -> Self {
        Self {
            frames: 1,
            best_score: score,
            first_at_ms: at_ms,
            last_at_ms: at_ms,
            intervals: vec![Interval::at(at_ms)],
            last: number,
        }
    }

    fn again(&mut self, score: f32, number: u32, at_ms: u64) {
        self.frames += 1;
        self.best_score = self.best_score.max(score);
        self.last_at_ms = at_ms;
        match self.intervals.last_mut() {
            Some(last) if self.last + 1 == number => last.to_ms = at_ms,
            _ => self.intervals.push(Interval::at(at_ms)),
        }
        self.last = number;
        if self.intervals.len() > INTERVALS_MAX {
            self.join_nearest();
        }
    }

    fn join_nearest(&mut self) {
        let gaps = self.intervals.windows(2).enumerate();
        let nearest = gaps.min_by_key(|(_, pair)| pair[1].from_ms.saturating_sub(pair[0].to_ms));
        if let Some((index, _)) = nearest {
            let next = self.intervals.remove(index + 1);
            self.intervals[index].to_ms = next.to_ms;
        }
    }
}

impl Interval {
    fn at(at_ms: u64) -> Self {
        Self {
            from_ms: at_ms,
            to_ms: at_ms,
        }
    }
}
