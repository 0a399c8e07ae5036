//! What a video shows, added up frame by frame in the order in which they are shown. No clock, no store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seen::{Interval, NAMES_MAX, Names, Seen, best, count, note};
use crate::answer::{ImageStatus, ImageView};
use crate::ids::FrameAt;

/// Most rows of segments; beyond them neighbours share a row.
const SEGMENTS_MAX: usize = 256;
/// Most names of one kind in a row of segments: those of most frames.
const SEGMENT_NAMES_MAX: usize = 50;

/// The sums so far, as they are kept between two looks at a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    frames: u32,
    failed: u32,
    faces: Faces,
    labels: BTreeMap<String, Seen>,
    logos: BTreeMap<String, Seen>,
    objects: BTreeMap<String, Seen>,
    /// By attribute, then by value.
    face_attributes: BTreeMap<String, BTreeMap<String, Seen>>,
    segments: Vec<SegmentView>,
    /// Segments that share a row.
    width: u32,
    is_cut: bool,
}

/// Faces of all frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Faces {
    /// Frames in which there was one at least.
    frames: u32,
    /// Most in one frame.
    most_at_once: u32,
}

/// What one segment, or several neighbours of a very long video, show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SegmentView {
    /// Number of the first segment, from 0.
    segment: u32,
    /// When its first frame is shown.
    from_ms: u64,
    /// When its last frame is shown.
    to_ms: u64,
    frames: u32,
    /// Of them, those without any answer but an error.
    failed: u32,
    /// Faces of all its frames, added up.
    faces: u32,
    /// In how many frames each label is; at most 50 of them.
    labels: BTreeMap<String, u32>,
    /// In how many frames each brand is; at most 50 of them.
    logos: BTreeMap<String, u32>,
    /// In how many frames each object is; at most 50 of them.
    objects: BTreeMap<String, u32>,
}

/// What the whole video shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    /// Frames that were answered.
    frames: u32,
    /// Of them, those without any answer but an error.
    failed: u32,
    faces: Faces,
    /// Those of most frames first.
    labels: Vec<Sighting>,
    /// Those of most frames first; the name is the brand.
    logos: Vec<Sighting>,
    /// Those of most frames first.
    objects: Vec<Sighting>,
    /// By attribute, then those of most frames first; the name is the value.
    face_attributes: BTreeMap<String, Vec<Sighting>>,
    /// In their order; neighbours share a row where there would be more than 256.
    segments: Vec<SegmentView>,
    /// Whether there were more names than a summary has room for.
    is_cut: bool,
}

/// One name and where it is in the video.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sighting {
    name: String,
    /// Frames in which it is.
    frames: u32,
    /// Best score of all of them, 0..1.
    best_score: f32,
    first_at_ms: u64,
    last_at_ms: u64,
    /// When it is in every frame that was looked at; of more than 50, those nearest to each other are joined.
    intervals: Vec<Interval>,
}

// === impl Tally ===

impl Default for Tally {
    fn default() -> Self {
        Self {
            frames: 0,
            failed: 0,
            faces: Faces::default(),
            labels: BTreeMap::new(),
            logos: BTreeMap::new(),
            objects: BTreeMap::new(),
            face_attributes: BTreeMap::new(),
            segments: Vec::new(),
            width: 1,
            is_cut: false,
        }
    }
}

impl Tally {
    /// Takes the next frame.
    pub(crate) fn add(&mut self, at: FrameAt, view: &ImageView) {
        // Frames that failed were not looked at: they interrupt nothing.
        let number = self.frames - self.failed;
        self.frames += 1;
        let is_failed = view.status == ImageStatus::Error;
        let labels = best(view.labels.iter().map(|it| (it.name.as_str(), it.score)));
        let logos = best(view.logos.iter().map(|it| (it.brand.as_str(), it.score)));
        let objects = best(view.objects.iter().map(|it| (it.name.as_str(), it.score)));
        let faces = u32::try_from(view.faces.len()).unwrap_or(u32::MAX);
        let row = self.row(at);
        row.frames += 1;
        row.failed += u32::from(is_failed);
        row.faces = row.faces.saturating_add(faces);
        count(&mut row.labels, &labels);
        count(&mut row.logos, &logos);
        count(&mut row.objects, &objects);
        self.failed += u32::from(is_failed);
        self.faces.frames += u32::from(faces > 0);
        self.faces.most_at_once = self.faces.most_at_once.max(faces);
        let mut is_cut = false;
        for (all, names) in [
            (&mut self.labels, &labels),
            (&mut self.logos, &logos),
            (&mut self.objects, &objects),
        ] {
            is_cut |= !note(all, names, number, at.at_ms);
        }
        for (attribute, values) in attributes(view) {
            let has_room = self.face_attributes.len() < NAMES_MAX
                || self.face_attributes.contains_key(attribute);
            is_cut |= !has_room;
            if has_room {
                let all = self.face_attributes.entry(attribute.to_owned());
                is_cut |= !note(all.or_default(), &values, number, at.at_ms);
            }
        }
        self.is_cut |= is_cut;
    }

