//! Where a trial can end the process: before and after everything that the outside could see.
//!
//! A process that ends here does nothing more to the outside, whatever its code still runs: every later point refuses.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What every turn of the loop passes once.
const TURN: &str = "journal, after";

thread_local! {
    static POINTS: RefCell<Points> = RefCell::default();
}

/// The points of the life that runs on this thread.
#[derive(Default)]
struct Points {
    is_on: bool,
    is_dead: bool,
    dies_at: Option<u64>,
    passed: Vec<&'static str>,
    /// When the loop last ended a turn, by our own clock, and how long turns took.
    turned_at: Option<Instant>,
    turns: Vec<Duration>,
    died: Arc<Notify>,
}

/// Begins a life that ends at the point of this number, from 1; or at none.
pub(super) fn begin(dies_at: Option<u64>) {
    POINTS.with_borrow_mut(|points| {
        *points = Points {
            is_on: true,
            dies_at,
            ..Points::default()
        };
    });
}

/// Ends it and says what points it passed, in their order, and how long each turn of its loop took of our time.
pub(super) fn end() -> (Vec<&'static str>, Vec<Duration>) {
    POINTS.with_borrow_mut(|points| {
        points.is_on = false;
        (
            std::mem::take(&mut points.passed),
            std::mem::take(&mut points.turns),
        )
    })
}

/// Passes a point, unless the process ends here or has ended before.
///
/// # Errors
/// When it has ended.
pub(crate) fn pass(what: &'static str) -> io::Result<()> {
    POINTS.with_borrow_mut(|points| {
        if !points.is_on {
            return Ok(());
        }
        if !points.is_dead {
            points.passed.push(what);
            if what == TURN {
                let now = Instant::now();
                let before = points.turned_at.replace(now);
                points.turns.extend(before.map(|before| now - before));
            }
            points.is_dead = points.dies_at == Some(points.passed.len() as u64);
            if points.is_dead {
                points.died.notify_one();
            }
        }
        if points.is_dead {
            return Err(io::Error::other("the process has ended"));
        }
        Ok(())
    })
}

/// Whether the process has ended.
pub(super) fn is_dead() -> bool {
    POINTS.with_borrow(|points| points.is_dead)
}

/// Ends when the process does.
pub(super) async fn died() {
    let died = POINTS.with_borrow(|points| Arc::clone(&points.died));
    died.notified().await;
}

/// How many points there were of each kind.
pub(super) fn counted(passed: &[&'static str]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for what in passed {
        *counts.entry(*what).or_default() += 1;
    }
    counts
}
