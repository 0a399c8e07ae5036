//! What a native request may say, checked: every problem names the field at fault.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use crate::app::Image;
use crate::ids::{IMAGES_MAX, Ids, Wants, feature};
use crate::problem::{Cause, Problem};
use crate::store::upload_key;

/// Largest image, as a file.
pub(super) const IMAGE_BYTES_MAX: usize = 20 * 1024 * 1024;
const URI_BYTES_MAX: usize = 4_096;
const RESULTS_MAX: u32 = 1_000;
const RESULTS_DEFAULT: u32 = 64;
const DEADLINE_SECONDS_MAX: u64 = 7 * 24 * 3_600;

/// A request for recognition.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecognizeRequest {
    /// From 1 to 64 images.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 64)]
    images: Vec<ImageRequest>,
    /// `humans`, `brands`, `context`; all that the models find if left out.
    #[serde(default)]
    features: Vec<String>,
    /// Most entries per kind and image, from 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    max_results: Option<u32>,
    /// After so many seconds the answer is worth nothing; at most the tenant's deadline.
    #[schema(minimum = 1)]
    deadline_seconds: Option<u64>,
    /// Tell the tenant's webhook when every image has its answer.
    #[serde(default)]
    notify: bool,
}

/// The same without images: what a form's part `options` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    #[serde(default)]
    pub(super) features: Vec<String>,
    pub(super) max_results: Option<u32>,
    pub(super) deadline_seconds: Option<u64>,
    #[serde(default)]
    pub(super) notify: bool,
}

/// Where one image is: exactly one of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageRequest {
    /// `https:` or `http:` address.
    uri: Option<String>,
    /// The file itself, base64.
    inline: Option<String>,
    /// What `POST /v1/uploads` answered.
    object: Option<String>,
}

/// A request whose fields are good.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) images: Vec<Image>,
    pub(super) wants: Wants,
    pub(super) max_results: u32,
    pub(super) deadline: Option<Duration>,
    pub(super) notify: bool,
}

/// What to look for, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) wants: Wants,
    pub(super) max_results: u32,
    pub(super) deadline: Option<Duration>,
}

/// Whose uploads may be named, and what can be found.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) ids: &'a Ids,
    pub(super) tenant: &'a str,
    pub(super) features: Wants,
}

impl RecognizeRequest {
    /// Reads JSON.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        json(bytes)
    }

    pub(super) fn check(self, context: Context<'_>) -> Result<Wanted, Problem> {
        let images = self.images.into_iter().enumerate();
        let images = images.map(|(index, image)| image.check(index, context));
        let images = images.collect::<Result<_, _>>()?;
        let options = Options {
            features: self.features,
            max_results: self.max_results,
            deadline_seconds: self.deadline_seconds,
            notify: self.notify,
        };
        options.check(images, context)
    }
}

/// Reads JSON, and says where it is wrong.
pub(super) fn json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut *deserializer).map_err(|error| {
        let path = error.path().to_string();
        let problem = Problem::new(Cause::InvalidBody, error.into_inner().to_string());
        match path.as_str() {
            "." => problem,
            _ => problem.at(path),
        }
    })?;
    deserializer
        .end()
        .map_err(|_| Problem::new(Cause::InvalidBody, "something follows the JSON value"))?;
    Ok(read)
}

impl Options {
    pub(super) fn check(self, images: Vec<Image>, context: Context<'_>) -> Result<Wanted, Problem> {
        if !(1..=IMAGES_MAX).contains(&images.len()) {
            let detail = format!("must be from 1 to {IMAGES_MAX} images");
            return Err(Problem::field("images", detail));
        }
        let Choice {
            wants,
            max_results,
            deadline,
        } = self.choice(context.features)?;
        Ok(Wanted {
            images,
            wants,
            max_results,
            deadline,
            notify: self.notify,
        })
    }

    /// What to look for, of `all` that can be found.
    pub(super) fn choice(&self, all: Wants) -> Result<Choice, Problem> {
        let mut wants = Wants::default();
        for (index, name) in self.features.iter().enumerate() {
            let field = format!("features[{index}]");
            let feature = feature(name)
                .ok_or_else(|| Problem::field(field, "must be `humans`, `brands` or `context`"))?;
            wants = wants.or(Wants::of([feature]));
        }
        if wants.is_empty() {
            wants = all;
        }
        let max_results = self.max_results.unwrap_or(RESULTS_DEFAULT);
        if !(1..=RESULTS_MAX).contains(&max_results) {
            return Err(Problem::field("max_results", "must be from 1 to 1000"));
        }
        let deadline = self.deadline_seconds;
        if deadline.is_some_and(|it| !(1..=DEADLINE_SECONDS_MAX).contains(&it)) {
            let detail = "must be from 1 to 604800";
            return Err(Problem::field("deadline_seconds", detail));
        }
        Ok(Choice {
            wants,
            max_results,
            deadline: deadline.map(Duration::from_secs),
        })
    }
}

