//! The demo's models, held to their accuracy on images that they have not seen, through the worker's own line of
//! decoding, scaling and inference.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use serde_json::Value;
use spillway_tests::require_program;

/// Not a seed of the training.
const SEED: &str = "13";
const IMAGES: &str = "600";

#[test]
fn the_demo_models_are_as_accurate_as_they_are_said_to_be() {
    let (Some(mut generator), Some(mut worker)) = (
        require_program("spillway-generator"),
        require_program("spillway-worker"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let drawn = generator
        .args(["--seed", SEED, "--count", IMAGES, "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        drawn.status.success(),
        "{}",
        String::from_utf8_lossy(&drawn.stderr)
    );
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo");
    let judged = worker
        .args(["evaluate", "--json", "--images"])
        .arg(folder.path())
        .arg("--model-set")
        .arg(models)
        .output()
        .unwrap();
    assert!(
        judged.status.success(),
        "{}",
        String::from_utf8_lossy(&judged.stderr)
    );
    let found: Value = serde_json::from_slice(&judged.stdout).unwrap();
    println!("{found:#}");
    let at_least = |path: &str, goal: f64| {
        let value = found.pointer(path).and_then(Value::as_f64);
        assert!(
            value >= Some(goal),
            "{path} is {value:?}, the goal is {goal}"
        );
    };
    at_least("/faces/recall", 0.90);
    at_least("/faces/precision", 0.90);
    at_least("/logos/recall", 0.90);
    at_least("/logos/precision", 0.90);
    at_least("/small_logos/recall", 0.75);
    for attribute in ["age", "gender", "ethnicity"] {
        at_least(&format!("/attributes/{attribute}/accuracy"), 0.90);
    }
    at_least("/context/f1", 0.90);
}
