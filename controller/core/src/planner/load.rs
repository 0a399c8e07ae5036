//! Load: what waits, what is due by when, and what is expected to come.

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::backlog::Lag;
use crate::policy::TopicClass;
use crate::supply::{Grid, millis};
use crate::units::Rate;

/// Points of the grid to a deadline: 20 s of 900 s.
const POINTS: i64 = 45;
/// The present arrival rate is that of this share of the deadline: 60 s of 900 s.
const RATE_SHARE: i32 = 15;
const RATE_WINDOW_MIN: SignedDuration = SignedDuration::from_secs(5);
const RATE_WINDOW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// At most this share of the deadline is kept back for partitions that are behind: more machines hardly help those,
/// the next assignment does.
const SKEW_SHARE_MAX: i32 = 12;

/// No load is expected to go on for longer.
const GOES_ON_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What arrives after the newest look, for the work that is reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    /// Nothing: only what waits.
    Nothing,
    /// What the forecast expects.
    Forecast,
    /// The present rate, held.
    Held,
}

/// What waits and when it is due, of every class.
pub(super) struct Load<'a> {
    planner: &'a Planner,
    classes: Vec<Class<'a>>,
}

struct Class<'a> {
    topic: &'a TopicClass,
    /// By when after its arrival a job is planned to be done.
    within: SignedDuration,
    waiting: u64,
    done: u64,
    newest: Timestamp,
    rate: Rate,
}

/// How much of the backlog is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) partitions: u64,
    pub(super) fresh: u64,
    pub(super) unknown: u64,
    pub(super) is_topic_missing: bool,
    pub(super) why: Option<String>,
    /// Lag of each partition whose lag is known, topic by topic.
    pub(super) lags: Vec<u64>,
}

// === impl Known ===

impl Known {
    pub(super) fn is_complete(&self) -> bool {
        self.partitions > 0 && self.fresh == self.partitions && !self.is_topic_missing
    }
}

// === impl Load ===

impl<'a> Load<'a> {
    /// What is known at `now`; no load where no partition's lag is known.
    pub(super) fn of(planner: &'a Planner, now: Timestamp) -> (Option<Self>, Known) {
        let mut known = Known::default();
        let stale_after = planner.policy.stale_after();
        let mut classes = Vec::new();
        for topic in planner.policy.topics() {
            let mut waiting = 0u64;
            for lag in planner.lags.lags_of(&topic.name, now, stale_after) {
                known.partitions += 1;
                match lag {
                    Lag::Known(jobs) => {
                        known.fresh += 1;
                        known.lags.push(jobs);
                        waiting = waiting.saturating_add(jobs);
                    }
                    Lag::Stale { jobs, at } => {
                        known.lags.push(jobs);
                        waiting = waiting.saturating_add(jobs);
                        known
                            .why
                            .get_or_insert_with(|| format!("last read at {at:.0}"));
                    }
                    Lag::Unknown { why } => {
                        known.unknown += 1;
                        known.why.get_or_insert(why);
                    }
                }
            }
            if let Some(class) = Class::of(planner, topic, waiting) {
                classes.push(class);
            }
        }
        for (topic, why) in planner.lags.missing() {
            known.why.get_or_insert_with(|| format!("{topic}: {why}"));
            known.is_topic_missing = true;
        }
        let is_known = known.partitions > known.unknown && !classes.is_empty();
        (is_known.then_some(Self { planner, classes }), known)
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.classes.iter().map(|class| class.waiting).sum()
    }

    /// Jobs that were done since the first look.
    pub(super) fn done(&self) -> u64 {
        self.classes.iter().map(|class| class.done).sum()
    }

    /// Jobs arriving per second; none before arrivals were watched for two looks.
    pub(super) fn rate(&self) -> Option<Rate> {
        let mut sum = Rate::ZERO;
        for class in &self.classes {
            sum = sum.plus(self.planner.rate_of(class.topic)?);
        }
        Some(sum)
    }

    /// How long the oldest job has waited, as far as it was watched.
    pub(super) fn oldest_age(&self, now: Timestamp) -> Option<SignedDuration> {
        let oldest = self.classes.iter().filter_map(|class| {
            let arrivals = &self.planner.sources.get(&class.topic.name)?.arrivals;
            arrivals.oldest(class.waiting)
        });
        oldest.min().map(|oldest| now.duration_since(oldest))
    }

