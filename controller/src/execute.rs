//! Carrying out single steps. No choices are made here: the plan left none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spillway_cloud::{Clock, Fault, Instance, LaunchError, LaunchRequest, Provider, WorkerSpec};
use spillway_core::{
    Action, AssignmentMode, BASE_POOL, IntentId, Outcome, Policy, Pool, ProviderKind, Reason,
};
use spillway_kube::{Base, KubeError};
use spillway_wire::topics;
use tracing::warn;

use crate::intents::{Intent, IntentStore, State};
use crate::kafka_args::{KAFKA_CONFIG, KafkaArgs};
use crate::leadership::Leadership;
use crate::observe::Heartbeats;

/// The longest that a launch call may take; then its outcome is unknown and the next look shows it.
const LAUNCH_DEADLINE: Duration = Duration::from_secs(60);
/// A machine that a request made is in its provider's list after this long.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// The longest that setting the base's scale may take.
const SCALE_DEADLINE: Duration = Duration::from_secs(10);
/// The longest that a call to terminate may take.
const TERMINATE_DEADLINE: Duration = Duration::from_secs(30);

/// What steps are carried out with.
pub(crate) struct Executor {
    pub(crate) owner: String,
    pub(crate) policy: Policy,
    pub(crate) worker_command: Vec<String>,
    /// How Kafka is reached beside its address.
    pub(crate) kafka: KafkaArgs,
    pub(crate) intents: Arc<IntentStore>,
    pub(crate) providers: BTreeMap<String, Arc<dyn Provider>>,
    pub(crate) fleet: Arc<dyn Heartbeats>,
    pub(crate) leadership: Arc<Leadership>,
    /// The base's workload, where its scale is ours.
    pub(crate) base: Option<Arc<Base>>,
    pub(crate) clock: Clock,
    /// When requests were last sent that may have worked and were not answered so; at most one for an open intent.
    pub(crate) doubts: Mutex<BTreeMap<IntentId, Timestamp>>,
}

// === impl Executor ===

impl Executor {
    /// Carries out one step and says how it ended.
    pub(crate) async fn execute(&self, action: &Action) -> Outcome {
        if let Err(error) = self.leads() {
            return Outcome::Unknown {
                why: format!("{error:#}"),
            };
        }
        let done = match action {
            Action::Launch { intent, pool, why } => return self.launch(intent, pool, why).await,
            Action::Adopt { intent, .. } => self.adopt(intent).await,
            Action::Drain {
                intent,
                drain_by,
                why,
            } => self.drain(intent, *drain_by, why).await,
            Action::Terminate { intent, why } => self.terminate(intent, why).await,
            Action::Close { intent, why } => self.close(intent, why).await,
            Action::ScaleBase {
                replicas, victims, ..
            } => return self.scale_base(*replicas, victims).await,
        };
        match done {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed {
                why: format!("{error:#}"),
            },
        }
    }

    async fn launch(&self, id: &IntentId, pool: &str, why: &Reason) -> Outcome {
        let now = self.clock.now();
        let failed = |why: String| Outcome::Failed { why };
        let (Some(provider), Some(pool)) = (self.providers.get(pool), self.policy.pool(pool))
        else {
            return failed(format!("no provider for the pool {pool}"));
        };
        // Written before the call, with the exact request: whoever starts after a crash knows what to ask for.
        let known = self.intents.get(id);
        let is_repeat = known.is_some();
        let intent = match known {
            Some(intent) => intent,
            None => match self.new_intent(id, pool, why, now).await {
                Ok(intent) => intent,
                Err(error) => return failed(format!("{error:#}")),
            },
        };
        // Asked again right before what costs: writing may have taken long.
        if let Err(error) = self.leads() {
            return failed(format!("{error:#}"));
        }
        let launched =
            tokio::time::timeout(LAUNCH_DEADLINE, provider.launch(&intent.request)).await;
        match launched {
            Err(_) => self.doubt(id, "no answer in time".to_owned()),
            Ok(Err(LaunchError::Unknown(error))) => self.doubt(id, error.to_string()),
            Ok(Err(LaunchError::NotLaunched {
                fault,
                scope,
                retry_after,
            })) => {
                let is_open =
                    is_repeat && is_refused_unseen(&fault) && !self.is_absent(&intent).await;
                if !is_open {
                    let closed = intent.closed(now, fault.to_string());
                    if let Err(error) = self.intents.write(closed).await {
                        return failed(format!("{error:#}"));
                    }
                    self.doubts().remove(id);
                }
                let retry_after =
                    retry_after.and_then(|after| SignedDuration::try_from(after).ok());
                Outcome::NotLaunched {
                    fault: fault.code(),
                    scope,
                    retry_after,
                }
            }
            Ok(Ok(instance)) => {
                self.doubts().remove(id);
                let state = State::Launched {
                    instance: instance.id,
                    at: instance.launched_at,
                };
                match self.intents.write(Intent { state, ..intent }).await {
                    Ok(()) => Outcome::Done,
                    Err(error) => Outcome::Unknown {
                        why: format!("{error:#}"),
                    },
                }
            }
        }
    }

