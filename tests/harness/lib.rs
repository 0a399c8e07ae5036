//! What the tests on real components stand on.
//!
//! ```text
//!  require_kafka() ──▶ one Apache Kafka broker per test process, topics and groups per test
//!  require_kube() ───▶ one control plane per test process, a namespace per test; Kubelet runs its pods
//!  Origin ───────────▶ an HTTP server on loopback that serves what a test puts there
//!  Collector ────────▶ takes the traces that programs export
//!  Process ──────────▶ our programs as processes, none of which outlives the test
//!  eventually() ─────▶ the only way to wait
//! ```
//!
//! What a machine cannot have (no Java, no network for the first fetch) is skipped with the reason printed;
//! where `CI` is set it fails instead.
//! Deliberately absent: sleeps for a guessed time, and state shared between tests other than the broker.

mod blank;
mod collector;
mod eventually;
mod guard;
mod kafka;
mod kube;
mod origin;
mod program;
mod shared;
mod topic;

pub use blank::blank_model_set;
pub use collector::{Collector, SeenSpan};
pub use eventually::{eventually, eventually_async};
pub use guard::{Process, Signal};
pub use kafka::{Kafka, Lease, PASSWORD, Secure, USER, require_kafka};
pub use kube::{Kube, KubeLease, Kubelet, Namespace, require_kube};
pub use origin::{Origin, Page};
pub use program::{program, require_program, require_python};
pub use shared::shared;
pub use topic::{Record, Topic};

/// Prints why a test is skipped; panics instead where `CI` is set.
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    assert!(
        std::env::var_os("CI").is_none(),
        "CI must run this test, but {why}"
    );
    eprintln!("skipped: {why}");
    None
}
