//! The loop: observe ▶ plan ▶ check ▶ execute ▶ journal, once a second, when a step has ended, and when a burst comes.

mod beside;
mod peek;
mod policy_watch;
mod resume;
mod tick_trace;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use spillway_cloud::{Clock, Provider};
use spillway_core::assign::handover::SILENT_AFTER;
use spillway_core::{
    Action, AssignmentMode, IntentId, Mode, Outcome, Plan, Planner, Policy, ProviderKind, Snapshot,
    Violation, check,
};
use spillway_kafka::{BacklogSource, Cluster, ControlWriter, Fleet, FleetSnapshot, GroupLag};
use spillway_kube::Base;
use spillway_telemetry::{Span, within};
use spillway_wire::{Heartbeat, topics};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::api::{App, AppConfig};
use crate::assignment::{Assignment, Look};
use crate::cluster::Teller;
use crate::control::{ControlTopic, Desk};
use crate::execute::Executor;
use crate::history::{History, Keep};
use crate::http;
use crate::intents::{Intent, IntentStore};
use crate::journal::{Event, Journal};
use crate::kafka_args::KafkaArgs;
use crate::leadership::Leadership;
use crate::metrics::Metrics;
use crate::observe::{Heartbeats, Observed, Sources, of_group, readable_workers};
use crate::orders::OrderBook;
use crate::providers;
use crate::roll::Roll;
use crate::view::{Board, Chronicle, Lead, LoopView, OutcomeView, Scene};
use peek::Peek;
use policy_watch::PolicyWatch;
use tick_trace::{TickTrace, Times};
pub(crate) use tick_trace::{call, called};

/// The longest that a look at Kafka may take; what is not answered by then is unknown.
const BACKLOG_DEADLINE: Duration = Duration::from_millis(800);
/// The longest that a tick waits for what the last leader told the workers; without it, the next one asks again.
const RECORDS_DEADLINE: Duration = Duration::from_secs(3);
/// Ticks begin so often when nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// Steps carried out at the same time.
const STEPS_MAX: usize = 16;
/// How long the end waits for steps and machines before it gives up and says so.
const END_DEADLINE: Duration = Duration::from_secs(30);

/// How a controller runs.
pub(crate) struct RunConfig {
    pub(crate) policy: Policy,
    /// The policy as it was written.
    pub(crate) manifest: String,
    /// A policy that is tried out beside it.
    pub(crate) shadow: Option<Policy>,
    /// How Kafka is reached beside its address.
    pub(crate) kafka: KafkaArgs,
    pub(crate) owner: String,
    /// Folder of intents, journal, lock and the machines of the `process` provider.
    pub(crate) state: PathBuf,
    /// Folder of the machines of the `process` provider; the state folder unless replicas share them.
    pub(crate) machines: PathBuf,
    pub(crate) listen: SocketAddr,
    /// Who may ask what of the server.
    pub(crate) app: AppConfig,
    /// What the history keeps.
    pub(crate) keep: Keep,
    /// Program and arguments of a worker.
    pub(crate) worker_command: Vec<String>,
    /// Whether all machines are ended with the controller, rather than left for the next one.
    pub(crate) terminate_on_exit: bool,
    /// Closed intents that are kept one by one.
    pub(crate) closed_max: usize,
}

/// What a loop stands on: who may act, and where its intents are.
pub(crate) struct Ground {
    pub(crate) leadership: Arc<Leadership>,
    pub(crate) intents: Arc<IntentStore>,
    /// The base's workload, where its scale is ours.
    pub(crate) base: Option<Arc<Base>>,
    /// Who tells the cluster what was decided.
    pub(crate) teller: Option<Teller>,
    /// What people have ordered.
    pub(crate) orders: Arc<OrderBook>,
    /// In a cluster: this replica's name, and the namespace.
    pub(crate) replica: Option<(String, String)>,
}

/// What a loop looks at and speaks to.
pub(crate) struct Surroundings {
    pub(crate) backlog: Arc<dyn BacklogSource>,
    pub(crate) fleet: Arc<dyn Heartbeats>,
    pub(crate) control: Box<dyn ControlTopic>,
    pub(crate) providers: Providers,
    pub(crate) clock: Clock,
}