    /// The row of a frame's segment, which is the last one or comes after it.
    fn row(&mut self, at: FrameAt) -> &mut SegmentView {
        let first = |width: u32| at.segment / width * width;
        let is_new = |segments: &[SegmentView], width| {
            segments
                .last()
                .is_none_or(|last| last.segment != first(width))
        };
        if is_new(&self.segments, self.width) {
            if let Some(last) = self.segments.last_mut() {
                last.trim();
            }
            while self.segments.len() >= SEGMENTS_MAX {
                self.width = self.width.saturating_mul(2);
                self.segments = join(std::mem::take(&mut self.segments), self.width);
            }
        }
        if is_new(&self.segments, self.width) {
            self.segments.push(SegmentView {
                segment: first(self.width),
                from_ms: at.at_ms,
                ..SegmentView::default()
            });
        }
        let last = self.segments.len() - 1;
        let row = &mut self.segments[last];
        row.to_ms = at.at_ms;
        row
    }

    /// When the last frame that was added is shown.
    pub(crate) fn last_at_ms(&self) -> u64 {
        self.segments.last().map_or(0, |row| row.to_ms)
    }

    /// What is known of the whole video.
    pub(crate) fn summary(self) -> Summary {
        let mut segments = self.segments;
        if let Some(last) = segments.last_mut() {
            last.trim();
        }
        let attributes = self.face_attributes.into_iter();
        Summary {
            frames: self.frames,
            failed: self.failed,
            faces: self.faces,
            labels: sightings(self.labels),
            logos: sightings(self.logos),
            objects: sightings(self.objects),
            face_attributes: attributes
                .map(|(attribute, values)| (attribute, sightings(values)))
                .collect(),
            segments,
            is_cut: self.is_cut,
        }
    }
}

/// Neighbours whose numbers are the same shares of `width` become one row.
fn join(rows: Vec<SegmentView>, width: u32) -> Vec<SegmentView> {
    let mut joined: Vec<SegmentView> = Vec::with_capacity(rows.len() / 2 + 1);
    for row in rows {
        let segment = row.segment / width * width;
        match joined.last_mut().filter(|last| last.segment == segment) {
            Some(last) => last.join(row),
            None => joined.push(SegmentView { segment, ..row }),
        }
    }
    joined
}

/// The best score of each value of each attribute of the frame's faces.
fn attributes(view: &ImageView) -> BTreeMap<&str, Names<'_>> {
    let mut all: BTreeMap<&str, Names<'_>> = BTreeMap::new();
    for (attribute, value) in view.faces.iter().flat_map(|face| &face.attributes) {
        let values = all.entry(attribute).or_default();
        let known = values.entry(&value.value).or_insert(value.score);
        *known = known.max(value.score);
    }
    all
}

fn sightings(all: BTreeMap<String, Seen>) -> Vec<Sighting> {
    let mut sightings: Vec<Sighting> = all
        .into_iter()
        .map(|(name, seen)| Sighting {
            name,
            frames: seen.frames,
            best_score: seen.best_score,
            first_at_ms: seen.first_at_ms,
            last_at_ms: seen.last_at_ms,
            intervals: seen.intervals,
        })
        .collect();
    // Stable: equals stay in the order of their names.
    sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.frames));
    sightings
}

// === impl SegmentView ===

