//! What the controller reads from Kafka and writes to it: lag, heartbeats, the control topic.
//!
//! ```text
//!                    ┌ GroupLag ──────▶ BacklogReading        ListOffsets, OffsetFetch; members: DescribeGroups
//!  Cluster ──────────┤ Fleet ─────────▶ FleetSnapshot         spillway.workers, read without a group
//!  one admin client, │ Fleet::bury ───▶ tombstone             ┐ one idempotent producer
//!  one producer      │ ControlWriter ─▶ wire::Control         ┘ and, for a new leader, the whole topic back
//!                    ├ Cluster::ensure, describe, grow, set     topics made and changed
//!                    └ Cluster::records, copy                   a topic read once, records written again
//! ```
//!
//! This crate translates and decides nothing: what cannot be read is unknown, with the reason, and never zero.
//! Deliberately absent: scaling, policies, any retry beyond a call's own deadline (the next tick is the retry).

mod chain;
mod cluster;
mod config;
mod control;
mod ffi;
mod fleet;
mod lag;
mod members;
mod offsets;
mod publish;
mod read;
mod reshape;
mod topics;

pub use cluster::Cluster;
pub use config::{ConfigError, KafkaConfig};
pub use control::ControlWriter;
pub use fleet::{Fleet, FleetSnapshot, SeenHeartbeat};
pub use lag::{BacklogSource, GroupLag};
pub use members::Member;
pub use offsets::Isolation;
pub use publish::{WriteError, Written};
pub use read::{ReadError, Record};
pub use reshape::{Setting, TopicState};
pub use topics::{EnsureError, Ensured, TopicSpec};
