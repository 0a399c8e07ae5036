//! Made worlds as they are named on the command line: two that are known, that of a policy, and files.

use std::path::Path;

use anyhow::Context as _;
use spillway_core::{Market, Policy};
use spillway_sim::{BaseSpec, BootLaw, OfferSpec, Troubles, WorldSpec};

/// A description of more bytes than this describes no world.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The world that `name` names: `calm`, `adverse`, `adverse:spot,boots` with these troubles alone, `policy` for that of
/// `policy`, else a file.
///
/// # Errors
/// When there is no such world, or its file describes none that can be run: with the place.
pub(crate) fn named(name: &str, policy: Option<&Policy>) -> anyhow::Result<WorldSpec> {
    let spec = match name {
        "calm" => WorldSpec::calm(),
        "adverse" => WorldSpec::adverse(),
        "policy" => {
            told_by(policy.context("--world policy needs a policy: name one with --policy")?)
        }
        other => match other.strip_prefix("adverse:") {
            Some(troubles) => adverse_in(troubles)?,
            None => from_file(Path::new(other))?,
        },
    };
    check(&spec).with_context(|| name.to_owned())?;
    Ok(spec)
}

/// The adverse world with only some of its troubles.
fn adverse_in(troubles: &str) -> anyhow::Result<WorldSpec> {
    let mut spec = WorldSpec::adverse();
    let names: Vec<&str> = troubles.split(',').map(str::trim).collect();
    spec.troubles = spec.troubles.only(&names).with_context(|| {
        let all = Troubles::NAMES.join(", ");
        format!("adverse:{troubles} names no trouble of the adverse world; they are {all}")
    })?;
    spec.name = format!("adverse:{}", names.join(","));
    Ok(spec)
}

fn from_file(path: &Path) -> anyhow::Result<WorldSpec> {
    let shown = path.display();
    anyhow::ensure!(
        path.is_file(),
        "there is no world {shown}: say calm, adverse, policy or a file; --print-world writes one to begin with"
    );
    let bytes = std::fs::metadata(path)?.len();
    anyhow::ensure!(bytes <= FILE_BYTES_MAX, "{shown} is larger than 1 MiB");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    read(&shown.to_string(), &text)
}

fn read(name: &str, text: &str) -> anyhow::Result<WorldSpec> {
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map_or(String::new(), |place| {
            format!(":{}:{}", place.line(), place.column())
        });
        let line = error
            .location()
            .and_then(|place| text.lines().nth(place.line().saturating_sub(1)))
            .map_or(String::new(), |line| format!("\n    {line}"));
        anyhow::anyhow!("{name}{place}: {error}{line}")
    })
}

/// Everything that no run can be made of.
fn check(spec: &WorldSpec) -> anyhow::Result<()> {
    spec.check()?;
    anyhow::ensure!(
        spec.boot.p50 < spec.drain_within,
        "machines boot in {} s and jobs must be done within {} s: what is bought always comes too late",
        spec.boot.p50,
        spec.drain_within
    );
    Ok(())
}

/// The world that a policy tells of: its base and its pools as they are told, and nothing goes wrong.
///
/// A world has one law of boots: here the slowest pool's, with the spread of the calm world.
fn told_by(policy: &Policy) -> WorldSpec {
    let calm = WorldSpec::calm();
    let slowest = policy.pools().iter().map(|pool| pool.boot_time).max();
    let p50 = slowest.map_or(calm.boot.p50, |boot| boot.as_secs_f64().max(1.0));
    let offers = policy.pools().iter().map(|pool| OfferSpec {
        name: pool.name.clone(),
        price: pool.price_per_hour.to_f64(),
        rate: pool.throughput.per_second(),
        max: pool.max,
        is_spot: pool.market == Market::Spot,
        billing_minimum: pool.billing_minimum.as_secs_f64(),
    });
    WorldSpec {
        name: "policy".to_owned(),
        drain_within: deadline(policy),
        base: BaseSpec {
            workers: policy.base().max,
            rate: policy.base().throughput.per_second(),
            price: policy.base().price_per_hour.to_f64(),
        },
        offers: offers.collect(),
        burst_max: policy.burst_max(),
        boot: BootLaw {
            p50,
            p95: p50 * calm.boot.p95 / calm.boot.p50,
        },
        ..calm
    }
}

/// When a policy's jobs are late, seconds: all jobs of a made world are of its first class.
pub(crate) fn deadline(policy: &Policy) -> f64 {
    let within = policy.topics().first().map(|topic| topic.drain_within);
    within.unwrap_or(policy.drain_within()).as_secs_f64()
}

/// A world in one line: `calm: 8 base workers of 40/s at $0.64/h, 5 offers, done within 900 s`.
pub(crate) fn sentence(spec: &WorldSpec) -> String {
    format!(
        "{}: {} base workers of {}/s at ${}/h, {} offers, jobs done within {} s",
        spec.name,
        spec.base.workers,
        spec.base.rate,
        spec.base.price,
        spec.offers.len(),
        spec.drain_within
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_file;

    #[test]
    fn a_world_that_was_printed_is_read_as_it_was() {
        for world in [WorldSpec::calm(), WorldSpec::adverse()] {
            let text = serde_yaml::to_string(&world).unwrap();
            assert_eq!(read("printed.yaml", &text).unwrap(), world);
        }
    }

    #[test]
    fn what_is_wrong_in_a_world_is_said_with_its_line() {
        let text = serde_yaml::to_string(&WorldSpec::calm()).unwrap();
        let misspelt = text.replace("burstMax", "burstMx");
        let error = read("mine.yaml", &misspelt).unwrap_err().to_string();
        assert!(
            error.contains("mine.yaml:") && error.contains("burstMx"),
            "{error}"
        );
        let error = read("mine.yaml", "name: [").unwrap_err().to_string();
        assert!(error.starts_with("mine.yaml:"), "{error}");
        assert!(
            named("no-such-world", None)
                .unwrap_err()
                .to_string()
                .contains("--print-world")
        );
    }

    #[test]
    fn troubles_can_be_alone() {
        let world = named("adverse:spot, boots", None).unwrap();
        assert_eq!(world.name, "adverse:spot,boots");
        assert!(world.troubles.spot.is_some() && !world.troubles.boot_factors.is_empty());
        assert!(world.troubles.rates.is_none() && world.troubles.signal.is_none());
        let error = named("adverse:sport", None).unwrap_err().to_string();
        assert!(error.contains("rates, boots, spot"), "{error}");
    }

    #[test]
    fn a_policy_tells_of_a_world() {
        let text = include_str!("../../policies/recognition.yaml");
        let policy = policy_file::parse("recognition.yaml", text).unwrap();
        let world = named("policy", Some(&policy)).unwrap();
        assert_eq!(
            sentence(&world),
            "policy: 2 base workers of 20/s at $0.64/h, 1 offers, jobs done within 900 s"
        );
        assert!((world.boot.p50 - 10.0).abs() < 1e-9);
    }
}
