//! One controller after another on one state folder, in a made world: the real loop, executor, intents and adapters.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spillway_cloud::{
    Azure, AzureConfig, AzureCredentials, CallBudget, Gce, GceConfig, GceCredentials, Net, Oci,
    OciConfig, OciCredentials, Provider, Secret, UserData,
};
use spillway_core::{Dollars, IntentId, Policy, ProviderKind};
use spillway_emulators::state::Machine;
use spillway_emulators::{CloudKind, Phase};

use super::kafka::Kafka;
use super::made::{CLOUDS, Made};
use super::points;
use crate::api::AppConfig;
use crate::history::{History, Keep};
use crate::intents::{CLOSED_MAX, IntentStore};
use crate::journal;
use crate::kafka_args::KafkaArgs;
use crate::leadership::Leadership;
use crate::orders::OrderBook;
use crate::providers::{azure, gcp, oci};
use crate::run::{Controller, Ground, Providers, RunConfig, Surroundings};
use crate::view::Board;

const OWNER: &str = "trial";
/// What a trial's history keeps: all of it.
const KEEP: Keep = Keep {
    days: 30,
    bytes: 1 << 30,
};
/// A machine that no open intent stands for is gone after this long.
pub(super) const ORPHAN_MAX: SignedDuration = SignedDuration::from_secs(60);
/// How often a world is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What a launch waits for a refusal that comes late.
const LAUNCH_WAIT: Duration = Duration::from_secs(2);

/// A world and the state folder of its controllers.
pub(super) struct Stage {
    pub(super) made: Arc<Made>,
    pub(super) policy: Policy,
    folder: tempfile::TempDir,
    /// Since when machines have no open intent.
    unknown_since: BTreeMap<(CloudKind, u64), Timestamp>,
    budgets: BTreeMap<CloudKind, Arc<CallBudget>>,
    /// Until when it goes wrong on purpose: before that nothing is expected to be at rest.
    pub(super) wrong_until: Timestamp,
    pub(super) worst: Worst,
    /// How long turns of the loop took of our own time.
    pub(super) ticks: Vec<Duration>,
}

/// The largest of what is bounded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worst {
    pub(super) orphan: SignedDuration,
    pub(super) machines: u64,
}

/// How a life ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It passed its last point.
    Died,
    /// All is done and nothing is left.
    Rest,
    /// Its time was over.
    Over,
    /// What may never be was.
    Broken(String),
}

/// What is left at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) waiting: u64,
    pub(super) open_intents: Vec<IntentId>,
    pub(super) machines: Vec<String>,
    pub(super) parts: usize,
}

// === impl Stage ===

impl Stage {
    /// # Panics
    /// If the policy is none, or there is no room for a folder.
    pub(super) fn new(policy: &str) -> Self {
        let policy = crate::policy_file::parse("trial.yaml", policy)
            .unwrap_or_else(|report| panic!("{report:?}"));
        let at: Timestamp = "2026-05-01T12:00:00Z".parse().expect("a time");
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let made = Made::new(at);
        made.world.record_at_most(0);
        for kind in CLOUDS {
            made.world.with(kind, |cloud, _| {
                if kind == CloudKind::Oci {
                    assert!(cloud.register(KEY_ID.to_owned(), &key().1));
                }
            });
        }
        Self {
            made,
            policy,
            folder: folder.expect("a folder"),
            unknown_since: BTreeMap::new(),
            budgets: BTreeMap::new(),
            wrong_until: at,
            worst: Worst::default(),
            ticks: Vec::new(),
        }
    }

    /// Lives once: until it dies, or all is done, or `time` is over. The next life begins `pause` later.
    pub(super) fn live(
        &mut self,
        dies_at: Option<u64>,
        time: SignedDuration,
        pause: SignedDuration,
    ) -> (End, Vec<&'static str>) {
        points::begin(dies_at);
        // A process has its own, and a runtime its own instants.
        self.budgets = CLOUDS
            .map(|kind| (kind, Arc::new(CallBudget::new(kind.as_str()))))
            .into();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let end = runtime.block_on(async {
            let made = Arc::clone(&self.made);
            made.time.go();
            let end = self.act(time).await;
            made.time.stop(pause);
            end
        });
        drop(runtime);
        let (passed, ticks) = points::end();
        self.ticks.extend(ticks);
        (end, passed)
    }