    /// Times to compare due and supply at: to the last deadline of what waits, and as much again.
    pub(super) fn grid(&self) -> Grid {
        let newest = self.classes.iter().map(|class| class.newest).min();
        let within = self.classes.iter().map(|class| class.within);
        let (shortest, longest) = (within.clone().min(), within.max());
        let (shortest, longest) = (shortest.unwrap_or_default(), longest.unwrap_or_default());
        let ratio = longest.as_millis() / shortest.as_millis().max(1);
        let points = POINTS * i64::try_from(ratio.clamp(1, 4)).unwrap_or(1);
        Grid::new(newest.unwrap_or_default(), longest, points, longest)
    }

    /// Jobs that must be done by each point of the grid, those that must be done before them among them.
    ///
    /// Classes are served in their order: what is due of a later one waits for all that is here of the earlier ones,
    /// and for what arrives of them meanwhile.
    pub(super) fn due(&self, grid: &Grid, ahead: Ahead) -> Vec<u64> {
        let mut due = vec![0u64; grid.points.len()];
        let mut before = vec![0u64; grid.points.len()];
        for (i, class) in self.classes.iter().enumerate() {
            self.due_of(class, grid, ahead, |point, own| {
                if own > 0 {
                    due[point] = due[point].max(before[point].saturating_add(own));
                }
            });
            if i + 1 == self.classes.len() {
                break;
            }
            for (point, before) in before.iter_mut().enumerate() {
                let lead = grid.at(point).duration_since(class.newest);
                *before = before.saturating_add(class.waiting + class.rate.jobs_in(lead));
            }
        }
        due
    }

    /// For how long the load is likely to go on: about as long as it has lasted, once that is twice the deadline; a day
    /// at most. Zero for a younger one, of which nothing is known.
    pub(super) fn goes_on(&self, now: Timestamp) -> SignedDuration {
        let sources = self.planner.sources.values();
        let lasted = sources.map(|source| source.forecast.lasts(now)).max();
        let lasted = lasted.unwrap_or_default();
        if lasted < self.planner.policy.drain_within() * 2 {
            return SignedDuration::ZERO;
        }
        lasted.min(GOES_ON_MAX)
    }

    /// Whether the forecast expects anything.
    pub(super) fn is_more_expected(&self) -> bool {
        let sources = self.planner.sources.values();
        sources
            .into_iter()
            .any(|source| source.forecast.expects_any())
    }

    fn due_of(
        &self,
        class: &Class<'_>,
        grid: &Grid,
        ahead: Ahead,
        mut tell: impl FnMut(usize, u64),
    ) {
        let Some(source) = self.planner.sources.get(&class.topic.name) else {
            return;
        };
        let mut walk = source.arrivals.walk();
        let (origin, within) = (grid.origin.as_millisecond(), millis(class.within));
        let newest = class.newest.as_millisecond();
        for (point, after) in grid.points.iter().enumerate() {
            // What is due by then arrived by this time.
            let arrived_by = origin + after - within;
            let own = if arrived_by <= newest {
                walk.by(arrived_by).saturating_sub(class.done)
            } else {
                let lead = SignedDuration::from_millis(arrived_by - newest);
                class.waiting.saturating_add(match ahead {
                    Ahead::Nothing => 0,
                    Ahead::Forecast => {
                        let deadline = class.topic.drain_within;
                        source.forecast.jobs(class.newest, lead, deadline)
                    }
                    Ahead::Held => class.rate.jobs_in(lead),
                })
            };
            tell(point, own);
        }
    }
}

// === impl Class ===

impl<'a> Class<'a> {
    fn of(planner: &Planner, topic: &'a TopicClass, waiting: u64) -> Option<Self> {
        let source = planner.sources.get(&topic.name)?;
        let (newest, arrived) = source.arrivals.newest()?;
        let behind = planner.lags.backlog_of_the_late(&topic.name);
        let skew = behind.map_or(SignedDuration::ZERO, |behind| {
            let behind = source.arrivals.between_ages(waiting, behind);
            behind.min(topic.drain_within / SKEW_SHARE_MAX)
        });
        let left = i32::try_from(100u32.saturating_sub(planner.policy.sooner())).unwrap_or(100);
        let slip = planner.slip.reserve(topic.drain_within);
        let kept = (planner.policy.reserve() + slip + skew).min(topic.drain_within / 2);
        let within = (topic.drain_within - kept) * left / 100;
        Some(Self {
            topic,
            within,
            waiting,
            done: arrived.saturating_sub(waiting),
            newest,
            rate: planner.rate_of(topic).unwrap_or_default(),
        })
    }
}

// === impl Planner ===

impl Planner {
    /// Jobs of a class arriving per second now.
    pub(super) fn rate_of(&self, topic: &TopicClass) -> Option<Rate> {
        let window = (topic.drain_within / RATE_SHARE).clamp(RATE_WINDOW_MIN, RATE_WINDOW_MAX);
        self.sources.get(&topic.name)?.arrivals.rate(window)
    }
}
