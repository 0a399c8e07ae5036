//! What a cloud's errors mean: one table per cloud, from its codes and words to a fault and how far it reaches.

use std::time::Duration;

use spillway_core::Fault as Kind;

use crate::rest::{RestError, shown};
use crate::{CloudError, Fault, LaunchError, Scope};

/// How much of a cloud's message is kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// What a cloud said against a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} (status {status}): {message}")]
pub(crate) struct Complaint {
    /// The HTTP status; 0 where it came in an operation that had been accepted.
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

/// One line of a table: matches by status, code and a part of the message, whichever it names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// 0 is any.
    pub(crate) status: u16,
    /// `*` at an end stands for anything.
    pub(crate) code: &'static str,
    /// In any case of letters; empty is any.
    pub(crate) says: &'static str,
    pub(crate) verdict: Verdict,
    /// When asking again makes sense, where the cloud does not say so itself.
    pub(crate) after_seconds: u64,
}

/// What a complaint means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Surely not done.
    No(Kind, Scope),
    /// Maybe done, or not now: the same again later.
    Again,
    /// Something with this name or token is there or was: look.
    Look,
}

/// Why a call to a cloud failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// No answer to go by.
    #[error(transparent)]
    Lost(#[from] RestError),
    /// An answer that refuses.
    #[error(transparent)]
    Complaint(#[from] Complaint),
    /// There are no credentials to ask with.
    #[error("no credentials: {why}")]
    Denied {
        /// What is missing.
        why: String,
    },
}

/// Says what `complaint` means: by the first row that fits, else by its status.
pub(crate) fn judge(table: &[Row], complaint: &Complaint) -> Verdict {
    if let Some(row) = row(table, complaint) {
        return row.verdict;
    }
    match complaint.status {
        401 | 403 => Verdict::No(Kind::Denied, Scope::Cloud),
        429 => Verdict::No(Kind::Throttled, Scope::Region),
        // Not 409: something stands in the way that may go away.
        400 | 402 | 404..=407 | 410..=424 | 426..=428 | 430..=499 => {
            Verdict::No(Kind::Invalid, Scope::Pool)
        }
        _ => Verdict::Again,
    }
}

fn row<'t>(table: &'t [Row], complaint: &Complaint) -> Option<&'t Row> {
    let message = complaint.message.to_lowercase();
    table.iter().find(|row| {
        (row.status == 0 || row.status == complaint.status)
            && is_like(row.code, &complaint.code)
            && message.contains(&row.says.to_lowercase())
    })
}

fn is_like(pattern: &str, code: &str) -> bool {
    let open_start = pattern.starts_with('*');
    let open_end = pattern.len() > 1 && pattern.ends_with('*');
    let core = pattern.trim_matches('*');
    match (open_start, open_end) {
        (true, true) => code.contains(core),
        (true, false) => code.ends_with(core),
        (false, true) => code.starts_with(core),
        (false, false) => code == core,
    }
}

// === impl Complaint ===

impl Complaint {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: shown(code, MESSAGE_CHARS_MAX),
            message: shown(message, MESSAGE_CHARS_MAX),
            retry_after: None,
        }
    }

    fn retry_after(&self, table: &[Row]) -> Option<Duration> {
        let own = row(table, self).map(|row| row.after_seconds);
        let own = own.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        self.retry_after.or(own)
    }

    fn fault(&self, kind: Kind) -> Fault {
        match kind {
            Kind::NoCapacity => Fault::NoCapacity,
            Kind::Quota => Fault::Quota,
            Kind::Throttled => Fault::Throttled,
            Kind::Denied => Fault::Denied,
            Kind::Invalid => Fault::Invalid {
                why: self.to_string(),
            },
        }
    }

    /// As the answer to a launch.
    pub(crate) fn launch(self, table: &[Row]) -> LaunchError {
        match judge(table, &self) {
            Verdict::No(kind, scope) => LaunchError::NotLaunched {
                fault: self.fault(kind),
                scope,
                retry_after: self.retry_after(table),
            },
            Verdict::Again | Verdict::Look => LaunchError::Unknown(Box::new(self)),
        }
    }

    /// As the end of a launch that had been accepted: whatever it was, nothing runs.
    ///
    /// What would be tried again elsewhere failed here for good, for a reason of the cloud's own: as if it had none.
    pub(crate) fn launch_failed(self, table: &[Row]) -> LaunchError {
        let (kind, scope) = match judge(table, &self) {
            Verdict::No(kind, scope) => (kind, scope),
            Verdict::Again | Verdict::Look => (Kind::NoCapacity, Scope::Offer),
        };
        LaunchError::NotLaunched {
            fault: self.fault(kind),
            scope,
            retry_after: self.retry_after(table),
        }
    }

    /// As the answer to anything else.
    pub(crate) fn cloud(self, table: &[Row]) -> CloudError {
        match judge(table, &self) {
            Verdict::No(Kind::Throttled, _) => CloudError::Throttled {
                retry_after: self.retry_after(table),
            },
            Verdict::No(Kind::Denied | Kind::Invalid, _) => CloudError::Refused {
                why: self.to_string(),
            },
            Verdict::No(..) | Verdict::Again | Verdict::Look => {
                CloudError::Unreachable(Box::new(self))
            }
        }
    }
}

