//! What a request for a video may say, checked: every problem names the field at fault.

use serde::Deserialize;
use spillway_wire::{DecodeError, ImageSource, Sampling};
use utoipa::ToSchema;

use super::super::parse::{Choice, Context, Options, check_uri};
use crate::app::Image;
use crate::problem::{Cause, Problem};

/// A request to look at a video.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VideoRequest {
    /// `https:` or `http:` address; this or `object`.
    uri: Option<String>,
    /// What `POST /v1/uploads` answered; this or `uri`.
    object: Option<String>,
    /// Which frames are looked at; one a second, 3600 at most, if left out.
    #[serde(default)]
    sampling: Sampling,
    /// `humans`, `brands`, `context`; all that the models find if left out.
    #[serde(default)]
    features: Vec<String>,
    /// Most entries per kind and frame, from 1 to 1000.
    #[schema(minimum = 1, maximum = 1000)]
    max_results: Option<u32>,
    /// After so many seconds the answer is worth nothing; at most the tenant's deadline.
    #[schema(minimum = 1)]
    deadline_seconds: Option<u64>,
    /// Tell the tenant's webhook when every frame has its answer.
    #[serde(default)]
    notify: bool,
}

/// A request whose fields are good.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    /// Where the video is; none if it comes with the request.
    pub(super) video: Option<ImageSource>,
    pub(super) sampling: Sampling,
    pub(super) choice: Choice,
    pub(super) notify: bool,
}

// === impl VideoRequest ===

impl VideoRequest {
    /// Of a request that says where the video is.
    pub(super) fn check(self, context: Context<'_>) -> Result<Wanted, Problem> {
        let video = match (&self.uri, &self.object) {
            (Some(uri), None) => {
                check_uri(uri).map_err(|detail| Problem::field("uri", detail))?;
                ImageSource::Uri(uri.clone())
            }
            (None, Some(key)) => match context.upload(key) {
                Some(Image::Object(key)) => ImageSource::Object(key),
                _ => {
                    let detail = "is not an upload of yours, or has expired";
                    return Err(Problem::field("object", detail));
                }
            },
            (None, None) => return Err(Problem::field("uri", "must be there, or `object`")),
            (Some(_), Some(_)) => {
                return Err(Problem::field("object", "must not be there beside `uri`"));
            }
        };
        self.finish(Some(video), context)
    }

    /// Of a request that the video comes with.
    pub(super) fn of_file(self, context: Context<'_>) -> Result<Wanted, Problem> {
        for (field, value) in [("uri", &self.uri), ("object", &self.object)] {
            if value.is_some() {
                return Err(Problem::field(field, "must not be there beside the video"));
            }
        }
        self.finish(None, context)
    }

