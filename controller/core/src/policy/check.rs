//! From a policy as written to one that is trusted: every problem with its path, none hidden by another.

mod clouds;
mod join;
mod kubernetes;
mod schedule;

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::{
    AssignmentMode, BASE_POOL, Market, Mode, Place, Policy, Pool, Problem, ProviderKind,
    TopicClass, Workload, clouds::Join, duration, raw,
};
use crate::units::{Dollars, Rate, spoken};

const API_VERSION: &str = "spillway.dev/v1alpha1";
const KIND: &str = "ScalingPolicy";
/// Tags on machines hold these names, and Google's labels, the tightest, end at 63 characters.
const NAME_BYTES_MAX: usize = 40;
/// More workers than this in one policy is a typing error.
const WORKERS_MAX: u32 = 10_000;

/// Collects problems; gives a value for everything, so that checking goes on.
#[derive(Default)]
struct Problems(Vec<Problem>);

pub(super) fn policy(raw: &raw::ScalingPolicy) -> Result<Policy, Vec<Problem>> {
    let mut problems = Problems::default();
    problems.constant("apiVersion", raw.api_version.as_deref(), API_VERSION);
    problems.constant("kind", raw.kind.as_deref(), KIND);
    let name = raw
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.name.as_deref());
    let name = problems.name("metadata.name", name);

    let empty = raw::Spec::default();
    let spec = raw.spec.as_ref().unwrap_or(&empty);
    let mode = problems.choice("spec.mode", spec.mode.as_deref(), MODES, Mode::Enforce);
    let objective = spec.objective.clone().unwrap_or_default();
    let drain_within = problems.duration("spec.objective.drainWithin", &objective.drain_within);
    let source = source(&mut problems, spec, drain_within);
    let (base, base_kept, base_workload) = base(&mut problems, spec);
    let burst = burst(&mut problems, spec, &source.bootstrap_servers, drain_within);
    let behavior = spec.behavior.clone().unwrap_or_default();
    let mut behave = |field: &str, written: &Option<String>, default: i64| {
        let path = format!("spec.behavior.{field}");
        problems.duration_or(&path, written, SignedDuration::from_secs(default))
    };
    let stale_after = behave("staleAfter", &behavior.stale_after, 30);
    let drain_timeout = behave("drainTimeout", &behavior.drain_timeout, 30);
    let dead_man_lease = behave("deadManLease", &behavior.dead_man_lease, 900);
    if dead_man_lease < RENEWALS_MIN {
        problems.add(
            "spec.behavior.deadManLease",
            "is so short that a healthy machine would end itself",
            Some(format!("give it at least {}", spoken(RENEWALS_MIN))),
        );
    }
    let shortest = source
        .topics
        .iter()
        .map(|topic| topic.drain_within)
        .min()
        .unwrap_or(drain_within);
    let reserve = reserve(&mut problems, &behavior, source.assignment, shortest);
    let sooner = behavior.sooner.unwrap_or(0);
    if sooner > SOONER_MAX {
        let message = format!("must be at most {SOONER_MAX} percent");
        problems.add("spec.behavior.sooner", &message, None);
    }
    let budget = spec.budget.clone().unwrap_or_default();
    for (field, amount) in [("perHour", budget.per_hour), ("perDay", budget.per_day)] {
        if amount.is_some_and(|amount| amount < Decimal::ZERO) {
            problems.add(&format!("spec.budget.{field}"), "cannot be negative", None);
        }
    }
    let windows = spec.schedule.as_deref().unwrap_or_default();
    let base_scaled = base_workload.as_ref();
    let schedule = schedule::schedule(&mut problems, windows, base_scaled, burst.max_workers);

    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(Policy {
        name,
        bootstrap_servers: source.bootstrap_servers,
        consumer_group: source.consumer_group,
        assignment: source.assignment,
        topics: source.topics,
        drain_within,
        base,
        base_kept,
        base_workload,
        burst_max: burst.max_workers,
        join_servers: burst.join_servers,
        join: burst.join,
        pools: burst.pools,
        budget_per_hour: budget.per_hour.map(Dollars),
        budget_per_day: budget.per_day.map(Dollars),
        schedule,
        mode,
        reserve,
        sooner,
        stale_after,
        drain_timeout,
        dead_man_lease,
    })
}