pub(crate) struct Controller {
    planner: Planner,
    sources: Sources,
    executor: Arc<Executor>,
    desk: Desk,
    /// Who reads what; none where Kafka assigns, and until the control topic was read.
    assignment: Option<Assignment>,
    token: u64,
    journal: Journal,
    board: Arc<Board>,
    orders: Arc<OrderBook>,
    metrics: Arc<Metrics>,
    ticking: LoopView,
    steps: Arc<Semaphore>,
    ended: mpsc::Sender<(IntentId, Outcome)>,
    ended_from: mpsc::Receiver<(IntentId, Outcome)>,
    last_sentence: String,
    peek: Peek,
    chronicle: Chronicle,
    revision: String,
    teller: Option<Teller>,
    clock: Clock,
}

/// Runs under the policy of `file` until `stop`.
///
/// # Errors
/// When it cannot begin, or its state folder can no longer be written.
pub(crate) async fn run(
    config: RunConfig,
    file: &Path,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let ground = Ground {
        leadership: Arc::new(Leadership::take(&config.state)?),
        intents: Arc::new(
            IntentStore::open(config.state.join("intents"))?.keeping(config.closed_max),
        ),
        base: None,
        teller: None,
        orders: Arc::new(OrderBook::of_file(config.state.join("orders.json"))?),
        replica: None,
    };
    let history = History::open(&config.state.join("journal"), config.keep)?;
    let board = Arc::new(Board::new(Arc::clone(&history)));
    let app = App::new(Arc::clone(&board), &config.app, config.listen, None)?;
    let mut controller = Controller::begin(&config, ground, board, None)?;
    let server = serve(config.listen, &config.state, app).await?;
    let watch = PolicyWatch::new(file, &config.manifest, &controller.metrics);
    let watching = tokio::spawn(watch.run());
    controller.go(stop).await?;
    watching.abort();
    info!("stopping");
    controller.end(config.terminate_on_exit).await?;
    server.abort();
    history.close();
    Ok(())
}

/// Serves the dashboard, the API and metrics.
///
/// # Errors
/// When the address cannot be had.
pub(crate) async fn serve(
    listen: SocketAddr,
    state: &Path,
    app: Arc<App>,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    info!(%address, "dashboard is up");
    // For whoever started us with port 0.
    crate::files::replace(&state.join("address"), address.to_string().as_bytes())?;
    Ok(tokio::spawn(http::serve(listener, app)))
}

// === impl Controller ===

impl Controller {
    /// Begins, with what an earlier loop has learned.
    ///
    /// # Errors
    /// When something that it needs is not there.
    pub(crate) fn begin(
        config: &RunConfig,
        ground: Ground,
        board: Arc<Board>,
        learned: Option<Planner>,
    ) -> anyhow::Result<Self> {
        let policy = &config.policy;
        if starts_processes(policy) {
            require_worker(&config.worker_command)?;
        }
        let cluster = Cluster::new(config.kafka.reach(policy.bootstrap_servers()))?;
        let fleet = Fleet::follow(Arc::clone(&cluster), topics::WORKERS)?;
        let providers = providers::of(policy, &config.owner, &config.machines)?;
        let jobs = policy.topics().iter();
        let jobs: Vec<String> = jobs.map(|topic| topic.name.clone()).collect();
        let lag = GroupLag::new(
            Arc::clone(&cluster),
            policy.consumer_group(),
            jobs,
            BACKLOG_DEADLINE,
        )?;
        let surroundings = Surroundings {
            backlog: Arc::new(lag),
            fleet: Arc::new(fleet),
            control: Box::new(ControlWriter::new(cluster, topics::CONTROL)),
            providers: providers::counted(providers, board.metrics()),
            clock: Clock::default(),
        };
        Self::among(surroundings, config, ground, board, learned)
    }

