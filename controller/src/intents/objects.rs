//! Intents as `BurstInstance` objects: the request in the spec, how far it came in the status.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use spillway_core::{Dollars, IntentId};
use spillway_kube::{InstanceSpec, InstanceStatus, Instances, Policies, StoredInstance};

use super::{Day, Forgotten, Intent, State};

/// The objects of one policy, and the policy's own, which keeps the sum of what is forgotten.
pub(crate) struct Objects {
    pub(crate) policy: String,
    pub(crate) instances: Instances,
    pub(crate) policies: Policies,
}

// === impl Objects ===

impl Objects {
    pub(super) async fn read(&self) -> anyhow::Result<(Vec<Intent>, Forgotten)> {
        let stored = self.instances.read().await?;
        let status = self.policies.read().await?.status;
        let forgotten = match status.forgotten {
            Some(forgotten) => from_sum(forgotten)?,
            None => Forgotten::default(),
        };
        let intents = stored.into_iter().map(|stored| {
            let name = stored.spec.intent.clone();
            from_stored(stored).with_context(|| {
                format!("the BurstInstance of {name} cannot be read; mend it or delete it")
            })
        });
        Ok((intents.collect::<anyhow::Result<_>>()?, forgotten))
    }

    pub(super) async fn write(&self, intent: &Intent, is_new: bool) -> anyhow::Result<()> {
        if is_new {
            self.instances.create(&self.spec(intent)?).await?;
            if matches!(intent.state, State::Written { .. }) {
                return Ok(());
            }
        }
        let status = status(&intent.state);
        self.instances.update(intent.id.as_str(), &status).await?;
        Ok(())
    }

    pub(super) async fn forget(
        &self,
        intent: &Intent,
        forgotten: &Forgotten,
    ) -> anyhow::Result<()> {
        self.policies.remember(&to_sum(forgotten)).await?;
        self.instances.remove(intent.id.as_str()).await?;
        Ok(())
    }

    fn spec(&self, intent: &Intent) -> anyhow::Result<InstanceSpec> {
        let written_at = match intent.state {
            State::Written { at } | State::Launched { at, .. } => at,
            State::Retiring { launched_at, .. } => launched_at,
            State::Closed { ended_at, .. } => ended_at,
        };
        Ok(InstanceSpec {
            policy: self.policy.clone(),
            intent: intent.id.to_string(),
            number: i64::try_from(intent.number)?,
            pool: intent.pool.clone(),
            price_per_hour: intent.price_per_hour.0.to_string(),
            billing_minimum: intent.billing_minimum.to_string(),
            why: intent.why.clone(),
            written_at: written_at.to_string(),
            request: serde_json::to_value(&intent.request)?,
        })
    }
}

fn from_stored(stored: StoredInstance) -> anyhow::Result<Intent> {
    let StoredInstance { spec, status } = stored;
    let written_at: Timestamp = spec.written_at.parse()?;
    Ok(Intent {
        id: IntentId::from(spec.intent),
        number: u64::try_from(spec.number)?,
        pool: spec.pool,
        request: serde_json::from_value(spec.request)?,
        price_per_hour: Dollars(spec.price_per_hour.parse::<Decimal>()?),
        billing_minimum: spec.billing_minimum.parse::<SignedDuration>()?,
        why: spec.why,
        state: state(status.unwrap_or_default(), written_at)?,
    })
}

fn state(status: InstanceStatus, written_at: Timestamp) -> anyhow::Result<State> {
    let at = |text: &Option<String>| text.as_deref().map(str::parse::<Timestamp>).transpose();
    let launched_at = at(&status.launched_at)?;
    Ok(match status.phase.as_deref() {
        None | Some("Written") => State::Written { at: written_at },
        Some("Launched") => State::Launched {
            instance: status.instance.context("it has no instance")?,
            at: launched_at.context("it has no launchedAt")?,
        },
        Some("Retiring") => State::Retiring {
            instance: status.instance,
            launched_at: launched_at.unwrap_or(written_at),
            drain_by: at(&status.drain_by)?.context("it has no drainBy")?,
            terminating: status.terminating.unwrap_or(false),
            why: status.why.unwrap_or_default(),
        },
        Some(InstanceStatus::CLOSED) => State::Closed {
            launched_at,
            ended_at: at(&status.ended_at)?.context("it has no endedAt")?,
            why: status.why.unwrap_or_default(),
        },
        Some(other) => anyhow::bail!("it has the phase {other}"),
    })
}

