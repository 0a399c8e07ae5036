//! Handles: the ids of jobs, videos and uploads, which say themselves whose they are and what belongs to them.
//!
//! ```text
//! base64url( made at, ms (6) | kind and features (1) | images (1) | random (10) | keyed hash over tenant and these (10) )
//! ```
//!
//! Any replica can tell without a look-up whether it was given out to this tenant, and for what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use spillway_wire::{Feature, UnixMs};

/// Most images of one request.
pub(crate) const IMAGES_MAX: usize = 64;

const TIME: usize = 6;
const RANDOM: usize = 10;
const CHECKED: usize = TIME + 2 + RANDOM;
const CHECK: usize = 10;
/// Set in the second field where the handle is an upload's.
const UPLOAD: u8 = 0x80;
/// Set where the tenant's webhook is to be told that the job is done.
const NOTIFY: u8 = 0x40;
/// Set where the handle is a video's.
const VIDEO: u8 = 0x20;

/// A set of features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants(u8);

/// What a handle is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Job,
    Upload,
    Video,
}

/// The id of a job, a video or an upload, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handle {
    text: String,
    pub(crate) made_at_ms: UnixMs,
    pub(crate) wants: Wants,
    pub(crate) images: usize,
    /// Whether the tenant's webhook is to be told that it is done.
    pub(crate) notifies: bool,
    kind: Kind,
}

/// Which frame of a video: ordered as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FrameAt {
    /// From 0.
    pub(crate) segment: u32,
    /// From the video's beginning.
    pub(crate) at_ms: u64,
}

/// Highest number of a segment: with segments of a minute, two months of video.
pub(crate) const SEGMENT_MAX: u32 = 99_999;
/// Latest moment of a frame.
pub(crate) const AT_MS_MAX: u64 = 9_999_999_999;

/// Makes handles and recognizes them.
pub(crate) struct Ids {
    key: [u8; 32],
}

// === impl Wants ===

impl Wants {
    pub(crate) fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        let bits = features.into_iter().map(|feature| 1 << feature as u8);
        Self(bits.fold(0, |all, bit: u8| all | bit))
    }

    /// The features of a result's `subset`, as `brands+context`.
    pub(crate) fn of_subset(subset: &str) -> Self {
        Self::of(subset.split('+').filter_map(feature))
    }

    /// All of it in a byte; `of_bits` is its inverse.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn of_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Feature> {
        let all = [Feature::Humans, Feature::Brands, Feature::Context];
        all.into_iter()
            .filter(move |feature| self.contains(Self::of([*feature])))
    }
}

/// The feature of that name on the wire.
pub(crate) fn feature(name: &str) -> Option<Feature> {
    match name {
        "humans" => Some(Feature::Humans),
        "brands" => Some(Feature::Brands),
        "context" => Some(Feature::Context),
        _ => None,
    }
}

/// A feature's name on the wire.
pub(crate) fn feature_name(feature: Feature) -> &'static str {
    match feature {
        Feature::Humans => "humans",
        Feature::Brands => "brands",
        Feature::Context => "context",
    }
}

// === impl Handle ===

impl Handle {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The id of the Kafka job about one of its images.
    pub(crate) fn job_id(&self, image: usize) -> String {
        format!("{}.{image}", self.text)
    }

    /// The day it was made, UTC, as `20261125`: the first part of every key that belongs to it.
    pub(crate) fn day(&self) -> String {
        day(self.made_at_ms)
    }
}

/// A moment's day, UTC, as `20261125`.
pub(crate) fn day(at_ms: UnixMs) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y%m%d").to_string()
}

/// A job id's handle and number of image.
pub(crate) fn split(job_id: &str) -> Option<(&str, usize)> {
    let (handle, image) = job_id.rsplit_once('.')?;
    Some((handle, image.parse().ok()?))
}

