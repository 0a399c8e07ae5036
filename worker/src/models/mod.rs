//! The models: declared by a set, run by a backend, joined by the cascade.
//!
//! ```text
//! frames ─▶ stage ─┬─▶ faces ─▶ crops of all images ─▶ attributes ─┐
//!                  ├─▶ logos ──────────────────────────────────────┼─▶ findings, one per image
//!                  └─▶ context ────────────────────────────────────┘
//! ```

mod backend;
mod blank;
mod cascade;
#[cfg(test)]
pub(crate) mod fake;
mod golden;
mod head;
mod loader;
mod nms;
mod serving;
mod set;
mod threads;
mod torch;

pub(crate) use backend::{Backend, BackendError, Crop, LABELS_MAX, Rows, Scored, Staged};
pub(crate) use blank::Blank;
pub(crate) use cascade::{Costs, Findings, Recognizer, blank};
pub(crate) use golden::{Drift, Golden, Line as ReferenceLine, drift, lines as reference_lines};
pub(crate) use head::{HeadCost, head_cost};
pub(crate) use loader::{Loader, Stamp};
pub(crate) use nms::iou;
pub(crate) use serving::Serving;
#[cfg(test)]
pub(crate) use set::ModelSet;
pub(crate) use set::{ModelSummary, PREPROCESSING, SetError, Subset, sha256};
pub(crate) use threads::{Measured, Threads, choose, measure as divide};
pub(crate) use torch::{DeviceChoice, Torch};
