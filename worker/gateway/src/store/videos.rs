//! What is kept of a video: a result per frame and subset, its own result, and how far it is added up.
//!
//! ```text
//! videos/<day>/<handle>/own                      videos/<day>/<handle>/state
//! videos/<day>/<handle>/frames/<segment>/<at, ms>-<features>-<result id>
//! ```
//!
//! The names alone say which frames have their answer. Within a segment they sort by the time at which frames are
//! shown; what a listing answers is sorted here all the same, since not every store does.

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _};
use spillway_wire::{FRAMES_MAX, JobResult};
use tracing::warn;

use super::{READS_AT_ONCE, Store, StoreError, path, safe, within};
use crate::answer::SUBSETS_MAX;
use crate::ids::{FrameAt, Handle, Wants};
use crate::video::{SeenFrames, State};

/// Segments whose names are listed at once.
const LISTS_AT_ONCE: usize = 8;
/// Most names that are taken of one listing: every frame there may be, from every subset.
const NAMES_MAX: usize = FRAMES_MAX as usize * SUBSETS_MAX;

/// A frame's results.
#[derive(Debug)]
pub(crate) struct FrameResults {
    pub(crate) at: FrameAt,
    pub(crate) results: Vec<JobResult>,
    /// How much was read.
    pub(crate) bytes: usize,
}

/// Where a frame's results are.
struct FrameKeys {
    at: FrameAt,
    keys: Vec<Path>,
}

// === impl Store ===

impl Store {
    /// Keeps a result of a frame; a repeat overwrites its equal.
    pub(crate) async fn put_frame(
        &self,
        handle: &Handle,
        at: FrameAt,
        result: &JobResult,
    ) -> Result<(), StoreError> {
        let features = Wants::of_subset(&result.subset).bits();
        let (segment, at_ms) = (segment_name(at.segment), at.at_ms);
        let id = safe(&result.result_id);
        let key = format!(
            "{}/{segment}/{at_ms:010}-{features:02x}-{id}",
            frames(handle)
        );
        self.put(&key, result.encode().into()).await
    }

    /// Keeps a video's own result; says whether it is the first.
    pub(crate) async fn put_own(
        &self,
        handle: &Handle,
        result: &JobResult,
    ) -> Result<bool, StoreError> {
        let key = format!("{}/own", of_video(handle));
        self.create(&key, result.encode().into()).await
    }

    /// A video's own result, if it has come.
    pub(crate) async fn own(&self, handle: &Handle) -> Result<Option<JobResult>, StoreError> {
        let bytes = self.get(&format!("{}/own", of_video(handle))).await?;
        Ok(bytes.and_then(|bytes| decode(&bytes, handle)))
    }

    /// How far a video is added up; nothing where that cannot be read.
    pub(crate) async fn video_state(&self, handle: &Handle) -> Result<State, StoreError> {
        let bytes = self.get(&format!("{}/state", of_video(handle))).await?;
        let state = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(state.unwrap_or_default())
    }

