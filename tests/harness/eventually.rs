//! Waiting for something to become true.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Pause between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Looks until `look` gives something, and returns it.
///
/// `look` says with `Err` what it saw instead. It blocks the thread between looks.
///
/// # Panics
/// After `deadline`, with `what` was waited for and what was seen last.
#[track_caller]
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let until = Instant::now() + deadline;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(last) if Instant::now() >= until => give_up(deadline, what, &last),
            Err(_) => thread::sleep(LOOK_AGAIN_AFTER),
        }
    }
}

/// [`eventually`] for a look that is itself asynchronous.
///
/// # Panics
/// As [`eventually`].
pub async fn eventually_async<T, F>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let until = Instant::now() + deadline;
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(last) if Instant::now() >= until => give_up(deadline, what, &last),
            Err(_) => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
        }
    }
}

#[track_caller]
fn give_up(deadline: Duration, what: &str, last: &str) -> ! {
    panic!("not within {deadline:?}: {what}; seen last: {last}")
}