impl SegmentView {
    fn join(&mut self, next: Self) {
        self.to_ms = next.to_ms;
        self.frames += next.frames;
        self.failed += next.failed;
        self.faces = self.faces.saturating_add(next.faces);
        for (counts, more) in [
            (&mut self.labels, next.labels),
            (&mut self.logos, next.logos),
            (&mut self.objects, next.objects),
        ] {
            for (name, count) in more {
                *counts.entry(name).or_default() += count;
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        for counts in [&mut self.labels, &mut self.logos, &mut self.objects] {
            if counts.len() > SEGMENT_NAMES_MAX {
                let mut all: Vec<(String, u32)> = std::mem::take(counts).into_iter().collect();
                all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                all.truncate(SEGMENT_NAMES_MAX);
                *counts = all.into_iter().collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::Outcome;

    use super::super::seen::INTERVALS_MAX;
    use super::*;
    use crate::answer::Answer;
    use crate::answer::tests::result;
    use crate::ids::Wants;

    fn view(names: &[&str]) -> ImageView {
        let mut one = result("j", "context", Outcome::Success);
        let label = one.labels.remove(0);
        one.labels = names
            .iter()
            .map(|name| spillway_wire::Label {
                name: (*name).to_owned(),
                ..label.clone()
            })
            .collect();
        Answer::of_one(Wants::of_subset("context"), vec![one])
    }

    fn failed() -> ImageView {
        let mut one = result("j", "context", Outcome::Error);
        one.labels.clear();
        Answer::of_one(Wants::of_subset("context"), vec![one])
    }

    fn at(second: u64) -> FrameAt {
        FrameAt {
            segment: u32::try_from(second / 60).unwrap(),
            at_ms: second * 1_000,
        }
    }

    #[test]
    fn a_summary_says_when_and_how_often() {
        let mut tally = Tally::default();
        for (second, names) in [
            (0, vec!["sea", "sea", "sky"]),
            (1, vec!["sea"]),
            (2, vec![]),
            (61, vec!["sea"]),
        ] {
            tally.add(at(second), &view(&names));
        }
        tally.add(at(62), &failed());
        let summary = tally.summary();
        assert_eq!((summary.frames, summary.failed), (5, 1));
        let sea = &summary.labels[0];
        assert_eq!((sea.name.as_str(), sea.frames), ("sea", 3));
        assert_eq!((sea.first_at_ms, sea.last_at_ms), (0, 61_000));
        let intervals: Vec<(u64, u64)> = sea
            .intervals
            .iter()
            .map(|it| (it.from_ms, it.to_ms))
            .collect();
        assert_eq!(intervals, [(0, 1_000), (61_000, 61_000)]);
        assert_eq!(summary.labels[1].name, "sky");
        let rows = &summary.segments;
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].frames, rows[0].labels["sea"]), (3, 2));
        assert_eq!(
            (rows[1].segment, rows[1].failed, rows[1].to_ms),
            (1, 1, 62_000)
        );
    }

    #[test]
    fn whatever_a_video_shows_its_summary_has_bounds() {
        let mut tally = Tally::default();
        let frames = 3_000;
        for number in 0..frames {
            // Something new in each, and something in every other one; a segment for each.
            let fresh = format!("fresh-{number}");
            let names: &[&str] = match number % 2 {
                0 => &[&fresh, "even"],
                _ => &[&fresh],
            };
            let at = FrameAt {
                segment: number,
                at_ms: u64::from(number) * 60_000,
            };
            tally.add(at, &view(names));
        }
        let stored = serde_json::to_vec(&tally).unwrap();
        let again: Tally = serde_json::from_slice(&stored).unwrap();
        assert_eq!(again, tally);
        let summary = tally.summary();
        assert_eq!(summary.frames, frames);
        assert!(summary.is_cut);
        assert_eq!(summary.labels.len(), NAMES_MAX);
        let even = &summary.labels[0];
        assert_eq!((even.name.as_str(), even.frames), ("even", 1_500));
        assert_eq!(even.intervals.len(), INTERVALS_MAX);
        let ordered = even
            .intervals
            .windows(2)
            .all(|it| it[0].to_ms < it[1].from_ms);
        assert!(ordered);
        let rows = &summary.segments;
        assert!(rows.len() <= SEGMENTS_MAX, "{}", rows.len());
        assert_eq!(rows.iter().map(|row| row.frames).sum::<u32>(), frames);
        assert!(rows.iter().all(|row| row.labels.len() <= SEGMENT_NAMES_MAX));
        assert!(rows.windows(2).all(|it| it[0].segment < it[1].segment));
    }
}
