//! Which plans are decisions, and what of them is told.

use spillway_core::{Action, Plan, Policy, Pool, Reason, Violation};

use super::numbers::{self, seconds};
use super::{ActionView, Alternative, Decision, ReasonView};
use crate::history::{Entry, EntryKind};

/// Finds out which plans are decisions.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    /// Codes, with the pools that they are about, of the plan before.
    last: Option<Vec<(&'static str, Option<String>)>>,
}

// === impl Chronicle ===

impl Chronicle {
    /// The plan as a decision, if it is one: it does something, or its reasons are others than those of the plan before.
    /// `number` gives it its number.
    pub(crate) fn decision(
        &mut self,
        policy: &Policy,
        revision: &str,
        (plan, violations): (&Plan, &[Violation]),
        number: impl FnOnce() -> u64,
    ) -> Option<Decision> {
        let reasons = plan.hold.iter().chain(&plan.reasons);
        let codes: Vec<(&'static str, Option<String>)> = reasons
            .map(|reason| (reason.code(), reason.pool().map(str::to_owned)))
            .collect();
        if plan.actions.is_empty() && self.last.as_ref() == Some(&codes) {
            return None;
        }
        self.last = Some(codes);
        Some(Decision {
            id: number(),
            at: plan.at,
            policy: policy.name().to_owned(),
            revision: revision.to_owned(),
            mode: format!("{:?}", policy.mode()),
            sentence: plan.sentence(),
            actions: plan.actions.iter().map(ActionView::of).collect(),
            reasons: plan.reasons.iter().map(ReasonView::of).collect(),
            hold: plan.hold.as_ref().map(ReasonView::of),
            violations: violations.iter().map(Violation::to_string).collect(),
            desired: plan.desired.clone(),
            alternatives: alternatives(policy, plan),
            numbers: numbers::of(&plan.numbers),
        })
    }
}

// === impl ActionView ===

impl ActionView {
    fn of(action: &Action) -> Self {
        let intent = action.intent().as_str();
        let pool = intent.rsplit_once('-').map_or(intent, |(pool, _)| pool);
        Self {
            verb: action.verb().to_owned(),
            intent: intent.to_owned(),
            pool: pool.to_owned(),
            code: action.why().code().to_owned(),
            why: action.why().to_string(),
            from: match action.why() {
                Reason::BaseFilled { from, .. } | Reason::BaseLowered { from, .. } => Some(*from),
                Reason::BaseAboveMax { replicas, .. } => Some(*replicas),
                _ => None,
            },
            to: match action {
                Action::ScaleBase { replicas, .. } => Some(*replicas),
                _ => None,
            },
            outcome: None,
        }
    }
}

// === impl Decision ===

impl Decision {
    /// As the history keeps it.
    pub(crate) fn entry(&self) -> Entry {
        let scales = |it: &&ActionView, grows: bool| match (it.from, it.to) {
            (Some(from), Some(to)) => (to > from) == grows,
            _ => false,
        };
        // A base that grows or shrinks is seen as what it is.
        let count = |verb: &str, grows: bool| {
            let actions = self.actions.iter();
            actions
                .filter(|it| it.verb == verb || scales(it, grows))
                .count() as u64
        };
        let reasons = self.hold.iter().chain(&self.reasons);
        let mut pools: Vec<String> = self.actions.iter().map(|it| it.pool.clone()).collect();
        pools.extend(reasons.clone().filter_map(|it| it.pool.clone()));
        let unique = |mut names: Vec<String>| {
            names.sort_unstable();
            names.dedup();
            names
        };
        Entry {
            id: self.id,
            told: 0,
            policy: self.policy.clone(),
            at_ms: self.at.as_millisecond(),
            kind: EntryKind::Decision,
            launches: count("Launch", true),
            drains: count("Drain", false),
            is_trouble: !self.violations.is_empty() || reasons.clone().any(|it| it.trouble),
            codes: unique(reasons.map(|it| it.code.clone()).collect()),
            verbs: unique(self.actions.iter().map(|it| it.verb.clone()).collect()),
            pools: unique(pools),
            intents: self.actions.iter().map(|it| it.intent.clone()).collect(),
            data: serde_json::to_value(self).unwrap_or_default(),
        }
    }
}

/// Every pool that could have been bought, the cheapest first, and what became of it.
fn alternatives(policy: &Policy, plan: &Plan) -> Vec<Alternative> {
    let mut found: Vec<Alternative> = policy
        .pools()
        .iter()
        .map(|pool| alternative(pool, plan))
        .collect();
    let price = |it: &Alternative| it.dollars_per_million.unwrap_or(f64::INFINITY);
    found.sort_by(|one, other| {
        price(one)
            .total_cmp(&price(other))
            .then_with(|| one.pool.cmp(&other.pool))
    });
    found
}

fn alternative(pool: &Pool, plan: &Plan) -> Alternative {
    let numbers = plan
        .numbers
        .pools
        .get(&pool.name)
        .cloned()
        .unwrap_or_default();
    let launched = plan.actions.iter().filter(|action| match action {
        Action::Launch { pool: of, .. } => *of == pool.name,
        _ => false,
    });
    let launched = launched.count() as u64;
    let (verdict, why) = verdict(pool, plan, launched);
    let rate = numbers.rate_low;
    let price = pool.dollars_per_million(rate).to_f64();
    Alternative {
        pool: pool.name.clone(),
        dollars_per_million: (rate > spillway_core::Rate::ZERO).then_some(price),
        boot_seconds: seconds(numbers.boot_high),
        price_per_hour: pool.price_per_hour.to_f64(),
        rate_counted_on: rate.per_second(),
        running: numbers.booting + numbers.ready,
        max: pool.max,
        launched,
        verdict: verdict.to_owned(),
        why,
    }
}

/// A verdict, and which reason speaks for it.
type Kind = (&'static str, fn(&Reason) -> bool);

/// What became of a pool, in the words of the plan's own reasons.
fn verdict(pool: &Pool, plan: &Plan, launched: u64) -> (&'static str, String) {
    let told = |wanted: fn(&Reason) -> bool| {
        let mut reasons = plan.hold.iter().chain(&plan.reasons);
        let is_about = |reason: &&Reason| reason.pool().is_none_or(|it| it == pool.name);
        reasons.find(|reason| wanted(reason) && is_about(reason))
    };
    let kinds: [Kind; 6] = [
        ("Blocked", |it| matches!(it, Reason::PoolBlocked { .. })),
        ("PoolMax", |it| matches!(it, Reason::PoolMax { .. })),
        ("BurstMax", |it| matches!(it, Reason::BurstMax { .. })),
        ("PartitionCap", |it| {
            matches!(it, Reason::PartitionCap { .. })
        }),
        ("Budget", |it| {
            matches!(
                it,
                Reason::BudgetPerHour { .. } | Reason::BudgetPerDay { .. }
            )
        }),
        ("TooLate", |it| matches!(it, Reason::NoPoolInTime { .. })),
    ];
    if launched > 0 {
        let chosen = told(|it| {
            matches!(
                it,
                Reason::Cheapest { .. }
                    | Reason::Cheaper { .. }
                    | Reason::Scheduled { .. }
                    | Reason::Overridden { .. }
            )
        });
        let why = chosen.map_or_else(|| plan.sentence(), Reason::to_string);
        return ("Chosen", why);
    }
    for (verdict, wanted) in kinds {
        if let Some(reason) = told(wanted) {
            return (verdict, reason.to_string());
        }
    }
    if let Some(hold) = &plan.hold {
        return ("Held", hold.to_string());
    }
    let is_buying = plan.actions.iter().any(|action| {
        matches!(action, Action::Launch { why, .. } if matches!(why, Reason::DeadlineEndangered { .. }))
    });
    if is_buying {
        let cheapest = plan
            .reasons
            .iter()
            .find(|it| matches!(it, Reason::Cheapest { .. }));
        let why = cheapest.map_or_else(|| plan.sentence(), Reason::to_string);
        return ("Dearer", why);
    }
    ("NotNeeded", plan.sentence())
}
