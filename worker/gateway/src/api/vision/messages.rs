//! Messages of Google Vision v1 that are used here, with their public field numbers and JSON names.

use prost::Message;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::messages_json::{base64_bytes, feature_type};

/// A batch of images.
#[derive(Clone, PartialEq, Message, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::BatchAnnotateImagesRequest)]
pub(super) struct BatchAnnotateImagesRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(default)]
    pub(super) requests: Vec<AnnotateImageRequest>,
}

/// One image and what to look for in it.
#[derive(Clone, PartialEq, Message, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::AnnotateImageRequest)]
pub(super) struct AnnotateImageRequest {
    #[prost(message, optional, tag = "1")]
    #[serde(default)]
    pub(super) image: Option<Image>,
    #[prost(message, repeated, tag = "2")]
    #[serde(default)]
    pub(super) features: Vec<Feature>,
}

/// An image, or where it is.
#[derive(Clone, PartialEq, Message, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::Image)]
pub(super) struct Image {
    #[prost(bytes = "bytes", tag = "1")]
    #[serde(default, deserialize_with = "base64_bytes::deserialize")]
    #[schema(value_type = String, format = Byte)]
    pub(super) content: bytes::Bytes,
    #[prost(message, optional, tag = "2")]
    #[serde(default)]
    pub(super) source: Option<ImageSource>,
}

/// Where an image is.
#[derive(Clone, PartialEq, Message, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::ImageSource)]
pub(super) struct ImageSource {
    #[prost(string, tag = "1")]
    #[serde(default)]
    pub(super) gcs_image_uri: String,
    #[prost(string, tag = "2")]
    #[serde(default)]
    pub(super) image_uri: String,
}

/// What to look for.
#[derive(Clone, PartialEq, Message, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::Feature)]
pub(super) struct Feature {
    #[prost(int32, tag = "1")]
    #[serde(
        default,
        rename = "type",
        deserialize_with = "feature_type::deserialize"
    )]
    #[schema(value_type = FeatureType)]
    pub(super) kind: i32,
    #[prost(int32, tag = "2")]
    #[serde(default)]
    pub(super) max_results: i32,
}

/// `Feature.Type`: its name or its number.
#[derive(Serialize, ToSchema)]
#[schema(as = vision::FeatureType)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the API's document alone")]
pub(super) enum FeatureType {
    Name(FeatureName),
    Number(i32),
}

/// The names that Google has given; those that are not answered give their image an `error`.
#[derive(Serialize, ToSchema)]
#[schema(as = vision::FeatureName, rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "for the API's document alone")]
pub(super) enum FeatureName {
    TypeUnspecified,
    FaceDetection,
    LandmarkDetection,
    LogoDetection,
    LabelDetection,
    TextDetection,
    SafeSearchDetection,
    ImageProperties,
    CropHints,
    WebDetection,
    DocumentTextDetection,
    ProductSearch,
    ObjectLocalization,
}

/// The answers of a batch, in its order.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::BatchAnnotateImagesResponse)]
pub(super) struct BatchAnnotateImagesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) responses: Vec<AnnotateImageResponse>,
}

/// The answer for one image.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::AnnotateImageResponse)]
pub(super) struct AnnotateImageResponse {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) face_annotations: Vec<FaceAnnotation>,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) logo_annotations: Vec<EntityAnnotation>,
    #[prost(message, repeated, tag = "4")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) label_annotations: Vec<EntityAnnotation>,
    #[prost(message, repeated, tag = "22")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) localized_object_annotations: Vec<LocalizedObjectAnnotation>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Status>,
}

/// A face. What no model of the set says is left out: likelihoods are then `UNKNOWN`.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::FaceAnnotation)]
pub(super) struct FaceAnnotation {
    #[prost(message, optional, tag = "1")]
    pub(super) bounding_poly: Option<BoundingPoly>,
    #[prost(message, optional, tag = "2")]
    pub(super) fd_bounding_poly: Option<BoundingPoly>,
    #[prost(float, tag = "7")]
    pub(super) detection_confidence: f32,
}

/// A label or a logo.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::EntityAnnotation)]
pub(super) struct EntityAnnotation {
    #[prost(string, tag = "3")]
    pub(super) description: String,
    #[prost(float, tag = "4")]
    pub(super) score: f32,
    #[prost(float, tag = "6")]
    pub(super) topicality: f32,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bounding_poly: Option<BoundingPoly>,
}

/// An object and its place.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::LocalizedObjectAnnotation)]
pub(super) struct LocalizedObjectAnnotation {
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(float, tag = "4")]
    pub(super) score: f32,
    #[prost(message, optional, tag = "5")]
    pub(super) bounding_poly: Option<BoundingPoly>,
}

/// A polygon: in pixels, or in shares of the image's sides.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = vision::BoundingPoly)]
pub(super) struct BoundingPoly {
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) vertices: Vec<Vertex>,
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) normalized_vertices: Vec<NormalizedVertex>,
}

/// A corner, pixels.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[schema(as = vision::Vertex)]
pub(super) struct Vertex {
    #[prost(int32, tag = "1")]
    pub(super) x: i32,
    #[prost(int32, tag = "2")]
    pub(super) y: i32,
}

/// A corner, 0..1.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[schema(as = vision::NormalizedVertex)]
pub(super) struct NormalizedVertex {
    #[prost(float, tag = "1")]
    pub(super) x: f32,
    #[prost(float, tag = "2")]
    pub(super) y: f32,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message, Serialize, ToSchema)]
#[schema(as = vision::Status)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

/// `Feature.Type`.
pub(super) mod kinds {
    pub(in super::super) const FACE_DETECTION: i32 = 1;
    pub(in super::super) const LOGO_DETECTION: i32 = 3;
    pub(in super::super) const LABEL_DETECTION: i32 = 4;
    pub(in super::super) const OBJECT_LOCALIZATION: i32 = 19;
    /// All names that Google has given.
    pub(in super::super) const ALL: [(&str, i32); 13] = [
        ("TYPE_UNSPECIFIED", 0),
        ("FACE_DETECTION", FACE_DETECTION),
        ("LANDMARK_DETECTION", 2),
        ("LOGO_DETECTION", LOGO_DETECTION),
        ("LABEL_DETECTION", LABEL_DETECTION),
        ("TEXT_DETECTION", 5),
        ("SAFE_SEARCH_DETECTION", 6),
        ("IMAGE_PROPERTIES", 7),
        ("CROP_HINTS", 9),
        ("WEB_DETECTION", 10),
        ("DOCUMENT_TEXT_DETECTION", 11),
        ("PRODUCT_SEARCH", 12),
        ("OBJECT_LOCALIZATION", OBJECT_LOCALIZATION),
    ];
}

// === impl Status ===

impl Status {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

// === impl AnnotateImageResponse ===

impl AnnotateImageResponse {
    pub(super) fn failed(status: Status) -> Self {
        Self {
            error: Some(status),
            ..Self::default()
        }
    }
}
