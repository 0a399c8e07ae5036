//! What ffmpeg's process can do beside reading its file: nothing. Tried with other programs in its place.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use spillway_tests::{Origin, require_program};

/// What a program says when it is locked in as ffmpeg is, with a file as its input.
fn locked(program: &str, arguments: &[&str]) -> Option<Output> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"the file").unwrap();
    let mut command: Command = require_program("spillway-worker")?;
    let output = command
        .args(["video-child", "--cpu-seconds", "5", program])
        .args(arguments)
        .stdin(Stdio::from(File::open(file.path()).unwrap()))
        .output();
    Some(output.unwrap())
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

#[test]
fn its_own_file_is_all_that_it_reads() {
    let Some(own) = locked("/bin/cat", &["/proc/self/fd/0"]) else {
        return;
    };
    assert_eq!(said(&own), "the file");
    let foreign = locked("/bin/cat", &["/etc/passwd"]).unwrap();
    if foreign.status.success() {
        let why = "the kernel has no Landlock";
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must run this test, but {why}"
        );
        eprintln!("skipped: {why}");
        return;
    }
    let said_of_it = said(&foreign);
    assert!(said_of_it.contains("Permission denied"), "{said_of_it}");
    let listed = locked("/bin/ls", &["/tmp"]).unwrap();
    assert!(!listed.status.success(), "{}", said(&listed));
}

#[test]
fn it_writes_no_file_starts_no_program_and_knows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written");
    let write = format!("echo x > {}", path.display());
    let Some(written) = locked("/bin/bash", &["-c", &write]) else {
        return;
    };
    assert!(
        !written.status.success() && !path.exists(),
        "{}",
        said(&written)
    );
    let started = locked("/bin/bash", &["-c", "/bin/echo started; true"]).unwrap();
    assert!(!said(&started).contains("started\n"), "{}", said(&started));
    let replaced = locked("/bin/bash", &["-c", "exec /bin/echo started"]).unwrap();
    assert!(
        !said(&replaced).contains("started\n"),
        "{}",
        said(&replaced)
    );
    let environment = locked("/usr/bin/env", &[]).unwrap();
    assert_eq!(said(&environment), "");
    let nice = locked("/usr/bin/nice", &[]).unwrap();
    assert_eq!(said(&nice).trim(), "19");
}

#[test]
fn it_contacts_nobody() {
    let origin = Origin::start().unwrap();
    let (host, port) = (origin.address().ip(), origin.address().port());
    let ask = format!(
        "exec 3<>/dev/tcp/{host}/{port} && printf 'GET /asked HTTP/1.0\\r\\n\\r\\n' >&3 && echo sent"
    );
    // So it would be, were it not locked in.
    let free = Command::new("/bin/bash")
        .args(["-c", &ask])
        .output()
        .unwrap();
    assert_eq!(said(&free), "sent\n");
    let Some(asked) = locked("/bin/bash", &["-c", &ask]) else {
        return;
    };
    assert!(!said(&asked).contains("sent"), "{}", said(&asked));
}

#[test]
fn what_never_ends_is_ended() {
    let Some(endless) = locked("/bin/bash", &["-c", "while :; do :; done"]) else {
        return;
    };
    assert!(!endless.status.success(), "5 seconds of CPU are over");
}