    fn finish(self, video: Option<ImageSource>, context: Context<'_>) -> Result<Wanted, Problem> {
        self.sampling.check().map_err(|error| match error {
            DecodeError::Field { field, problem } => Problem::field(field, problem),
            error @ DecodeError::Shape(_) => {
                Problem::new(Cause::InvalidBody, error.to_string()).at("sampling")
            }
        })?;
        let options = Options {
            features: self.features,
            max_results: self.max_results,
            deadline_seconds: self.deadline_seconds,
            notify: self.notify,
        };
        Ok(Wanted {
            video,
            sampling: self.sampling,
            choice: options.choice(context.features)?,
            notify: self.notify,
        })
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::{Feature, SamplingRule};

    use super::*;
    use crate::api::parse;
    use crate::ids::{Ids, Wants};
    use crate::store::upload_key;

    fn check(text: &str) -> Result<Wanted, (Cause, Option<String>)> {
        let ids = Ids::new(b"s");
        let context = Context {
            ids: &ids,
            tenant: "acme",
            features: Wants::of([Feature::Humans, Feature::Brands]),
        };
        parse::json::<VideoRequest>(text.as_bytes())
            .and_then(|request| request.check(context))
            .map_err(|problem| (problem.cause, problem.field))
    }

    #[test]
    fn a_good_request_has_defaults() {
        let wanted = check(r#"{"uri":"https://e.com/v.mp4"}"#).unwrap();
        assert_eq!(wanted.sampling, Sampling::default());
        assert_eq!(wanted.choice.max_results, 64);
        assert_eq!(wanted.choice.wants.iter().count(), 2);
        let own = Ids::new(b"s").upload("acme", 1);
        let text = format!(
            r#"{{"object":"{}","sampling":{{"rule":"scene","scene_percent":5}}}}"#,
            upload_key(&own)
        );
        let wanted = check(&text).unwrap();
        assert_eq!(wanted.video, Some(ImageSource::Object(upload_key(&own))));
        assert_eq!(wanted.sampling.rule, SamplingRule::Scene);
        assert_eq!(wanted.sampling.every_ms, 1_000);
    }

    #[test]
    fn a_bad_request_names_its_field() {
        let theirs = upload_key(&Ids::new(b"s").upload("other", 1));
        let theirs = format!(r#"{{"object":"{theirs}"}}"#);
        let sampling = |sampling: &str| format!(r#"{{"uri":"http://e/v","sampling":{sampling}}}"#);
        let deep = format!(r#"{{"sampling":{}"#, "[".repeat(100_000));
        for (text, cause, field) in [
            ("{}".to_owned(), Cause::InvalidField, "uri"),
            (
                r#"{"uri":"file:///etc"}"#.to_owned(),
                Cause::InvalidField,
                "uri",
            ),
            (theirs, Cause::InvalidField, "object"),
            (
                r#"{"uri":"http://e","object":"x"}"#.to_owned(),
                Cause::InvalidField,
                "object",
            ),
            (
                r#"{"url":"http://e"}"#.to_owned(),
                Cause::InvalidBody,
                "url",
            ),
            (
                sampling(r#"{"every_ms":39}"#),
                Cause::InvalidField,
                "sampling.every_ms",
            ),
            (
                sampling(r#"{"every_ms":3600001}"#),
                Cause::InvalidField,
                "sampling.every_ms",
            ),
            (
                sampling(r#"{"every_ms":-1}"#),
                Cause::InvalidBody,
                "sampling.every_ms",
            ),
            (
                sampling(r#"{"every_ms":1e99}"#),
                Cause::InvalidBody,
                "sampling.every_ms",
            ),
            (
                sampling(r#"{"scene_percent":0}"#),
                Cause::InvalidField,
                "sampling.scene_percent",
            ),
            (
                sampling(r#"{"scene_percent":256}"#),
                Cause::InvalidBody,
                "sampling.scene_percent",
            ),
            (
                sampling(r#"{"frames_max":0}"#),
                Cause::InvalidField,
                "sampling.frames_max",
            ),
            (
                sampling(r#"{"frames_max":20001}"#),
                Cause::InvalidField,
                "sampling.frames_max",
            ),
            (
                sampling(r#"{"rule":"all"}"#),
                Cause::InvalidBody,
                "sampling.rule",
            ),
            (
                sampling(r#"{"rules":"scene"}"#),
                Cause::InvalidBody,
                "sampling.rules",
            ),
            (sampling("null"), Cause::InvalidBody, "sampling"),
            (deep, Cause::InvalidBody, "sampling[0]"),
        ] {
            let short: String = text.chars().take(80).collect();
            let (got_cause, got_field) = check(&text).unwrap_err();
            assert_eq!(got_cause, cause, "{short}");
            let got = got_field.unwrap_or_default();
            assert!(
                got.starts_with(field.trim_end_matches("[0]")),
                "{short}: {got}"
            );
        }
    }

    #[test]
    fn a_file_is_not_named_twice() {
        let ids = Ids::new(b"s");
        let context = Context {
            ids: &ids,
            tenant: "acme",
            features: Wants::of([Feature::Humans]),
        };
        let request: VideoRequest = parse::json(br#"{"uri":"http://e/v"}"#).unwrap();
        let problem = request.of_file(context).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("uri"));
        assert!(VideoRequest::default().of_file(context).is_ok());
    }
}