// === impl Trouble ===

impl Trouble {
    /// As the answer to a launch.
    pub(crate) fn launch(self, table: &[Row]) -> LaunchError {
        match self {
            Self::Complaint(complaint) => complaint.launch(table),
            Self::Lost(error) => LaunchError::Unknown(Box::new(error)),
            Self::Denied { .. } => LaunchError::NotLaunched {
                fault: Fault::Denied,
                scope: Scope::Cloud,
                retry_after: None,
            },
        }
    }

    /// As the answer to anything else.
    pub(crate) fn cloud(self, table: &[Row]) -> CloudError {
        match self {
            Self::Complaint(complaint) => complaint.cloud(table),
            Self::Lost(error) => CloudError::Unreachable(Box::new(error)),
            Self::Denied { why } => CloudError::Refused { why },
        }
    }
}

// === answers that all adapters give ===

pub(crate) fn invalid(why: impl Into<String>) -> LaunchError {
    LaunchError::NotLaunched {
        fault: Fault::Invalid { why: why.into() },
        scope: Scope::Pool,
        retry_after: None,
    }
}

/// The request's instance was there and is not any more.
pub(crate) fn used_up() -> LaunchError {
    invalid("this request's instance was terminated")
}

/// Another request was made under this intent and attempt.
pub(crate) fn changed() -> LaunchError {
    invalid("another request was made under this attempt")
}

/// Somebody else's machine has this name.
pub(crate) fn foreign(name: &str) -> LaunchError {
    invalid(format!("{name} is somebody else's machine"))
}

pub(crate) fn unknown(why: &'static str) -> LaunchError {
    LaunchError::Unknown(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Row] = &[
        Row {
            status: 0,
            code: "*EXHAUSTED*",
            says: "",
            verdict: Verdict::No(Kind::NoCapacity, Scope::Offer),
            after_seconds: 30,
        },
        Row {
            status: 409,
            code: "Busy",
            says: "try later",
            verdict: Verdict::Again,
            after_seconds: 0,
        },
    ];

    fn said(status: u16, code: &str, message: &str) -> Complaint {
        Complaint::new(status, code, message)
    }

    #[test]
    fn a_row_matches_by_all_that_it_names() {
        let room = Verdict::No(Kind::NoCapacity, Scope::Offer);
        assert_eq!(judge(TABLE, &said(503, "POOL_EXHAUSTED_HERE", "")), room);
        assert_eq!(judge(TABLE, &said(0, "EXHAUSTED", "")), room);
        let busy = said(409, "Busy", "please Try Later");
        assert_eq!(judge(TABLE, &busy), Verdict::Again);
        for patterns in [("a*", "ab"), ("*b", "ab"), ("*", ""), ("ab", "ab")] {
            assert!(is_like(patterns.0, patterns.1), "{patterns:?}");
        }
        for patterns in [("a*", "ba"), ("*b", "ba"), ("ab", "abc"), ("", "a")] {
            assert!(!is_like(patterns.0, patterns.1), "{patterns:?}");
        }
    }

    #[test]
    fn what_no_row_knows_is_judged_by_its_status_and_never_taken_for_done_nor_for_undone() {
        for (status, verdict) in [
            (400, Verdict::No(Kind::Invalid, Scope::Pool)),
            (401, Verdict::No(Kind::Denied, Scope::Cloud)),
            (403, Verdict::No(Kind::Denied, Scope::Cloud)),
            (404, Verdict::No(Kind::Invalid, Scope::Pool)),
            (408, Verdict::Again),
            (409, Verdict::Again),
            (425, Verdict::Again),
            (429, Verdict::No(Kind::Throttled, Scope::Region)),
            (500, Verdict::Again),
            (503, Verdict::Again),
            (302, Verdict::Again),
        ] {
            assert_eq!(judge(TABLE, &said(status, "?", "")), verdict, "{status}");
        }
    }

    #[test]
    fn the_clouds_own_time_goes_before_the_tables() {
        let time = |complaint: Complaint| match complaint.launch(TABLE) {
            LaunchError::NotLaunched { retry_after, .. } => retry_after,
            LaunchError::Unknown(error) => panic!("{error}"),
        };
        let mut complaint = said(503, "EXHAUSTED", "");
        assert_eq!(time(complaint.clone()), Some(Duration::from_secs(30)));
        complaint.retry_after = Some(Duration::from_secs(7));
        assert_eq!(time(complaint), Some(Duration::from_secs(7)));
    }

    #[test]
    fn an_accepted_launch_that_failed_is_surely_no_machine() {
        let failed = said(0, "INTERNAL", "").launch_failed(TABLE);
        let LaunchError::NotLaunched { fault, scope, .. } = failed else {
            panic!("it is known how it ended");
        };
        assert_eq!((fault, scope), (Fault::NoCapacity, Scope::Offer));
    }

    #[test]
    fn a_foreign_message_is_kept_short_and_tame() {
        let complaint = said(500, "x\u{1b}[31m", &"long\n".repeat(1_000));
        assert_eq!(complaint.code, "x [31m");
        assert_eq!(complaint.message.chars().count(), MESSAGE_CHARS_MAX);
        assert!(!complaint.message.contains('\n'));
    }
}