impl ImageRequest {
    fn check(self, index: usize, context: Context<'_>) -> Result<Image, Problem> {
        let at = |name: &str| format!("images[{index}].{name}");
        match (self.uri, self.inline, self.object) {
            (Some(uri), None, None) => {
                check_uri(&uri).map_err(|detail| Problem::field(at("uri"), detail))?;
                Ok(Image::Uri(uri))
            }
            (None, Some(text), None) => {
                let bytes = BASE64.decode(text.as_bytes());
                let bytes = bytes.map_err(|_| Problem::field(at("inline"), "is not base64"))?;
                check_bytes(Bytes::from(bytes)).map_err(|problem| problem.at(at("inline")))
            }
            (None, None, Some(key)) => context.upload(&key).ok_or_else(|| {
                let detail = "is not an upload of yours, or has expired";
                Problem::field(at("object"), detail)
            }),
            _ => {
                let detail = "must have exactly one of `uri`, `inline`, `object`";
                Err(Problem::field(format!("images[{index}]"), detail))
            }
        }
    }
}

impl Context<'_> {
    /// The tenant's upload with this key.
    pub(super) fn upload(&self, key: &str) -> Option<Image> {
        let (_, handle) = key.rsplit_once('/')?;
        let handle = self.ids.read_upload(self.tenant, handle)?;
        let known = upload_key(&handle);
        (known == key).then_some(Image::Object(known))
    }
}

/// An image of a request that came as bytes.
pub(super) fn check_bytes(bytes: Bytes) -> Result<Image, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(Cause::InvalidField, "is empty"));
    }
    if bytes.len() > IMAGE_BYTES_MAX {
        let detail = format!("is larger than {IMAGE_BYTES_MAX} bytes");
        return Err(Problem::new(Cause::TooLarge, detail));
    }
    Ok(Image::Bytes(bytes))
}

/// Whether an address may be given to workers, which then decide whether it may be contacted.
///
/// Not `file:`: workers read those below a folder that belongs to their operator, not to tenants.
pub(super) fn check_uri(uri: &str) -> Result<(), &'static str> {
    if uri.len() > URI_BYTES_MAX {
        return Err("is longer than 4096 bytes");
    }
    match Url::parse(uri) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        Ok(_) => Err("must begin with https:// or http://"),
        Err(_) => Err("is not a URL"),
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::Feature;

    use super::*;

    fn check(text: &str) -> Result<Wanted, (Cause, Option<String>)> {
        let ids = Ids::new(b"s");
        let context = Context {
            ids: &ids,
            tenant: "acme",
            features: Wants::of([Feature::Humans, Feature::Brands]),
        };
        RecognizeRequest::read(text.as_bytes())
            .and_then(|request| request.check(context))
            .map_err(|problem| (problem.cause, problem.field))
    }

    #[test]
    fn a_good_request_has_defaults() {
        let wanted = check(r#"{"images":[{"uri":"https://e.com/a.jpg"},{"inline":"AAE="}]}"#);
        let images = vec![
            Image::Uri("https://e.com/a.jpg".into()),
            Image::Bytes(Bytes::from_static(&[0, 1])),
        ];
        let expected = Wanted {
            images,
            wants: Wants::of([Feature::Humans, Feature::Brands]),
            max_results: 64,
            deadline: None,
            notify: false,
        };
        assert_eq!(wanted, Ok(expected));
    }

    #[test]
    fn a_bad_request_names_its_field() {
        let many = format!(
            r#"{{"images":[{}]}}"#,
            [r#"{"uri":"http://e"}"#; 65].join(",")
        );
        let deep = format!(r#"{{"images":{}"#, "[".repeat(100_000));
        let other = Ids::new(b"s").upload("other", 1);
        let of_other = format!(r#"{{"images":[{{"object":"{}"}}]}}"#, upload_key(&other));
        let cases = [
            (r#"{"images":[]}"#, "InvalidField", Some("images")),
            ("{}", "InvalidField", Some("images")),
            (&many, "InvalidField", Some("images")),
            (&deep, "InvalidBody", Some("images[0][0]")),
            (&of_other, "InvalidField", Some("images[0].object")),
            (r#"{"images":[{}]}"#, "InvalidField", Some("images[0]")),
            (
                r#"{"images":[{"uri":"http://e","inline":"AA=="}]}"#,
                "InvalidField",
                Some("images[0]"),
            ),
            (
                r#"{"images":[{"uri":"file:///etc"}]}"#,
                "InvalidField",
                Some("images[0].uri"),
            ),
            (
                r#"{"images":[{"uri":"x"}]}"#,
                "InvalidField",
                Some("images[0].uri"),
            ),
            (
                r#"{"images":[{"inline":"%"}]}"#,
                "InvalidField",
                Some("images[0].inline"),
            ),
            (
                r#"{"images":[{"inline":""}]}"#,
                "InvalidField",
                Some("images[0].inline"),
            ),
            (
                r#"{"images":[{"object":"results/1/2"}]}"#,
                "InvalidField",
                Some("images[0].object"),
            ),
            (
                r#"{"images":[{"uri":"http://e"}],"features":["cats"]}"#,
                "InvalidField",
                Some("features[0]"),
            ),
            (
                r#"{"images":[{"uri":"http://e"}],"max_results":0}"#,
                "InvalidField",
                Some("max_results"),
            ),
            (
                r#"{"images":[{"url":"http://e"}]}"#,
                "InvalidBody",
                Some("images[0].url"),
            ),
            (r#"{"images":[{"uri":"http://e"}]} x"#, "InvalidBody", None),
            ("\u{0}", "InvalidBody", None),
        ];
        for (text, cause, field) in cases {
            let (got_cause, got_field) = check(text).unwrap_err();
            let got = (format!("{got_cause:?}"), got_field.as_deref());
            let short: String = text.chars().take(80).collect();
            assert_eq!(got, (cause.to_owned(), field), "{short}");
        }
    }
}
