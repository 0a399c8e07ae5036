//! From what Google's clients ask to what workers find, and back.

use spillway_wire::{Bounds, Feature as Kind, ImageInfo, JobError, Reason};

use super::error::{
    DEADLINE_EXCEEDED, INTERNAL, INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED,
};
use super::messages::{
    AnnotateImageRequest, AnnotateImageResponse, BoundingPoly, EntityAnnotation, FaceAnnotation,
    Feature, Image as RawImage, LocalizedObjectAnnotation, NormalizedVertex, Status, Vertex, kinds,
};
use crate::answer::{ImageStatus, ImageView};
use crate::api::parse::{check_bytes, check_uri};
use crate::app::Image;
use crate::ids::Wants;

/// As Google says it: how many of a kind are given if nothing is said.
const RESULTS_DEFAULT: u32 = 10;
/// More are not given, whatever is asked for.
const RESULTS_MAX: u32 = 1_000;
/// More features of one image are none.
const FEATURES_MAX: usize = 32;

/// What is asked for of one image: how many of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) wants: Wants,
    faces: Option<u32>,
    logos: Option<u32>,
    labels: Option<u32>,
    objects: Option<u32>,
    /// Kinds that are not supported.
    others: Vec<i32>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(request: &AnnotateImageRequest) -> Result<Self, Status> {
        let wrong = |message: &str| Err(Status::new(INVALID_ARGUMENT, message));
        if request.features.is_empty() {
            return wrong("features must not be empty");
        }
        if request.features.len() > FEATURES_MAX {
            return wrong("too many features");
        }
        let mut asked = Self::default();
        for feature in &request.features {
            asked.add(feature);
        }
        Ok(asked)
    }

    fn add(&mut self, feature: &Feature) {
        let most = match u32::try_from(feature.max_results) {
            Ok(most) if most > 0 => most.min(RESULTS_MAX),
            _ => RESULTS_DEFAULT,
        };
        let (slot, kind) = match feature.kind {
            kinds::FACE_DETECTION => (&mut self.faces, Kind::Humans),
            kinds::LOGO_DETECTION => (&mut self.logos, Kind::Brands),
            kinds::LABEL_DETECTION => (&mut self.labels, Kind::Context),
            kinds::OBJECT_LOCALIZATION => (&mut self.objects, Kind::Context),
            other => {
                self.others.push(other);
                return;
            }
        };
        *slot = Some(slot.unwrap_or(0).max(most));
        self.wants = self.wants.or(Wants::of([kind]));
    }

    /// Most that is asked for of any kind.
    pub(super) fn max_results(&self) -> u32 {
        let all = [self.faces, self.logos, self.labels, self.objects];
        all.into_iter().flatten().max().unwrap_or(RESULTS_DEFAULT)
    }

    /// What was found, as Google tells it.
    pub(super) fn answer(&self, view: ImageView) -> AnnotateImageResponse {
        let size = view.image.as_ref();
        let error = match (view.status, &view.error) {
            (ImageStatus::Pending, _) => Some(Status::new(
                DEADLINE_EXCEEDED,
                "the image was not done in time",
            )),
            (ImageStatus::Success, _) | (_, None) => self.unsupported(),
            (_, Some(error)) => Some(status(error)),
        };
        let labels = first(view.labels, self.labels).map(|label| EntityAnnotation {
            description: label.name,
            score: label.score,
            topicality: label.score,
            bounding_poly: None,
        });
        let logos = first(view.logos, self.logos).map(|logo| EntityAnnotation {
            description: logo.brand,
            score: logo.score,
            topicality: 0.0,
            bounding_poly: Some(pixels(logo.bounds, size)),
        });
        let faces = first(view.faces, self.faces).map(|face| FaceAnnotation {
            bounding_poly: Some(pixels(face.bounds, size)),
            fd_bounding_poly: Some(pixels(face.bounds, size)),
            detection_confidence: face.score,
        });
        let objects = first(view.objects, self.objects).map(|object| LocalizedObjectAnnotation {
            name: object.name,
            score: object.score,
            bounding_poly: Some(shares(object.bounds)),
        });
        AnnotateImageResponse {
            face_annotations: faces.collect(),
            logo_annotations: logos.collect(),
            label_annotations: labels.collect(),
            localized_object_annotations: objects.collect(),
            error,
        }
    }

    fn unsupported(&self) -> Option<Status> {
        let other = self.others.first()?;
        let named = kinds::ALL.iter().find(|(_, number)| number == other);
        let name = named.map_or_else(|| other.to_string(), |(name, _)| (*name).to_owned());
        let message = format!("feature {name} is not supported");
        Some(Status::new(UNIMPLEMENTED, message))
    }
}

fn first<T>(all: Vec<T>, most: Option<u32>) -> impl Iterator<Item = T> {
    all.into_iter().take(most.unwrap_or(0) as usize)
}

/// The image of a request, or what is wrong with it.
pub(super) fn image(image: Option<RawImage>) -> Result<Image, Status> {
    let wrong = |message: &str| Status::new(INVALID_ARGUMENT, message);
    let image = image.unwrap_or_default();
    if !image.content.is_empty() {
        return check_bytes(image.content)
            .map_err(|problem| wrong(&format!("image.content {}", problem.detail)));
    }
    let source = image.source.unwrap_or_default();
    // Of two addresses `imageUri` counts, says Google.
    let uri = match source.image_uri.is_empty() {
        true => source.gcs_image_uri,
        false => source.image_uri,
    };
    if uri.is_empty() {
        return Err(wrong("no image is given"));
    }
    check_uri(&uri).map_err(|says| wrong(&format!("image.source.imageUri {says}")))?;
    Ok(Image::Uri(uri))
}

