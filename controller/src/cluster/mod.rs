//! A controller in a cluster: its policy is an object, its lock a lease, its intents objects, its base a workload.
//!
//! ```text
//!  wait for the lease ▶ follow the policy ▶ [ the loop under it ▶ it changed: end steps, begin again ] ▶ give up the lease
//! ```
//!
//! A leader that loses its lease ends the process: nothing of what it thought is used again.

mod conflict;
mod leave;
mod teller;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::Stream;
use spillway_core::{Planner, Policy, Problem};
use spillway_kube::{
    Base, Candidate, Client, Events, Instances, LeaseConfig, Policies, SeenPolicy,
    burst_instance_crd, connect, scaling_policy_crd,
};
use tracing::{info, warn};

use crate::api::{App, AppConfig, ClusterAccess};
use crate::history::{History, Keep};
use crate::intents::{IntentStore, Objects};
use crate::leadership::Leadership;
use crate::metrics::NotInForce;
use crate::orders::OrderBook;
use crate::policy_file;
use crate::run::{self, Controller, Ground, RunConfig};
use crate::view::Board;

pub(crate) use leave::{Controllers, Leave};
pub(crate) use teller::Teller;

/// How a controller lives in a cluster.
pub(crate) struct ClusterConfig {
    /// The policy's name.
    pub(crate) policy: String,
    /// Its namespace; the one of the service account or the kubeconfig if not given.
    pub(crate) namespace: Option<String>,
    /// This replica's name.
    pub(crate) identity: String,
    /// How long a leader may be silent before another takes over.
    pub(crate) lease: Duration,
    pub(crate) listen: SocketAddr,
    /// Where other replicas reach this one; by default where it listens, if that is one address.
    pub(crate) advertise: Option<String>,
    pub(crate) app: AppConfig,
    pub(crate) keep: Keep,
    pub(crate) state: std::path::PathBuf,
    /// It gives everything back and ends, instead of running.
    pub(crate) leave: Option<Leave>,
}

/// Why a loop ended.
enum End {
    /// The process is to stop.
    Stop,
    /// Another may lead now.
    Lost,
    /// The policy is another one.
    Changed(Box<Good>),
    /// The policy is gone: so must its machines.
    Deleted,
    /// Another policy has its group.
    Conflicting(Box<Good>),
}

/// A policy that passes the lint.
struct Good {
    policy: Policy,
    seen: SeenPolicy,
}

/// Runs until `stop`; `under` says how a loop runs under a policy.
///
/// # Errors
/// When there is no cluster, when the lease is lost, or as the loop.
pub(crate) async fn run(
    config: ClusterConfig,
    under: impl Fn(Policy, String) -> RunConfig,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (client, default_namespace) = connect().await?;
    let namespace = config.namespace.clone().unwrap_or(default_namespace);
    std::fs::create_dir_all(&config.state)?;
    let history = History::open(&config.state.join("journal"), config.keep)?;
    let board = Arc::new(Board::new(Arc::clone(&history)));
    board.stand_by(&config.policy);
    let cluster = ClusterAccess {
        client: client.clone(),
        namespace: namespace.clone(),
        policy: config.policy.clone(),
        lease: lease_name(&config.policy),
    };
    let app = App::new(
        Arc::clone(&board),
        &config.app,
        config.listen,
        Some(cluster),
    )?;
    let server = run::serve(config.listen, &config.state, app).await?;
    let leave = config.leave.clone();
    if let Some(leave) = &leave {
        leave.stop_others(&client, &namespace).await?;
    }
    let mut stop = pin!(async {
        match &leave {
            None => stop.await,
            // What is not done by then is left to the machines' own leases.
            Some(leave) => {
                let _ = tokio::time::timeout(leave.within, stop).await;
            }
        }
    });
    let lease = LeaseConfig {
        namespace: namespace.clone(),
        name: lease_name(&config.policy),
        identity: config.identity.clone(),
        address: config.address()?,
        duration: config.lease,
    };
    info!(
        policy = config.policy,
        namespace,
        identity = config.identity,
        "standing by"
    );
    let leader = tokio::select! {
        () = &mut stop => return Ok(()),
        leader = Candidate::new(&client, lease).lead() => leader,
    };
    let leadership = Arc::new(Leadership::by_lease(leader));
    let place = Place {
        client,
        namespace,
        config,
        board,
    };
    place.lead(&under, &leadership, stop).await?;
    server.abort();
    history.close();
    if let Some(leadership) = Arc::into_inner(leadership) {
        leadership.release().await;
    }
    Ok(())
}

/// Where the policy is.
struct Place {
    client: Client,
    namespace: String,
    config: ClusterConfig,
    board: Arc<Board>,
}

// === impl Place ===