/// The video's handle, the segment and the moment of a frame's job id, as [`spillway_wire::frame_id`] makes them.
pub(crate) fn split_frame(job_id: &str) -> Option<(&str, FrameAt)> {
    let (rest, at_ms) = job_id.rsplit_once('/')?;
    let (handle, segment) = rest.rsplit_once('/')?;
    let at = FrameAt {
        segment: segment.parse().ok()?,
        at_ms: at_ms.parse().ok()?,
    };
    // What is not written as we write it would be the same frame under another name.
    let is_sane = at.segment <= SEGMENT_MAX && at.at_ms <= AT_MS_MAX;
    let is_same = spillway_wire::frame_id(handle, at.segment, at.at_ms) == job_id;
    (is_sane && is_same).then_some((handle, at))
}

// === impl Ids ===

impl Ids {
    /// Ids of the installation that has this secret.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self {
            key: blake3::derive_key("spillway gateway 2026 handles", secret),
        }
    }

    /// A new job's handle; `images` is at most [`IMAGES_MAX`].
    pub(crate) fn job(&self, tenant: &str, now_ms: UnixMs, wants: Wants, images: usize) -> Handle {
        self.issue(tenant, now_ms, wants.0, count(images))
    }

    /// The same for a job whose end the tenant's webhook is to be told of.
    pub(crate) fn notifying_job(
        &self,
        tenant: &str,
        now_ms: UnixMs,
        wants: Wants,
        images: usize,
    ) -> Handle {
        self.issue(tenant, now_ms, wants.0 | NOTIFY, count(images))
    }

    /// A new video's handle; `notifies` where the tenant's webhook is to be told of its end.
    pub(crate) fn video(
        &self,
        tenant: &str,
        now_ms: UnixMs,
        wants: Wants,
        notifies: bool,
    ) -> Handle {
        let notify = if notifies { NOTIFY } else { 0 };
        self.issue(tenant, now_ms, wants.0 | VIDEO | notify, 1)
    }

    /// A new upload's handle.
    pub(crate) fn upload(&self, tenant: &str, now_ms: UnixMs) -> Handle {
        self.issue(tenant, now_ms, UPLOAD, 1)
    }

    fn issue(&self, tenant: &str, now_ms: UnixMs, flags: u8, images: u8) -> Handle {
        let mut bytes = [0; CHECKED + CHECK];
        bytes[..TIME].copy_from_slice(&now_ms.to_be_bytes()[2..]);
        bytes[TIME] = flags;
        bytes[TIME + 1] = images;
        getrandom::fill(&mut bytes[TIME + 2..CHECKED])
            .expect("the system has random numbers after it has started");
        let check = self.check(tenant, &bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&check);
        handle(&bytes)
    }

    /// What a text says, if it is the handle of one of `tenant`'s jobs.
    pub(crate) fn read_job(&self, tenant: &str, text: &str) -> Option<Handle> {
        self.read(tenant, text, Kind::Job)
    }

    /// What a text says, if it is the handle of one of `tenant`'s videos.
    pub(crate) fn read_video(&self, tenant: &str, text: &str) -> Option<Handle> {
        self.read(tenant, text, Kind::Video)
    }

    /// What a text says, if it is the handle of one of `tenant`'s uploads.
    pub(crate) fn read_upload(&self, tenant: &str, text: &str) -> Option<Handle> {
        self.read(tenant, text, Kind::Upload)
    }

    fn read(&self, tenant: &str, text: &str, kind: Kind) -> Option<Handle> {
        let bytes: [u8; CHECKED + CHECK] = BASE64.decode(text).ok()?.try_into().ok()?;
        let (said, check) = bytes.split_at(CHECKED);
        // BLAKE3's own comparison takes the same time wherever the two differ.
        let widen = |check: &[u8]| {
            let mut wide = [0; 32];
            wide[..CHECK].copy_from_slice(check);
            blake3::Hash::from_bytes(wide)
        };
        let is_ours = widen(check) == widen(&self.check(tenant, said));
        is_ours
            .then(|| handle(&bytes))
            .filter(|handle| handle.kind == kind)
    }

    fn check(&self, tenant: &str, said: &[u8]) -> [u8; CHECK] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(said).update(tenant.as_bytes());
        let mut check = [0; CHECK];
        hasher.finalize_xof().fill(&mut check);
        check
    }
}

