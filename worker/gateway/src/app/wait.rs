//! From a job that Kafka has to its answer.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::{Accepted, App};
use crate::answer::Answer;
use crate::book::News;
use crate::ids::Handle;
use crate::problem::{Cause, Problem, chain};

/// How often the store is looked into for an answer that comes to another replica.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl App {
    /// Waits for an answer, at most so long; what is there then may not be all of it.
    pub(crate) async fn wait(&self, mut accepted: Accepted, longest: Duration) -> (Handle, Answer) {
        let until = Instant::now() + longest;
        let mut answer = Answer::new(&accepted.handle);
        if accepted.is_elsewhere {
            answer = self.look(&accepted.handle, answer).await;
        }
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        while !answer.is_complete() {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                news = accepted.seat.news() => match news {
                    News::Result(image, result) => answer.add(image, *result),
                    News::Moved => accepted.is_elsewhere = true,
                },
                _ = look.tick(), if accepted.is_elsewhere => {
                    answer = self.look(&accepted.handle, answer).await;
                }
            }
        }
        (accepted.handle, answer)
    }

    /// What the store has of an answer, or what was known before if the store fails.
    async fn look(&self, handle: &Handle, known: Answer) -> Answer {
        match self.store.answer(handle).await {
            Ok(answer) => answer.with(known),
            Err(error) => {
                warn!(error = %chain(&error), "answer could not be looked for");
                known
            }
        }
    }

    /// Whether what belongs to a handle can still be read.
    pub(super) fn is_kept(&self, handle: &Handle, now_ms: i64) -> bool {
        let retention = i64::try_from(self.limits.retention.as_millis()).unwrap_or(i64::MAX / 2);
        now_ms <= handle.made_at_ms.saturating_add(retention)
    }

    /// A job of a tenant, as far as it is answered.
    ///
    /// # Errors
    /// `NoSuchJob` if it is not the tenant's or has expired.
    pub(crate) async fn job(
        &self,
        tenant: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<(Handle, Answer), Problem> {
        let none = || Problem::new(Cause::NoSuchJob, "there is no such job, or it has expired");
        let handle = self.ids.read_job(tenant, id);
        let handle = handle.filter(|handle| self.is_kept(handle, now_ms));
        let handle = handle.ok_or_else(none)?;
        let answer = self.store.answer(&handle).await?;
        Ok((handle, answer))
    }
}