    /// The same among given surroundings.
    ///
    /// # Errors
    /// When its state folder cannot be written.
    pub(crate) fn among(
        surroundings: Surroundings,
        config: &RunConfig,
        ground: Ground,
        board: Arc<Board>,
        learned: Option<Planner>,
    ) -> anyhow::Result<Self> {
        let policy = config.policy.clone();
        let Surroundings {
            backlog,
            fleet,
            control,
            providers,
            clock,
        } = surroundings;
        let Ground {
            leadership,
            intents,
            base,
            teller,
            orders,
            replica,
        } = ground;
        let is_group = policy.assignment() == AssignmentMode::Group;
        let sources = Sources {
            roll: is_group.then(|| Roll::of(Arc::clone(&backlog))),
            backlog,
            fleet: Arc::clone(&fleet),
            policy: policy.name().to_owned(),
            group: policy.consumer_group().to_owned(),
            providers: providers.clone(),
            intents: Arc::clone(&intents),
            base: base.clone(),
            clock: clock.clone(),
        };
        let executor = Executor {
            owner: config.owner.clone(),
            policy: policy.clone(),
            worker_command: config.worker_command.clone(),
            kafka: config.kafka.clone(),
            intents: Arc::clone(&intents),
            providers,
            fleet,
            leadership: Arc::clone(&leadership),
            base,
            clock: clock.clone(),
            doubts: Mutex::default(),
        };
        // Before the journal begins, so that a replay knows what was spent too.
        let under = (policy, config.shadow.clone());
        let planner = resume::resume(learned, under, &intents, clock.now());
        let history = Arc::clone(board.history());
        let journal = Journal::begin(config.state.join("journal"), history, &planner)?;
        let (ended_to, ended) = mpsc::channel(STEPS_MAX * 4);
        let lease = planner.policy().dead_man_lease();
        let token = leadership.token;
        info!(policy = planner.policy().name(), token, "leading");
        let (identity, namespace) = replica.unzip();
        let revision = beside::revision(planner.policy())?;
        board.begin(Lead {
            policy: planner.policy().clone(),
            manifest: config.manifest.clone(),
            revision: revision.clone(),
            orders: Arc::clone(&orders),
            intents,
            token,
            since: clock.now(),
            identity,
            namespace,
        });
        let metrics = Arc::clone(board.metrics());
        Ok(Self {
            planner,
            sources,
            executor: Arc::new(executor),
            desk: Desk::new(control, lease, token),
            assignment: None,
            token,
            journal,
            board,
            orders,
            metrics,
            ticking: LoopView::default(),
            steps: Arc::new(Semaphore::new(STEPS_MAX)),
            ended: ended_to,
            ended_from: ended,
            last_sentence: String::new(),
            peek: Peek::default(),
            chronicle: Chronicle::default(),
            revision,
            teller,
            clock,
        })
    }

