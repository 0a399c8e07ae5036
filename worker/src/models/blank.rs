//! A backend that finds nothing, at once: for tests and measurements of everything but the models.

use super::set::{Subset, Task};
use super::{Backend, BackendError, Crop, Rows, Scored, Staged};
use crate::frame::Frame;

/// Most images of a batch: as on a CPU.
const IMAGES_MAX: usize = 16;
/// Numbers of one box; one whose score is 0 is none.
const BOX_WIDTH: usize = 6;

/// How wide the answers of each model of a subset are.
pub(crate) struct Blank(Vec<usize>);

// === impl Blank ===

impl Blank {
    pub(crate) fn of(subset: &Subset) -> Self {
        let widths = subset.models.iter().map(|model| match &model.task {
            Task::Detect { .. } => BOX_WIDTH,
            Task::Classify { labels } => labels.len(),
            Task::Attributes { heads, .. } => heads.iter().map(|head| head.values.len()).sum(),
        });
        Self(widths.collect())
    }

    fn nothing(&self, model: usize, rows: usize) -> Rows {
        let width = self.0[model];
        Rows {
            values: vec![0.0; rows * width],
            width,
        }
    }
}

impl Backend for Blank {
    fn enter(&self) -> Result<Box<dyn std::any::Any>, BackendError> {
        Ok(Box::new(()))
    }

    fn stage<'a>(&'a self, _: &[&Frame]) -> Result<Box<dyn Staged + 'a>, BackendError> {
        Ok(Box::new(self))
    }

    fn images_max(&self) -> usize {
        IMAGES_MAX
    }

    fn gpu(&self) -> Option<String> {
        None
    }

    fn looks(&self) -> bool {
        false
    }
}

impl Staged for &Blank {
    fn run(&self, model: usize, images: &[usize]) -> Result<Rows, BackendError> {
        Ok(self.nothing(model, images.len()))
    }

    fn run_labels(&self, _: usize, images: &[usize]) -> Result<Vec<Vec<Scored>>, BackendError> {
        Ok(vec![Vec::new(); images.len()])
    }

    fn run_crops(&self, model: usize, crops: &[Crop]) -> Result<Rows, BackendError> {
        Ok(self.nothing(model, crops.len()))
    }
}
