//! What is on an image, in the words of the recognition results.

use serde::{Deserialize, Serialize};

/// What is on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// In px.
    pub width: u32,
    /// In px.
    pub height: u32,
    pub faces: Vec<FaceTruth>,
    pub logos: Vec<LogoTruth>,
    /// Things of the scene, whole as drawn: faces and logos may hide up to a quarter of one.
    pub objects: Vec<ObjectTruth>,
    /// Names from [`LABELS`](crate::LABELS), in that order, each once.
    pub labels: Vec<String>,
}

/// A cartoon face, and what its drawing shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceTruth {
    /// The oval of the face, without hair and ears.
    pub bounds: Bounds,
    /// One of [`AGES`](crate::AGES).
    pub age: String,
    /// One of [`GENDERS`](crate::GENDERS).
    pub gender: String,
    /// One of [`ETHNICITIES`](crate::ETHNICITIES).
    pub ethnicity: String,
}

/// A made-up brand's sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogoTruth {
    pub bounds: Bounds,
    /// One of [`BRANDS`](crate::BRANDS).
    pub brand: String,
}

/// An everyday thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectTruth {
    pub bounds: Bounds,
    /// One of the [`LABELS`](crate::LABELS) that name objects.
    pub name: String,
}

/// An upright box, in 0..1 of the image's width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

/// A word of the context model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Label {
    pub name: &'static str,
    pub kind: LabelKind,
    /// Wider words that hold whenever this one does.
    pub parents: &'static [&'static str],
}

/// Whether a label names the place or a thing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    Scene,
    Object,
}
