//! The container images and the compose file: they run as a strict cluster runs them, and ask for what there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod compose;
mod container;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
