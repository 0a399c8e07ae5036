//! From a policy as written to one that is trusted: every problem with its path, none hidden by another.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::{BASE_POOL, Policy, Pool, Problem, ProviderKind, raw};
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
    let source = source(&mut problems, spec);
    let objective = spec.objective.clone().unwrap_or_default();
    let drain_within = problems.duration("spec.objective.drainWithin", &objective.drain_within);
    let (base, base_kept) = base(&mut problems, spec);
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
    let budget = spec.budget.clone().unwrap_or_default().per_hour;
    if budget.is_some_and(|per_hour| per_hour < Decimal::ZERO) {
        problems.add("spec.budget.perHour", "cannot be negative", None);
    }

    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(Policy {
        name,
        bootstrap_servers: source.bootstrap_servers,
        consumer_group: source.consumer_group,
        topics: source.topics,
        drain_within,
        base,
        base_kept,
        burst_max: burst.max_workers,
        join_servers: burst.join_servers,
        pools: burst.pools,
        budget_per_hour: budget.map(Dollars),
        stale_after,
        drain_timeout,
        dead_man_lease,
    })
}

/// Control records are renewed at least every fifth of the lease and at most every 60 s; below this, a
/// machine that is slow to answer would end itself.
const RENEWALS_MIN: SignedDuration = SignedDuration::from_secs(15);

struct Source {
    bootstrap_servers: Vec<String>,
    consumer_group: String,
    topics: Vec<String>,
}

fn source(problems: &mut Problems, spec: &raw::Spec) -> Source {
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
    let mut topics: Vec<String> = Vec::new();
    for (i, topic) in written.iter().enumerate() {
        let path = format!("{path}.topics[{i}].name");
        let name = problems.text(&path, topic.name.as_deref());
        if topics.contains(&name) {
            problems.add(&path, "is named twice", None);
        }
        topics.push(name);
    }
    Source {
        bootstrap_servers,
        consumer_group,
        topics,
    }
}

fn base(problems: &mut Problems, spec: &raw::Spec) -> (Pool, bool) {
    let raw = spec.base.clone().unwrap_or_default();
    let (workers, environment, provider) = match (&raw.process, &raw.fixed) {
        (Some(process), None) => (
            problems.count("spec.base.process.workers", process.workers, 0),
            process.environment.clone(),
            ProviderKind::Process {
                boot_delay: SignedDuration::ZERO,
            },
        ),
        (None, Some(fixed)) => (
            problems.count("spec.base.static.workers", fixed.workers, 0),
            Default::default(),
            ProviderKind::Static,
        ),
        (None, None) => {
            let help =
                "say `process: {workers: 2}`, or `static: {workers: 2}` for workers of your own";
            problems.add(
                "spec.base",
                "names no kind of worker",
                Some(help.to_owned()),
            );
            (0, Default::default(), ProviderKind::Static)
        }
        (Some(_), Some(_)) => {
            problems.add(
                "spec.base.static",
                "cannot stand beside `process`: choose one",
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
        price_per_hour: price,
        billing_minimum: SignedDuration::ZERO,
        boot_time: SignedDuration::from_secs(30),
        throughput,
        max: workers,
        environment,
    };
    (pool, kept)
}

struct CheckedBurst {
    max_workers: u32,
    join_servers: Vec<String>,
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
            pools: Vec::new(),
        };
    };
    let max_workers = problems.count("spec.burst.maxWorkers", raw.max_workers, 0);
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
        let pool = pool(problems, &path, raw, &join, drain_within);
        if pools.iter().any(|other| other.name == pool.name) && !pool.name.is_empty() {
            problems.add(
                &format!("{path}.name"),
                "is the name of an earlier pool",
                None,
            );
        }
        pools.push(pool);
    }
    CheckedBurst {
        max_workers,
        join_servers,
        pools,
    }
}

fn pool(
    problems: &mut Problems,
    path: &str,
    raw: &raw::BurstPool,
    join: &raw::Join,
    drain_within: SignedDuration,
) -> Pool {
    let at = |field: &str| format!("{path}.{field}");
    let name = problems.name(&at("name"), raw.name.as_deref());
    if name == BASE_POOL {
        problems.add(&at("name"), "is the name of the base pool", None);
    }
    let provider = match raw.provider.clone().unwrap_or_default().process {
        Some(process) => ProviderKind::Process {
            boot_delay: problems.duration_or(
                &at("provider.process.bootDelay"),
                &process.boot_delay,
                SignedDuration::ZERO,
            ),
        },
        None => {
            let help = "say `provider: {process: {bootDelay: 5s}}`".to_owned();
            problems.add(&at("provider"), "names no provider", Some(help));
            ProviderKind::Static
        }
    };
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
    let billing_minimum = problems.duration_or(&at("billingMinimum"), &raw.billing_minimum, MINUTE);
    Pool {
        name,
        provider,
        price_per_hour: problems.money(&at("pricePerHour"), raw.price_per_hour),
        billing_minimum,
        boot_time,
        throughput: problems.rate(&at("throughputPerWorker"), raw.throughput_per_worker),
        max,
        environment: join.environment.clone(),
    }
}

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
        match text.parse::<SignedDuration>() {
            Ok(span) if span.is_negative() => self.add(path, "cannot be negative", None),
            Ok(span) => return span,
            Err(_) => {
                let message = format!("`{text}` is not a duration");
                self.add(path, &message, Some(duration_help(text)));
            }
        }
        default
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
        Some(_) => None,
    };
    guess.unwrap_or_else(|| "durations look like 90s, 15m or 1h30m".to_owned())
}