/// Control records are renewed at least every fifth of the lease and at most every 60 s; below this, a
/// machine that is slow to answer would end itself.
const RENEWALS_MIN: SignedDuration = SignedDuration::from_secs(15);

/// Beyond this a burst would be bought before it is there.
const SOONER_MAX: u32 = 90;
const MODES: &[(&str, Mode)] = &[("Enforce", Mode::Enforce), ("Recommend", Mode::Recommend)];
const ASSIGNMENTS: &[(&str, AssignmentMode)] = &[
    ("Weighted", AssignmentMode::Weighted),
    ("Group", AssignmentMode::Group),
];
const MARKETS: &[(&str, Market)] = &[("OnDemand", Market::OnDemand), ("Spot", Market::Spot)];

/// What is kept back where nothing is said: 18 s where the controller deals partitions out, which is a few seconds of
/// every delay there is between a job's arrival and the plan; three tenths where Kafka deals them out by count, since
/// the slowest worker then ends last. With nine tenths planned for, the demo's burst ended 3 s after a deadline of
/// 120 s, with eight tenths 14 s before one of 150 s on a quiet machine and after it on a busy one.
fn reserve(
    problems: &mut Problems,
    behavior: &raw::Behavior,
    assignment: AssignmentMode,
    drain_within: SignedDuration,
) -> SignedDuration {
    let default = match assignment {
        AssignmentMode::Weighted => SignedDuration::from_secs(18).min(drain_within / 4),
        AssignmentMode::Group => drain_within * 3 / 10,
    };
    let path = "spec.behavior.reserve";
    let reserve = problems.duration_or(path, &behavior.reserve, default);
    if reserve >= drain_within && drain_within.is_positive() {
        let message = format!(
            "is {}, which leaves nothing of the {} that jobs may take",
            spoken(reserve),
            spoken(drain_within)
        );
        problems.add(path, &message, None);
    }
    reserve
}

struct Source {
    bootstrap_servers: Vec<String>,
    consumer_group: String,
    assignment: AssignmentMode,
    topics: Vec<TopicClass>,
}

fn source(problems: &mut Problems, spec: &raw::Spec, drain_within: SignedDuration) -> Source {
    let path = "spec.source.kafka";
    let kafka = spec
        .source
        .clone()
        .unwrap_or_default()
        .kafka
        .unwrap_or_default();
    let bootstrap_servers = problems.servers(
        &format!("{path}.bootstrapServers"),
        kafka.bootstrap_servers.as_deref(),
    );
    let consumer_group = problems.text(
        &format!("{path}.consumerGroup"),
        kafka.consumer_group.as_deref(),
    );
    let written = kafka.topics.unwrap_or_default();
    if written.is_empty() {
        problems.add(&format!("{path}.topics"), "needs at least one topic", None);
    }
    let mut topics: Vec<TopicClass> = Vec::new();
    for (i, topic) in written.iter().enumerate() {
        let at = format!("{path}.topics[{i}].name");
        let name = problems.text(&at, topic.name.as_deref());
        if topics.iter().any(|other| other.name == name) {
            problems.add(&at, "is named twice", None);
        }
        let at = format!("{path}.topics[{i}].drainWithin");
        let within = problems.duration_or(&at, &topic.drain_within, drain_within);
        if topic.drain_within.is_some() && !within.is_positive() {
            problems.add(&at, "must be above zero", None);
        }
        topics.push(TopicClass {
            name,
            drain_within: within,
        });
    }
    let assignment = problems.choice(
        &format!("{path}.assignment"),
        kafka.assignment.as_deref(),
        ASSIGNMENTS,
        AssignmentMode::Group,
    );
    Source {
        bootstrap_servers,
        consumer_group,
        assignment,
        topics,
    }
}

