//! This crate on librdkafka's mock cluster: brokers in this process, real clients, faults on demand.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod control;
mod fleet;
mod lag;
mod support;
mod topics;
