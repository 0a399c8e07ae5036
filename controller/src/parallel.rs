//! Long work on all cores, with a line of progress on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Between two lines of progress where stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// Counts what is done and tells it.
struct Progress {
    what: &'static str,
    all: usize,
    is_terminal: bool,
    told: Mutex<(usize, Instant)>,
}

/// What `work` makes of each job, in their order. The heaviest are begun first, so that no core ends alone with one.
pub(crate) fn each<J: Sync, R: Send>(
    what: &'static str,
    jobs: &[J],
    weight: impl Fn(&J) -> f64,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by(|a, b| weight(&jobs[*b]).total_cmp(&weight(&jobs[*a])));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(jobs.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let progress = Progress::new(what, jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(&jobs[*place]);
                    done.lock()
                        .expect("nobody panics holding it")
                        .push((*place, result));
                    progress.one_more();
                }
            });
        }
    });
    progress.end();
    let mut done = done.into_inner().expect("nobody panics holding it");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

// === impl Progress ===

impl Progress {
    fn new(what: &'static str, all: usize) -> Self {
        Self {
            what,
            all,
            is_terminal: std::io::stderr().is_terminal(),
            told: Mutex::new((0, Instant::now())),
        }
    }

    fn one_more(&self) {
        let mut told = self.told.lock().expect("nobody panics holding it");
        told.0 += 1;
        let mut stderr = std::io::stderr();
        // A stderr that takes nothing is no reason to stop.
        if self.is_terminal {
            let _ = write!(stderr, "\r{} of {} {}", told.0, self.all, self.what);
        } else if told.1.elapsed() > LINE_EVERY {
            told.1 = Instant::now();
            let _ = writeln!(stderr, "{} of {} {}", told.0, self.all, self.what);
        }
    }

    fn end(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_jobs() {
        let jobs: Vec<u32> = (0..100).collect();
        let squares = each("squares", &jobs, |job| f64::from(*job % 7), |job| job * job);
        assert_eq!(
            squares,
            jobs.iter().map(|job| job * job).collect::<Vec<_>>()
        );
        assert!(each("nothing", &[] as &[u32], |_| 0.0, |job| *job).is_empty());
    }
}
