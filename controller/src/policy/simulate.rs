//! Another policy on recorded observations: where it would have decided differently.
//!
//! Each moment is judged on what was really there then, so that differences do not pile up: machines that the other
//! policy would not have bought are there all the same. What both keep doing is counted once: a wish for machines counts
//! when it grows, since a wish that nobody carries out is repeated at every plan.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::{BASE_POOL, Plan, Planner, Policy};

use crate::journal::{self, Event};

/// What a simulation found.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Simulated {
    /// The recorded policy's name, and the other's.
    pub(crate) recorded_policy: String,
    pub(crate) edited_policy: String,
    /// Plans compared, and those that decide differently.
    pub(crate) plans: u64,
    pub(crate) different: u64,
    pub(crate) recorded: Wishes,
    pub(crate) edited: Wishes,
    /// Times at which they began to differ.
    pub(crate) disagreements: u64,
    /// The first of these.
    pub(crate) first: Vec<Difference>,
}

/// What a policy asked for. `BTreeMap`s are by pool.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wishes {
    /// Machines by which what should be there grew.
    pub(crate) launches: BTreeMap<String, u64>,
    /// Machines by which it shrank.
    pub(crate) drains: BTreeMap<String, u64>,
    /// Plans that held, because too little was known.
    pub(crate) holds: u64,
    #[serde(skip)]
    desired: BTreeMap<String, u32>,
}

/// A time at which they began to differ.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) at: Timestamp,
    /// Each plan in a sentence, with its reasons.
    pub(crate) recorded: String,
    pub(crate) edited: String,
}

/// What of a plan is a decision: not the beliefs and figures behind it, which differ a little at once.
#[derive(PartialEq, Eq)]
struct Decision<'a> {
    desired: BTreeMap<&'a str, u32>,
    hold: Option<&'static str>,
    steps: BTreeMap<(&'static str, &'a str), u32>,
}

/// A replay under way.
struct Simulation<'a> {
    policy: &'a Policy,
    planner: Option<Planner>,
    found: Simulated,
    first_max: usize,
    /// Whether the plan before differed too.
    is_differing: bool,
}

/// Runs the planner with `policy` over a journal's observations; the first `first_max` differences are kept.
///
/// # Errors
/// When the journal cannot be read, or holds no plan.
pub(crate) fn simulate(
    journal: &Path,
    policy: &Policy,
    first_max: usize,
) -> anyhow::Result<Simulated> {
    let mut simulation = Simulation {
        policy,
        planner: None,
        found: Simulated {
            edited_policy: policy.name().to_owned(),
            ..Simulated::default()
        },
        first_max,
        is_differing: false,
    };
    journal::read(journal, |event| simulation.take(event))?;
    anyhow::ensure!(
        simulation.found.plans > 0,
        "the journal in {} holds no plan yet: let a controller run first",
        journal.display()
    );
    Ok(simulation.found)
}

// === impl Simulation ===

impl Simulation<'_> {
    fn take(&mut self, event: Event) {
        if let Event::Began { planner, .. } = &event {
            self.begin(planner);
        }
        let Some(planner) = &mut self.planner else {
            return;
        };
        match event {
            Event::Began { .. } | Event::Assigned { .. } | Event::Ordered { .. } => {}
            Event::Observed { snapshot } => planner.observe(*snapshot),
            Event::Started { action, .. } => planner.started(&action),
            Event::Finished {
                at,
                intent,
                outcome,
            } => planner.finished(at, &intent, &outcome),
            Event::Planned { plan, .. } => {
                let edited = planner.plan(plan.at);
                self.compare(&plan, &edited);
            }
        }
    }

    /// A file begins with the planner as it was.
    fn begin(&mut self, recorded: &Planner) {
        recorded
            .policy()
            .name()
            .clone_into(&mut self.found.recorded_policy);
        self.planner = Some(journal::carried(self.planner.take(), recorded, self.policy));
    }

    fn compare(&mut self, recorded: &Plan, edited: &Plan) {
        let found = &mut self.found;
        found.plans += 1;
        found.recorded.take(recorded);
        found.edited.take(edited);
        let differs = Decision::of(recorded) != Decision::of(edited);
        found.different += u64::from(differs);
        if differs && !self.is_differing {
            found.disagreements += 1;
            if found.first.len() < self.first_max {
                found.first.push(Difference {
                    at: recorded.at,
                    recorded: recorded.sentence(),
                    edited: edited.sentence(),
                });
            }
        }
        self.is_differing = differs;
    }
}

// === impl Wishes ===

impl Wishes {
    fn take(&mut self, plan: &Plan) {
        if plan.hold.is_some() {
            // It says nothing of what should be there.
            self.holds += 1;
            return;
        }
        let pools = self.desired.keys().chain(plan.desired.keys());
        let pools: std::collections::BTreeSet<&String> = pools.collect();
        for pool in pools {
            if pool == BASE_POOL {
                continue;
            }
            let of = |desired: &BTreeMap<String, u32>| desired.get(pool).copied().unwrap_or(0);
            let (before, after) = (of(&self.desired), of(&plan.desired));
            let (counts, by) = if after > before {
                (&mut self.launches, after - before)
            } else {
                (&mut self.drains, before - after)
            };
            if by > 0 {
                *counts.entry(pool.clone()).or_default() += u64::from(by);
            }
        }
        self.desired.clone_from(&plan.desired);
    }

    fn text(&self) -> String {
        let told = |counts: &BTreeMap<String, u64>| {
            let pools = counts
                .iter()
                .map(|(pool, count)| format!("{count} × {pool}"));
            let pools: Vec<String> = pools.collect();
            if pools.is_empty() {
                "none".to_owned()
            } else {
                pools.join(", ")
            }
        };
        format!(
            "launches {}; drains {}; {} plans on hold",
            told(&self.launches),
            told(&self.drains),
            self.holds
        )
    }
}

// === impl Decision ===

impl<'a> Decision<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut steps = BTreeMap::new();
        for action in &plan.actions {
            let intent = action.intent().as_str();
            // An intent is called after its pool, with a number behind that differs.
            let pool = intent.rsplit_once('-').map_or(intent, |(pool, _)| pool);
            *steps.entry((action.verb(), pool)).or_default() += 1;
        }
        let desired = plan.desired.iter().filter(|(_, count)| **count > 0);
        Self {
            desired: desired
                .map(|(pool, count)| (pool.as_str(), *count))
                .collect(),
            hold: plan.hold.as_ref().map(spillway_core::Reason::code),
            steps,
        }
    }
}

// === impl Simulated ===

impl Simulated {
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{} plans compared, {} decide differently\n  recorded {}: {}\n  edited   {}: {}\n",
            self.plans,
            self.different,
            self.recorded_policy,
            self.recorded.text(),
            self.edited_policy,
            self.edited.text()
        );
        if self.first.is_empty() {
            return text;
        }
        let _ = writeln!(
            text,
            "\nThey begin to differ {} times; first:",
            self.disagreements
        );
        for difference in &self.first {
            let _ = writeln!(
                text,
                "  {}\n    recorded  {}\n    edited    {}",
                difference.at, difference.recorded, difference.edited
            );
        }
        text.push_str(
            "\nEvery moment is judged on what was really there; for what follows from other decisions run `spillway \
             backtest`.\n",
        );
        text
    }
}

#[cfg(test)]
#[path = "simulate_tests.rs"]
mod tests;