fn status(error: &JobError) -> Status {
    let code = match error.reason {
        Reason::NotFound => NOT_FOUND,
        Reason::DeadlineExceeded => DEADLINE_EXCEEDED,
        Reason::FetchFailed | Reason::FetchTimeout => UNAVAILABLE,
        Reason::UnsupportedFeature => UNIMPLEMENTED,
        Reason::ModelFailed | Reason::Crashed => INTERNAL,
        Reason::InvalidJob
        | Reason::FetchBlocked
        | Reason::TooLarge
        | Reason::UnsupportedFormat
        | Reason::CorruptImage => INVALID_ARGUMENT,
    };
    Status::new(
        code,
        format!("{}: {}", error.reason.as_str(), error.message),
    )
}

/// Corners from the top left, clockwise, as Google gives them.
fn corners(bounds: Bounds) -> [(f32, f32); 4] {
    let (left, top) = (bounds.left, bounds.top);
    let (right, bottom) = (left + bounds.width, top + bounds.height);
    [(left, top), (right, top), (right, bottom), (left, bottom)]
}

fn pixels(bounds: Bounds, size: Option<&ImageInfo>) -> BoundingPoly {
    let (width, height) = size.map_or((0, 0), |size| (size.width, size.height));
    let pixel = |share: f32, side: u32| (f64::from(share) * f64::from(side)).round() as i32;
    let vertices = corners(bounds).map(|(x, y)| Vertex {
        x: pixel(x, width),
        y: pixel(y, height),
    });
    BoundingPoly {
        vertices: vertices.into(),
        normalized_vertices: Vec::new(),
    }
}

fn shares(bounds: Bounds) -> BoundingPoly {
    let vertices = corners(bounds).map(|(x, y)| NormalizedVertex { x, y });
    BoundingPoly {
        vertices: Vec::new(),
        normalized_vertices: vertices.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::parse::json as read;
    use crate::api::vision::messages::BatchAnnotateImagesRequest;

    fn request(features: &serde_json::Value) -> AnnotateImageRequest {
        let text = json!({"requests": [{"image": {"content": "AA=="}, "features": features}]});
        let batch: BatchAnnotateImagesRequest = read(text.to_string().as_bytes()).unwrap();
        batch.requests.into_iter().next().unwrap()
    }

    #[test]
    fn features_come_as_names_and_as_numbers() {
        let by_name = request(
            &json!([{"type": "LABEL_DETECTION"}, {"type": "FACE_DETECTION", "maxResults": 3}]),
        );
        let by_number =
            request(&json!([{"type": 4}, {"type": 1, "maxResults": 3, "model": "builtin/latest"}]));
        assert_eq!(by_name, by_number);
        let asked = Asked::of(&by_name).unwrap();
        assert_eq!((asked.labels, asked.faces), (Some(10), Some(3)));
        assert_eq!(asked.wants, Wants::of([Kind::Humans, Kind::Context]));
        assert_eq!(asked.max_results(), 10);
        assert!(Asked::of(&request(&json!([]))).is_err());
    }

    #[test]
    fn content_comes_in_either_alphabet() {
        for text in ["+/8=", "-_8", "+/8", "-_8="] {
            let text = json!({"requests": [{"image": {"content": text}}]}).to_string();
            let batch: BatchAnnotateImagesRequest = read(text.as_bytes()).unwrap();
            let raw = batch.requests[0].image.clone();
            assert_eq!(image(raw), Ok(Image::Bytes(vec![0xfb, 0xff].into())));
        }
    }

    #[test]
    fn an_image_is_bytes_or_an_address_of_the_web() {
        let of = |value: serde_json::Value| {
            let text = json!({"requests": [{"image": value}]}).to_string();
            let batch: BatchAnnotateImagesRequest = read(text.as_bytes()).unwrap();
            image(batch.requests[0].image.clone()).map_err(|status| status.code)
        };
        let web = "https://e.com/a.jpg";
        assert_eq!(
            of(json!({"source": {"imageUri": web}})),
            Ok(Image::Uri(web.into()))
        );
        for bad in [
            json!({}),
            json!({"source": {"gcsImageUri": "gs://bucket/a.jpg"}}),
            json!({"source": {"imageUri": "file:///etc/passwd"}}),
        ] {
            assert_eq!(of(bad), Err(INVALID_ARGUMENT));
        }
    }

    #[test]
    fn boxes_become_corners_in_pixels() {
        let bounds = Bounds {
            left: 0.25,
            top: 0.5,
            width: 0.5,
            height: 0.25,
        };
        let size = ImageInfo {
            width: 200,
            height: 100,
            blake3: String::new(),
            format: "png".into(),
            bytes: 1,
        };
        let poly = pixels(bounds, Some(&size));
        let corners: Vec<(i32, i32)> = poly.vertices.iter().map(|it| (it.x, it.y)).collect();
        assert_eq!(corners, [(50, 50), (150, 50), (150, 75), (50, 75)]);
    }
}