fn base(problems: &mut Problems, spec: &raw::Spec) -> (Pool, bool, Option<Workload>) {
    let raw = spec.base.clone().unwrap_or_default();
    let workload = raw
        .kubernetes
        .as_ref()
        .map(|raw| kubernetes::workload(problems, raw));
    let (workers, environment, provider) = match (&raw.process, &raw.fixed, &workload) {
        // Its pods are seen by their heartbeats like workers of somebody else; only their number is set.
        (None, None, Some(workload)) => (workload.max, Default::default(), ProviderKind::Static),
        (Some(process), None, None) => (
            problems.count("spec.base.process.workers", process.workers, 0),
            process.environment.clone(),
            ProviderKind::Process {
                boot_delay: SignedDuration::ZERO,
            },
        ),
        (None, Some(fixed), None) => (
            problems.count("spec.base.static.workers", fixed.workers, 0),
            Default::default(),
            ProviderKind::Static,
        ),
        (None, None, None) => {
            let help =
                "say `process: {workers: 2}`, or `static: {workers: 2}` for workers of your own";
            problems.add(
                "spec.base",
                "names no kind of worker",
                Some(help.to_owned()),
            );
            (0, Default::default(), ProviderKind::Static)
        }
        (process, fixed, _) => {
            let (second, first) = match (process, fixed) {
                (Some(_), Some(_)) => ("static", "process"),
                (Some(_), None) => ("process", "kubernetes"),
                (None, _) => ("static", "kubernetes"),
            };
            problems.add(
                &format!("spec.base.{second}"),
                &format!("cannot stand beside `{first}`: choose one"),
                None,
            );
            (0, Default::default(), ProviderKind::Static)
        }
    };
    let kept = matches!(provider, ProviderKind::Process { .. });
    let price = problems.money("spec.base.pricePerWorkerHour", raw.price_per_worker_hour);
    let throughput = problems.rate("spec.base.throughputPerWorker", raw.throughput_per_worker);
    let pool = Pool {
        name: BASE_POOL.to_owned(),
        provider,
        place: Place::here(BASE_POOL),
        market: Market::OnDemand,
        transfer_per_million: Dollars::ZERO,
        price_per_hour: price,
        billing_minimum: SignedDuration::ZERO,
        boot_time: SignedDuration::from_secs(30),
        throughput,
        max: workers,
        environment,
    };
    (pool, kept, workload)
}

struct CheckedBurst {
    max_workers: u32,
    join_servers: Vec<String>,
    join: Join,
    pools: Vec<Pool>,
}

fn burst(
    problems: &mut Problems,
    spec: &raw::Spec,
    source_servers: &[String],
    drain_within: SignedDuration,
) -> CheckedBurst {
    let Some(raw) = spec.burst.clone() else {
        // Without `burst` nothing is bought: a policy that only watches over its base.
        return CheckedBurst {
            max_workers: 0,
            join_servers: source_servers.to_vec(),
            join: Join::default(),
            pools: Vec::new(),
        };
    };
    let max_workers = problems.count("spec.burst.maxWorkers", raw.max_workers, 0);
    let spec_burst = raw.clone();
    let join = raw.join.unwrap_or_default();
    let join_servers = match &join.bootstrap_servers {
        None => source_servers.to_vec(),
        written => problems.servers("spec.burst.join.bootstrapServers", written.as_deref()),
    };
    let written = raw.pools.unwrap_or_default();
    if written.is_empty() && max_workers > 0 {
        problems.add(
            "spec.burst.pools",
            "needs at least one pool to buy from",
            None,
        );
    }
    let mut pools: Vec<Pool> = Vec::new();
    for (i, raw) in written.iter().enumerate() {
        let path = format!("spec.burst.pools[{i}]");
        let pool = pool(problems, &path, raw, &spec_burst, drain_within);
        if pools.iter().any(|other| other.name == pool.name) && !pool.name.is_empty() {
            problems.add(
                &format!("{path}.name"),
                "is the name of an earlier pool",
                None,
            );
        }
        pools.push(pool);
    }
    let join = join::check(problems, &join, &join_servers, &pools);
    CheckedBurst {
        max_workers,
        join_servers,
        join,
        pools,
    }
}

