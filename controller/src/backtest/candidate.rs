//! Who decides in a backtest: the planner with a policy, or what others run today.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spillway_core::{Policy, raw};
use spillway_sim::{
    Decider, RealPlanner, Trace, WorldSpec, baselines, told_policy, written_policy,
};

use super::row::Limits;
use crate::policy_file::{self, PolicyReport};
use crate::worlds;

/// What a baseline is told of the peak: the largest so many seconds of the trace.
const PEAK_SECONDS: f64 = 60.0;

/// Somebody who decides.
pub(crate) struct Candidate {
    /// Its name in the table.
    pub(crate) name: String,
    /// The world, as it judges this one: with the deadline of its own policy.
    pub(crate) spec: WorldSpec,
    pub(crate) limits: Limits,
    kind: Kind,
}

enum Kind {
    Policy(Box<Policy>),
    Baseline,
}

/// A policy file, as written and as trusted.
pub(crate) struct PolicyFile {
    pub(crate) path: PathBuf,
    pub(crate) written: raw::ScalingPolicy,
    pub(crate) policy: Policy,
}

// === impl PolicyFile ===

impl PolicyFile {
    pub(crate) fn load(path: &Path) -> Result<Self, Box<PolicyReport>> {
        let (written, policy) = policy_file::load_written(path)?;
        Ok(Self {
            path: path.to_owned(),
            written,
            policy,
        })
    }
}

// === impl Candidate ===

impl Candidate {
    /// The planner with the policy that the world tells.
    pub(crate) fn told(world: &WorldSpec) -> Self {
        let policy = told_policy(world);
        Self {
            name: policy.name().to_owned(),
            spec: world.clone(),
            limits: Limits::default(),
            kind: Kind::Policy(Box::new(policy)),
        }
    }

    /// The planner with a policy from a file.
    ///
    /// # Errors
    /// When the world does not sell what the policy buys.
    pub(crate) fn of_file(
        world: &WorldSpec,
        file: &PolicyFile,
        name: String,
    ) -> anyhow::Result<Self> {
        Self::of_written(world, file, &file.written, name)
    }

    /// The planner with a policy from a file, changed.
    fn of_written(
        world: &WorldSpec,
        file: &PolicyFile,
        written: &raw::ScalingPolicy,
        name: String,
    ) -> anyhow::Result<Self> {
        let policy = without_kept_base(written)?;
        let shown = file.path.display();
        RealPlanner::with_policy(world, policy.clone()).with_context(|| {
            format!(
                "{shown} cannot be tried in the world {}: name its pools as the world's offers, try it in its own \
                 world with --world policy, or describe yours (--world policy --print-world writes a file to begin with)",
                world.name
            )
        })?;
        let spec = WorldSpec {
            drain_within: worlds::deadline(&policy),
            ..world.clone()
        };
        Ok(Self {
            name,
            spec,
            limits: Limits::of(&policy),
            kind: Kind::Policy(Box::new(policy)),
        })
    }

    /// Adds the first of `candidates`, that of `file` or else the told one, once for each `sooner`, percent. Gives the
    /// names of all that differ in this alone, the first among them.
    ///
    /// # Errors
    /// When no policy can be in such a hurry.
    pub(crate) fn hurried(
        world: &WorldSpec,
        file: Option<&PolicyFile>,
        candidates: &mut Vec<Self>,
        sooner: &[u32],
    ) -> anyhow::Result<Vec<(String, u32)>> {
        let Some(first) = candidates.first().filter(|_| !sooner.is_empty()) else {
            return Ok(Vec::new());
        };
        let told = written_policy(world);
        let written = file.map_or(&told, |file| &file.written);
        let own = |written: &raw::ScalingPolicy| {
            let behavior = written.spec.as_ref()?.behavior.as_ref()?;
            behavior.sooner
        };
        let mut hurries = vec![(first.name.clone(), own(written).unwrap_or(0))];
        for percent in sooner {
            if hurries.iter().any(|(_, known)| known == percent) {
                continue;
            }
            let mut written = written.clone();
            let spec = written.spec.get_or_insert_default();
            spec.behavior.get_or_insert_default().sooner = Some(*percent);
            let name = format!("{} sooner {percent}", hurries[0].0);
            let candidate = match file {
                Some(file) => Self::of_written(world, file, &written, name.clone())?,
                None => Self {
                    name: name.clone(),
                    spec: world.clone(),
                    limits: Limits::default(),
                    kind: Kind::Policy(Box::new(checked(&written)?)),
                },
            };
            hurries.push((name, *percent));
            candidates.push(candidate);
        }
        Ok(hurries)
    }

