//! How a worker that cannot serve all that its partitions hold divides itself among them.

/// A partition's part in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) partition: usize,
    /// Its share of all keys.
    pub(super) weight: f64,
    /// How far it has come, in jobs of the whole trace.
    pub(super) level: f64,
    /// How far it comes: at first as far as there is anything, then as far as is served.
    pub(super) to: f64,
}

/// Those that are furthest behind first: levels rise together, as water does. `capacity` jobs are served.
pub(super) fn oldest_first(shares: &mut [Share], capacity: f64) {
    shares.sort_unstable_by(|a, b| {
        a.level
            .total_cmp(&b.level)
            .then(a.partition.cmp(&b.partition))
    });
    let (mut weight, mut left) = (0.0, capacity);
    let mut surface = shares.first().map_or(0.0, |share| share.level);
    for share in shares.iter() {
        let lift = weight * (share.level - surface);
        if lift >= left {
            break;
        }
        left -= lift;
        surface = share.level;
        weight += share.weight;
    }
    if weight > 0.0 {
        surface += left / weight;
    }
    for share in shares {
        share.to = share.to.min(surface).max(share.level);
    }
}

/// As many jobs of each as of the others, but no more than it has. `capacity` jobs are served.
pub(super) fn equal_shares(shares: &mut [Share], capacity: f64) {
    let jobs = |share: &Share| share.weight * (share.to - share.level);
    shares.sort_unstable_by(|a, b| {
        jobs(a)
            .total_cmp(&jobs(b))
            .then(a.partition.cmp(&b.partition))
    });
    let mut left = capacity;
    let mut others = f64::from(u32::try_from(shares.len()).unwrap_or(u32::MAX));
    for share in shares {
        let has = jobs(share);
        let gets = has.min(left / others);
        if has > gets {
            share.to = share.level + gets / share.weight;
        }
        left -= gets;
        others -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(of: &[(f64, f64)], to: f64) -> Vec<Share> {
        let shares = of.iter().enumerate();
        shares
            .map(|(partition, (weight, level))| Share {
                partition,
                weight: *weight,
                level: *level,
                to,
            })
            .collect()
    }

    fn levels(mut shares: Vec<Share>) -> Vec<f64> {
        shares.sort_by_key(|share| share.partition);
        shares.iter().map(|share| share.to).collect()
    }

    #[test]
    fn the_furthest_behind_rise_first() {
        let mut some = shares(&[(0.5, 10.0), (0.25, 0.0), (0.25, 4.0)], 100.0);
        oldest_first(&mut some, 2.0);
        // One job lifts the second to 4, one more lifts two by 2.
        assert_eq!(levels(some), [10.0, 6.0, 6.0]);
    }

    #[test]
    fn equal_shares_finish_the_small_ones() {
        let mut some = shares(&[(0.5, 0.0), (0.25, 0.0), (0.25, 96.0)], 100.0);
        equal_shares(&mut some, 21.0);
        assert_eq!(levels(some), [20.0, 40.0, 100.0]);
    }

    proptest! {
        #[test]
        fn exactly_what_can_be_served_is(
            of in prop::collection::vec((0.01..1.0_f64, 0.0..99.0_f64), 1..40),
            part in 0.01..0.99_f64,
        ) {
            for divide in [oldest_first as fn(&mut [Share], f64), equal_shares] {
                let mut some = shares(&of, 100.0);
                let all: f64 = some.iter().map(|share| share.weight * (share.to - share.level)).sum();
                divide(&mut some, all * part);
                let done: f64 = some.iter().map(|share| share.weight * (share.to - share.level)).sum();
                prop_assert!((done - all * part).abs() < 1e-9 * all.max(1.0));
                prop_assert!(some.iter().all(|share| share.to >= share.level && share.to <= 100.0 + 1e-9));
            }
        }
    }
}
