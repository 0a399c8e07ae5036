//! Process instances: however the controller, a machine or a worker dies, at most one lives for an intent,
//! and in the end nothing is left.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod harness;
mod stories;
mod storm;

use std::path::Path;

/// Not a test when run as one: the machine that the tests start is this very program with arguments after `--`.
#[test]
fn the_machine() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(at) = arguments.iter().position(|argument| argument == "--dir") else {
        return;
    };
    let code = spillway_cloud::process::machine::run(Path::new(&arguments[at + 1]));
    // Past the test runner, which would say something else.
    std::process::exit(code.into());
}

/// Not a test when run as one: a controller that launches and is killed by a story.
#[test]
fn the_launcher() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--launch") {
        harness::launch_and_stay(Path::new(&arguments[at + 1]));
    }
}
