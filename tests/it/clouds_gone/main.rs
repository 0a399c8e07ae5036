//! Nobody left to give machines back: real controllers, real workers on emulated machines, real Kafka, four clouds.
//!
//! AWS's machine is launched by the test, as its adapter's SDK is not in every build; its worker, its lease and its bill
//! are like the others'.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod bed;
mod doctor;

use std::time::Duration;

use bed::{BOUGHT, Bed, LEASE, SOON};
use jiff::Timestamp;
use spillway_emulators::CloudKind;
use spillway_tests::Signal;

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_killed_again_and_again_and_then_for_ever_leaves_no_bill() {
    let Some(bed) = Bed::new().await else { return };
    // Sooner and later within its launches.
    for milliseconds in [300, 700, 1_100, 500, 1_500, 900] {
        let mut controller = bed.controller();
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        controller.signal(Signal::Kill);
        controller.wait(SOON);
    }
    let mut controller = bed.controller();
    bed.is_bought(&BOUGHT).await;
    let machines = bed.one_machine_per_intent();
    bed.launch_on_aws();
    let all = [BOUGHT.to_vec(), vec![CloudKind::Aws]].concat();
    bed.is_bought(&all).await;
    controller.signal(Signal::Kill);
    controller.wait(SOON);
    let gone = Timestamp::now();
    bed.bills_end(gone, &all).await;
    assert_eq!(
        bed.one_machine_per_intent(),
        machines,
        "nobody bought anything more"
    );
    bed.emulators.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_pauses_ends_no_machine_and_one_that_is_gone_ends_every_bill() {
    let Some(bed) = Bed::new().await else { return };
    let mut controller = bed.controller();
    bed.is_bought(&BOUGHT).await;
    let ended = || {
        let bills = BOUGHT.into_iter().flat_map(|kind| bed.bills(kind));
        bills.filter(|bill| bill.until.is_some()).count()
    };
    bed.kafka.signal(Signal::Stop);
    tokio::time::sleep((LEASE / 4).unsigned_abs()).await;
    bed.kafka.signal(Signal::Continue);
    // Leases of before the pause would be over by now.
    tokio::time::sleep(LEASE.unsigned_abs()).await;
    assert_eq!(ended(), 0, "a pause shorter than the lease ends nothing");
    bed.kafka.signal(Signal::Kill);
    let gone = Timestamp::now();
    bed.bills_end(gone, &BOUGHT).await;
    assert!(controller.is_running(), "and nobody needed it for that");
    bed.emulators.stop().await;
}
