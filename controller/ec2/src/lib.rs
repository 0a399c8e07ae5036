//! Machines from AWS EC2, through `aws-sdk-ec2`.
//!
//! ```text
//!  executor ── LaunchRequest ─▶ Ec2 ── RunInstances, DescribeInstances, TerminateInstances ─▶ AWS
//!           ◀─ Instance ──────       ◀─ codes.rs: what a refusal means and how far it reaches
//! ```
//!
//! A crate of its own: the SDK is 1.2 million lines in one compile unit.
//! Deliberately absent: fleets and launch templates (docs/decisions/0007-clouds.md), retries of launches, prices.
#![forbid(unsafe_code)]

mod codes;
mod ec2;
mod examine;
mod http;
mod seen;

pub use ec2::{Ec2, Ec2Config, Ec2Credentials, Ec2Machine};
