//! Four clouds that can be told to lie: the wire of AWS EC2, Oracle OCI, Google Compute Engine and Azure in memory.
//!
//! ```text
//!  provider ─HTTP─▶ aws · oci · gce · azure ─▶ World: machines, tokens, market, ledger ◀─ control ─ test
//!                        ▲ faults ─ what to do to which call                 │
//!  worker ─HTTP─▶ metadata ────────────────────────────────────────────── runner: a process per machine
//! ```
//!
//! Each cloud is a function from (state, time, request) to an answer, so everything can be tested without a socket.
//! Deliberately absent: chance (what befalls a call is said by whoever tests), files, and what Spillway does not call.
#![deny(unsafe_code)]

mod aws;
mod azure;
pub mod control;
mod dialect;
pub mod faults;
mod gce;
pub mod http;
pub mod metadata;
mod oci;
mod pages;
pub mod runner;
pub mod serve;
pub mod state;
mod user_data;
mod world;

pub use faults::{Call, Fault, Place, Trouble};
pub use http::{Asked, Reply};
pub use serve::{Addresses, Emulators};
pub use state::{CloudKind, Market, Offer, Phase};
pub use world::{Clock, Recorded, World, wall_clock};
