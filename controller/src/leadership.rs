//! Who may act: one controller for a state folder, proven by a lock that the kernel gives back when it dies; or one for
//! a policy in a cluster, proven by a lease.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use spillway_kube::Leader;

use crate::files;

/// Proof of leadership: held as long as this lives.
pub(crate) struct Leadership {
    /// Grows with every leader: in each control record, so that a deposed one is not followed.
    pub(crate) token: u64,
    proof: Proof,
}

enum Proof {
    /// As long as this process lives.
    Lock(#[expect(dead_code, reason = "held, not looked at")] File),
    /// As long as it is renewed.
    Lease(Box<Leader>),
}

// === impl Leadership ===

impl Leadership {
    /// Becomes the leader of `state`, a folder.
    ///
    /// # Errors
    /// When another controller leads, or the folder cannot be written.
    pub(crate) fn take(state: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(state)
            .with_context(|| format!("cannot make the state folder {}", state.display()))?;
        let path = state.join("leader.lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "another controller leads {}: stop it first",
                    state.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        lock.set_len(0)?;
        writeln!(lock, "{}", std::process::id())?;
        let counter = state.join("token");
        let last = match std::fs::read_to_string(&counter) {
            Ok(text) => text
                .trim()
                .parse()
                .context("the token file holds no number")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0u64,
            Err(error) => return Err(error).context("cannot read the token file"),
        };
        let token = last + 1;
        files::replace(&counter, token.to_string().as_bytes())?;
        Ok(Self {
            token,
            proof: Proof::Lock(lock),
        })
    }

    /// Leads by a lease in a cluster.
    pub(crate) fn by_lease(leader: Leader) -> Self {
        Self {
            token: leader.token(),
            proof: Proof::Lease(Box::new(leader)),
        }
    }

    /// Whether this process may act now.
    pub(crate) fn is_held(&self) -> bool {
        match &self.proof {
            Proof::Lock(_) => true,
            Proof::Lease(leader) => leader.is_held(),
        }
    }

    /// Ends when it no longer leads.
    pub(crate) async fn lost(&self) {
        match &self.proof {
            Proof::Lock(_) => std::future::pending().await,
            Proof::Lease(leader) => leader.lost().await,
        }
    }

    /// Lets the next one lead at once.
    pub(crate) async fn release(self) {
        if let Proof::Lease(leader) = self.proof
            && let Err(error) = leader.release().await
        {
            tracing::warn!(%error, "lease was not given up, and ends by itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_leader_and_each_has_a_higher_token() {
        let state = tempfile::tempdir().unwrap();
        let first = Leadership::take(state.path()).unwrap();
        assert!(
            Leadership::take(state.path()).is_err(),
            "the first still leads"
        );
        let token = first.token;
        drop(first);
        assert_eq!(Leadership::take(state.path()).unwrap().token, token + 1);
    }
}
