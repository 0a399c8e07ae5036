//! `spillway doctor`, asked about clouds and a Kafka with one thing wrong after another.

use std::process::Command;
use std::sync::atomic::Ordering;

use spillway_emulators::CloudKind;
use spillway_emulators::faults::{Call, Fault, Trouble};
use spillway_tests::Signal;

use crate::bed::{BOUGHT, Bed};

/// What the doctor calls bad, each with a sentence of the documents; its status says the same.
fn bad(bed: &Bed, change: impl FnOnce(&mut Command)) -> Vec<String> {
    let mut command = bed.command("doctor");
    command.arg("--json");
    change(&mut command);
    let done = command.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let said: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&done.stderr)));
    let checks = said["checks"].as_array().unwrap().iter();
    let bad: Vec<String> = checks
        .filter(|check| check["state"] == "bad")
        .inspect(|check| assert!(check["help"]["sentence"].is_string(), "{check}"))
        .map(|check| {
            let what = check["subject"].as_str().or(check["what"].as_str());
            format!("{} {}", check["about"].as_str().unwrap(), what.unwrap())
        })
        .collect();
    assert_eq!(done.status.success(), bad.is_empty(), "{said:#}");
    bad
}

fn nothing(_: &mut Command) {}

fn set(bed: &Bed, kind: CloudKind, absent: &[&str], withheld: &[&str]) {
    bed.emulators.world.with(kind, |cloud, _| {
        cloud.absent = absent.iter().map(|it| (*it).to_owned()).collect();
        cloud.withheld = withheld.iter().map(|it| (*it).to_owned()).collect();
    });
}

/// Every call of this kind is denied, until the cloud is forgotten.
fn deny(bed: &Bed, call: Call) {
    for kind in BOUGHT {
        bed.emulators.world.with(kind, |cloud, _| {
            cloud.faults.add(Fault::always(call, Trouble::Denied));
        });
    }
}

fn forget(bed: &Bed) {
    for kind in BOUGHT {
        bed.emulators.world.clear(kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_wrong_and_says_where_it_is_written() {
    let Some(bed) = Bed::new().await else { return };
    assert_eq!(bad(&bed, nothing), [""; 0], "all is well");

    set(&bed, CloudKind::Oci, &["ocid1.image.oc1.phx.i"], &[]);
    let use_subnet = "compute.subnetworks.use";
    set(&bed, CloudKind::Gce, &["default"], &[use_subnet]);
    let write = "Microsoft.Compute/virtualMachines/write";
    set(&bed, CloudKind::Azure, &["worker"], &[write]);
    assert_eq!(
        bad(&bed, nothing),
        [
            "oci image",
            "gce subnet",
            "gce launching",
            "azure image",
            "azure launching"
        ]
    );
    forget(&bed);

    deny(&bed, Call::List);
    let listing = ["oci listing", "gce listing", "azure listing"];
    let found = bad(&bed, nothing);
    assert!(
        listing.iter().all(|it| found.iter().any(|bad| bad == it)),
        "{found:?}"
    );
    forget(&bed);

    let credentials = ["oci credentials", "gce credentials", "azure credentials"];
    let missing = bad(&bed, |command| {
        command.env_remove("AZURE_TENANT_ID");
        command.env("OCI_CLI_PROFILE", "NONE");
        command.env("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere");
    });
    assert_eq!(missing, credentials, "they are not there");
    deny(&bed, Call::Token);
    bed.emulators.world.with(CloudKind::Oci, |cloud, _| {
        assert!(cloud.register("t/another/f".to_owned(), &bed.public_key()));
    });
    assert_eq!(bad(&bed, nothing), credentials, "they are wrong");
    forget(&bed);

    bed.ahead.store(600, Ordering::Relaxed);
    let clocks = ["oci clock", "gce clock", "azure clock"];
    let found = bad(&bed, nothing);
    assert!(
        clocks.iter().all(|it| found.iter().any(|bad| bad == it)),
        "{found:?}"
    );
    bed.ahead.store(0, Ordering::Relaxed);

    bed.kafka.signal(Signal::Stop);
    assert_eq!(bad(&bed, nothing), ["Kafka kafka"]);
    bed.kafka.signal(Signal::Continue);
}
