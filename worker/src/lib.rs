//! The recognition worker: takes jobs from Kafka, runs the models on their images, answers each job once.
//!
//! ```text
//!  fetch ─▶ decode ─▶ batch ─▶ infer ─▶ publish ─▶ commit
//! ```
//!
//! `line.rs` wires the stages; `ledger.rs`, `batch.rs`, `offsets.rs`, `intake.rs` and `told.rs` decide, without clocks.
//! Deliberately absent: the controller, Kubernetes, clouds beyond how they take a machine back (`notice.rs`).
//! A worker knows Kafka, images and its models.

mod attempts;
mod batch;
mod breaker;
mod cli;
mod config;
mod consume;
mod content;
mod control;
mod crash;
mod decode;
mod drain;
mod fetch;
mod ffi;
mod frame;
mod heartbeat;
mod infer;
mod intake;
mod ledger;
mod line;
mod measure;
mod models;
mod notice;
mod offsets;
mod publish;
mod reload;
mod retry;
mod serve;
mod spans;
mod stats;
mod told;
mod videos;
mod work;

pub use cli::main;
