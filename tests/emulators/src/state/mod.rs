//! What a cloud has: machines and their parts, tokens, operations. Time is an argument everywhere.

mod ledger;
mod machine;
mod market;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use ledger::Bill;
pub use machine::{Ending, Failure, Machine, Notice, Part, PartKind, Phase, Why};
pub use market::{Market, MarketPlace, Offer, Rule};

use crate::faults::{Faults, Place, Trouble};

/// Which cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudKind {
    /// Amazon EC2.
    Aws,
    /// Oracle Cloud Infrastructure.
    Oci,
    /// Google Compute Engine.
    Gce,
    /// Microsoft Azure.
    Azure,
}

/// How long things take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delays {
    /// From the launch until it runs.
    pub boot_ms: u64,
    /// From the launch until lists show it.
    pub hidden_ms: u64,
    /// From the launch until its operation is done, or has failed.
    pub operation_ms: u64,
    /// From the order to end until it is gone.
    pub end_ms: u64,
    /// How long one that is gone is still shown, where the cloud does that.
    pub shown_ms: u64,
}

/// One cloud.
#[derive(Debug)]
pub struct Cloud {
    /// Which.
    pub kind: CloudKind,
    /// How long things take.
    pub delays: Delays,
    /// By the order in which they were launched. Never forgotten: the ledger needs them.
    pub machines: BTreeMap<u64, Machine>,
    /// Prices, capacity, quotas.
    pub market: MarketPlace,
    /// What befalls calls.
    pub faults: Faults,
    /// Launch tokens that were used.
    pub tokens: BTreeMap<String, Used>,
    /// Asynchronous operations by their name.
    pub operations: BTreeMap<String, Operation>,
    /// Most machines on a page, whatever is asked for.
    pub page_max: usize,
    /// Public keys of whoever may ask, by key id (OCI).
    pub keys: BTreeMap<String, Vec<u8>>,
    /// Access tokens that were given out.
    pub issued: BTreeMap<String, Timestamp>,
    /// Images and subnets that are not there, by the last part of their name: all others are.
    pub absent: BTreeSet<String>,
    /// Rights that whoever asks does not have, in the cloud's words: all others are given.
    pub withheld: BTreeSet<String>,
    count: u64,
}

/// A launch token and what it stands for.
#[derive(Debug, Clone)]
pub struct Used {
    /// The request without the token, in a canonical form.
    pub request: String,
    /// The machine that it made, if it made one.
    pub machine: Option<u64>,
    /// The operation that it began.
    pub operation: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// An asynchronous operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name or id.
    pub name: String,
    /// What it does, in the cloud's words.
    pub verb: &'static str,
    /// The machine that it is about.
    pub machine: u64,
    /// When it began.
    pub at: Timestamp,
    /// When it is done; never, for one that is stuck.
    pub done_at: Option<Timestamp>,
    /// How it fails.
    pub failure: Option<Failure>,
}

/// What is to be launched.
#[derive(Debug, Clone)]
pub struct Order {
    /// The cloud's id for it.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// What of what the market has.
    pub offer: Offer,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// As text.
    pub user_data: String,
    /// The request, to be shown again.
    pub asked: Value,
    /// Its launch token.
    pub token: Option<String>,
    /// What goes with it.
    pub parts: Vec<Part>,
    /// How long it lives at most.
    pub life_seconds: Option<i64>,
    /// Whether a shutdown from inside ends it and not only stops it.
    pub ends_on_shutdown: bool,
}

/// Why there is no machine, said in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None here and now.
    NoCapacity,
    /// The account may not have more.
    Quota,
}

// === impl CloudKind ===

impl CloudKind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Aws, Self::Oci, Self::Gce, Self::Azure];

    /// Its name in paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Oci => "oci",
            Self::Gce => "gce",
            Self::Azure => "azure",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a machine that is merely stopped goes on costing.
    #[must_use]
    pub fn bills_while_stopped(self) -> bool {
        matches!(self, Self::Oci | Self::Azure)
    }
}

// === impl Delays ===

