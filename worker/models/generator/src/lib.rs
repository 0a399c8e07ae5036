//! Draws images with the truth about what is on them: faces, logos, a scene and its objects.
//!
//! ```text
//! (style, seed, index) ─ place ─ things ─ faces ─ logos ─ light, grain, blur ─▶ pixels + truth
//! ```
//!
//! The demo's models are trained and measured on these, and `spillway demo` draws them as it runs.
//! Image `index` depends on nothing but its arguments.
//! Deliberately absent: photographs, real brands, and anything about real people.

#![forbid(unsafe_code)]

mod compose;
mod dice;
mod effects;
mod encode;
mod faces;
mod labels;
mod logos;
mod objects;
mod scenes;
mod sketch;
mod stage;
#[cfg(test)]
mod tests;
mod truth;

pub use compose::{Drawn, Style, draw};
pub use encode::{Format, encode};
pub use faces::{AGES, ETHNICITIES, GENDERS};
pub use labels::LABELS;
pub use logos::BRANDS;
pub use truth::{Bounds, FaceTruth, Label, LabelKind, LogoTruth, ObjectTruth, Truth};