    /// The call may have worked, now or later.
    fn doubt(&self, id: &IntentId, why: String) -> Outcome {
        self.doubts().insert(id.clone(), self.clock.now());
        Outcome::Unknown { why }
    }

    /// Whether nothing runs for a request of which some sending may have worked: a list long after the last one shows none.
    async fn is_absent(&self, intent: &Intent) -> bool {
        let now = self.clock.now();
        // After a restart, nobody knows when it was sent last.
        let sent_at = *self.doubts().entry(intent.id.clone()).or_insert(now);
        if now.duration_since(sent_at) <= SEEN_WITHIN {
            return false;
        }
        let look = tokio::time::timeout(TERMINATE_DEADLINE, self.machine_of(intent)).await;
        matches!(look, Ok(Ok(None)))
    }

    fn doubts(&self) -> MutexGuard<'_, BTreeMap<IntentId, Timestamp>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn new_intent(
        &self,
        id: &IntentId,
        pool: &Pool,
        why: &Reason,
        now: Timestamp,
    ) -> anyhow::Result<Intent> {
        let number = id
            .as_str()
            .rsplit_once('-')
            .and_then(|(_, number)| number.parse().ok());
        let intent = Intent {
            id: id.clone(),
            number: number.unwrap_or(0),
            pool: pool.name.clone(),
            request: LaunchRequest {
                owner: self.owner.clone(),
                policy: self.policy.name().to_owned(),
                pool: pool.name.clone(),
                intent: id.to_string(),
                attempt: 1,
                worker: self.worker(pool),
                lease: self.policy.dead_man_lease().unsigned_abs(),
            },
            price_per_hour: pool.price_per_hour,
            billing_minimum: pool.billing_minimum,
            why: why.to_string(),
            state: State::Written { at: now },
        };
        self.intents.write(intent.clone()).await?;
        Ok(intent)
    }

    fn worker(&self, pool: &Pool) -> WorkerSpec {
        let servers = if pool.name == BASE_POOL {
            self.policy.bootstrap_servers()
        } else {
            self.policy.join_servers()
        };
        let jobs = self.policy.topics().iter();
        let jobs: Vec<&str> = jobs.map(|topic| topic.name.as_str()).collect();
        let mut environment = BTreeMap::from([
            ("SPILLWAY_BROKERS".to_owned(), servers.join(",")),
            (
                "SPILLWAY_GROUP".to_owned(),
                self.policy.consumer_group().to_owned(),
            ),
            ("SPILLWAY_TOPICS".to_owned(), jobs.join(",")),
            (
                "SPILLWAY_RESULTS_TOPIC".to_owned(),
                topics::RESULTS.to_owned(),
            ),
            (
                "SPILLWAY_WORKERS_TOPIC".to_owned(),
                topics::WORKERS.to_owned(),
            ),
            (
                "SPILLWAY_CONTROL_TOPIC".to_owned(),
                topics::CONTROL.to_owned(),
            ),
            (
                "SPILLWAY_ASSIGNMENT".to_owned(),
                match self.policy.assignment() {
                    AssignmentMode::Weighted => "weighted".to_owned(),
                    AssignmentMode::Group => "group".to_owned(),
                },
            ),
        ]);
        // Only on this machine: a cloud's machines have their secrets from the cloud's own store.
        if let (ProviderKind::Process { .. }, Some(config)) =
            (&pool.provider, self.kafka.variable())
        {
            environment.insert(KAFKA_CONFIG.to_owned(), config);
        }
        environment.extend(pool.environment.clone());
        WorkerSpec {
            command: self.worker_command.clone(),
            environment,
        }
    }

    async fn adopt(&self, id: &IntentId) -> anyhow::Result<()> {
        let intent = self.known(id)?;
        let machine = self.machine_of(&intent).await?;
        let (instance, at) = machine.ok_or_else(|| anyhow::anyhow!("its machine is gone again"))?;
        let state = State::Launched { instance, at };
        self.intents.write(Intent { state, ..intent }).await
    }

    /// Writes down that it is to drain: the control topic follows the intents.
    async fn drain(&self, id: &IntentId, drain_by: Timestamp, why: &Reason) -> anyhow::Result<()> {
        let intent = self.known(id)?;
        let launched_at = intent.launched_at().unwrap_or_else(|| self.clock.now());
        let instance = intent.instance().map(str::to_owned);
        let state = State::Retiring {
            instance,
            launched_at,
            drain_by,
            terminating: false,
            why: why.to_string(),
        };
        self.intents.write(Intent { state, ..intent }).await
    }

    async fn terminate(&self, id: &IntentId, why: &Reason) -> anyhow::Result<()> {
        let intent = self.known(id)?;
        let provider = self.provider_of(&intent).await;
        let instance = match intent.instance() {
            Some(instance) => Some(instance.to_owned()),
            None => self
                .machine_of(&intent)
                .await?
                .map(|(instance, _)| instance),
        };
        let now = self.clock.now();
        let state = State::Retiring {
            instance: instance.clone(),
            launched_at: intent.launched_at().unwrap_or(now),
            drain_by: now,
            terminating: true,
            why: why.to_string(),
        };
        self.intents.write(Intent { state, ..intent }).await?;
        let (Some(instance), Some(provider)) = (instance, provider) else {
            return Ok(());
        };
        self.leads()?;
        tokio::time::timeout(TERMINATE_DEADLINE, provider.terminate(&instance)).await??;
        Ok(())
    }

    async fn scale_base(&self, replicas: u32, victims: &[String]) -> Outcome {
        let Some(base) = &self.base else {
            return Outcome::Failed {
                why: "there is no workload to scale".to_owned(),
            };
        };
        match tokio::time::timeout(SCALE_DEADLINE, base.set(replicas, victims)).await {
            Ok(Ok(())) => Outcome::Done,
            // The next look shows how it is now.
            Ok(Err(error @ (KubeError::Conflict(_) | KubeError::Unknown(_)))) => Outcome::Unknown {
                why: error.to_string(),
            },
            Ok(Err(error)) => Outcome::Failed {
                why: error.to_string(),
            },
            Err(_) => Outcome::Unknown {
                why: "no answer in time".to_owned(),
            },
        }
    }

    /// Proof that this process may still act.
    fn leads(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.leadership.is_held(), "another controller may lead now");
        Ok(())
    }

    async fn close(&self, id: &IntentId, why: &Reason) -> anyhow::Result<()> {
        let intent = self.known(id)?;
        let worker = intent.instance().map(str::to_owned);
        let told = match &intent.state {
            State::Retiring { why, .. } => why.clone(),
            _ => why.to_string(),
        };
        let closed = intent.closed(self.clock.now(), told);
        self.intents.write(closed).await?;
        self.doubts().remove(id);
        // Housekeeping: what is left in the topics of a worker that is gone. A later look at them is harmless.
        // The control record goes with the intent.
        if let Some(worker) = worker
            && let Err(error) = self.fleet.bury(&worker).await
        {
            warn!(%worker, %error, "heartbeat could not be buried");
        }
        Ok(())
    }

    /// Who can end the machine of an intent: its pool's provider, or, where the pool is no more, one that lists it.
    async fn provider_of(&self, intent: &Intent) -> Option<&Arc<dyn Provider>> {
        if let Some(provider) = self.providers.get(&intent.pool) {
            return Some(provider);
        }
        let mut asked = BTreeSet::new();
        for provider in self.providers.values() {
            if !asked.insert(provider.account()) {
                continue;
            }
            let listed = tokio::time::timeout(TERMINATE_DEADLINE, provider.list()).await;
            let is_its = |machine: &Instance| {
                machine.intent == intent.id.as_str() && machine.policy == self.policy.name()
            };
            if let Ok(Ok(listed)) = listed
                && listed.iter().any(is_its)
            {
                return Some(provider);
            }
        }
        None
    }

    /// The living machine of an intent, as its provider lists it, and when its billing began.
    async fn machine_of(&self, intent: &Intent) -> anyhow::Result<Option<(String, Timestamp)>> {
        let Some(provider) = self.providers.get(&intent.pool) else {
            return Ok(None);
        };
        let listed = provider.list().await?;
        let is_its = |machine: &Instance| {
            machine.intent == intent.id.as_str() && machine.policy == self.policy.name()
        };
        let mut machines = listed
            .into_iter()
            .filter(|machine| is_its(machine) && machine.state.is_alive());
        Ok(machines
            .next()
            .map(|machine| (machine.id, machine.launched_at)))
    }

    fn known(&self, id: &IntentId) -> anyhow::Result<Intent> {
        self.intents
            .get(id)
            .ok_or_else(|| anyhow::anyhow!("no intent is called {id}"))
    }
}

/// Whether a request was refused before the cloud looked at what it asks for.
///
/// Of a request that is repeated because its first sending may have worked, that proves nothing.
fn is_refused_unseen(fault: &Fault) -> bool {
    matches!(fault, Fault::Throttled | Fault::Denied)
}
