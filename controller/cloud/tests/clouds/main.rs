//! Stories of the clouds' adapters, each against a server that answers as the cloud does.

mod azure;
mod gce;
mod harness;
mod oci;