    pub(crate) async fn put_video_state(
        &self,
        handle: &Handle,
        state: &State,
    ) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(state).expect("it has only string keys");
        let key = format!("{}/state", of_video(handle));
        self.put(&key, Bytes::from(bytes)).await
    }

    /// Frames with results, from a segment on.
    pub(crate) async fn seen_frames(
        &self,
        handle: &Handle,
        from: u32,
    ) -> Result<SeenFrames, StoreError> {
        let prefix = path(&frames(handle));
        // What is in the segment comes after its own name, and after all that is in the one before.
        let after = path(&format!("{}/{}", frames(handle), segment_name(from)));
        let found = self.objects.list_with_offset(Some(&prefix), &after);
        let seen = found
            .take(NAMES_MAX)
            .try_fold(SeenFrames::new(), |mut seen, meta| {
                if let Some((at, answered)) = of_key(&meta.location) {
                    let known = seen.entry(at).or_default();
                    *known = known.or(answered);
                }
                std::future::ready(Ok(seen))
            });
        within(seen).await
    }

    /// Numbers of the segments of which there are frames, in order.
    pub(crate) async fn segments(&self, handle: &Handle) -> Result<Vec<u32>, StoreError> {
        let prefix = path(&frames(handle));
        let found = within(self.objects.list_with_delimiter(Some(&prefix))).await?;
        let names = found.common_prefixes.iter().filter_map(Path::filename);
        let mut segments: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    /// The frames of some segments with their results, in the order in which they are shown or the other way round.
    ///
    /// Few are held at a time, however many there are.
    pub(crate) fn frames<'a>(
        &'a self,
        handle: &'a Handle,
        segments: impl IntoIterator<Item = u32, IntoIter: Send + 'a>,
        backwards: bool,
        is_wanted: impl Fn(FrameAt) -> bool + Send + Sync + 'a,
    ) -> impl futures::Stream<Item = Result<FrameResults, StoreError>> + Send + 'a {
        let lists = stream::iter(segments.into_iter().map(Ok::<u32, StoreError>));
        lists
            .map_ok(move |segment| self.frame_keys(handle, segment, backwards))
            .try_buffered(LISTS_AT_ONCE)
            .map_ok(|keys| stream::iter(keys.into_iter().map(Ok)))
            .try_flatten()
            .try_filter(move |keys: &FrameKeys| std::future::ready(is_wanted(keys.at)))
            .map_ok(move |keys| self.read_frame(handle, keys))
            .try_buffered(READS_AT_ONCE)
    }

    async fn frame_keys(
        &self,
        handle: &Handle,
        segment: u32,
        backwards: bool,
    ) -> Result<Vec<FrameKeys>, StoreError> {
        let prefix = path(&format!("{}/{}", frames(handle), segment_name(segment)));
        let found = self.objects.list(Some(&prefix)).take(NAMES_MAX);
        let mut keys: Vec<Path> = within(found.map_ok(|meta| meta.location).try_collect()).await?;
        keys.sort_unstable();
        let mut all: Vec<FrameKeys> = Vec::new();
        for key in keys {
            let Some((at, _)) = of_key(&key) else {
                continue;
            };
            match all.last_mut().filter(|last| last.at == at) {
                Some(last) if last.keys.len() >= SUBSETS_MAX => {}
                Some(last) => last.keys.push(key),
                None => all.push(FrameKeys {
                    at,
                    keys: vec![key],
                }),
            }
        }
        if backwards {
            all.reverse();
        }
        Ok(all)
    }

    async fn read_frame(
        &self,
        handle: &Handle,
        keys: FrameKeys,
    ) -> Result<FrameResults, StoreError> {
        let mut read = FrameResults {
            at: keys.at,
            results: Vec::with_capacity(keys.keys.len()),
            bytes: 0,
        };
        for key in keys.keys {
            let got = async { self.objects.get(&key).await?.bytes().await };
            match within(got).await {
                Ok(bytes) => {
                    read.bytes += bytes.len();
                    read.results.extend(decode(&bytes, handle));
                }
                // It expired in between.
                Err(StoreError::Failed(Error::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

fn decode(bytes: &[u8], handle: &Handle) -> Option<JobResult> {
    JobResult::decode(bytes)
        .inspect_err(|error| {
            let video = handle.as_str();
            warn!(video, %error, "stored result is not one");
        })
        .ok()
}

fn of_video(handle: &Handle) -> String {
    format!("videos/{}/{}", handle.day(), handle.as_str())
}

fn frames(handle: &Handle) -> String {
    format!("{}/frames", of_video(handle))
}

/// As many digits as the highest number has, so that names sort as numbers do.
fn segment_name(segment: u32) -> String {
    format!("{segment:05}")
}

/// The frame of a result's key, and the features that it answers.
fn of_key(key: &Path) -> Option<(FrameAt, Wants)> {
    let mut parts = key.as_ref().rsplit('/');
    let mut name = parts.next()?.split('-');
    let at = FrameAt {
        at_ms: name.next()?.parse().ok()?,
        segment: parts.next()?.parse().ok()?,
    };
    let bits = u8::from_str_radix(name.next()?, 16).ok()?;
    Some((at, Wants::of_bits(bits)))
}

#[cfg(test)]
mod tests {
    use spillway_wire::{Feature, Outcome, frame_id};

    use super::*;
    use crate::answer::tests::result;
    use crate::ids::{AT_MS_MAX, Ids, SEGMENT_MAX};
    use crate::video::tests::own_result;

    const NOW: i64 = 1_795_600_000_000;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        (folder, store)
    }

    fn at(segment: u32, at_ms: u64) -> FrameAt {
        FrameAt { segment, at_ms }
    }

    async fn put(store: &Store, handle: &Handle, at: FrameAt, subset: &str) {
        let id = frame_id(handle.as_str(), at.segment, at.at_ms);
        let result = result(&id, subset, Outcome::Success);
        store.put_frame(handle, at, &result).await.unwrap();
    }

    #[tokio::test]
    async fn frames_come_in_the_order_in_which_they_are_shown() {
        let (_folder, store) = store();
        let ids = Ids::new(b"s");
        let wants = Wants::of([Feature::Humans, Feature::Brands]);
        let [handle, other] = [(); 2].map(|()| ids.video("acme", NOW, wants, false));
        let last = at(SEGMENT_MAX, AT_MS_MAX);
        let all = [at(0, 0), at(0, 900), at(0, 10_000), at(1, 60_000), last];
        for frame in all.iter().rev() {
            put(&store, &handle, *frame, "humans").await;
            put(&store, &handle, *frame, "humans").await; // a repeat
        }
        put(&store, &handle, all[1], "brands").await;
        put(&store, &other, at(0, 1), "brands").await;
        let segments = store.segments(&handle).await.unwrap();
        assert_eq!(segments, [0, 1, SEGMENT_MAX]);
        for backwards in [false, true] {
            let mut order = segments.clone();
            let mut expected = all.to_vec();
            if backwards {
                order.reverse();
                expected.reverse();
            }
            let frames = store.frames(&handle, order, backwards, |_| true);
            let frames: Vec<FrameResults> = frames.try_collect().await.unwrap();
            let found: Vec<FrameAt> = frames.iter().map(|frame| frame.at).collect();
            assert_eq!(found, expected);
            let both = frames.iter().find(|frame| frame.at == all[1]).unwrap();
            assert_eq!(both.results.len(), 2);
        }
        let seen = store.seen_frames(&handle, 0).await.unwrap();
        assert_eq!(seen.len(), all.len());
        assert_eq!(seen[&all[1]], wants);
        assert_eq!(seen[&all[0]], Wants::of([Feature::Humans]));
        for (from, expected) in [(1, 2), (2, 1), (SEGMENT_MAX, 1)] {
            let seen = store.seen_frames(&handle, from).await.unwrap();
            assert_eq!(seen.len(), expected, "from {from}");
        }
        let nothing = ids.video("acme", NOW, wants, false);
        assert!(store.segments(&nothing).await.unwrap().is_empty());
        assert!(store.seen_frames(&nothing, 0).await.unwrap().is_empty());
        assert!(store.seen_frames(&nothing, 3).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_video_s_own_result_counts_once_and_its_state_is_kept() {
        let (_folder, store) = store();
        let handle = Ids::new(b"s").video("acme", NOW, Wants::default(), false);
        assert_eq!(store.own(&handle).await.unwrap(), None);
        assert_eq!(store.video_state(&handle).await.unwrap(), State::default());
        let own = own_result(handle.as_str(), &[1, 2], Outcome::Success);
        assert!(store.put_own(&handle, &own).await.unwrap());
        assert!(!store.put_own(&handle, &own).await.unwrap());
        assert_eq!(store.own(&handle).await.unwrap(), Some(own));
        let state = State {
            next: 2,
            is_done: true,
            ..State::default()
        };
        store.put_video_state(&handle, &state).await.unwrap();
        assert_eq!(store.video_state(&handle).await.unwrap(), state);
        let day = std::time::Duration::from_secs(86_400);
        let swept = store.sweep(NOW + 3 * 86_400_000, day).await.unwrap();
        assert_eq!(swept, 2);
    }
}
