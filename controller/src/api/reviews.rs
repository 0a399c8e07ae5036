//! What the cluster says of a token, remembered for some seconds: a page asks often, an API server should not be.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use spillway_kube::Access;
use tokio::time::{Instant, timeout};

use super::auth::hash_of;
use super::problem::{Code, Problem};

/// An answer is believed for so long: a right that was taken away ends then.
const BELIEVED: Duration = Duration::from_secs(10);
/// Answers remembered; beyond it, all are asked for anew.
const ANSWERS_MAX: usize = 1_000;
/// The longest that the cluster may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Asks the cluster.
pub(super) struct Reviews {
    access: Access,
    /// By the token's hash.
    answers: Mutex<BTreeMap<String, (Instant, Option<Rights>)>>,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) user: String,
    pub(super) may_read: bool,
    pub(super) may_operate: bool,
}

// === impl Reviews ===

impl Reviews {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            answers: Mutex::default(),
        }
    }

    /// What the holder of a token may do; none if it is nobody's.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub(super) async fn rights(&self, token: &str) -> Result<Option<Rights>, Problem> {
        let hash = hash_of(token);
        let known = self.answers().get(&hash).cloned();
        if let Some((at, answer)) = known
            && at.elapsed() < BELIEVED
        {
            return Ok(answer);
        }
        let asked = timeout(DEADLINE, self.ask(token)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(%error, "access could not be reviewed");
                return Err(unknown());
            }
            Err(_) => return Err(unknown()),
        };
        let mut answers = self.answers();
        answers.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        answers.insert(hash, (Instant::now(), answer.clone()));
        Ok(answer)
    }

    async fn ask(&self, token: &str) -> Result<Option<Rights>, spillway_kube::KubeError> {
        let Some(user) = self.access.who(token).await? else {
            return Ok(None);
        };
        let (may_read, may_operate) = tokio::try_join!(
            self.access.may(&user, "get"),
            self.access.may(&user, "update")
        )?;
        Ok(Some(Rights {
            user: user.name,
            may_read: may_read || may_operate,
            may_operate,
        }))
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Instant, Option<Rights>)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown() -> Problem {
    Problem::new(
        Code::AccessUnknown,
        "the cluster does not say who may do what",
    )
    .retry_after(2)
}
