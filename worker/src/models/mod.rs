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
mod nms;
mod set;
mod torch;

pub(crate) use backend::{Backend, BackendError, Crop, Rows, Staged};
pub(crate) use blank::Blank;
pub(crate) use cascade::{Costs, Findings, Recognizer};
pub(crate) use nms::iou;
pub(crate) use set::{ModelSet, Subset};
pub(crate) use torch::{DeviceChoice, Torch};
