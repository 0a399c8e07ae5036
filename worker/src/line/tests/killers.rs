//! Jobs that end the process they are done in: a child that is this program again, started anew whenever it ends.

use std::path::Path;
use std::process::{Child, Command};

use super::*;
use crate::models::fake::{ABORTS, HANGS, HOGS};

/// Tells the child its broker and its file of attempts.
const VARIABLE: &str = "SPILLWAY_TEST_KILLERS";
/// Address space of the child: what one that hogs memory runs into.
const CHILD_KILOBYTES: u32 = 8 << 20;
/// Three killers, each tried as often as may be; and some ends for which the machine may be to blame: a healthy batch that
/// takes the two seconds of a hang on a busy one ends the process as well.
const ENDS_MAX: usize = 3 * 3 + 12;

/// Runs in a process of its own, which it does not end.
#[test]
fn a_child_works() {
    let Ok(told) = std::env::var(VARIABLE) else {
        return;
    };
    let (brokers, file) = told.split_once(' ').unwrap();
    let mut config = config(brokers.to_owned(), "w1");
    config.attempts_file = Some(file.into());
    config.limits.hang_max = Duration::from_secs(2);
    // Not a group's: that would wait for the session of whoever ended.
    config.kafka.assignment = Assignment::Weighted;
    let line = Line {
        config,
        serving: Arc::new(Serving::new(Arc::new(fake::recognizer(Arc::default())))),
        source: Mutex::default(),
        stats: Arc::new(Stats::new(Instant::now())),
        stop: Arc::default(),
        runtime: Runtime::new().unwrap(),
    };
    line.run().unwrap();
}

fn child(bed: &Bed, file: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    let brokers = bed.cluster.bootstrap_servers();
    Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -c 0; ulimit -v {CHILD_KILOBYTES}; exec \"$@\""),
            "sh",
        ])
        .arg(program)
        .args(["line::tests::killers::a_child_works", "--exact"])
        .env(VARIABLE, format!("{brokers} {}", file.display()))
        .spawn()
        .unwrap()
}

#[test]
fn jobs_that_end_the_process_are_set_aside_and_take_no_other_along() {
    let bed = Bed::new(1);
    let killers = BTreeMap::from([(7, ABORTS), (21, HANGS), (22, HOGS)]);
    for index in 0..40 {
        let colour = killers.get(&index).copied().unwrap_or([200, 0, 0]);
        bed.send_job(0, &job(&format!("job-{index}"), colour));
    }
    bed.tell(1, 1, &[0], DesiredState::Run);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("attempts");
    let mut running = child(&bed, &file);
    let mut ends = 0;
    let deadline = Instant::now() + 3 * WAIT;
    while bed.committed(0).is_none_or(|(offset, _)| offset < 40) {
        assert!(Instant::now() < deadline, "not done after {ends} ends");
        if running.try_wait().unwrap().is_some() {
            ends += 1;
            running = child(&bed, &file);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.kill().unwrap();
    running.wait().unwrap();

    let outcomes: BTreeMap<String, Option<Reason>> = bed
        .results(40)
        .into_iter()
        .map(|result| (result.job_id, result.error.map(|error| error.reason)))
        .collect();
    for index in 0..40 {
        let reason = killers.contains_key(&index).then_some(Reason::Crashed);
        assert_eq!(outcomes[&format!("job-{index}")], reason, "job-{index}");
    }
    let letters = dead_letters(&bed, 3);
    assert_eq!(letters.len(), 3, "{:?}", letters.keys());
    assert!(letters.values().all(|(reason, _)| reason == "CRASHED"));
    assert!((3..=ENDS_MAX).contains(&ends), "{ends} ends");
}
