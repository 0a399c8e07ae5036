//! The harness itself: what it promises about processes, origins and waiting.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use spillway_tests::{Origin, Page, Process, Signal, eventually};

const SOON: Duration = Duration::from_secs(20);

fn sleeper() -> Process {
    let mut command = Command::new("sleep");
    command.arg("600");
    Process::spawn("sleep", command).unwrap()
}

#[test]
fn a_process_ends_with_its_guard() {
    let process = sleeper();
    let entry = format!("/proc/{}", process.id());
    assert!(std::fs::exists(&entry).unwrap());
    drop(process);
    assert!(!std::fs::exists(&entry).unwrap(), "killed and reaped");
}

#[test]
fn a_process_outlives_the_thread_that_asked_for_it() {
    let mut process = std::thread::spawn(sleeper).join().unwrap();
    assert!(process.is_running());
    process.signal(Signal::Term);
    assert!(!process.wait(SOON).success());
}

#[test]
fn a_process_leaves_a_log() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo out; echo err >&2"]);
    let mut process = Process::spawn("sh", command).unwrap();
    assert!(process.wait(SOON).success());
    assert_eq!(process.log(), "out\nerr\n");
}

/// Asynchronous, as most tests are: an origin starts inside a runtime, and answers while the test blocks it.
#[tokio::test]
async fn an_origin_serves_what_was_put_there_and_counts() {
    let origin = Origin::start().unwrap();
    origin.put("/a.png", Page::new("image/png", *b"png"));
    let get = |path: &str| {
        let mut stream = TcpStream::connect(origin.address()).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = get("/a.png");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("image/png") && answer.ends_with("png"),
        "{answer}"
    );
    assert!(get("/b").starts_with("HTTP/1.1 404"));
    assert_eq!((origin.asked("/a.png"), origin.asked("/c")), (1, 0));
}

#[test]
#[should_panic(expected = "not within 60ms: pigs fly; seen last: on the ground")]
fn waiting_ends_and_says_what_was_seen() {
    eventually(Duration::from_millis(60), "pigs fly", || {
        Err::<(), _>("on the ground".to_owned())
    });
}