impl Default for Delays {
    fn default() -> Self {
        Self {
            boot_ms: 0,
            hidden_ms: 0,
            operation_ms: 0,
            end_ms: 0,
            shown_ms: 3_600_000,
        }
    }
}

// === impl Cloud ===

impl Cloud {
    /// A cloud without machines, with room for any, without delays.
    #[must_use]
    pub fn new(kind: CloudKind) -> Self {
        Self {
            kind,
            delays: Delays::default(),
            machines: BTreeMap::new(),
            market: MarketPlace::default(),
            faults: Faults::default(),
            tokens: BTreeMap::new(),
            operations: BTreeMap::new(),
            page_max: 1_000,
            keys: BTreeMap::new(),
            issued: BTreeMap::new(),
            absent: BTreeSet::new(),
            withheld: BTreeSet::new(),
            count: 0,
        }
    }

    /// The next number for an id.
    pub fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Brings about what was due: machines that fail or have lived long enough, notices that have run out.
    pub fn settle(&mut self, now: Timestamp) {
        let end_ms = self.delays.end_ms;
        let stays_failed = self.kind == CloudKind::Azure;
        for machine in self.machines.values_mut() {
            machine.settle(now, end_ms, stays_failed);
        }
    }

    /// Launches, if there is room; a trouble may stand against it, now or later.
    ///
    /// # Errors
    /// Says what there is too little of, where the cloud says so at once.
    pub fn launch(
        &mut self,
        now: Timestamp,
        order: Order,
        twist: Option<&Trouble>,
    ) -> Result<u64, Refusal> {
        let (refusal, place) = match twist {
            Some(Trouble::NoCapacity { place }) => (Some(Refusal::NoCapacity), *place),
            Some(Trouble::Quota { place }) => (Some(Refusal::Quota), *place),
            _ => self.room(now, &order.offer),
        };
        if let (Some(refusal), Place::Answer) = (refusal, place) {
            return Err(refusal);
        }
        let number = self.number();
        let after = |ms: u64| now + milliseconds(ms);
        let is_stuck = twist == Some(&Trouble::StuckStarting);
        let fails = refusal.map(|refusal| Failure {
            at: after(self.delays.operation_ms),
            refusal,
        });
        let machine = Machine {
            number,
            price_per_hour: self.market.price(&order.offer),
            launched_at: now,
            visible_from: after(self.delays.hidden_ms),
            runs_at: (!is_stuck && fails.is_none()).then(|| after(self.delays.boot_ms)),
            dies_at: order
                .life_seconds
                .map(|seconds| now + SignedDuration::from_secs(seconds)),
            fails,
            stopped_at: None,
            ending: None,
            notice: None,
            id: order.id,
            name: order.name,
            offer: order.offer,
            tags: order.tags,
            user_data: order.user_data,
            asked: order.asked,
            token: order.token,
            parts: order.parts,
            ends_on_shutdown: order.ends_on_shutdown,
        };
        self.machines.insert(number, machine);
        Ok(number)
    }

    fn room(&self, now: Timestamp, offer: &Offer) -> (Option<Refusal>, Place) {
        let alive = |is_one: &dyn Fn(&Machine) -> bool| {
            let machines = self.machines.values();
            machines
                .filter(|machine| machine.phase(now).takes_a_place() && is_one(machine))
                .count()
        };
        let of_market = alive(&|machine| machine.offer.market == offer.market);
        if self
            .market
            .quota(offer.market)
            .is_some_and(|max| of_market >= max)
        {
            return (Some(Refusal::Quota), self.market.place);
        }
        let of_offer = alive(&|machine| machine.offer == *offer);
        let is_full = self
            .market
            .capacity(now, offer)
            .is_some_and(|max| of_offer >= max);
        (is_full.then_some(Refusal::NoCapacity), self.market.place)
    }

    /// How many more there may be of an offer; nothing where any number may.
    #[must_use]
    pub fn left(&self, now: Timestamp, offer: &Offer) -> Option<usize> {
        let machines = self.machines.values();
        let taken = machines
            .filter(|machine| machine.offer == *offer && machine.phase(now).takes_a_place())
            .count();
        let capacity = self.market.capacity(now, offer)?;
        Some(capacity.saturating_sub(taken))
    }

