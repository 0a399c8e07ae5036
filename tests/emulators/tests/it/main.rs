//! The emulators seen from outside: by their wire, by their ports, by the SDKs, and by Spillway's own providers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod faults;
mod golden;
mod judges;
mod metadata;
mod ports;
mod providers;
mod tokens;
mod wire;