    /// What others run today, by name; `all` for each of them.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn baselines(world: &WorldSpec, wanted: &[String]) -> anyhow::Result<Vec<Self>> {
        let all = baseline_names(world);
        let mut names: Vec<String> = Vec::new();
        for wanted in wanted {
            let found: Vec<&String> = all
                .iter()
                .filter(|name| wanted == "all" || *name == wanted)
                .collect();
            anyhow::ensure!(
                !found.is_empty(),
                "there is no baseline `{wanted}`: say all, or one of {}",
                all.join(", ")
            );
            for name in found {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        let candidates = names.into_iter().map(|name| Self {
            name,
            spec: world.clone(),
            limits: Limits::default(),
            kind: Kind::Baseline,
        });
        Ok(candidates.collect())
    }

    /// A decider for one run over `trace`, whose arrivals are multiplied by `factor`.
    pub(crate) fn decider(&self, trace: &Trace, factor: f64) -> Box<dyn Decider> {
        match &self.kind {
            Kind::Policy(policy) => Box::new(
                RealPlanner::with_policy(&self.spec, (**policy).clone())
                    .expect("its pools were found when the candidate was made"),
            ),
            Kind::Baseline => {
                let peak = trace.peak(PEAK_SECONDS) / PEAK_SECONDS * factor;
                baselines::all(&self.spec, peak)
                    .into_iter()
                    .find(|baseline| baseline.name() == self.name)
                    .expect("its name was found when the candidate was made")
            }
        }
    }

    /// Where the policy and the world disagree about the base: the world decides.
    pub(crate) fn disagreement(&self) -> Option<String> {
        let Kind::Policy(policy) = &self.kind else {
            return None;
        };
        let (told, true_one) = (policy.base(), &self.spec.base);
        let rate = told.throughput.per_second();
        let is_as_told = told.max == true_one.workers && (rate - true_one.rate).abs() < 1e-3;
        (!is_as_told).then(|| {
            format!(
                "{} says {} base workers of {rate}/s; the world {} has {} of {}/s, and the world decides",
                self.name, told.max, self.spec.name, true_one.workers, true_one.rate
            )
        })
    }
}

fn baseline_names(world: &WorldSpec) -> Vec<String> {
    baselines::all(world, 0.0)
        .iter()
        .map(|baseline| baseline.name().to_owned())
        .collect()
}

/// The policy with a base that the world keeps: in a made world nobody else could launch one.
fn without_kept_base(written: &raw::ScalingPolicy) -> anyhow::Result<Policy> {
    let mut written = written.clone();
    if let Some(base) = written.spec.as_mut().and_then(|spec| spec.base.as_mut())
        && let Some(process) = base.process.take()
    {
        base.fixed = Some(raw::BaseStatic {
            workers: process.workers,
        });
    }
    checked(&written)
}

/// A policy that was good before it was changed.
fn checked(written: &raw::ScalingPolicy) -> anyhow::Result<Policy> {
    Policy::check(written).map_err(|problems| {
        let told: Vec<String> = problems
            .iter()
            .map(|problem| format!("{} {}", problem.path, problem.message))
            .collect();
        anyhow::anyhow!("a policy that was good has become bad: {}", told.join("; "))
    })
}
