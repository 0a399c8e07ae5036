//! What happened over time, in a bounded number of points.

use serde::{Deserialize, Serialize};

/// Points over a run, at equal distances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Distance of two points, seconds.
    pub every: f64,
    /// In order, from the start.
    pub points: Vec<Point>,
}

/// What happened between one point and the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Jobs that wait; the most.
    pub backlog: f64,
    /// Jobs per second that arrive; the mean.
    pub arrivals: f64,
    /// Jobs per second that can be served; the mean.
    pub capacity: f64,
    /// Bought machines; the most.
    pub machines: u32,
    /// Dollars spent since the start; at the end.
    pub spend: f64,
}

/// Gathers steps into points: whenever there are too many, two become one.
pub(crate) struct Gatherer {
    points_max: usize,
    /// Steps that make a point.
    stride: u32,
    step: f64,
    points: Vec<Point>,
    /// The point under way, its means still sums, and its steps.
    open: (Point, u32),
}

// === impl Gatherer ===

impl Gatherer {
    /// At most `points_max` points, at least 2, of steps of `step` seconds.
    pub(crate) fn new(points_max: usize, step: f64) -> Self {
        Self {
            // Even, so that two always become one.
            points_max: points_max.max(2) & !1,
            stride: 1,
            step,
            points: Vec::new(),
            open: (Point::default(), 0),
        }
    }

    /// Takes in one step.
    pub(crate) fn step(&mut self, step: Point) {
        let (open, steps) = &mut self.open;
        open.backlog = open.backlog.max(step.backlog);
        open.arrivals += step.arrivals;
        open.capacity += step.capacity;
        open.machines = open.machines.max(step.machines);
        open.spend = step.spend;
        *steps += 1;
        if *steps == self.stride {
            self.finish();
        }
    }

    /// All points.
    pub(crate) fn series(mut self) -> Series {
        if self.open.1 > 0 {
            self.finish();
        }
        Series {
            every: self.step * f64::from(self.stride),
            points: self.points,
        }
    }

    fn finish(&mut self) {
        let (mut point, steps) = std::mem::take(&mut self.open);
        point.arrivals /= f64::from(steps);
        point.capacity /= f64::from(steps);
        self.points.push(point);
        if self.points.len() == self.points_max {
            let pairs = self.points.chunks(2);
            self.points = pairs.map(|pair| pair[0].with(pair.get(1))).collect();
            self.stride *= 2;
        }
    }
}

// === impl Point ===

impl Point {
    fn with(self, next: Option<&Self>) -> Self {
        let Some(next) = next else {
            return self;
        };
        Self {
            backlog: self.backlog.max(next.backlog),
            arrivals: f64::midpoint(self.arrivals, next.arrivals),
            capacity: f64::midpoint(self.capacity, next.capacity),
            machines: self.machines.max(next.machines),
            spend: next.spend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_steps_fits_and_keeps_its_extremes() {
        for steps in [1_u32, 7, 8, 9, 1_000] {
            let mut gatherer = Gatherer::new(8, 10.0);
            for i in 0..steps {
                let last = i + 1 == steps;
                gatherer.step(Point {
                    backlog: if last { 500.0 } else { 1.0 },
                    arrivals: 2.0,
                    capacity: 4.0,
                    machines: 3,
                    spend: f64::from(i),
                });
            }
            let series = gatherer.series();
            assert!(series.points.len() <= 8, "{steps} steps");
            let last = series.points[series.points.len() - 1];
            assert!((last.backlog - 500.0).abs() < 1e-9);
            assert!((last.spend - f64::from(steps - 1)).abs() < 1e-9);
            for point in &series.points {
                assert!((point.arrivals - 2.0).abs() < 1e-9);
                assert!((point.capacity - 4.0).abs() < 1e-9);
            }
            let covered = series.every * f64::from(u32::try_from(series.points.len()).unwrap());
            assert!(covered >= 10.0 * f64::from(steps), "{steps} steps");
        }
    }
}
