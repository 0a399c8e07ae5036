//! What the model set can find, as its file says: for `/v1/models` and `/v1/labels`. The models are not loaded.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{Wants, feature};

/// What there is to be found.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    pub(crate) features: Wants,
    pub(crate) models: ModelsView,
    pub(crate) labels: LabelsView,
}

/// The models of the set.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelsView {
    /// The set's name.
    pub(crate) model_set: String,
    pub(crate) models: Vec<ModelView>,
}

/// One model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelView {
    pub(crate) name: String,
    /// `humans`, `brands` or `context`.
    pub(crate) feature: String,
    /// `detect`, `attributes` or `classify`.
    pub(crate) task: &'static str,
    /// Digest of its file.
    pub(crate) sha256: String,
}

/// Everything that can be found.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct LabelsView {
    /// Labels of whole images.
    pub(crate) labels: Vec<LabelView>,
    /// Brands whose logos are found.
    pub(crate) brands: Vec<String>,
    /// What else is localised.
    pub(crate) objects: Vec<String>,
    /// Attributes of faces; none where the set does not declare them.
    pub(crate) face_attributes: Vec<AttributeView>,
}

/// One label.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LabelView {
    pub(crate) name: String,
    /// `scene` or `object`.
    pub(crate) kind: String,
    /// Nearest first.
    pub(crate) parents: Vec<String>,
    /// The score from which it is given.
    pub(crate) threshold: f64,
}

/// One attribute of faces.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AttributeView {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

// The workers check a set before they use it; here only what is shown is read.
#[derive(Deserialize)]
struct Document {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Spec {
    models: Vec<RawModel>,
}

#[derive(Deserialize)]
struct RawModel {
    name: String,
    subset: String,
    sha256: String,
    detect: Option<Detect>,
    attributes: Option<Attributes>,
    classify: Option<Classify>,
}

#[derive(Deserialize)]
struct Detect {
    labels: Vec<DetectLabel>,
}

/// A name, or a name with a threshold of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum DetectLabel {
    Name(String),
    Own { name: String },
}

#[derive(Deserialize)]
struct Attributes {
    heads: Vec<Head>,
}

#[derive(Deserialize)]
struct Head {
    name: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Classify {
    labels: Vec<RawLabel>,
}

#[derive(Deserialize)]
struct RawLabel {
    name: String,
    kind: String,
    #[serde(default)]
    parents: Vec<String>,
    threshold: f64,
}

// === impl Catalog ===

impl Catalog {
    /// The catalog of a folder with a `modelset.yaml`, or of such a file.
    ///
    /// # Errors
    /// If it cannot be read or is no model set.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let file = match path.is_dir() {
            true => path.join("modelset.yaml"),
            false => path.to_owned(),
        };
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("model set {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("model set {}", file.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document = serde_yaml::from_str(text)?;
        let mut catalog = Self {
            features: Wants::default(),
            models: ModelsView {
                model_set: document.metadata.name,
                models: Vec::new(),
            },
            labels: LabelsView::default(),
        };
        for model in document.spec.models {
            catalog.add(model)?;
        }
        anyhow::ensure!(!catalog.features.is_empty(), "there are no models");
        Ok(catalog)
    }

    fn add(&mut self, model: RawModel) -> anyhow::Result<()> {
        let feature = feature(&model.subset)
            .with_context(|| format!("subset `{}` is not known", model.subset))?;
        self.features = self.features.or(Wants::of([feature]));
        let labels = &mut self.labels;
        let task = if let Some(detect) = model.detect {
            let names = detect.labels.into_iter().map(|label| match label {
                DetectLabel::Name(name) | DetectLabel::Own { name } => name,
            });
            match feature {
                spillway_wire::Feature::Brands => labels.brands.extend(names),
                spillway_wire::Feature::Context => labels.objects.extend(names),
                spillway_wire::Feature::Humans => {}
            }
            "detect"
        } else if let Some(attributes) = model.attributes {
            let heads = attributes.heads.into_iter();
            labels
                .face_attributes
                .extend(heads.map(|head| AttributeView {
                    name: head.name,
                    values: head.values,
                }));
            "attributes"
        } else {
            let raw = model.classify.map(|classify| classify.labels);
            let raw = raw.unwrap_or_default().into_iter();
            labels.labels.extend(raw.map(|label| LabelView {
                name: label.name,
                kind: label.kind,
                parents: label.parents,
                threshold: label.threshold,
            }));
            "classify"
        };
        self.models.models.push(ModelView {
            name: model.name,
            feature: model.subset,
            task,
            sha256: model.sha256,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detectors_label_may_have_a_threshold_of_its_own() {
        let text = "
metadata: {name: shop}
spec:
  models:
  - {name: logos, subset: brands, sha256: '', detect: {labels: [acme, {name: zenith, threshold: 0.7}]}}";
        let catalog = Catalog::parse(text).unwrap();
        assert_eq!(catalog.labels.brands, ["acme", "zenith"]);
    }

    #[test]
    fn the_demo_set_is_shown_whole() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
        let catalog = Catalog::read(&path).unwrap();
        assert_eq!(catalog.features.iter().count(), 3);
        assert_eq!(catalog.models.models.len(), 4);
        assert_eq!(catalog.labels.brands.len(), 10);
        let beach = &catalog.labels.labels[0];
        assert_eq!(
            (beach.name.as_str(), beach.kind.as_str()),
            ("beach", "scene")
        );
        assert_eq!(beach.parents, ["outdoor"]);
        assert_eq!(catalog.labels.face_attributes.len(), 3);
    }
}
