//! A job: one request to recognize one image.

use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::{Frame, SCHEMA, UnixMs};

/// Most bytes of an inline image, before base64: what fits into Kafka's default record of 1 MB.
pub const INLINE_BYTES_MAX: usize = 700_000;

/// One request to recognize one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Version of this record.
    #[serde(default = "schema")]
    pub schema: u32,
    /// Chosen by the producer, 1 to 256 bytes; equal ids give equal result ids.
    pub id: String,
    /// On whose behalf.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// When the producer made it.
    pub created_at_ms: UnixMs,
    /// After this moment the answer is worth nothing and the job ends in `DEADLINE_EXCEEDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<UnixMs>,
    /// Where the image is.
    pub image: ImageSource,
    /// What to look for; empty means everything the worker's models can do.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Most entries per kind in the result.
    #[serde(default = "default_max_results")]
    pub max_results: u32,
    /// Partition of the results topic to answer on; none lets the key decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_partition: Option<i32>,
    /// Which frame of which video it is; none for an image of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}

/// Where a job's image, or a video, is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// `http:`, `https:`, or `file:` below the root that the worker's operator names.
    Uri(String),
    /// The image file itself, base64 in JSON, at most [`INLINE_BYTES_MAX`] bytes.
    Inline(#[serde(with = "base64_bytes")] Vec<u8>),
    /// Key in the object store that gateway and workers share.
    Object(String),
}

/// What a job asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Faces and their attributes.
    Humans,
    /// Logos, localised.
    Brands,
    /// Scene and object labels.
    Context,
}

/// Why the bytes of a record are not a job.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not of a job's shape.
    #[error("not a job record")]
    Shape(#[source] serde_json::Error),
    /// A field holds something no job may hold.
    #[error("field `{field}` {problem}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What is wrong, as the end of a sentence about the field.
        problem: &'static str,
    },
}

// === impl Job ===

impl Job {
    /// A job with the defaults for everything that is not its identity.
    #[must_use]
    pub fn new(id: impl Into<String>, created_at_ms: UnixMs, image: ImageSource) -> Self {
        Self {
            schema: SCHEMA,
            id: id.into(),
            tenant: default_tenant(),
            created_at_ms,
            deadline_ms: None,
            image,
            features: Vec::new(),
            max_results: default_max_results(),
            reply_partition: None,
            frame: None,
        }
    }

    /// The same job as a frame of a video.
    #[must_use]
    pub fn of(self, frame: Frame) -> Self {
        Self {
            frame: Some(frame),
            ..self
        }
    }

    /// Reads a record's value.
    ///
    /// # Errors
    /// When the bytes are not JSON of a job's shape, or a field is out of its range.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let job: Self = serde_json::from_slice(value).map_err(DecodeError::Shape)?;
        check_id(&job.id, 256, "must have 1 to 256 bytes")?;
        if matches!(&job.image, ImageSource::Inline(bytes) if bytes.len() > INLINE_BYTES_MAX) {
            return Err(DecodeError::Field {
                field: "image.inline",
                problem: "is larger than 700000 bytes",
            });
        }
        Ok(job)
    }

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a job has only string keys and finite numbers")
    }
}

pub(crate) fn check_id(
    id: &str,
    bytes_max: usize,
    problem: &'static str,
) -> Result<(), DecodeError> {
    if id.is_empty() || id.len() > bytes_max {
        return Err(DecodeError::Field {
            field: "id",
            problem,
        });
    }
    Ok(())
}

pub(crate) fn schema() -> u32 {
    SCHEMA
}

pub(crate) fn default_tenant() -> String {
    "default".to_owned()
}

pub(crate) fn default_max_results() -> u32 {
    64
}

mod base64_bytes {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use base64::Engine as _;

    use super::BASE64;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        BASE64.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_wire() {
        for image in [
            ImageSource::Uri("https://example.com/a.jpg".into()),
            ImageSource::Inline(vec![0, 1, 254, 255]),
            ImageSource::Object("jobs/1".into()),
        ] {
            let job = Job {
                features: vec![Feature::Humans, Feature::Context],
                deadline_ms: Some(7),
                ..Job::new("job-1", 5, image)
            };
            assert_eq!(Job::decode(&job.encode()).unwrap(), job);
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_have_defaults() {
        let job = Job::decode(
            br#"{"id":"a","created_at_ms":1,"image":{"uri":"https://e.com/"},"later":{"x":1}}"#,
        )
        .unwrap();
        assert_eq!(
            job,
            Job::new("a", 1, ImageSource::Uri("https://e.com/".into()))
        );
    }

    #[test]
    fn what_is_no_job_says_why() {
        let cases: [(&[u8], &str); 3] = [
            (b"\xff\x00", "not a job record"),
            (
                br#"{"id":"","created_at_ms":1,"image":{"uri":"x"}}"#,
                "field `id` must have",
            ),
            (
                br#"{"id":"a","created_at_ms":1,"image":{"inline":"%%"}}"#,
                "not a job record",
            ),
        ];
        for (bytes, says) in cases {
            let error = Job::decode(bytes).unwrap_err().to_string();
            assert!(
                error.starts_with(says),
                "{error:?} should start with {says:?}"
            );
        }
    }
}
