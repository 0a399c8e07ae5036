//! A worker whose partitions the controller assigns.

use super::*;

/// What the worker confirms, and what it reads.
fn confirmed(worker: &Worker) -> (u64, u64, Vec<i32>) {
    let reading = worker.stats.reading(Instant::now());
    let partitions = reading.partitions.iter().map(|it| it.partition);
    (
        reading.control_token,
        reading.control_epoch,
        partitions.collect(),
    )
}

impl Bed {
    fn assigned(&self) -> Config {
        let mut config = self.config("w1");
        config.kafka.assignment = Assignment::Weighted;
        // Alone in its batch, so that a job that is held holds up nobody else.
        config.limits.batch.images_max = 1;
        config
    }

    pub(super) fn tell(&self, token: u64, epoch: u64, partitions: &[i32], state: DesiredState) {
        let partition = |partition: &i32| Partition {
            topic: JOBS.into(),
            partition: *partition,
        };
        let control = Control {
            schema: 1,
            token,
            epoch,
            group: Some("workers".into()),
            partitions: Some(partitions.iter().map(partition).collect()),
            state,
            drain_by_ms: None,
            lease_seconds: 900,
        };
        self.send("spillway.control", 0, "w1", &control.encode());
    }

    fn send_jobs(&self, name: &str, partition: i32, count: usize) {
        for index in 0..count {
            let id = format!("{name}-{partition}-{index}");
            self.send_job(partition, &job(&id, [200, 0, 0]));
        }
    }

    fn is_committed(&self, partition: i32, offset: i64) {
        eventually("it is committed", || {
            self.committed(partition).map(|(at, _)| at) == Some(offset)
        });
    }
}

#[test]
fn it_reads_what_it_is_told_and_nothing_else() {
    let bed = Bed::new(4);
    for partition in 0..4 {
        bed.send_jobs("first", partition, 5);
    }
    let worker = bed.start(bed.assigned());
    eventually("it is ready", || worker.stats.phase() == Phase::Ready);
    bed.tell(1, 1, &[0, 1], DesiredState::Run);
    eventually("it confirms", || confirmed(&worker) == (1, 1, vec![0, 1]));
    bed.is_committed(0, 5);
    bed.is_committed(1, 5);

    bed.tell(1, 2, &[1, 2], DesiredState::Run);
    eventually("it confirms", || confirmed(&worker) == (1, 2, vec![1, 2]));
    bed.send_jobs("second", 0, 3);
    bed.send_jobs("second", 1, 3);
    bed.is_committed(1, 8);
    bed.is_committed(2, 5);
    assert_eq!(worker.images_done(), 18);
    assert_eq!(bed.committed(0).unwrap().0, 5, "no longer its");
    assert_eq!(bed.committed(3), None, "never its");

    // And back: it begins where the group is.
    bed.tell(1, 3, &[0, 1, 2, 3], DesiredState::Run);
    bed.is_committed(0, 8);
    bed.is_committed(3, 5);
    worker.drain();
    let results = bed.results(26);
    assert_eq!(results.len(), 26, "each job once");
}

#[test]
fn what_is_in_flight_ends_before_it_confirms_and_the_others_go_on() {
    let bed = Bed::new(2);
    bed.send_job(0, &job("held", HELD));
    let worker = bed.start(bed.assigned());
    bed.tell(1, 1, &[0, 1], DesiredState::Run);
    eventually("the job is in flight", || {
        worker.stats.reading(Instant::now()).in_flight == 1
    });
    bed.tell(1, 2, &[1], DesiredState::Run);
    bed.send_jobs("others", 1, 20);
    bed.is_committed(1, 20);
    assert_eq!(confirmed(&worker), (1, 1, vec![0, 1]), "it still has both");
    bed.gate.open();
    eventually("it confirms", || confirmed(&worker) == (1, 2, vec![1]));
    assert_eq!(bed.committed(0).unwrap().0, 1, "committed before");
    worker.drain();
}

#[test]
fn a_new_leaders_record_is_confirmed_and_a_deposed_ones_is_not() {
    let bed = Bed::new(2);
    let worker = bed.start(bed.assigned());
    bed.tell(2, 5, &[0], DesiredState::Run);
    eventually("it confirms", || confirmed(&worker) == (2, 5, vec![0]));
    bed.tell(1, 6, &[0, 1], DesiredState::Run);
    bed.tell(3, 5, &[0], DesiredState::Run);
    eventually("it confirms", || confirmed(&worker) == (3, 5, vec![0]));
    // Its record is gone with all that it said.
    bed.producer
        .send(BaseRecord::<str, [u8]>::to("spillway.control").key("w1"))
        .map_err(|(error, _)| error)
        .unwrap();
    eventually("it has nothing", || confirmed(&worker) == (3, 5, vec![]));
    worker.drain();
}

#[test]
fn a_drain_gives_everything_back_and_confirms() {
    let bed = Bed::new(2);
    bed.send_job(0, &job("held", HELD));
    let worker = bed.start(bed.assigned());
    bed.tell(1, 1, &[0, 1], DesiredState::Run);
    eventually("the job is in flight", || {
        worker.stats.reading(Instant::now()).in_flight == 1
    });
    bed.tell(1, 2, &[], DesiredState::Drain);
    eventually("it drains", || worker.stats.phase() == Phase::Draining);
    bed.send_jobs("too-late", 1, 3);
    bed.gate.open();
    worker.thread.join().unwrap().unwrap();
    assert_eq!(bed.committed(0).unwrap().0, 1);
    assert_eq!(bed.committed(1), None, "it stays in Kafka");
    let heartbeats = bed.heartbeats();
    let last = heartbeats.last().unwrap();
    assert_eq!(
        (
            last.control_token,
            last.control_epoch,
            last.partitions.len()
        ),
        (1, 2, 0)
    );
    assert_eq!(last.assigned_in.as_deref(), Some("workers"));
}
