//! CPU time of processes and of the machine, from `/proc`.

use std::{collections::BTreeMap, fs};

use anyhow::Context;

/// One tick of `/proc`'s clocks: `USER_HZ` is 100 on every Linux that this runs on.
const TICK_MS: f64 = 10.0;

/// CPU milliseconds that a process has used, user and system, all of its threads.
///
/// # Errors
/// When there is no such process.
pub(crate) fn process_ms(id: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))
        .with_context(|| format!("process {id} is gone"))?;
    spent_ms(&stat).with_context(|| format!("/proc/{id}/stat is not understood"))
}

/// CPU milliseconds of a process by the name of its threads; of those that still run.
pub(crate) fn threads_ms(id: u32) -> BTreeMap<String, f64> {
    let mut by_name = BTreeMap::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else {
        return by_name;
    };
    for task in tasks.flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let name = stat
            .split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'))
            .map(|(name, _)| name.to_owned());
        if let (Some(name), Some(ms)) = (name, spent_ms(&stat)) {
            *by_name.entry(name).or_insert(0.0) += ms;
        }
    }
    by_name
}

/// CPU milliseconds that all cores have spent working.
pub(crate) fn machine_ms() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait,) irq, softirq
    [0, 1, 2, 5, 6]
        .iter()
        .filter_map(|index| fields.get(*index))
        .sum::<f64>()
        * TICK_MS
}

/// The process called `name` that this process, or a child of it, has started.
///
/// # Errors
/// When there is none.
pub(crate) fn descendant(name: &str) -> anyhow::Result<u32> {
    let mut parents = BTreeMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((head, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let Some(parent) = rest.split_whitespace().nth(1) else {
            continue;
        };
        parents.insert(id, parent.parse::<u32>().unwrap_or(0));
        if head.ends_with(&format!("({name}")) {
            found.push(id);
        }
    }
    let is_ours = |id: &u32| {
        let mut at = *id;
        while let Some(parent) = parents.get(&at) {
            if *parent == std::process::id() {
                return true;
            }
            at = *parent;
        }
        false
    };
    found
        .into_iter()
        .find(is_ours)
        .with_context(|| format!("no process of ours is called {name}"))
}

/// User and system time in a line of `stat`, whose second field may hold anything between brackets.
fn spent_ms(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK_MS)
}
