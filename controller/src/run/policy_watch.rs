//! The policy's file while its policy is in force: what is wrong with it is said when it is written, not at the next start.
//!
//! Deliberately absent: to follow a good change. A file may be half edited; whoever means it starts the controller anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::metrics::{Metrics, NotInForce};
use crate::policy_file;

/// The file is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What was last seen in the file.
pub(super) struct PolicyWatch {
    path: PathBuf,
    /// None where it could not be read.
    seen: Option<String>,
    metrics: Arc<Metrics>,
}

// === impl PolicyWatch ===

impl PolicyWatch {
    /// Of the file that was read as `manifest`.
    pub(super) fn new(path: &Path, manifest: &str, metrics: &Arc<Metrics>) -> Self {
        Self {
            path: path.to_owned(),
            seen: Some(manifest.to_owned()),
            metrics: Arc::clone(metrics),
        }
    }

    /// Looks again and again; never ends.
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look();
        }
    }

    fn look(&mut self) {
        let text = std::fs::read_to_string(&self.path).ok();
        if text == self.seen {
            return;
        }
        self.seen = text;
        match policy_file::load(&self.path) {
            Ok(_) => {
                self.metrics.policy_is(None);
                info!("the policy's file has changed, and is in force from the next start");
            }
            Err(report) => {
                let problems = report.in_a_line();
                warn!(problems, "policy is not valid, the last good one goes on");
                self.metrics.policy_is(Some(NotInForce {
                    problems,
                    generation: None,
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../policies/recognition.yaml");

    #[test]
    fn what_is_wrong_with_a_file_is_known_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, GOOD).unwrap();
        let metrics = Arc::new(Metrics::default());
        let mut watch = PolicyWatch::new(&path, GOOD, &metrics);
        let problems = || metrics.not_in_force().map(|it| it.problems);
        watch.look();
        assert_eq!(problems(), None);

        std::fs::write(&path, GOOD.replace("drainWithin", "drainWithn")).unwrap();
        watch.look();
        let told = problems().unwrap();
        assert!(
            told.contains("drainWithn") && told.contains("line "),
            "{told}"
        );
        watch.look();
        assert_eq!(problems(), Some(told), "as long as it is so");

        std::fs::remove_file(&path).unwrap();
        watch.look();
        assert!(problems().unwrap().contains("cannot be read"));

        std::fs::write(&path, GOOD).unwrap();
        watch.look();
        assert_eq!(problems(), None);
    }
}
