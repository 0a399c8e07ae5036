//! A schedule, checked.

use jiff::SignedDuration;

use super::Problems;
use crate::policy::schedule::{Window, crontab, zone};
use crate::policy::{Workload, raw};
use crate::units::spoken;

/// Longer than this and it always holds.
const LASTS_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Each is read at each plan.
const WINDOWS_MAX: usize = 50;

/// Checks `spec.schedule` of a policy with that base and that many bought workers.
pub(super) fn schedule(
    problems: &mut Problems,
    written: &[raw::ScheduledWindow],
    base: Option<&Workload>,
    burst_max: u32,
) -> Vec<Window> {
    if written.len() > WINDOWS_MAX {
        let message = format!("has more than {WINDOWS_MAX} windows");
        problems.add("spec.schedule", &message, None);
    }
    let mut windows: Vec<Window> = Vec::new();
    for (i, raw) in written.iter().take(WINDOWS_MAX).enumerate() {
        let path = format!("spec.schedule[{i}]");
        let window = window(problems, &path, raw, base, burst_max);
        let is_second = windows.iter().any(|other| other.name == window.name);
        if is_second && !window.name.is_empty() {
            let at = format!("{path}.name");
            problems.add(&at, "is the name of an earlier window", None);
        }
        windows.push(window);
    }
    windows
}

fn window(
    problems: &mut Problems,
    path: &str,
    raw: &raw::ScheduledWindow,
    base: Option<&Workload>,
    burst_max: u32,
) -> Window {
    let at = |field: &str| format!("{path}.{field}");
    let name = problems.name(&at("name"), raw.name.as_deref());
    let cron = problems.text(&at("cron"), raw.cron.as_deref());
    if let (false, Err(why)) = (cron.is_empty(), crontab(&cron)) {
        let help =
            "write minute, hour, day of the month, month and day of the week: `0 8 * * MON-FRI`";
        let message = format!("`{cron}` is no time that comes again: {why}");
        problems.add(&at("cron"), &message, Some(help.to_owned()));
    }
    let lasts = problems.duration(&at("lasts"), &raw.lasts);
    if raw.lasts.is_some() && !(SignedDuration::ZERO < lasts && lasts <= LASTS_MAX) {
        let message = format!("must be above zero and at most {}", spoken(LASTS_MAX));
        problems.add(&at("lasts"), &message, None);
    }
    let time_zone = raw.time_zone.clone().unwrap_or_else(|| "UTC".to_owned());
    if zone(&time_zone).is_none() {
        let message = format!("`{time_zone}` is no time zone");
        let help = "write it as the IANA does: `Europe/Berlin`, `America/New_York`, `UTC`";
        problems.add(&at("timeZone"), &message, Some(help.to_owned()));
    }
    let burst = raw.burst.clone().unwrap_or_default();
    let most = burst.max.unwrap_or(burst_max);
    if most > burst_max {
        let message = format!("is above spec.burst.maxWorkers, which is {burst_max}");
        problems.add(&at("burst.max"), &message, None);
    }
    let least = burst.min.unwrap_or(0);
    if least > most {
        let message = format!("is above the most, which is {most}");
        problems.add(&at("burst.min"), &message, None);
    }
    let written_base = raw.base.as_ref().and_then(|base| base.min);
    match (written_base, base) {
        (Some(_), None) => {
            let help = "only a base in Kubernetes is scaled; leave it out";
            let message = "is of no use: the policy does not scale its base";
            problems.add(&at("base.min"), message, Some(help.to_owned()));
        }
        (Some(min), Some(base)) if min > base.max => {
            let message = format!("is above the base's max, which is {}", base.max);
            problems.add(&at("base.min"), &message, None);
        }
        _ => {}
    }
    if written_base.is_none() && burst.min.is_none() && burst.max.is_none() {
        let help = "say `base: {min: …}`, `burst: {min: …}` or `burst: {max: …}`";
        problems.add(path, "changes nothing", Some(help.to_owned()));
    }
    Window {
        name,
        cron,
        lasts,
        time_zone,
        base_min: written_base.unwrap_or(0),
        burst_min: least,
        burst_max: most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::raw::{ScheduledBase, ScheduledBurst};

    fn mornings() -> raw::ScheduledWindow {
        raw::ScheduledWindow {
            name: Some("mornings".to_owned()),
            cron: Some("0 8 * * MON-FRI".to_owned()),
            lasts: Some("4h".to_owned()),
            burst: Some(ScheduledBurst {
                min: Some(2),
                max: None,
            }),
            ..raw::ScheduledWindow::default()
        }
    }

    fn told(window: raw::ScheduledWindow) -> Vec<String> {
        let mut problems = Problems::default();
        schedule(&mut problems, &[window], None, 10);
        let told = problems.0.into_iter();
        told.map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        assert_eq!(told(mornings()), [""; 0]);
        let mut window = mornings();
        window.cron = Some("0 8 * *".to_owned());
        assert_eq!(
            told(window),
            ["spec.schedule[0].cron: `0 8 * *` is no time that comes again: 4 fields, not five"]
        );
        let mut window = mornings();
        window.lasts = Some("169h".to_owned());
        assert_eq!(
            told(window),
            ["spec.schedule[0].lasts: must be above zero and at most 168h"]
        );
        let mut window = mornings();
        window.time_zone = Some("Europe/Bonn".to_owned());
        window.burst = Some(ScheduledBurst {
            min: Some(12),
            max: Some(11),
        });
        window.base = Some(ScheduledBase { min: Some(1) });
        assert_eq!(
            told(window),
            [
                "spec.schedule[0].timeZone: `Europe/Bonn` is no time zone",
                "spec.schedule[0].burst.max: is above spec.burst.maxWorkers, which is 10",
                "spec.schedule[0].burst.min: is above the most, which is 11",
                "spec.schedule[0].base.min: is of no use: the policy does not scale its base",
            ]
        );
        let mut window = mornings();
        window.burst = None;
        assert_eq!(told(window), ["spec.schedule[0]: changes nothing"]);
    }
}