fn status(state: &State) -> InstanceStatus {
    let phase = |name: &str| Some(name.to_owned());
    match state {
        State::Written { .. } => InstanceStatus {
            phase: phase("Written"),
            ..InstanceStatus::default()
        },
        State::Launched { instance, at } => InstanceStatus {
            phase: phase("Launched"),
            instance: Some(instance.clone()),
            launched_at: Some(at.to_string()),
            ..InstanceStatus::default()
        },
        State::Retiring {
            instance,
            launched_at,
            drain_by,
            terminating,
            why,
        } => InstanceStatus {
            phase: phase("Retiring"),
            instance: instance.clone(),
            launched_at: Some(launched_at.to_string()),
            drain_by: Some(drain_by.to_string()),
            terminating: Some(*terminating),
            why: Some(why.clone()),
            ..InstanceStatus::default()
        },
        State::Closed {
            launched_at,
            ended_at,
            why,
        } => InstanceStatus {
            phase: phase(InstanceStatus::CLOSED),
            launched_at: launched_at.map(|at| at.to_string()),
            ended_at: Some(ended_at.to_string()),
            why: Some(why.clone()),
            ..InstanceStatus::default()
        },
    }
}

fn from_sum(sum: spillway_kube::Forgotten) -> anyhow::Result<Forgotten> {
    let cost = sum.cost.into_iter().map(|(pool, dollars)| {
        let dollars: Decimal = dollars.parse()?;
        anyhow::Ok((pool, Dollars(dollars)))
    });
    let day = match (sum.spent_since, sum.spent) {
        (Some(from), Some(spent)) => Day {
            from: from.parse()?,
            spent: Dollars(spent.parse()?),
        },
        _ => Day::default(),
    };
    Ok(Forgotten {
        next_number: u64::try_from(sum.next_number)?,
        launched: u64::try_from(sum.launched)?,
        cost: cost.collect::<anyhow::Result<_>>()?,
        day,
    })
}

fn to_sum(forgotten: &Forgotten) -> spillway_kube::Forgotten {
    let cost = forgotten.cost.iter();
    spillway_kube::Forgotten {
        next_number: i64::try_from(forgotten.next_number).unwrap_or(i64::MAX),
        launched: i64::try_from(forgotten.launched).unwrap_or(i64::MAX),
        cost: cost
            .map(|(pool, dollars)| (pool.clone(), dollars.0.to_string()))
            .collect(),
        spent_since: Some(forgotten.day.from.to_string()),
        spent: Some(forgotten.day.spent.0.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_comes_back_as_it_was_written_and_as_an_older_controller_wrote_it() {
        let forgotten = Forgotten {
            next_number: 7,
            launched: 3,
            cost: [("near".to_owned(), Dollars(Decimal::new(125, 2)))].into(),
            day: Day {
                from: "2026-01-02T00:00:00Z".parse().unwrap(),
                spent: Dollars(Decimal::new(75, 2)),
            },
        };
        let written = to_sum(&forgotten);
        let back = from_sum(written.clone()).unwrap();
        assert_eq!((back.cost, back.day), (forgotten.cost, forgotten.day));
        let older = spillway_kube::Forgotten {
            spent_since: None,
            spent: None,
            ..written
        };
        assert_eq!(from_sum(older).unwrap().day, Day::default());
    }

    #[test]
    fn every_state_comes_back_as_it_was_written() {
        let at: Timestamp = "2026-01-02T03:04:05.006Z".parse().unwrap();
        let states = [
            State::Written { at },
            State::Launched {
                instance: "i-1".into(),
                at,
            },
            State::Retiring {
                instance: None,
                launched_at: at,
                drain_by: at,
                terminating: true,
                why: "idle".into(),
            },
            State::Closed {
                launched_at: Some(at),
                ended_at: at,
                why: "gone".into(),
            },
            State::Closed {
                launched_at: None,
                ended_at: at,
                why: "no capacity".into(),
            },
        ];
        for written in states {
            assert_eq!(state(status(&written), at).unwrap(), written);
        }
    }
}