    /// Nobody lives for `time`: machines do what they do.
    pub(super) fn idle(&mut self, time: SignedDuration) -> End {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            self.made.time.go();
            let until = self.made.time.now() + time;
            let lease = self.policy.dead_man_lease();
            while self.made.time.now() < until {
                self.made.settle(lease);
                tokio::time::sleep(LOOK_EVERY).await;
            }
            self.made.time.stop(SignedDuration::ZERO);
        });
        End::Over
    }

    async fn act(&mut self, time: SignedDuration) -> End {
        let (mut controller, intents, history) = match self.begin() {
            Ok(begun) => begun,
            Err(_) if points::is_dead() => return End::Died,
            Err(error) => return End::Broken(format!("it cannot begin: {error:#}")),
        };
        let until = self.made.time.now() + time;
        let end = tokio::select! {
            biased;
            () = points::died() => End::Died,
            ended = controller.go(std::future::pending()) => {
                if points::is_dead() { End::Died } else { End::Broken(format!("it ended: {ended:?}")) }
            }
            end = self.watch(&intents, until) => end,
        };
        // Its thread outlives no life: the next one opens the same file.
        history.close();
        end
    }

    fn begin(&self) -> anyhow::Result<(Controller, Arc<IntentStore>, Arc<History>)> {
        let state = self.folder.path();
        let intents = Arc::new(IntentStore::open(state.join("intents"))?);
        let ground = Ground {
            leadership: Arc::new(Leadership::take(state)?),
            intents: Arc::clone(&intents),
            base: None,
            teller: None,
            orders: Arc::new(OrderBook::of_file(state.join("orders.json"))?),
            replica: None,
        };
        let kafka = || Kafka(Arc::clone(&self.made));
        let surroundings = Surroundings {
            backlog: Arc::new(kafka()),
            fleet: Arc::new(kafka()),
            control: Box::new(kafka()),
            providers: self.providers(),
            clock: self.made.clock(),
        };
        let config = RunConfig {
            policy: self.policy.clone(),
            manifest: String::new(),
            shadow: None,
            kafka: KafkaArgs::default(),
            owner: OWNER.to_owned(),
            state: state.to_owned(),
            machines: state.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            app: AppConfig::default(),
            keep: KEEP,
            worker_command: vec!["worker".to_owned()],
            terminate_on_exit: false,
            closed_max: CLOSED_MAX,
        };
        let history = History::open(&state.join("journal"), KEEP)?;
        let board = Arc::new(Board::new(Arc::clone(&history)));
        let begun = Controller::among(surroundings, &config, ground, board, None);
        match begun {
            Ok(controller) => Ok((controller, intents, history)),
            Err(error) => {
                history.close();
                Err(error)
            }
        }
    }

    fn providers(&self) -> Providers {
        let pools = self.policy.pools().iter();
        let providers = pools.map(|pool| {
            let user_data: UserData =
                Arc::new(|request| format!("#cloud-config\n# {}\n", request.intent));
            let provider: Arc<dyn Provider> = match &pool.provider {
                ProviderKind::Oci(it) => {
                    let machine = oci::machine(it, pool);
                    let credentials = OciCredentials::ApiKey {
                        tenancy: "t".to_owned(),
                        user: "u".to_owned(),
                        fingerprint: "f".to_owned(),
                        private_key: Secret::new(key().0.as_str()),
                    };
                    let config = OciConfig::new(OWNER, machine, user_data, credentials);
                    Arc::new(
                        Oci::new(OciConfig {
                            net: self.net(CloudKind::Oci),
                            launch_wait: LAUNCH_WAIT,
                            ..config
                        })
                        .expect("usable"),
                    )
                }
                ProviderKind::Gcp(it) => {
                    let machine = gcp::machine(it, pool);
                    let account = serde_json::json!({
                        "type": "service_account", "private_key_id": "k",
                        "private_key": key().0, "client_email": "us@p.iam.gserviceaccount.com",
                        "token_uri": "https://oauth2.googleapis.com/token",
                    });
                    let account = Secret::new(account.to_string());
                    let credentials = GceCredentials::ServiceAccountKey(account);
                    let config = GceConfig::new(OWNER, machine, user_data, credentials);
                    let config = GceConfig {
                        net: self.net(CloudKind::Gce),
                        launch_wait: LAUNCH_WAIT,
                        ..config
                    };
                    Arc::new(Gce::new(config).expect("usable"))
                }
                ProviderKind::Azure(it) => {
                    let machine = azure::machine(it, pool);
                    let credentials = AzureCredentials::ClientSecret {
                        tenant: "t".to_owned(),
                        client: "c".to_owned(),
                        secret: Secret::new("s"),
                    };
                    let config = AzureConfig::new(OWNER, machine, user_data, credentials);
                    Arc::new(
                        Azure::new(AzureConfig {
                            net: self.net(CloudKind::Azure),
                            launch_wait: LAUNCH_WAIT,
                            ..config
                        })
                        .expect("usable"),
                    )
                }
                #[cfg(feature = "ec2")]
                ProviderKind::Aws(it) => {
                    use spillway_ec2::{Ec2, Ec2Config, Ec2Credentials};
                    Arc::new(Ec2::new(Ec2Config {
                        owner: OWNER.to_owned(),
                        endpoint: None,
                        machine: crate::providers::aws::machine(it, pool),
                        user_data,
                        credentials: Ec2Credentials::Key {
                            id: "AKID".to_owned(),
                            secret: Secret::new("secret"),
                        },
                        net: self.net(CloudKind::Aws),
                    }))
                }
                other => panic!("{other:?} is not made here"),
            };
            (pool.name.clone(), provider)
        });
        providers.collect()
    }

    fn net(&self, kind: CloudKind) -> Net {
        Net {
            timeout: Duration::from_secs(10),
            clock: self.made.clock(),
            carrier: Some(self.made.carrier(kind)),
            budget: Some(Arc::clone(&self.budgets[&kind])),
            ..Net::default()
        }
    }

    /// Looks until all is at rest, or what may never be was.
    async fn watch(&mut self, intents: &IntentStore, until: Timestamp) -> End {
        let lease = self.policy.dead_man_lease();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.made.settle(lease);
            let now = self.made.time.now();
            if let Err(broken) = self.hold(intents, now) {
                return End::Broken(broken);
            }
            let is_calm = now >= self.wrong_until && self.made.state().late.is_empty();
            if is_calm && self.made.waiting() == 0 && self.left(intents).is_nothing() {
                return End::Rest;
            }
            if now >= until {
                return End::Over;
            }
        }
    }

    /// What must hold at every moment.
    fn hold(&mut self, intents: &IntentStore, now: Timestamp) -> Result<(), String> {
        let mut placed: BTreeMap<String, u64> = BTreeMap::new();
        let mut cost = Dollars::ZERO;
        for kind in CLOUDS {
            self.one_per_intent(kind)?;
            for machine in self.made.alive(kind) {
                let intent = intents.get(&IntentId::from(machine.intent));
                let is_known = intent.as_ref().is_some_and(|intent| !intent.is_closed());
                let key = (kind, machine.number);
                if is_known || machine.is_ending {
                    self.unknown_since.remove(&key);
                } else {
                    let since = *self.unknown_since.entry(key).or_insert(now);
                    let unknown = now.duration_since(since);
                    self.worst.orphan = self.worst.orphan.max(unknown);
                    if unknown > ORPHAN_MAX {
                        return Err(format!("{} has no intent for {unknown:#}", machine.name));
                    }
                }
                let pool = machine.pool;
                if let Some(pool) = self.policy.pool(&pool) {
                    cost = cost.plus(pool.price_per_hour);
                }
                if !machine.is_ending && !intent.is_some_and(|intent| intent.is_retiring()) {
                    *placed.entry(pool).or_default() += 1;
                }
            }
        }
        let all = placed.values().sum();
        self.worst.machines = self.worst.machines.max(all);
        for (pool, count) in &placed {
            let max = self.policy.pool(pool).map_or(0, |pool| u64::from(pool.max));
            if *count > max {
                return Err(format!(
                    "{count} machines of {pool}, which has at most {max}"
                ));
            }
        }
        let max = u64::from(self.policy.burst_max());
        if all > max {
            return Err(format!("{all} machines, of at most {max}"));
        }
        match self.policy.budget_per_hour() {
            Some(budget) if cost > budget => {
                Err(format!("{cost:?} an hour, of at most {budget:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Never two machines for an intent: not at the same time, and not one after the other either.
    ///
    /// But for Azure, which knows a request by its machine's name alone, and forgets that with the machine.
    fn one_per_intent(&self, kind: CloudKind) -> Result<(), String> {
        let two = self.two_of_intents(kind).into_iter();
        let mut wrong = two.filter(|two| kind != CloudKind::Azure || !two.1);
        wrong.next().map_or(Ok(()), |(what, _)| Err(what))
    }

    /// Intents that had two machines, and whether the first was gone before the second came.
    pub(super) fn two_of_intents(&self, kind: CloudKind) -> Vec<(String, bool)> {
        self.made.world.with(kind, |cloud, _| {
            let mut seen: BTreeMap<&str, &Machine> = BTreeMap::new();
            let mut two = Vec::new();
            for machine in cloud.machines.values().filter(|it| it.fails.is_none()) {
                let Some(intent) = machine.tags.get("spillway-intent") else {
                    continue;
                };
                let Some(first) = seen.insert(intent, machine) else {
                    continue;
                };
                let gone_at = first.ending.as_ref().and_then(|ending| ending.gone_at);
                let is_gone = gone_at.is_some_and(|gone_at| gone_at <= machine.launched_at);
                let what = format!(
                    "{intent} has two machines: {} from {} until {:?}, {} from {}",
                    first.id, first.launched_at, first.ending, machine.id, machine.launched_at
                );
                two.push((what, is_gone));
            }
            two
        })
    }

    fn left(&self, intents: &IntentStore) -> Left {
        let mut machines = Vec::new();
        let mut parts = 0;
        for kind in CLOUDS {
            let alive = self.made.alive(kind).into_iter();
            machines.extend(alive.map(|machine| machine.name));
            parts += self.made.world.with(kind, |cloud, now| {
                let all = cloud.machines.values();
                let orphans = all.map(|machine| machine.orphaned_parts(now).count());
                // What came to nothing and is still there costs its parts.
                let failed = cloud.machines.values();
                let failed = failed.filter(|machine| machine.phase(now) == Phase::Failed);
                orphans.sum::<usize>() + failed.count()
            });
        }
        let open = intents.open_intents().into_iter();
        Left {
            waiting: self.made.waiting(),
            open_intents: open.map(|intent| intent.id).collect(),
            machines,
            parts,
        }
    }

    /// From each decision to launch, as the journal has it, until its first call came to its cloud.
    ///
    /// # Panics
    /// If there is no journal.
    pub(super) fn decision_to_call(&self) -> Vec<SignedDuration> {
        let mut called: BTreeMap<String, Timestamp> = BTreeMap::new();
        for kind in CLOUDS {
            self.made.world.with(kind, |cloud, _| {
                for machine in cloud.machines.values() {
                    let intent = machine.tags.get("spillway-intent").cloned();
                    called.extend(intent.map(|intent| (intent, machine.launched_at)));
                }
            });
        }
        let mut decided: BTreeMap<String, Timestamp> = BTreeMap::new();
        let read = journal::read(&self.folder.path().join("journal"), |event| {
            if let journal::Event::Started { at, action } = event
                && matches!(action, spillway_core::Action::Launch { .. })
            {
                decided.entry(action.intent().to_string()).or_insert(at);
            }
        });
        read.expect("a journal");
        let waits = decided.iter();
        waits
            .filter_map(|(intent, at)| Some(called.get(intent)?.duration_since(*at)))
            .collect()
    }

    /// What is left now, by the folder.
    ///
    /// # Panics
    /// If the intents cannot be read.
    pub(super) fn left_now(&self) -> Left {
        let intents = IntentStore::open(self.folder.path().join("intents"));
        self.left(&intents.expect("intents"))
    }
}

// === impl Left ===

impl Left {
    pub(super) fn is_nothing(&self) -> bool {
        self.waiting == 0
            && self.open_intents.is_empty()
            && self.machines.is_empty()
            && self.parts == 0
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} jobs wait; open: {:?}; machines: {:?}; {} parts",
            self.waiting, self.open_intents, self.machines, self.parts
        )
    }
}

const KEY_ID: &str = "t/u/f";

/// A throwaway key in PEM, private and public: made once, since it takes a while.
fn key() -> &'static (String, String) {
    static KEY: OnceLock<(String, String)> = OnceLock::new();
    KEY.get_or_init(|| {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
        use aws_lc_rs::rsa::{KeyPair, KeySize};
        use aws_lc_rs::signature::KeyPair as _;

        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("a DER");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a DER");
        (
            pem("PRIVATE KEY", private.as_ref()),
            pem("PUBLIC KEY", public.as_ref()),
        )
    })
}

fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}
