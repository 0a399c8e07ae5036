//! The real planner as a decider: the world as a snapshot, its plan as orders.
//!
//! What the controller does around the planner is done here in its place, by the same rules: intents are written down
//! before they are launched, every plan is checked and a plan that breaks a rule is not carried out.

mod book;
mod policy;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use spillway_core::{
    Action, BASE_POOL, Fault, IntentId, Outcome, Plan, Planner, Policy, Scope, Violation, check,
};

use crate::decider::{Decider, LaunchOutcome, Order, View};
use crate::spec::WorldSpec;
use book::Book;
pub use policy::{told_policy, written_policy};

/// When every trace begins: the first second of 2026, a Thursday, UTC.
const EPOCH: i64 = 1_767_225_600;
/// Violations that are kept for reading; all are counted.
const VIOLATIONS_MAX: usize = 100;

/// Decides as the controller would.
pub struct RealPlanner {
    name: String,
    planner: Planner,
    book: Book,
    /// The offer of each pool, by its place in the world's list.
    offers: BTreeMap<String, usize>,
    /// Launches that were ordered and not answered yet.
    ordered: VecDeque<IntentId>,
    violations: u64,
    first_violations: Vec<(f64, Violation)>,
}

/// Pools of a policy that the world does not sell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the world has no offer called {}; it has {}", pools.join(", "), offers.join(", "))]
pub struct UnknownPools {
    /// The pools' names.
    pub pools: Vec<String>,
    /// What the world's offers are called.
    pub offers: Vec<String>,
}

// === impl RealPlanner ===

impl RealPlanner {
    /// The planner with a policy that says of the world what its people were told.
    #[must_use]
    pub fn new(spec: &WorldSpec) -> Self {
        let offers = spec.offers.iter().enumerate();
        let offers = offers.map(|(place, offer)| (offer.name.clone(), place));
        Self::with_offers(told_policy(spec), offers.collect())
    }

    /// The planner with a policy of somebody's own, its pools matched to the world's offers by name.
    ///
    /// # Errors
    /// When the world has no offer of a pool's name.
    pub fn with_policy(spec: &WorldSpec, policy: Policy) -> Result<Self, UnknownPools> {
        let mut offers = BTreeMap::new();
        let mut unknown = Vec::new();
        for pool in policy.pools() {
            match spec.offers.iter().position(|offer| offer.name == pool.name) {
                Some(place) => {
                    offers.insert(pool.name.clone(), place);
                }
                None => unknown.push(pool.name.clone()),
            }
        }
        if unknown.is_empty() {
            return Ok(Self::with_offers(policy, offers));
        }
        Err(UnknownPools {
            pools: unknown,
            offers: spec.offers.iter().map(|offer| offer.name.clone()).collect(),
        })
    }

    fn with_offers(policy: Policy, offers: BTreeMap<String, usize>) -> Self {
        Self {
            name: policy.name().to_owned(),
            planner: Planner::new(policy),
            book: Book::default(),
            offers,
            ordered: VecDeque::new(),
            violations: 0,
            first_violations: Vec::new(),
        }
    }

    /// The planner as it is now.
    #[must_use]
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The first violations, when they were found, seconds.
    #[must_use]
    pub fn first_violations(&self) -> &[(f64, Violation)] {
        &self.first_violations
    }

    fn carry_out(&mut self, now: Timestamp, plan: &Plan) -> Vec<Order> {
        let mut orders = Vec::new();
        for action in &plan.actions {
            self.planner.started(action);
            if let Some(outcome) = self.step(now, action, &mut orders) {
                self.planner.finished(now, action.intent(), &outcome);
            }
        }
        orders
    }

    /// Carries out one step. Says how it ended; not yet for a launch, which the world answers.
    fn step(
        &mut self,
        now: Timestamp,
        action: &Action,
        orders: &mut Vec<Order>,
    ) -> Option<Outcome> {
        match action {
            Action::Launch { intent, pool, .. } => {
                let Some(offer) = self.offers.get(pool).copied() else {
                    let why = if pool == BASE_POOL {
                        "the world keeps the base"
                    } else {
                        "the world has no such offer"
                    };
                    let why = why.to_owned();
                    return Some(Outcome::Failed { why });
                };
                self.book.write(intent, pool, now);
                self.ordered.push_back(intent.clone());
                orders.push(Order::Launch { offer });
                return None;
            }
            // A made world has no workload whose scale could be set.
            Action::Adopt { .. } | Action::ScaleBase { .. } => {}
            Action::Drain {
                intent, drain_by, ..
            } => orders.extend(self.book.retire(intent, *drain_by, false)),
            Action::Terminate { intent, .. } => orders.extend(self.book.retire(intent, now, true)),
            Action::Close { intent, .. } => self.book.close(intent),
        }
        Some(Outcome::Done)
    }
}

impl Decider for RealPlanner {
    fn name(&self) -> &str {
        &self.name
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        let at = timestamp(now);
        let look = |real: &Self| snapshot::of(view, at, &real.book, real.planner.policy());
        self.planner.observe(look(self));
        let plan = self.planner.plan(at);
        if plan.actions.is_empty() {
            return Vec::new();
        }
        // Looked at again rather than cloned every time: most plans have nothing to check.
        let violations = check(self.planner.policy(), &look(self), &plan);
        if violations.is_empty() {
            return self.carry_out(at, &plan);
        }
        self.violations += violations.len() as u64;
        let room = VIOLATIONS_MAX.saturating_sub(self.first_violations.len());
        let kept = violations.into_iter().take(room);
        self.first_violations
            .extend(kept.map(|violation| (now, violation)));
        Vec::new()
    }

    // The controller wakes at a refusal and plans anew within the second.
    fn decide_again(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        self.decide(now, view)
    }

    fn launched(&mut self, now: f64, _offer: usize, outcome: LaunchOutcome) {
        let at = timestamp(now);
        let Some(intent) = self.ordered.pop_front() else {
            return;
        };
        let (fault, scope) = match outcome {
            LaunchOutcome::Launched { machine } => {
                self.book.launched(&intent, machine, at);
                self.planner.finished(at, &intent, &Outcome::Done);
                return;
            }
            LaunchOutcome::NoCapacity => (Fault::NoCapacity, Scope::Offer),
            LaunchOutcome::OverMax => (Fault::Quota, Scope::Pool),
        };
        self.book.close(&intent);
        let outcome = Outcome::NotLaunched {
            fault,
            scope,
            retry_after: None,
        };
        self.planner.finished(at, &intent, &outcome);
    }

    fn violations(&self) -> u64 {
        self.violations
    }
}

/// A second of the run as a time of day.
fn timestamp(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let ms = (seconds * 1_000.0).round() as i64;
    Timestamp::from_millisecond(EPOCH * 1_000 + ms).unwrap_or(Timestamp::MAX)
}
