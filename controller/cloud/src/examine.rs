//! Looks at what launches need, for whoever asks why there are none.

use jiff::SignedDuration;
use reqwest::header::DATE;

use crate::refusal::Trouble;
use crate::rest::{Answer, Http};
use crate::{Finding, Sight, Subject};

/// A clock that is further off is found fault with. Signatures are refused beyond 5 minutes (OCI, AWS).
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(60);

/// The findings of one account, in the order in which they are looked at.
pub(crate) struct Examination<'a> {
    http: &'a Http,
    found: Vec<Finding>,
}

// === impl Examination ===

impl<'a> Examination<'a> {
    /// Begins with what a list has shown: who asks, by which clock, and whether that is allowed.
    ///
    /// Ends at once, with nothing more to look at, where the cloud does not know who asks.
    pub(crate) fn begin<T>(http: &'a Http, listed: Result<T, Trouble>) -> (Self, bool) {
        let mut examination = Self {
            http,
            found: Vec::new(),
        };
        let listed = listed.map(|_| ());
        let (credentials, listing) = match listed {
            Ok(()) => (Sight::Good, Some(Sight::Good)),
            Err(Trouble::Complaint(complaint)) if complaint.status != 401 => {
                (Sight::Good, Some(sight(Err(complaint.into()))))
            }
            Err(trouble) => (sight(Err(trouble)), None),
        };
        let goes_on = credentials == Sight::Good;
        examination.add(Subject::Credentials, credentials);
        examination.look_at_the_clock();
        if let Some(listing) = listing {
            examination.add(Subject::Listing, listing);
        }
        (examination, goes_on)
    }

    /// Adds what a look has shown. What may not be looked at may be as it must be.
    pub(crate) fn looked<T>(&mut self, subject: Subject, seen: Result<T, Trouble>) {
        let seen = match seen {
            Err(Trouble::Complaint(complaint)) if complaint.status == 403 => Sight::Unknown {
                why: format!("it may not be looked at: {complaint}"),
            },
            seen => sight(seen.map(|_| ())),
        };
        self.add(subject, seen);
    }

    /// Adds what is so.
    pub(crate) fn add(&mut self, subject: Subject, seen: Sight) {
        self.found.push(Finding { subject, seen });
    }

    pub(crate) fn end(self) -> Vec<Finding> {
        self.found
    }

    fn look_at_the_clock(&mut self) {
        let seen = match self.http.skew() {
            None => Sight::Unknown {
                why: "no answer told the time".to_owned(),
            },
            Some(skew) if skew.abs() <= SKEW_MAX => Sight::Good,
            Some(skew) => Sight::Bad {
                why: format!(
                    "this machine's clock is {} s {} the cloud's",
                    skew.abs().as_secs(),
                    if skew.is_positive() {
                        "ahead of"
                    } else {
                        "behind"
                    }
                ),
            },
        };
        self.add(Subject::Clock, seen);
    }
}

/// Of rights that are needed, those that are lacking.
pub(crate) fn lacking(lacks: &[&str]) -> Sight {
    if lacks.is_empty() {
        Sight::Good
    } else {
        Sight::Bad {
            why: format!("these rights are missing: {}", lacks.join(", ")),
        }
    }
}

/// What the account's clock says against ours.
pub(crate) fn skew(answer: &Answer, now: jiff::Timestamp) -> Option<SignedDuration> {
    let date = answer.header(DATE.as_str())?;
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(now.duration_since(there))
}

fn sight(seen: Result<(), Trouble>) -> Sight {
    match seen {
        Ok(()) => Sight::Good,
        Err(Trouble::Complaint(complaint))
            if (400..500).contains(&complaint.status)
                && !matches!(complaint.status, 408 | 409 | 429) =>
        {
            Sight::Bad {
                why: complaint.to_string(),
            }
        }
        Err(trouble @ Trouble::Denied { .. }) => Sight::Bad {
            why: trouble.to_string(),
        },
        Err(trouble) => Sight::Unknown {
            why: with_causes(&trouble),
        },
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