fn pool(
    problems: &mut Problems,
    path: &str,
    raw: &raw::BurstPool,
    burst: &raw::Burst,
    drain_within: SignedDuration,
) -> Pool {
    let at = |field: &str| format!("{path}.{field}");
    let name = problems.name(&at("name"), raw.name.as_deref());
    if name == BASE_POOL {
        problems.add(&at("name"), "is the name of the base pool", None);
    }
    let choice = raw.provider.clone().unwrap_or_default();
    let (provider, place) =
        clouds::provider(problems, &at("provider"), &choice).unwrap_or_else(|| {
            (
                process(problems, &at("provider"), choice.process),
                Place::here(&name),
            )
        });
    let boot_time = problems.duration(&at("bootTime"), &raw.boot_time);
    if boot_time >= drain_within && drain_within.is_positive() && boot_time.is_positive() {
        problems.add(
            &at("bootTime"),
            &format!(
                "is {}, but jobs must be done within {}: a machine of this pool always comes too late",
                spoken(boot_time),
                spoken(drain_within)
            ),
            Some("raise spec.objective.drainWithin, or use machines that start sooner".to_owned()),
        );
    }
    let max = problems.count(&at("max"), raw.max, 1);
    let market = problems.choice(
        &at("market"),
        raw.market.as_deref(),
        MARKETS,
        Market::OnDemand,
    );
    let per_gb = raw.transfer_per_gb.unwrap_or_default();
    if per_gb < Decimal::ZERO {
        problems.add(&at("transferPerGB"), "cannot be negative", None);
    }
    // Bytes of a million images, in gigabytes.
    let gb =
        Decimal::from(burst.bytes_per_image.unwrap_or(BYTES_PER_IMAGE)) / Decimal::ONE_THOUSAND;
    let billing_minimum = problems.duration_or(&at("billingMinimum"), &raw.billing_minimum, MINUTE);
    Pool {
        place,
        name,
        provider,
        market,
        transfer_per_million: Dollars(per_gb * gb),
        price_per_hour: problems.money(&at("pricePerHour"), raw.price_per_hour),
        billing_minimum,
        boot_time,
        throughput: problems.rate(&at("throughputPerWorker"), raw.throughput_per_worker),
        max,
        environment: burst.join.clone().unwrap_or_default().environment,
    }
}

fn process(
    problems: &mut Problems,
    path: &str,
    choice: Option<raw::ProcessChoice>,
) -> ProviderKind {
    let Some(process) = choice else {
        let help =
            "say `provider: {aws: {…}}`, `azure`, `gcp`, `oci`, or `process: {}` to try things out";
        problems.add(path, "names no provider", Some(help.to_owned()));
        return ProviderKind::Static;
    };
    let path = format!("{path}.process.bootDelay");
    ProviderKind::Process {
        boot_delay: problems.duration_or(&path, &process.boot_delay, SignedDuration::ZERO),
    }
}

/// A 1024 by 768 JPEG of usual quality.
const BYTES_PER_IMAGE: u64 = 100_000;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

// === impl Problems ===

impl Problems {
    fn add(&mut self, path: &str, message: &str, help: Option<String>) {
        self.0.push(Problem {
            path: path.to_owned(),
            message: message.to_owned(),
            help,
        });
    }

    fn missing(&mut self, path: &str) {
        self.add(path, "is required", None);
    }

    fn constant(&mut self, path: &str, written: Option<&str>, wanted: &str) {
        match written {
            None => self.missing(path),
            Some(written) if written != wanted => {
                self.add(path, &format!("must be `{wanted}`"), None);
            }
            Some(_) => {}
        }
    }

