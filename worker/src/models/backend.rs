//! The models' runtime behind a trait: synchronous, called on the threads that infer.

use crate::frame::Frame;

/// Runs the models of one subset; shared by all threads that infer.
pub(crate) trait Backend: Send + Sync {
    /// Prepares the calling thread; every thread calls it once before anything else.
    ///
    /// # Errors
    /// When the runtime cannot be used.
    fn enter(&self) -> Result<Box<dyn std::any::Any>, BackendError>;

    /// Puts a batch onto the device.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn stage<'a>(&'a self, frames: &[&Frame]) -> Result<Box<dyn Staged + 'a>, BackendError>;

    /// Most images that one batch should have.
    fn images_max(&self) -> usize;

    /// Name of the GPU; none on a CPU.
    fn gpu(&self) -> Option<String>;

    /// Sets on how many cores of a CPU each thread runs its batch; threads hear of it as they enter.
    fn split(&self, _cores: usize) {}

    /// Whether it looks at images at all.
    fn looks(&self) -> bool {
        true
    }
}

/// A batch on the device.
pub(crate) trait Staged {
    /// Runs the model at `model` of the subset over some images of the batch: one row each, in their order.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn run(&self, model: usize, images: &[usize]) -> Result<Rows, BackendError>;

    /// Runs a model that labels images: for each of them the labels that reach their thresholds, the best first and
    /// at most [`LABELS_MAX`].
    ///
    /// They are chosen on the device: of thousands of scores only these leave it.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn run_labels(&self, model: usize, images: &[usize]) -> Result<Vec<Vec<Scored>>, BackendError>;

    /// Runs a model over parts of images: one row each, in their order.
    ///
    /// # Errors
    /// See [`BackendError`].
    fn run_crops(&self, model: usize, crops: &[Crop]) -> Result<Rows, BackendError>;
}

/// Most labels of one image.
pub(crate) const LABELS_MAX: usize = 100;

/// A label of an image: its place in the model's list, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) label: usize,
    pub(crate) score: f32,
}

/// What a model answers: `rows × width` numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) values: Vec<f32>,
    pub(crate) width: usize,
}

/// A part of an image of the batch, in pixels of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crop {
    pub(crate) image: usize,
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Why a batch gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    /// A smaller batch may work, and a single image that fails is at fault itself.
    #[error("the models failed: {0}")]
    Failed(String),
    /// The device is in a bad state: nothing that it says may be believed, the process must end.
    #[error("the device is broken: {0}")]
    Broken(String),
}

// === impl Rows ===

impl Rows {
    /// The rows, each `width` long.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// The rows, if there are `rows` of `width` finite numbers each.
    ///
    /// # Errors
    /// `Failed` otherwise: a number that is none must not reach a result.
    pub(crate) fn checked(self, rows: usize, width: Option<usize>) -> Result<Self, BackendError> {
        let is_shaped =
            width.is_none_or(|width| self.width == width) && self.values.len() == rows * self.width;
        if !is_shaped {
            let (values, own) = (self.values.len(), self.width);
            let message = format!("{rows} rows expected, {values} values of width {own} came");
            return Err(BackendError::Failed(message));
        }
        if self.values.iter().any(|value| !value.is_finite()) {
            return Err(BackendError::Failed("an answer is not a number".into()));
        }
        Ok(self)
    }
}
