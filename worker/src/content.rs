//! What was found in images before, by their bytes: the same image again costs its download and nothing more.
//!
//! Deliberately absent: images that are merely alike, and anything across restarts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blake3::Hash;
use spillway_wire::{Face, ImageInfo, Label, Logo, ObjectBox};

use crate::models::Findings;
use crate::stats::ContentCounts;
use crate::work::Wants;

/// What an entry takes beside its text: the maps' parts.
const ENTRY_BYTES: usize = 256;

/// A bounded cache, shared by all stages; the longest unused goes first.
pub(crate) struct ContentCache {
    bytes_max: usize,
    state: Mutex<State>,
    counts: ContentCounts,
}

/// The image's hash and what was wanted of it.
type Key = (Hash, Wants);

struct State {
    /// Digest of the set whose answers these are: of all that decides an answer beside the image.
    model_set: Arc<str>,
    entries: HashMap<Key, Entry>,
    /// Keys by when they were last used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

struct Entry {
    /// As JSON: its length is what it takes.
    text: Box<[u8]>,
    used: u64,
}

/// An answer, as it is kept.
type Kept = (ImageInfo, Vec<Label>, Vec<Face>, Vec<Logo>, Vec<ObjectBox>);

// === impl ContentCache ===

impl ContentCache {
    /// A cache of at most so many bytes of answers of the model set that serves; with none it keeps nothing.
    pub(crate) fn new(bytes_max: usize, counts: ContentCounts) -> Self {
        Self {
            bytes_max,
            state: Mutex::new(State::of("".into())),
            counts,
        }
    }

    /// What the set that serves found in the same bytes, if it is known, and the set's digest.
    pub(crate) fn find(
        &self,
        bytes: &[u8],
        wants: Wants,
        serving: impl FnOnce() -> String,
    ) -> Option<(ImageInfo, Findings, Arc<str>)> {
        if self.bytes_max == 0 {
            return None;
        }
        let key = (blake3::hash(bytes), wants);
        let (serving, mut state) = (serving(), self.state());
        let model_set = state.model_set.clone();
        let found = match *model_set == *serving {
            true => state.find(key),
            false => None,
        };
        drop(state);
        let counter = if found.is_some() {
            &self.counts.hits
        } else {
            &self.counts.misses
        };
        counter.inc();
        let (image, labels, faces, logos, objects) = found?;
        let findings = Findings {
            labels,
            faces,
            logos,
            objects,
        };
        Some((image, findings, model_set))
    }

    /// Keeps what `model_set` found; what another one had found before goes.
    pub(crate) fn keep(
        &self,
        image: &ImageInfo,
        wants: Wants,
        found: &Findings,
        model_set: &Arc<str>,
    ) {
        if self.bytes_max == 0 {
            return;
        }
        let Ok(hash) = Hash::from_hex(&image.blake3) else {
            return;
        };
        let kept = (
            image,
            &found.labels,
            &found.faces,
            &found.logos,
            &found.objects,
        );
        let text = serde_json::to_vec(&kept).expect("findings have only string keys");
        let mut state = self.state();
        if state.model_set != *model_set {
            *state = State::of(model_set.clone());
        }
        state.keep((hash, wants), text.into_boxed_slice());
        state.shrink_to(self.bytes_max);
        self.counts.content_bytes.set(state.bytes as i64);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn of(model_set: Arc<str>) -> Self {
        Self {
            model_set,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            bytes: 0,
        }
    }

    fn find(&mut self, key: Key) -> Option<Kept> {
        self.uses += 1;
        let entry = self.entries.get_mut(&key)?;
        self.by_use.remove(&entry.used);
        self.by_use.insert(self.uses, key);
        entry.used = self.uses;
        serde_json::from_slice(&entry.text).ok()
    }

    fn keep(&mut self, key: Key, text: Box<[u8]>) {
        self.uses += 1;
        self.bytes += text.len() + ENTRY_BYTES;
        let entry = Entry {
            text,
            used: self.uses,
        };
        self.by_use.insert(self.uses, key);
        if let Some(old) = self.entries.insert(key, entry) {
            self.by_use.remove(&old.used);
            self.bytes -= old.text.len() + ENTRY_BYTES;
        }
    }

    fn shrink_to(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some((_, key)) = self.by_use.pop_first() else {
                return;
            };
            if let Some(entry) = self.entries.remove(&key) {
                self.bytes -= entry.text.len() + ENTRY_BYTES;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spillway_wire::Feature;

    use super::*;

    fn image(bytes: &[u8]) -> ImageInfo {
        ImageInfo {
            width: 16,
            height: 12,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            format: "png".to_owned(),
            bytes: bytes.len() as u64,
        }
    }

    fn humans() -> Wants {
        Wants::of([Feature::Humans])
    }

    fn keep(cache: &ContentCache, bytes: &[u8]) {
        cache.keep(&image(bytes), humans(), &Findings::default(), &"set".into());
    }

    fn find(cache: &ContentCache, bytes: &[u8], wants: Wants) -> Option<ImageInfo> {
        let found = cache.find(bytes, wants, || "set".to_owned());
        found.map(|(image, _, _)| image)
    }

    #[test]
    fn the_same_bytes_wanted_for_the_same_are_found_again() {
        let counts = ContentCounts::default();
        let cache = ContentCache::new(10_000, counts.clone());
        assert!(find(&cache, b"a", humans()).is_none());
        keep(&cache, b"a");
        let found = find(&cache, b"a", humans()).unwrap();
        assert_eq!(found.blake3, image(b"a").blake3);
        assert!(find(&cache, b"b", humans()).is_none());
        let more = humans().with(Feature::Context);
        assert!(find(&cache, b"a", more).is_none(), "not all was looked for");
        assert_eq!((counts.hits.get(), counts.misses.get()), (1, 3));
        let other = "another set".into();
        cache.keep(&image(b"b"), humans(), &Findings::default(), &other);
        assert!(
            find(&cache, b"b", humans()).is_none(),
            "of a set that no longer serves"
        );
        assert!(find(&cache, b"a", humans()).is_none(), "gone with its set");
    }

    #[test]
    fn without_bytes_nothing_is_kept_or_counted() {
        let counts = ContentCounts::default();
        let cache = ContentCache::new(0, counts.clone());
        keep(&cache, b"a");
        assert!(find(&cache, b"a", humans()).is_none());
        assert_eq!(counts.misses.get(), 0);
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_its_bound_and_forgets_the_longest_unused(
            uses in proptest::collection::vec(0_u8..40, 1..400),
        ) {
            let cache = ContentCache::new(5_000, ContentCounts::default());
            for (at, use_of) in uses.iter().enumerate() {
                if find(&cache, &[*use_of], humans()).is_none() {
                    keep(&cache, &[*use_of]);
                }
                let state = cache.state();
                let bytes: usize = state.entries.values().map(|it| it.text.len() + ENTRY_BYTES).sum();
                prop_assert_eq!(bytes, state.bytes);
                prop_assert!(bytes <= 5_000);
                prop_assert_eq!(state.entries.len(), state.by_use.len());
                drop(state);
                // The last five fit for sure.
                for recent in &uses[at.saturating_sub(4)..=at] {
                    prop_assert!(cache.state().entries.contains_key(&(blake3::hash(&[*recent]), humans())));
                }
            }
        }
    }
}
