//! Tests in a process of their own: whose memory is measured, or whose network is made up.

use std::process::Command;

/// Set in the process of its own.
const ALONE: &str = "SPILLWAY_TEST_ALONE";

/// Whether `starter` starts anything here; says why not.
pub(super) fn can_start(starter: &[&str]) -> Result<(), String> {
    // In the process of its own there is nothing more to start.
    if std::env::var_os(ALONE).is_some() {
        return Ok(());
    }
    let mut command = Command::new(starter[0]);
    let output = command.args(&starter[1..]).arg("true").output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Whether this is the process of its own; if not, runs the test `name` in one, started by `starter`, and says why it
/// failed.
///
/// `starter` is a program and its first arguments, after which the test's program and its arguments come.
pub(super) fn is_alone(name: &str, starter: &[&str]) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = match starter {
        [] => Command::new(&program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&program);
            command
        }
    };
    let status = command
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{name} in a process of its own: {status}");
    false
}

/// A number of KiB in `/proc/PID/status`, in bytes.
pub(super) fn memory(process: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib = line.trim_start_matches(':').trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok().map(|kib| kib << 10)
}

/// Processes that this one has started and that still run.
pub(super) fn children() -> Vec<String> {
    let parent = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|process| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
            // PID (name) state PPID
            let after_name = stat.ok().and_then(|stat| {
                let (_, rest) = stat.rsplit_once(") ")?;
                rest.split(' ').nth(1).map(str::to_owned)
            });
            after_name.as_deref() == Some(parent.as_str())
        })
        .collect()
}
