//! A policy in sentences: what it will do, and what it never does.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use spillway_core::{AssignmentMode, Dollars, Market, Mode, Policy, Pool, spoken};

/// What a policy will do, a paragraph for each question that somebody has.
pub(crate) fn text(policy: &Policy) -> String {
    let mut text = format!("{}: what this policy will do\n", policy.name());
    let paragraphs = [
        ("Promise", promise(policy)),
        ("Base", vec![base(policy)]),
        ("Buying", buying(policy)),
        ("Limits", limits(policy)),
        ("By the clock", by_the_clock(policy)),
        ("Giving back", giving_back(policy)),
        ("Trouble", trouble(policy)),
        ("Never", never(policy)),
    ];
    for (title, sentences) in paragraphs {
        if sentences.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{title}\n");
        for sentence in sentences {
            wrap(&mut text, &sentence);
        }
    }
    text
}

/// A sentence in lines of a hundred characters, those after the first set in.
fn wrap(text: &mut String, sentence: &str) {
    const WIDTH: usize = 100;
    let mut line = "  ".to_owned();
    for word in sentence.split(' ') {
        if line.chars().count() + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = "    ".to_owned();
        }
        line.push_str(word);
        line.push(' ');
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

fn promise(policy: &Policy) -> Vec<String> {
    let mut sentences = Vec::new();
    for topic in policy.topics() {
        sentences.push(format!(
            "Every job in {} is done within {} of its arrival.",
            topic.name,
            spoken(topic.drain_within)
        ));
    }
    if policy.topics().len() > 1 {
        sentences.push("Topics are served in this order.".to_owned());
    }
    sentences.push(format!(
        "Of each deadline {} is kept back for what no plan sees.",
        spoken(policy.reserve())
    ));
    if policy.sooner() > 0 {
        sentences.push(format!(
            "A burst is bought so as to be done {} % of the deadline sooner than that, which costs more.",
            policy.sooner()
        ));
    }
    sentences.push(match policy.mode() {
        Mode::Enforce => "Plans are carried out.".to_owned(),
        Mode::Recommend => {
            "Plans are only told and written down: nothing is launched, drained or ended."
                .to_owned()
        }
    });
    sentences
}

fn base(policy: &Policy) -> String {
    let base = policy.base();
    let kept = match policy.base_workload() {
        Some(workload) => format!(
            "pods of {}, of which {} are always there and the rest come in one step when those would be late",
            workload.name, workload.min
        ),
        None if policy.keeps_base() => "kept alive here".to_owned(),
        None => "kept alive by somebody else, seen by their heartbeats and never scaled".to_owned(),
    };
    let together = base.throughput.times(u64::from(base.max));
    format!(
        "{} of {} each ({together} together, until measured), {kept}. They cost {} an hour each, busy or idle, and are \
         filled before anything is bought.",
        plural(base.max, "worker"),
        base.throughput,
        base.price_per_hour
    )
}

fn buying(policy: &Policy) -> Vec<String> {
    if policy.pools().is_empty() || policy.burst_max() == 0 {
        return vec!["Nothing is ever bought: what the base cannot do in time is late.".to_owned()];
    }
    let mut pools: Vec<&Pool> = policy.pools().iter().collect();
    pools.sort_by_key(|pool| per_million(pool));
    let mut sentences = vec![
        "When what runs and boots cannot do what is due in time, the cheapest that comes in time is bought, in this \
         order until measured:"
            .to_owned(),
    ];
    for (place, pool) in pools.iter().enumerate() {
        let spot = match pool.market {
            Market::Spot => ", spot: may be taken back",
            Market::OnDemand => "",
        };
        let transfer = if pool.transfer_per_million == Dollars::ZERO {
            String::new()
        } else {
            format!(", {} of it for transfer", pool.transfer_per_million)
        };
        sentences.push(format!(
            "{}. {}: {} per million images{transfer} ({} an hour, {}, ready in {}), at most {}{spot}.",
            place + 1,
            pool.name,
            per_million(pool),
            pool.price_per_hour,
            pool.throughput,
            spoken(pool.boot_time),
            pool.max
        ));
    }
    if pools.len() > 1 {
        sentences.push(
            "A dearer pool is bought when the cheaper ones are used up, gave no machine lately, or boot too late for \
             what is due."
                .to_owned(),
        );
    }
    sentences
}

fn limits(policy: &Policy) -> Vec<String> {
    let mut sentences = vec![format!(
        "At most {} bought at a time, over all pools.",
        plural(policy.burst_max(), "worker")
    )];
    sentences.push(match policy.budget_per_hour() {
        Some(budget) => format!(
            "Bought machines cost at most {budget} in any hour: what the last one cost and the next one would."
        ),
        None => match dearest_hour(policy) {
            Some(most) => format!("No budget an hour: at the caps above, {most} an hour."),
            None => "No budget an hour.".to_owned(),
        },
    });
    sentences.push(match policy.budget_per_day() {
        Some(budget) => format!("They cost at most {budget} a day, from midnight to midnight UTC."),
        None => "No budget a day.".to_owned(),
    });
    sentences
}

fn by_the_clock(policy: &Policy) -> Vec<String> {
    let base = policy.base_workload().map_or(0, |base| base.min);
    let told = policy.schedule().iter().map(|window| {
        let mut holds = Vec::new();
        if window.base_min > base {
            holds.push(format!(
                "the base has at least {}",
                plural(window.base_min, "worker")
            ));
        }
        if window.burst_min > 0 {
            let least = plural(window.burst_min, "bought machine");
            holds.push(format!("at least {least}"));
        }
        if window.burst_max < policy.burst_max() {
            let most = plural(window.burst_max, "bought machine");
            holds.push(format!("at most {most}"));
        }
        if holds.is_empty() {
            holds.push("nothing that does not hold anyway".to_owned());
        }
        format!(
            "{}, from {} ({}) for {}: {}.",
            window.name,
            window.cron,
            window.time_zone,
            spoken(window.lasts),
            holds.join(", ")
        )
    });
    told.collect()
}

fn giving_back(policy: &Policy) -> Vec<String> {
    let mut sentences = vec![format!(
        "A machine is kept only while giving it back would endanger a deadline, or is paid for anyway; it has {} to \
         finish what it has.",
        spoken(policy.drain_timeout())
    )];
    let minimums = policy
        .pools()
        .iter()
        .filter(|pool| pool.billing_minimum.is_positive());
    let minimums: Vec<String> = minimums
        .map(|pool| format!("{} ({})", spoken(pool.billing_minimum), pool.name))
        .collect();
    if !minimums.is_empty() {
        sentences.push(format!("Least billed: {}.", minimums.join(", ")));
    }
    sentences.push(format!(
        "A machine that hears nothing of its controller for {} ends itself.",
        spoken(policy.dead_man_lease())
    ));
    sentences
}

fn trouble(policy: &Policy) -> Vec<String> {
    let assignment = match policy.assignment() {
        AssignmentMode::Weighted => "The controller deals partitions out, by speed and load.",
        AssignmentMode::Group => {
            "Kafka deals partitions out, the same number to everyone: slow workers end last, so three tenths of the \
             deadline are kept back unless `reserve` says otherwise."
        }
    };
    vec![
        format!(
            "What was read more than {} ago is not acted upon.",
            spoken(policy.stale_after())
        ),
        "Where the lag of some partitions is unknown, it buys for what is known and gives nothing back.".to_owned(),
        assignment.to_owned(),
    ]
}

fn never(policy: &Policy) -> Vec<String> {
    let mut sentences = vec![
        "It never buys while the base is in time, never beyond a cap or a budget, and never twice for one intent.".to_owned(),
        "It never ends a machine that is not its own, and before its time to finish is over none that works.".to_owned(),
        "It never takes unknown for nothing: without a reading it neither gives back nor jumps to a cap.".to_owned(),
    ];
    if !policy.keeps_base() && policy.base_workload().is_none() {
        sentences.push("It never starts or stops a base worker.".to_owned());
    }
    if policy.mode() == Mode::Recommend {
        sentences.push("As it only recommends, it never does any of this by itself.".to_owned());
    }
    sentences
}

/// What a million images cost at what a pool is told to do: the order in which pools are bought until measured.
fn per_million(pool: &Pool) -> Dollars {
    // Rounded here: dollars are cut off where they are shown.
    Dollars(pool.dollars_per_million(pool.throughput).0.round_dp(2))
}

/// What the dearest machines that the caps allow cost an hour.
fn dearest_hour(policy: &Policy) -> Option<Dollars> {
    let mut pools: Vec<&Pool> = policy.pools().iter().collect();
    pools.sort_by_key(|pool| std::cmp::Reverse(pool.price_per_hour));
    let mut left = policy.burst_max();
    let mut sum = Decimal::ZERO;
    for pool in pools {
        let count = pool.max.min(left);
        left -= count;
        sum += pool.price_per_hour.0 * Decimal::from(count);
    }
    (sum > Decimal::ZERO).then_some(Dollars(sum))
}

fn plural(count: u32, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_file;

    #[test]
    fn the_policy_to_start_from_is_told() {
        let policy =
            policy_file::parse("p", include_str!("../../../policies/recognition.yaml")).unwrap();
        insta::assert_snapshot!(text(&policy));
    }

    #[test]
    fn a_policy_with_everything_is_told() {
        let policy = policy_file::parse("p", include_str!("testdata/everything.yaml"))
            .unwrap_or_else(|report| panic!("{report:?}"));
        insta::assert_snapshot!(text(&policy));
    }

    #[test]
    fn a_policy_that_buys_nothing_says_so() {
        let policy = policy_file::parse("p", include_str!("testdata/base-only.yaml")).unwrap();
        let told = text(&policy);
        assert!(told.contains("Nothing is ever bought"), "{told}");
        assert!(told.contains("No budget an hour."), "{told}");
    }
}