    /// One of a few words.
    fn choice<T: Copy>(
        &mut self,
        path: &str,
        written: Option<&str>,
        words: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(written) = written else {
            return default;
        };
        let found = words.iter().find(|(word, _)| *word == written);
        if found.is_none() {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let help = format!("say {}", words.join(" or "));
            self.add(path, &format!("`{written}` is not known here"), Some(help));
        }
        found.map_or(default, |(_, value)| *value)
    }

    fn text(&mut self, path: &str, written: Option<&str>) -> String {
        match written {
            None => self.missing(path),
            Some("") => self.add(path, "must not be empty", None),
            Some(_) => {}
        }
        written.unwrap_or_default().to_owned()
    }

    fn name(&mut self, path: &str, written: Option<&str>) -> String {
        let name = self.text(path, written);
        let is_plain = name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !is_plain {
            self.add(path, "may hold only a to z, 0 to 9 and -", None);
        } else if name.len() > NAME_BYTES_MAX {
            self.add(
                path,
                &format!("is longer than {NAME_BYTES_MAX} characters"),
                None,
            );
        }
        name
    }

    fn servers(&mut self, path: &str, written: Option<&[String]>) -> Vec<String> {
        let servers = written.unwrap_or_default();
        if written.is_none() {
            self.missing(path);
        } else if servers.is_empty() {
            self.add(path, "needs at least one `host:port`", None);
        }
        for (i, server) in servers.iter().enumerate() {
            let port = server
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                self.add(&format!("{path}[{i}]"), "is not `host:port`", None);
            }
        }
        servers.to_vec()
    }

    fn count(&mut self, path: &str, written: Option<u32>, min: u32) -> u32 {
        match written {
            None => self.missing(path),
            Some(count) if count < min => self.add(path, &format!("must be at least {min}"), None),
            Some(count) if count > WORKERS_MAX => {
                self.add(path, &format!("must be at most {WORKERS_MAX}"), None);
            }
            Some(_) => {}
        }
        written.unwrap_or_default()
    }

    fn money(&mut self, path: &str, written: Option<Decimal>) -> Dollars {
        match written {
            None => self.missing(path),
            Some(amount) if amount < Decimal::ZERO => self.add(path, "cannot be negative", None),
            Some(_) => {}
        }
        Dollars(written.unwrap_or_default())
    }

    fn rate(&mut self, path: &str, written: Option<Decimal>) -> Rate {
        let rate = written.and_then(Rate::from_decimal);
        match (written, rate) {
            (None, _) => self.missing(path),
            (Some(_), Some(rate)) if rate > Rate::ZERO => {}
            (Some(_), _) => self.add(path, "must be above 0 jobs per second", None),
        }
        rate.unwrap_or_default()
    }

    fn duration(&mut self, path: &str, written: &Option<String>) -> SignedDuration {
        if written.is_none() {
            self.missing(path);
        }
        self.duration_or(path, written, SignedDuration::ZERO)
    }

    fn duration_or(
        &mut self,
        path: &str,
        written: &Option<String>,
        default: SignedDuration,
    ) -> SignedDuration {
        let Some(text) = written else {
            return default;
        };
        duration::parse(text).unwrap_or_else(|| {
            let message = format!("`{text}` is not a duration");
            self.add(path, &message, Some(duration_help(text)));
            default
        })
    }
}

/// What was probably meant: a number without a unit, or a unit that is nearly one.
fn duration_help(text: &str) -> String {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let guess = match unit.chars().next() {
        _ if digits.is_empty() => None,
        None => Some(format!(
            "write {digits}s for seconds or {digits}m for minutes"
        )),
        Some('m') => Some(format!("did you mean {digits}m?")),
        Some('s') => Some(format!("did you mean {digits}s?")),
        Some('h') => Some(format!("did you mean {digits}h?")),
        Some('d') => Some(format!("did you mean {digits}d?")),
        Some(_) => None,
    };
    guess.unwrap_or_else(|| "durations look like 90s, 15m or 1h30m".to_owned())
}
