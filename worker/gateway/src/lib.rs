//! The recognition API: HTTP and gRPC on one side, jobs and results on Kafka on the other.
//!
//! ```text
//! client ─▶ tenant? quota? room? ─▶ Handle, jobs ─▶ Kafka ─▶ workers
//!    ▲                                                          │ results, on a partition that this replica owns
//!    └──── Book: who waits ◀── replies ──▶ Store ──▶ commit ◀───┘
//! ```
//!
//! `ids`, `answer`, `video`, `window`, `quota` and `pressure` decide, without clocks, network or files.
//! `docs/decisions/0009-gateway.md` says why it is so.
//! Deliberately absent: a database, decoding of images and videos, any fetch of a client's address. Workers do that.
#![forbid(unsafe_code)]

mod answer;
mod api;
mod app;
mod book;
mod catalog;
mod cli;
mod ids;
mod jobs;
mod metrics;
mod pressure;
mod problem;
mod quota;
mod replies;
mod serve;
mod spans;
mod store;
mod tenants;
mod video;
mod webhook;
mod window;

pub use cli::main;