    /// Orders a machine to end. Once is enough.
    pub fn end(&mut self, now: Timestamp, number: u64, why: Why, twist: Option<&Trouble>) {
        let gone_at = now + milliseconds(self.delays.end_ms);
        let Some(machine) = self.machines.get_mut(&number) else {
            return;
        };
        if machine.ending.is_none() && twist != Some(&Trouble::Lies) {
            machine.ending = Some(Ending {
                asked_at: now,
                gone_at: (twist != Some(&Trouble::StuckEnding)).then_some(gone_at),
                why,
            });
        }
    }

    /// What the machine itself does when it turns itself off: the end on some clouds, a stop that may go on costing on others.
    pub fn shut_down_from_inside(&mut self, now: Timestamp, number: u64) {
        let Some(machine) = self.machines.get_mut(&number) else {
            return;
        };
        if machine.ends_on_shutdown {
            self.end(now, number, Why::Itself, None);
        } else if machine.ending.is_none() && machine.stopped_at.is_none() {
            machine.stopped_at = Some(now);
        }
    }

    /// Takes a spot machine back: says so at once, does so after the notice.
    ///
    /// Returns whether there was one to take.
    pub fn interrupt(&mut self, now: Timestamp, id: &str, notice_seconds: u32) -> bool {
        let found = self.find(now, id).map(|machine| machine.number);
        let Some(machine) = found.and_then(|number| self.machines.get_mut(&number)) else {
            return false;
        };
        machine.notice = Some(Notice {
            given_at: now,
            takes_at: now + SignedDuration::from_secs(i64::from(notice_seconds)),
        });
        true
    }

    /// The machine with this id that is not gone.
    #[must_use]
    pub fn find(&self, now: Timestamp, id: &str) -> Option<&Machine> {
        self.machines
            .values()
            .find(|machine| machine.id == id && machine.phase(now) != Phase::Gone)
    }

    /// Those that a list shows, in the order in which they were launched.
    pub fn listed(&self, now: Timestamp) -> impl Iterator<Item = &Machine> {
        let shown_ms = match self.kind {
            CloudKind::Aws | CloudKind::Oci => self.delays.shown_ms,
            CloudKind::Gce | CloudKind::Azure => 0,
        };
        self.machines
            .values()
            .filter(move |machine| machine.is_listed(now, shown_ms))
    }

    /// Begins an operation about a machine.
    pub fn operate(
        &mut self,
        now: Timestamp,
        name: String,
        verb: &'static str,
        machine: u64,
        done_at: Option<Timestamp>,
    ) {
        let failure = self
            .machines
            .get(&machine)
            .and_then(|machine| machine.fails.clone());
        let operation = Operation {
            name: name.clone(),
            verb,
            machine,
            at: now,
            done_at,
            failure: (verb != "delete").then_some(failure).flatten(),
        };
        self.operations.insert(name, operation);
    }

    /// When an operation that begins now is done.
    #[must_use]
    pub fn done_at(&self, now: Timestamp) -> Timestamp {
        now + milliseconds(self.delays.operation_ms)
    }

    /// Gives out an access token.
    pub fn issue(&mut self, now: Timestamp, prefix: &str, seconds: i64) -> String {
        let token = format!("{prefix}{}", self.number());
        self.issued
            .insert(token.clone(), now + SignedDuration::from_secs(seconds));
        token
    }

    /// Whether an image or a subnet is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        !self.absent.contains(last)
    }

    /// Whether an access token was given out and has not run out.
    #[must_use]
    pub fn admits(&self, now: Timestamp, token: Option<&str>) -> bool {
        token
            .and_then(|token| self.issued.get(token))
            .is_some_and(|until| now < *until)
    }
}

// === impl Operation ===

impl Operation {
    /// Whether it is over, well or badly.
    #[must_use]
    pub fn is_done(&self, now: Timestamp) -> bool {
        self.done_at.is_some_and(|done_at| done_at <= now)
    }
}

/// A number of milliseconds as a duration.
pub(crate) fn milliseconds(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX / 1_000_000))
}
