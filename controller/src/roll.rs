//! Who is in the group, asked beside the looks: however long its coordinator takes to answer, no look waits for it.
//!
//! ```text
//!  looks     ──●────●────●────●──▶   each takes the newest answer, and begins the next question once it is due
//!  questions    ╰───────╯  ╰─╯       one at a time, each with a deadline
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use spillway_kafka::{BacklogSource, Member};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::foreign::Foreign;

/// How long the group's coordinator may take to answer.
const MEMBERS_DEADLINE: Duration = Duration::from_secs(5);
/// It is asked so often: a group that changes is seen within this and two looks.
const MEMBERS_EVERY: Duration = Duration::from_secs(2);

/// The group's members, or why they are unknown.
pub(crate) type Members = Result<Vec<Member>, String>;

/// Follows who is in the group.
pub(crate) struct Roll {
    /// What is known of those that send no heartbeats.
    pub(crate) foreign: Mutex<Foreign>,
    source: Arc<dyn BacklogSource>,
    asking: Mutex<Asking>,
}

#[derive(Default)]
struct Asking {
    /// The question that is under way.
    question: Option<JoinHandle<Members>>,
    asked_at: Option<Instant>,
    answer: Option<Members>,
}

// === impl Roll ===

impl Roll {
    pub(crate) fn of(source: Arc<dyn BacklogSource>) -> Self {
        Self {
            foreign: Mutex::default(),
            source,
            asking: Mutex::default(),
        }
    }

    /// The newest answer, none before the first; begins the next question where it is due. Never waits.
    pub(crate) fn latest(&self) -> Option<Members> {
        // Every change is one assignment: a panic elsewhere leaves nothing half done.
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = asking.question.take_if(|it| it.is_finished());
        // It has ended, so its answer is there at once.
        if let Some(ended) = ended.and_then(JoinHandle::now_or_never) {
            asking.answer = Some(ended.unwrap_or_else(|error| Err(error.to_string())));
        }
        let is_due = asking
            .asked_at
            .is_none_or(|at| at.elapsed() >= MEMBERS_EVERY);
        if asking.question.is_none() && is_due {
            let source = Arc::clone(&self.source);
            asking.asked_at = Some(Instant::now());
            asking.question = Some(tokio::spawn(async move {
                source.members(MEMBERS_DEADLINE).await
            }));
        }
        asking.answer.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::BoxFuture;
    use spillway_core::BacklogReading;
    use tokio::sync::Semaphore;

    use super::*;

    /// A group whose coordinator answers when it is let.
    struct Slow {
        may_answer: Semaphore,
        asked: AtomicUsize,
    }

    impl BacklogSource for Slow {
        fn read(&self) -> BoxFuture<'_, BacklogReading> {
            unreachable!("it is asked for members alone")
        }

        fn members(&self, _: Duration) -> BoxFuture<'_, Members> {
            async {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.may_answer.acquire().await.unwrap().forget();
                Err("busy".to_owned())
            }
            .boxed()
        }
    }

    async fn others_had_their_turn() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_takes_what_is_there_and_never_waits() {
        let slow = Arc::new(Slow {
            may_answer: Semaphore::new(0),
            asked: AtomicUsize::new(0),
        });
        let roll = Roll::of(Arc::clone(&slow) as Arc<dyn BacklogSource>);
        let asked = || slow.asked.load(Ordering::SeqCst);
        assert_eq!(roll.latest(), None, "nothing yet");
        tokio::time::advance(MEMBERS_EVERY * 2).await;
        others_had_their_turn().await;
        assert_eq!(roll.latest(), None, "it takes its time");
        others_had_their_turn().await;
        assert_eq!(asked(), 1, "one question at a time");

        slow.may_answer.add_permits(1);
        others_had_their_turn().await;
        assert_eq!(roll.latest(), Some(Err("busy".to_owned())));
        others_had_their_turn().await;
        assert_eq!(asked(), 2, "the next one is due");
        slow.may_answer.add_permits(1);
        others_had_their_turn().await;
        assert!(roll.latest().is_some(), "until there is a newer one");
        others_had_their_turn().await;
        assert_eq!(asked(), 2, "and not asked more often than it is due");
    }
}