fn count(images: usize) -> u8 {
    u8::try_from(images.min(IMAGES_MAX)).unwrap_or(u8::MAX)
}

fn handle(bytes: &[u8; CHECKED + CHECK]) -> Handle {
    let mut time = [0; 8];
    time[2..].copy_from_slice(&bytes[..TIME]);
    Handle {
        text: BASE64.encode(bytes),
        made_at_ms: i64::from_be_bytes(time),
        wants: Wants(bytes[TIME] & !(UPLOAD | NOTIFY | VIDEO)),
        images: usize::from(bytes[TIME + 1]),
        notifies: bytes[TIME] & NOTIFY != 0,
        kind: match bytes[TIME] & (UPLOAD | VIDEO) {
            0 => Kind::Job,
            VIDEO => Kind::Video,
            _ => Kind::Upload,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = 1_795_600_000_000;

    #[test]
    fn a_handle_says_what_it_is_to_its_tenant_alone() {
        let ids = Ids::new(b"secret");
        let wants = Wants::of([Feature::Humans, Feature::Context]);
        let made = ids.job("acme", NOW, wants, 3);
        assert_eq!(ids.read_job("acme", made.as_str()), Some(made.clone()));
        assert_eq!((made.made_at_ms, made.wants, made.images), (NOW, wants, 3));
        assert_eq!(ids.read_job("other", made.as_str()), None);
        assert_eq!(Ids::new(b"another").read_job("acme", made.as_str()), None);
        assert_eq!(ids.read_upload("acme", made.as_str()), None);
        assert_eq!(split(&made.job_id(2)), Some((made.as_str(), 2)));
        let told = ids.notifying_job("acme", NOW, wants, 3);
        assert_eq!(ids.read_job("acme", told.as_str()), Some(told.clone()));
        assert_eq!((made.notifies, told.notifies), (false, true));
        assert_eq!(told.wants, wants);
    }

    #[test]
    fn an_upload_is_no_job() {
        let ids = Ids::new(b"secret");
        let made = ids.upload("acme", NOW);
        assert_eq!(ids.read_upload("acme", made.as_str()), Some(made.clone()));
        assert_eq!(ids.read_job("acme", made.as_str()), None);
    }

    #[test]
    fn a_video_is_neither_job_nor_upload_and_its_frames_lead_to_it() {
        let ids = Ids::new(b"secret");
        let wants = Wants::of([Feature::Brands]);
        let [made, told] = [false, true].map(|told| ids.video("acme", NOW, wants, told));
        assert_eq!((made.notifies, told.notifies), (false, true));
        for made in [made, told] {
            assert_eq!(ids.read_video("acme", made.as_str()), Some(made.clone()));
            assert_eq!(ids.read_video("other", made.as_str()), None);
            assert_eq!(ids.read_job("acme", made.as_str()), None);
            assert_eq!(ids.read_upload("acme", made.as_str()), None);
            assert_eq!(made.wants, wants);
            let frame = spillway_wire::frame_id(made.as_str(), 12, 720_040);
            let at = FrameAt {
                segment: 12,
                at_ms: 720_040,
            };
            assert_eq!(split_frame(&frame), Some((made.as_str(), at)));
        }
        for wrong in [
            "",
            "v",
            "v/1/2",
            "v/0001/+00000002",
            "v/0001/-00000002",
            "v/0001/000000001/",
            "v/999999/000000001",
            "v/0001/99999999999",
        ] {
            assert_eq!(split_frame(wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_change_of_a_handle_passes(at in 0..CHECKED + CHECK, bit in 0..8u32) {
            let ids = Ids::new(b"secret");
            let made = ids.job("acme", NOW, Wants::default(), 1);
            let mut bytes = BASE64.decode(made.as_str()).unwrap();
            bytes[at] ^= 1 << bit;
            proptest::prop_assert_eq!(ids.read_job("acme", &BASE64.encode(bytes)), None);
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in ".*") {
            let ids = Ids::new(b"secret");
            proptest::prop_assert_eq!(ids.read_job("acme", &text), None);
            let _ = (split(&text), split_frame(&text));
        }
    }
}