    /// Ticks until `stop`.
    ///
    /// # Errors
    /// When its state folder can no longer be written.
    pub(crate) async fn go(&mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::pin!(stop);
        let orders = Arc::clone(&self.orders);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // In this order, and not by chance: a made world is the same again. Each of them is followed by a tick.
                biased;
                () = &mut stop => return Ok(()),
                Some((intent, outcome)) = self.ended_from.recv() => {
                    self.finished(&intent, &outcome)?;
                    while let Ok((intent, outcome)) = self.ended_from.try_recv() {
                        self.finished(&intent, &outcome)?;
                    }
                    // What a step changed may ask for the next one: no need to wait for the second to end.
                }
                // Whoever orders something sees it followed at once.
                () = orders.changed() => {}
                // A burst does not wait for the second to end.
                () = self.peek.burst(&*self.sources.backlog) => {}
                _ = ticks.tick() => {}
            }
            self.tick().await?;
        }
    }

    async fn tick(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut times = Times::begin();
        let Observed {
            mut snapshot,
            heartbeats,
            orphans,
            has_listed,
        } = self.sources.observe().await;
        times.observed();
        self.take_orders(&mut snapshot).await?;
        // Whoever led while all of this was looked at knows every intent: what has none is an orphan for good.
        let led = self.executor.leadership.is_held();
        self.planner.observe(snapshot.clone());
        self.journal.write(&Event::Observed {
            snapshot: Box::new(snapshot.clone()),
        })?;
        let plan = self.planner.plan(self.clock.now());
        let violations = check(self.planner.policy(), &snapshot, &plan);
        let decision = self.chronicle.decision(
            self.planner.policy(),
            &self.revision,
            (&plan, &violations),
            || self.board.history().next_id(),
        );
        let event = Event::Planned {
            plan: Box::new(plan.clone()),
            violations: violations.clone(),
            decision: decision.as_ref().map(|it| it.id),
        };
        self.journal.write(&event)?;
        let trace = self.trace(times, &plan, &violations);
        if !violations.is_empty() {
            refuse(&violations);
        } else if self.planner.policy().mode() == Mode::Enforce {
            for action in &plan.actions {
                self.start(action, &trace)?;
            }
        }
        self.journal.flush(&self.planner)?;
        self.peek.ticked(&plan);
        let name = self.planner.policy().name();
        self.metrics.planned(name, &plan, !violations.is_empty());
        self.board.show(&Scene {
            policy: self.planner.policy(),
            snapshot: &snapshot,
            plan: &plan,
            decision,
            heartbeats: &heartbeats,
            intents: &self.sources.intents,
            beliefs: self.planner.beliefs(),
            spent_today: self.planner.spent_today(plan.at),
            refusals: self.refusals(plan.at),
            orphans: has_listed.then_some(orphans.len() as u64),
            ticking: self.ticking,
        });
        if let Some(teller) = &self.teller {
            let not_in_force = self.metrics.not_in_force();
            teller.tell(
                self.planner.policy(),
                &snapshot,
                &plan,
                not_in_force.as_ref(),
            );
        }
        self.log(&plan.sentence(), plan.numbers.backlog, began);
        if led {
            self.control(&snapshot).await?;
        }
        if led && self.planner.policy().mode() == Mode::Enforce {
            self.end_orphans(orphans).await;
        }
        let elapsed = began.elapsed().as_secs_f64();
        self.metrics.ticked(self.planner.policy().name(), elapsed);
        self.ticking = LoopView {
            tick_seconds: elapsed,
            ticks: self.ticking.ticks + 1,
        };
        Ok(())
    }

    /// Says to the workers what is desired of them.
    async fn control(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let intents = self.sources.intents.open_intents();
        if self.planner.policy().assignment() == AssignmentMode::Group {
            let wishes = self.desk.wishes(&intents);
            self.desk.keep(&wishes).await;
            return Ok(());
        }
        if self.assignment.is_none() {
            match self.desk.read(RECORDS_DEADLINE).await {
                Ok(records) => {
                    let group = self.planner.policy().consumer_group();
                    self.assignment = Some(Assignment::resume(self.token, group, records));
                }
                Err(error) => {
                    warn!(%error, "workers are told nothing yet");
                    return Ok(());
                }
            }
        }
        let Some(assignment) = &mut self.assignment else {
            return Ok(());
        };
        let fleet = of_group(self.sources.fleet.snapshot(), &self.sources.group);
        let workers = readable_workers(&fleet).is_ok();
        let retiring = retiring(&intents, &fleet);
        let now = self.clock.now();
        let dealt = assignment.step(&Look {
            now,
            policy: self.planner.policy(),
            beliefs: self.planner.beliefs(),
            backlog: snapshot.backlog.as_ref().ok(),
            workers: workers.then_some(fleet.workers.as_slice()),
            retiring: &retiring,
        });
        if !dealt.is_empty() {
            info!(
                moves = dealt.moves.len(),
                count = dealt.told.len(),
                "assigned"
            );
            // Before it is said: what nobody can explain was not decided.
            self.journal.write(&Event::Assigned { at: now, dealt })?;
            self.journal.flush(&self.planner)?;
        }
        let alive: Vec<&Heartbeat> = fleet
            .workers
            .iter()
            .filter(|seen| now.duration_since(seen.received_at) < SILENT_AFTER)
            .map(|seen| &seen.heartbeat)
            .collect();
        let wishes = self.desk.wishes_of(assignment, &intents, &alive);
        self.desk.keep(&wishes).await;
        Ok(())
    }

    /// The trace of a tick that says something new.
    fn trace(&self, times: Times, plan: &Plan, violations: &[Violation]) -> TickTrace {
        let is_news = plan.sentence() != self.last_sentence;
        if !is_news && plan.actions.is_empty() && violations.is_empty() {
            return TickTrace::default();
        }
        TickTrace::begin(self.planner.policy().name(), times, plan, violations)
    }

    fn log(&mut self, sentence: &str, backlog: Option<u64>, began: Instant) {
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if sentence == self.last_sentence {
            tracing::debug!(backlog, elapsed_ms, sentence, "planned");
        } else {
            info!(backlog, elapsed_ms, sentence, "planned");
            sentence.clone_into(&mut self.last_sentence);
        }
    }

    fn start(&mut self, action: &Action, trace: &TickTrace) -> anyhow::Result<()> {
        info!(intent = %action.intent(), action = action.verb(), reason = action.why().code(), "started");
        self.planner.started(action);
        self.journal.write(&Event::Started {
            at: self.clock.now(),
            action: action.clone(),
        })?;
        let (executor, steps, ended) = (
            Arc::clone(&self.executor),
            Arc::clone(&self.steps),
            self.ended.clone(),
        );
        let action = action.clone();
        let span = trace.step(&action);
        let parent = span.as_ref().map(Span::parent);
        tokio::spawn(async move {
            let _turn = steps.acquire().await;
            let outcome = within(parent, executor.execute(&action)).await;
            tick_trace::ended(span, &outcome);
            // The loop is gone: the next controller finds the intent as it was written.
            let _ = ended.send((action.intent().clone(), outcome)).await;
        });
        Ok(())
    }

    fn finished(&mut self, intent: &IntentId, outcome: &Outcome) -> anyhow::Result<()> {
        let at = self.clock.now();
        match outcome {
            Outcome::Done => info!(%intent, "finished"),
            Outcome::NotLaunched { fault, .. } => {
                warn!(%intent, kind = fault.as_str(), "was not launched")
            }
            Outcome::Unknown { why } => warn!(%intent, error = why, "outcome is unknown"),
            Outcome::Failed { why } => warn!(%intent, error = why, "failed, will be tried again"),
        }
        let told = serde_json::to_value(OutcomeView::of(at, outcome))?;
        let policy = self.planner.policy().name();
        self.board.history().outcome(policy, intent.as_str(), told);
        self.planner.finished(at, intent, outcome);
        let event = Event::Finished {
            at,
            intent: intent.clone(),
            outcome: outcome.clone(),
        };
        self.journal.write(&event)
    }

    /// Ends what was begun and gives what was learned.
    ///
    /// # Errors
    /// When machines could not be seen to end, or the journal cannot be written.
    pub(crate) async fn end(mut self, terminate: bool) -> anyhow::Result<Planner> {
        // Steps that were begun end first: a launch that is under way must be in its intent.
        let all = u32::try_from(STEPS_MAX).unwrap_or(u32::MAX);
        let idle = tokio::time::timeout(END_DEADLINE, self.steps.acquire_many(all)).await;
        if idle.is_err() {
            warn!("some steps had not ended; the next controller finds them in their intents");
        }
        if terminate {
            self.terminate_all().await?;
        }
        self.journal.flush(&self.planner)?;
        Ok(self.planner)
    }

    /// Ends every machine and closes its intent once the provider shows it gone.
    async fn terminate_all(&self) -> anyhow::Result<()> {
        let until = Instant::now() + END_DEADLINE;
        let intents = &self.sources.intents;
        let why = spillway_core::Reason::ControllerEnded;
        let orders = intents.open_intents().into_iter().map(|intent| {
            let (executor, why) = (&self.executor, why.clone());
            async move {
                executor
                    .execute(&Action::Terminate {
                        intent: intent.id,
                        why,
                    })
                    .await
            }
        });
        join_all(orders).await;
        loop {
            let listed = self.sources.observe().await.snapshot.instances;
            for seen in &listed {
                use spillway_core::Machine;
                if matches!(seen.machine, Ok(Machine::Terminated | Machine::NotListed)) {
                    let action = Action::Close {
                        intent: seen.intent.clone(),
                        why: why.clone(),
                    };
                    self.executor.execute(&action).await;
                }
            }
            if intents.open_intents().is_empty() {
                info!("every machine is gone");
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < until,
                "{} machines could not be seen to end",
                intents.open_intents().len()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Whether a pool's machines are processes on this machine: only they need the worker's program here.
fn starts_processes(policy: &Policy) -> bool {
    std::iter::once(policy.base())
        .chain(policy.pools())
        .any(|pool| matches!(pool.provider, ProviderKind::Process { .. }))
}

/// Looks whether a worker's program is there.
///
/// # Errors
/// When it is not.
pub(crate) fn require_worker(command: &[String]) -> anyhow::Result<()> {
    let program = command.first().map(Path::new);
    anyhow::ensure!(
        program.is_some_and(Path::is_file),
        "there is no worker at {}: build it (`make build`) or name it with --worker",
        program.unwrap_or(Path::new("")).display()
    );
    Ok(())
}

/// Workers whose machines are for good on their way out.
fn retiring(intents: &[Intent], fleet: &FleetSnapshot) -> BTreeSet<String> {
    let retiring: BTreeSet<&str> = intents
        .iter()
        .filter(|intent| intent.is_retiring())
        .map(|intent| intent.id.as_str())
        .collect();
    let workers = fleet.workers.iter().map(|seen| &seen.heartbeat);
    workers
        .filter(|beat| {
            let instance = beat.instance.as_ref();
            instance.is_some_and(|it| retiring.contains(it.intent.as_str()))
        })
        .map(|beat| beat.worker.clone())
        .collect()
}

fn refuse(violations: &[Violation]) {
    let what: Vec<String> = violations.iter().map(Violation::to_string).collect();
    error!(violations = what.join("; "), "the checker refused the plan");
}

/// Providers by pool, as the loop and the executor share them.
pub(crate) type Providers = BTreeMap<String, Arc<dyn Provider>>;
