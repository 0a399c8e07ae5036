//! What to do to which call: faults are said beforehand and used up in their order.

use serde::{Deserialize, Serialize};

use crate::state::{Market, Offer};

/// What a request is about, whatever the cloud calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A machine is asked for.
    Launch,
    /// Machines are listed: one page is one call.
    List,
    /// One machine is looked at.
    Get,
    /// A machine is to end.
    Terminate,
    /// An operation or work request is looked at.
    Operation,
    /// A token is fetched.
    Token,
    /// Everything else.
    Other,
}

/// A trouble, and the calls that it befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which calls.
    pub call: Call,
    /// What befalls them.
    pub trouble: Trouble,
    /// How many such calls go well before.
    #[serde(default)]
    pub after: u32,
    /// How many are befallen; without it, all from then on.
    #[serde(default)]
    pub times: Option<u32>,
    /// Launches of this shape alone.
    #[serde(default)]
    pub shape: Option<String>,
    /// Launches in this zone alone.
    #[serde(default)]
    pub zone: Option<String>,
    /// Launches in this market alone.
    #[serde(default)]
    pub market: Option<Market>,
}

/// What befalls a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trouble {
    /// It is done; the connection is closed without an answer after a while.
    LoseAnswer {
        /// How long the caller is left waiting.
        #[serde(default)]
        hold_ms: u64,
    },
    /// It is not done; the connection is closed without an answer after a while.
    LoseRequest {
        /// How long the caller is left waiting.
        #[serde(default)]
        hold_ms: u64,
    },
    /// It is done, and the answer says that the cloud broke down.
    FailAfter {
        /// HTTP status, of the 500s.
        status: u16,
    },
    /// It is not done; the answer is this error in the cloud's own envelope.
    Answer {
        /// HTTP status.
        status: u16,
        /// The cloud's code.
        code: String,
        /// The cloud's words.
        #[serde(default)]
        message: String,
        /// In seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// It is not done; the answer is a web page.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// Too many calls, as this cloud says it.
    Throttled {
        /// In seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// The credentials may not do this, as this cloud says it.
    Denied,
    /// None of these machines here and now.
    NoCapacity {
        /// Where the cloud says so.
        place: Place,
    },
    /// The account may not have more.
    Quota {
        /// Where the cloud says so.
        place: Place,
    },
    /// A machine that is there is said not to be.
    NotFound,
    /// A page without machines, and no next one.
    Empty,
    /// A page that ends early, and no next one.
    Truncated {
        /// Machines left on it.
        keep: usize,
    },
    /// Some zones did not answer; the rest is given as a success (GCE's aggregated list).
    Unreachable,
    /// A machine that never gets to run.
    StuckStarting,
    /// A machine that never gets to be gone.
    StuckEnding,
    /// The order is accepted and nothing is done.
    Lies,
}

/// Where a cloud says that a launch came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the answer to the launch.
    Answer,
    /// Later: in the operation, the work request, or the machine's own state.
    Later,
}

/// Faults yet to come.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pending: Vec<Fault>,
}

// === impl Fault ===

impl Fault {
    /// The next such call.
    #[must_use]
    pub fn once(call: Call, trouble: Trouble) -> Self {
        Self {
            times: Some(1),
            ..Self::always(call, trouble)
        }
    }

    /// All such calls.
    #[must_use]
    pub fn always(call: Call, trouble: Trouble) -> Self {
        Self {
            call,
            trouble,
            after: 0,
            times: None,
            shape: None,
            zone: None,
            market: None,
        }
    }

    /// So many of them.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// After so many that go well.
    #[must_use]
    pub fn after(mut self, after: u32) -> Self {
        self.after = after;
        self
    }

    /// In this zone alone.
    #[must_use]
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = Some(zone.to_owned());
        self
    }

    fn is_about(&self, call: Call, offer: Option<&Offer>) -> bool {
        let is = |wanted: &Option<String>, own: fn(&Offer) -> &String| {
            wanted
                .as_ref()
                .is_none_or(|wanted| offer.is_some_and(|offer| own(offer) == wanted))
        };
        self.call == call
            && is(&self.shape, |offer| &offer.shape)
            && is(&self.zone, |offer| &offer.zone)
            && self
                .market
                .is_none_or(|market| offer.is_some_and(|offer| offer.market == market))
    }
}

// === impl Faults ===

impl Faults {
    /// Adds one behind those that were said before.
    pub fn add(&mut self, fault: Fault) {
        self.pending.push(fault);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// What befalls this call: the first fault that is about it and due. Every one that is about it counts the call.
    pub fn befall(&mut self, call: Call, offer: Option<&Offer>) -> Option<Trouble> {
        let mut trouble = None;
        for fault in &mut self.pending {
            if trouble.is_some() || !fault.is_about(call, offer) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            match &mut fault.times {
                Some(0) => continue,
                Some(times) => *times -= 1,
                None => {}
            }
            trouble = Some(fault.trouble.clone());
        }
        self.pending.retain(|fault| fault.times != Some(0));
        trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_befall_in_their_order_and_are_used_up() {
        let mut faults = Faults::default();
        faults.add(Fault::once(Call::List, Trouble::Empty).after(1));
        faults.add(Fault::once(Call::List, Trouble::Truncated { keep: 1 }).times(2));
        let seen: Vec<_> = (0..5).map(|_| faults.befall(Call::List, None)).collect();
        assert_eq!(
            seen,
            [
                Some(Trouble::Truncated { keep: 1 }),
                Some(Trouble::Empty),
                Some(Trouble::Truncated { keep: 1 }),
                None,
                None,
            ]
        );
    }

    #[test]
    fn a_fault_of_a_zone_befalls_launches_there_alone() {
        let mut faults = Faults::default();
        faults.add(
            Fault::always(
                Call::Launch,
                Trouble::NoCapacity {
                    place: Place::Answer,
                },
            )
            .zone("b"),
        );
        let offer = |zone: &str| Offer {
            shape: "gpu".to_owned(),
            zone: zone.to_owned(),
            market: Market::Spot,
        };
        assert_eq!(faults.befall(Call::Launch, Some(&offer("a"))), None);
        assert!(faults.befall(Call::Launch, Some(&offer("b"))).is_some());
        assert_eq!(faults.befall(Call::Get, None), None);
    }

    #[test]
    fn a_fault_can_be_said_in_json() {
        let said =
            r#"{"call":"launch","trouble":{"kind":"no_capacity","place":"later"},"zone":"b"}"#;
        let fault: Fault = serde_json::from_str(said).unwrap();
        assert_eq!(fault.times, None);
        assert_eq!(
            fault.trouble,
            Trouble::NoCapacity {
                place: Place::Later
            }
        );
    }
}