impl Place {
    async fn lead(
        &self,
        under: &impl Fn(Policy, String) -> RunConfig,
        leadership: &Arc<Leadership>,
        mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> anyhow::Result<()> {
        let policies = self.policies();
        let mut changes = pin!(policies.follow());
        let mut last: Option<serde_json::Value> = None;
        let mut learned = None;
        let mut next = tokio::select! {
            () = &mut stop => return Ok(()),
            () = leadership.lost() => anyhow::bail!(LOST),
            end = self.next_policy(&policies, &mut changes, &mut last) => end,
        };
        loop {
            let good = match next {
                End::Changed(good) => match self.conflict(&policies, &good.seen).await {
                    None => good,
                    Some(why) => {
                        self.tell_conflict(&policies, &good.seen, &why).await;
                        next = End::Conflicting(good);
                        continue;
                    }
                },
                End::Conflicting(good) => {
                    next = tokio::select! {
                        () = &mut stop => return Ok(()),
                        () = leadership.lost() => End::Lost,
                        end = self.next_policy(&policies, &mut changes, &mut last) => end,
                        () = tokio::time::sleep(conflict::LOOK_EVERY) => End::Changed(good),
                    };
                    continue;
                }
                End::Stop => return Ok(()),
                End::Lost => anyhow::bail!(LOST),
                // Nothing is there that could be given back.
                End::Deleted if self.config.leave.is_some() => return Ok(()),
                // None yet, or none any more.
                End::Deleted => {
                    next = tokio::select! {
                        () = &mut stop => return Ok(()),
                        () = leadership.lost() => End::Lost,
                        end = self.next_policy(&policies, &mut changes, &mut last) => end,
                    };
                    continue;
                }
            };
            let manifest = serde_yaml::to_string(&good.seen.document)?;
            let config = under(good.policy.clone(), manifest);
            let ground = self.ground(leadership, &good, config.closed_max).await?;
            if let Some(leave) = &self.config.leave {
                let (history, identity) = (self.board.history(), &self.config.identity);
                let whose = (&good.policy, &*ground.orders);
                leave.order(whose, history, identity).await;
            }
            let intents = Arc::clone(&ground.intents);
            let mut controller =
                Controller::begin(&config, ground, Arc::clone(&self.board), learned)?;
            let mut ended = End::Stop;
            controller
                .go(async {
                    ended = tokio::select! {
                        () = &mut stop => End::Stop,
                        () = leadership.lost() => End::Lost,
                        end = self.next_policy(&policies, &mut changes, &mut last) => end,
                        () = self.loses_group(&policies) => End::Conflicting(good),
                        () = leave::drained(&intents), if self.config.leave.is_some() => End::Stop,
                    };
                })
                .await?;
            if matches!(ended, End::Lost) {
                anyhow::bail!(LOST);
            }
            let Some(planner) = self
                .end(controller, &ended, config.terminate_on_exit)
                .await?
            else {
                return Ok(());
            };
            learned = Some(planner);
            next = ended;
        }
    }

    /// Ends a loop, and its machines where nobody will want them; gives what was learned, none where a leave is over.
    async fn end(
        &self,
        controller: Controller,
        ended: &End,
        terminate_on_exit: bool,
    ) -> anyhow::Result<Option<Planner>> {
        let is_leaving = self.config.leave.is_some();
        let why = match ended {
            End::Deleted => Some("policy is gone"),
            End::Conflicting(_) => Some("another policy has the group"),
            End::Stop if is_leaving => Some("leaving"),
            End::Stop if terminate_on_exit => Some("the controller ends"),
            _ => None,
        };
        if let Some(why) = why {
            info!(reason = why, "ending all machines");
        }
        match controller.end(why.is_some()).await {
            Err(error) if is_leaving => {
                let error = format!("{error:#}");
                warn!(error, "their dead-man leases end the rest");
                Ok(None)
            }
            ended => ended.map(Some),
        }
    }

    /// Waits for a policy that says something else and passes the lint, or for its end.
    async fn next_policy(
        &self,
        policies: &Policies,
        changes: &mut (impl Stream<Item = Option<SeenPolicy>> + Unpin),
        last: &mut Option<serde_json::Value>,
    ) -> End {
        loop {
            let Some(change) = changes.next().await else {
                // A watch never ends by itself.
                return std::future::pending().await;
            };
            let Some(seen) = change else {
                info!(policy = self.config.policy, "there is no such policy");
                *last = None;
                return End::Deleted;
            };
            // What we write of it comes back as a change too.
            if last.as_ref() == Some(&seen.document) {
                continue;
            }
            *last = Some(seen.document.clone());
            match policy_file::check_document(seen.document.clone()) {
                Ok(policy) => {
                    self.board.metrics().policy_is(None);
                    info!(
                        policy = policy.name(),
                        generation = seen.generation,
                        "applying"
                    );
                    return End::Changed(Box::new(Good { policy, seen }));
                }
                Err(problems) => {
                    let told = told(&problems);
                    self.board.metrics().policy_is(Some(NotInForce {
                        problems: told.clone(),
                        generation: Some(seen.generation),
                    }));
                    warn!(
                        problems = told,
                        "policy is not valid, the last good one goes on"
                    );
                    if let Err(error) = policies.tell(&teller::invalid(&seen, &told)).await {
                        warn!(%error, "status was not written");
                    }
                }
            }
        }
    }

    /// What stands against a policy whose group another has; none too where that cannot be known now.
    async fn conflict(&self, policies: &Policies, own: &SeenPolicy) -> Option<String> {
        if self.config.leave.is_some() {
            return None;
        }
        match policies.all().await {
            Ok(all) => {
                let other = conflict::in_the_way(own, &all)?;
                Some(conflict::told(own, other))
            }
            Err(error) => {
                warn!(%error, "other policies could not be read, none is taken for a conflict");
                None
            }
        }
    }

    async fn tell_conflict(&self, policies: &Policies, own: &SeenPolicy, why: &str) {
        warn!(
            reason = why,
            "policy is in conflict, nothing is done for it"
        );
        let status = teller::conflicting(own, why);
        if let Err(error) = policies.tell(&status).await {
            warn!(%error, "status was not written");
        }
    }

    /// Ends when another policy turns out to have the group: two that were made at once may both have begun.
    async fn loses_group(&self, policies: &Policies) {
        loop {
            tokio::time::sleep(conflict::LOOK_EVERY).await;
            let Ok(own) = policies.read().await else {
                continue;
            };
            if self.conflict(policies, &own).await.is_some() {
                return;
            }
        }
    }

    async fn ground(
        &self,
        leadership: &Arc<Leadership>,
        good: &Good,
        closed_max: usize,
    ) -> anyhow::Result<Ground> {
        let objects = Objects {
            policy: self.config.policy.clone(),
            instances: Instances::new(&self.client, &self.namespace, &self.config.policy),
            policies: self.policies(),
        };
        let workload = good.policy.base_workload().cloned();
        let base = workload
            .map(|workload| Base::new(&self.client, &self.namespace, workload))
            .map(Arc::new);
        let identity = &self.config.identity;
        let events = Events::new(&self.client, identity, good.seen.reference.clone());
        Ok(Ground {
            leadership: Arc::clone(leadership),
            intents: Arc::new(IntentStore::of_cluster(objects).await?.keeping(closed_max)),
            base,
            orders: Arc::new(OrderBook::of_object(
                self.policies(),
                good.seen.status.orders.as_deref(),
            )?),
            replica: Some((identity.clone(), self.namespace.clone())),
            teller: Some(Teller::begin(
                self.policies(),
                events,
                &good.seen,
                identity,
                leadership,
            )),
        })
    }

    fn policies(&self) -> Policies {
        Policies::new(&self.client, &self.namespace, &self.config.policy)
    }
}

// === impl ClusterConfig ===

impl ClusterConfig {
    /// Where other replicas reach this one.
    ///
    /// # Errors
    /// When it listens on a port that the system chose, and that cannot be read.
    fn address(&self) -> anyhow::Result<Option<String>> {
        if self.advertise.is_some() {
            return Ok(self.advertise.clone());
        }
        if self.listen.ip().is_unspecified() {
            return Ok(None);
        }
        // The port may be one that the system chose.
        Ok(Some(std::fs::read_to_string(self.state.join("address"))?))
    }
}

/// The Lease by which a policy's controllers agree who leads.
pub(crate) fn lease_name(policy: &str) -> String {
    format!("spillway-{policy}")
}

/// The definitions of both kinds, as YAML.
///
/// # Errors
/// When YAML cannot say them, which would be our mistake.
pub(crate) fn definitions() -> anyhow::Result<String> {
    let mut text = String::from("# Made by `spillway crd`: do not edit.\n");
    for definition in [scaling_policy_crd(), burst_instance_crd()] {
        text.push_str("---\n");
        text.push_str(&serde_yaml::to_string(&definition)?);
    }
    Ok(text)
}

const LOST: &str = "the lease is lost, another controller may lead now";

/// Problems as the API server tells them, one after the other.
pub(crate) fn told(problems: &[Problem]) -> String {
    let told = problems.iter().map(|problem| {
        let help = problem.help.as_ref().map(|help| format!(" ({help})"));
        format!(
            "{}: {}{}",
            problem.path,
            problem.message,
            help.unwrap_or_default()
        )
    });
    told.collect::<Vec<_>>().join("; ")
}
