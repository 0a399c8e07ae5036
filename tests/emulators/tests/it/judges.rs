//! The clouds' own SDKs as judges: of what the emulators answer, and of what our providers send.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use spillway_emulators::{Emulators, Recorded, World, wall_clock};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The python of the judges' environment; made by the first who asks.
fn python() -> PathBuf {
    let script = here().join("../testbed/judges.sh");
    let made = Command::new(&script).output().unwrap();
    let says = String::from_utf8_lossy(&made.stderr);
    assert!(
        made.status.success(),
        "the judges are not to be had: {says}"
    );
    String::from_utf8(made.stdout).unwrap().trim().into()
}

fn run(script: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(python());
    command
        .arg(here().join("judges").join(script))
        .args(arguments);
    // Nobody's proxy and nobody's configuration.
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "AWS_PROFILE",
    ] {
        command.env_remove(name);
    }
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

/// Has requests judged; returns what was judged and every complaint.
///
/// `keys` are the test's own throwaway secrets, as `judges/judge.py` wants them.
pub(crate) fn judge(recorded: &[Recorded], keys: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (requests, secrets) = (
        folder.path().join("recorded.json"),
        folder.path().join("keys.json"),
    );
    std::fs::write(&requests, serde_json::to_vec(recorded).unwrap()).unwrap();
    std::fs::write(&secrets, keys.to_string()).unwrap();
    let output = run(
        "judge.py",
        &[requests.to_str().unwrap(), secrets.to_str().unwrap()],
    );
    let says = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("the judge failed: {says}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_sdks_read_every_answer() {
    let emulators = Emulators::start(World::new(wall_clock()), None)
        .await
        .unwrap();
    let addresses = serde_json::to_string(&emulators.addresses).unwrap();
    let driven = tokio::task::spawn_blocking(move || run("drive.py", &[&addresses]))
        .await
        .unwrap();
    let (says, wrong) = (
        String::from_utf8_lossy(&driven.stdout),
        String::from_utf8_lossy(&driven.stderr),
    );
    assert!(driven.status.success(), "{says}\n{wrong}");
    let read = says.matches("every answer was read").count();
    assert_eq!(read, 4, "{says}");
}

#[test]
fn the_judges_know_the_sdks_own_requests_and_bite_on_a_typo() {
    let samples = |cloud: &str, text: &str, step: &str| -> Recorded {
        let samples: Value = serde_json::from_str(text).unwrap();
        let mut found = samples["requests"].as_array().unwrap().iter().rev();
        let sample = found.find(|sample| sample["step"] == step).unwrap();
        recorded(cloud, sample)
    };
    let oci = include_str!("../samples/oci.json");
    let good = [
        samples(
            "aws",
            include_str!("../samples/aws.json"),
            "run_instances_spot_token",
        ),
        samples("oci", oci, "LaunchInstance"),
        samples("gce", include_str!("../samples/gce.json"), "insert"),
        recorded_put(include_str!("../samples/azure.json")),
    ];
    let key: Value = serde_json::from_str(oci).unwrap();
    let keys = json!({"oci": {"public_pem": key["public_key"]}});
    let judged = judge(&good, &keys);
    assert_eq!(judged["complaints"], json!([]));
    assert_eq!(judged["judged"].as_object().unwrap().len(), 4);

    let typos = [
        (
            "InstanceInitiatedShutdownBehavior",
            "InstanceInitiatedShutdownBehaviour",
        ),
        ("\"freeformTags\"", "\"freeFormTags\""),
        ("provisioningModel", "provisionningModel"),
        ("\"evictionPolicy\"", "\"evictionpolicy\""),
    ];
    for (good, (right, wrong)) in good.into_iter().zip(typos) {
        assert!(good.body.contains(right), "{}", good.body);
        let bad = Recorded {
            body: good.body.replace(right, wrong),
            ..good
        };
        let said = judge(&[bad], &json!({}))["complaints"].to_string();
        assert!(said.contains(wrong.trim_matches('"')), "{wrong}: {said}");
    }
}

/// The machine's PUT, which comes before the SDK's polling of it.
fn recorded_put(text: &str) -> Recorded {
    let samples: Value = serde_json::from_str(text).unwrap();
    let mut found = samples["requests"].as_array().unwrap().iter();
    recorded(
        "azure",
        found.find(|sample| sample["method"] == "PUT").unwrap(),
    )
}

fn recorded(cloud: &str, sample: &Value) -> Recorded {
    let mut whole = sample.clone();
    whole["cloud"] = json!(cloud);
    whole["at"] = json!("2026-11-22T10:00:00Z");
    whole["response"] = json!({"status": 0, "headers": [], "body": "", "is_lost": false});
    serde_json::from_value(whole).unwrap()
}
