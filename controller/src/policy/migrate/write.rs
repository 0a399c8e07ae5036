//! A policy as text, with the numbers of what was assumed beside the lines that came of it.

use std::fmt::Write as _;

use jiff::SignedDuration;
use rust_decimal::Decimal;
use spillway_core::spoken;

use super::keda::ScaledObject;

/// Assumed where nothing is said.
const DRAIN_WITHIN: SignedDuration = SignedDuration::from_mins(15);
const THROUGHPUT: Decimal = Decimal::TEN;
const BASE_PRICE: &str = "0.50";
const POOL_PRICE: &str = "1.00";
/// Half of all machines with a GPU are ready after about so long.
const BOOT_TIME: SignedDuration = SignedDuration::from_mins(3);
/// Longest name of a policy.
const NAME_MAX: usize = 40;

/// What the caller told of what KEDA does not know.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) drain_within: Option<SignedDuration>,
    pub(super) throughput: Option<Decimal>,
}

/// A policy's text, and what was assumed in it, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Migrated {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

#[derive(Default)]
struct Notes(Vec<String>);

// === impl Notes ===

impl Notes {
    /// Adds a note. Says how a line refers to it.
    fn add(&mut self, note: String) -> String {
        self.0.push(note);
        format!("# {}", self.0.len())
    }
}

/// Makes a policy's text of a ScaledObject.
///
/// # Errors
/// When what was told contradicts itself.
pub(super) fn policy(scaled: ScaledObject, told: &Told) -> anyhow::Result<Migrated> {
    let throughput = told.throughput.unwrap_or(THROUGHPUT);
    let drain_within = told.drain_within.unwrap_or(DRAIN_WITHIN);
    anyhow::ensure!(
        throughput > Decimal::ZERO,
        "--throughput must be above 0 jobs per second, is {throughput}"
    );
    anyhow::ensure!(
        drain_within > BOOT_TIME,
        "--drain-within must be more than the {} that a machine is assumed to boot, is {}",
        spoken(BOOT_TIME),
        spoken(drain_within)
    );
    let mut notes = Notes::default();
    let mut body = head(&scaled, &mut notes);
    body.push_str(&objective(
        &scaled,
        told,
        drain_within,
        throughput,
        &mut notes,
    ));
    body.push_str(&base(&scaled, told, throughput, &mut notes));
    body.push_str(&burst(&scaled, throughput, &mut notes));
    notes.0.extend(scaled.notes);
    let mut text = format!(
        "# Made of KEDA's ScaledObject {} by `spillway policy migrate`. What is numbered was assumed: check each.\n",
        plain(&scaled.name)
    );
    for (place, note) in notes.0.iter_mut().enumerate() {
        *note = plain(note);
        let _ = writeln!(text, "#  {}. {note}", place + 1);
    }
    text.push_str(&body);
    Ok(Migrated {
        text,
        notes: notes.0,
    })
}

fn head(scaled: &ScaledObject, notes: &mut Notes) -> String {
    let name: String = scaled
        .name
        .to_ascii_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .take(NAME_MAX)
        .collect();
    let renamed = if name == scaled.name {
        String::new()
    } else {
        let note = format!(
            "the policy is called {name}: a policy's name holds only a to z, 0 to 9 and -, at most {NAME_MAX}"
        );
        format!("  {}", notes.add(note))
    };
    let brokers: Vec<String> = scaled.brokers.iter().map(|broker| quoted(broker)).collect();
    let topics: Vec<String> = scaled
        .topics
        .iter()
        .map(|topic| format!("        - {{name: {}}}\n", quoted(topic)))
        .collect();
    let order = if topics.len() > 1 {
        let note = "topics are served in the order of their triggers, which KEDA does not have";
        format!("  {}", notes.add(note.to_owned()))
    } else {
        String::new()
    };
    format!(
        "apiVersion: spillway.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {{name: {name}}}{renamed}\nspec:\n  \
         source:\n    kafka:\n      bootstrapServers: [{}]\n      consumerGroup: {}\n      topics:{order}\n{}",
        brokers.join(", "),
        quoted(&scaled.group),
        topics.concat()
    )
}

fn objective(
    scaled: &ScaledObject,
    told: &Told,
    drain_within: SignedDuration,
    throughput: Decimal,
    notes: &mut Notes,
) -> String {
    let work = (Decimal::from(scaled.lag_threshold) / throughput)
        .round_dp(1)
        .normalize();
    let how = match told.drain_within {
        Some(_) => "was told",
        None => "is assumed (--drain-within)",
    };
    let number = notes.add(format!(
        "drainWithin {} {how}: KEDA has no deadline; its lagThreshold of {} is {work} s of work for each replica at \
         {throughput} jobs/s, kept whether anybody waits for it or not",
        spoken(drain_within),
        scaled.lag_threshold
    ));
    format!(
        "  objective: {{drainWithin: {}}}  {number}\n",
        spoken(drain_within)
    )
}

fn base(scaled: &ScaledObject, told: &Told, throughput: Decimal, notes: &mut Notes) -> String {
    let workers = notes.add(format!(
        "minReplicaCount {} are the base: keep {} at that many replicas, Spillway does not scale it",
        scaled.replicas_min, scaled.target
    ));
    let price = notes.add(format!(
        "pricePerWorkerHour {BASE_PRICE} is a placeholder: KEDA knows no prices"
    ));
    let how = match told.throughput {
        Some(_) => "was told",
        None => "is assumed (--throughput)",
    };
    let speed = notes.add(format!(
        "throughputPerWorker {throughput} jobs/s {how}, and measured as soon as workers are busy"
    ));
    format!(
        "  base:\n    static: {{workers: {}}}  {workers}\n    pricePerWorkerHour: {BASE_PRICE}  {price}\n    \
         throughputPerWorker: {throughput}  {speed}\n",
        scaled.replicas_min
    )
}

fn burst(scaled: &ScaledObject, throughput: Decimal, notes: &mut Notes) -> String {
    let most = scaled.replicas_max.saturating_sub(scaled.replicas_min);
    if most == 0 {
        let number = notes.add(
            "nothing is bought: maxReplicaCount is minReplicaCount; add `burst` with the machines that may be".to_owned(),
        );
        return format!("  {number}\n");
    }
    let count = notes.add(format!(
        "maxWorkers {most} is maxReplicaCount {} without the base",
        scaled.replicas_max
    ));
    let pool = notes.add(format!(
        "the pool `burst` stands for the replicas that KEDA added, as processes beside the controller: put the machines \
         there that you buy; price {POOL_PRICE} $/h, {} to boot and the base's speed are placeholders",
        spoken(BOOT_TIME)
    ));
    format!(
        "  burst:\n    maxWorkers: {most}  {count}\n    pools:\n      - name: burst  {pool}\n        \
         provider: {{process: {{}}}}\n        pricePerHour: {POOL_PRICE}\n        bootTime: {}\n        \
         throughputPerWorker: {throughput}\n        max: {most}\n",
        spoken(BOOT_TIME)
    )
}

/// As YAML takes any text: its double quotes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// On one line of a comment: no text of the file may end it.
fn plain(text: &str) -> String {
    let is_line_end = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars()
        .map(|c| if is_line_end(c) { ' ' } else { c })
        .collect()
}
