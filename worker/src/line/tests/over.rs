//! A job whose time in the worker is over.

use std::net::TcpListener;

use super::*;

#[test]
fn a_job_ends_when_it_takes_longer_than_the_worker_gives_any() {
    let bed = Bed::new(1);
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let image = ImageSource::Uri(format!("http://{address}/a.png"));
    bed.send_job(0, &Job::new("slow", now_ms(), image));
    bed.send_job(0, &job("good", [200, 0, 0]));
    let mut config = bed.config("w1");
    config.sources.allowed_origins = vec![address.to_string().parse().unwrap()];
    config.limits.job_max = Duration::from_secs(2);
    let worker = bed.start(config);
    let results = bed.results(2);
    worker.drain();
    let slow = results.iter().find(|it| it.job_id == "slow").unwrap();
    let error = slow.error.as_ref().unwrap();
    assert_eq!(error.reason, Reason::DeadlineExceeded, "{error:?}");
    assert!(
        error.message.contains("than this worker gives"),
        "{error:?}"
    );
    assert_eq!(bed.committed(0).unwrap().0, 2, "nothing waits for it");
}
