//! When something that has a period of its own is due, among decisions that have another.

/// Something that happens every so often.
#[derive(Debug, Clone)]
pub(super) struct Every {
    seconds: f64,
    next: f64,
}

// === impl Every ===

impl Every {
    /// First at time 0, then every `seconds`.
    pub(super) fn new(seconds: f64) -> Self {
        Self { seconds, next: 0.0 }
    }

    /// Whether it is due at `now`. What was missed is not made up for.
    pub(super) fn is_due(&mut self, now: f64) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next = (self.next + self.seconds).max(now - self.seconds);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_keeps_its_mean_among_decisions() {
        let mut every = Every::new(20.0);
        let due: Vec<_> = (0..9)
            .map(|i| f64::from(i) * 15.0)
            .filter(|now| every.is_due(*now))
            .collect();
        assert_eq!(due, [0.0, 30.0, 45.0, 60.0, 90.0, 105.0, 120.0]);
    }
}
