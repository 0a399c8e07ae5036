//! Whose crops run next: each image gets its turn, so that a photo of a crowd holds up itself alone.

use std::collections::VecDeque;

/// Takes the next round from what each image still waits for, at most `most` crops.
///
/// Images take turns, one crop each, until the round is full: with `n` images waiting, each of them gets at least
/// `most / n` crops, and one that waits for fewer is done.
pub(super) fn round(waiting: &mut [VecDeque<usize>], most: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    let mut is_any = true;
    while is_any && taken.len() < most {
        is_any = false;
        for queue in waiting.iter_mut() {
            if taken.len() == most {
                break;
            }
            if let Some(next) = queue.pop_front() {
                taken.push(next);
                is_any = true;
            }
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waiting(counts: &[usize]) -> Vec<VecDeque<usize>> {
        let mut next = 0;
        let queue = |count: &usize| {
            let from = next;
            next += count;
            (from..next).collect()
        };
        counts.iter().map(queue).collect()
    }

    #[test]
    fn a_crowd_does_not_hold_up_a_portrait() {
        let mut waiting = waiting(&[100, 1, 2]);
        assert_eq!(round(&mut waiting, 8), [0, 100, 101, 1, 102, 2, 3, 4]);
        assert!(waiting[1].is_empty() && waiting[2].is_empty());
        assert_eq!(waiting[0].len(), 95);
    }

    proptest! {
        #[test]
        fn every_crop_has_its_turn_once_and_nobody_waits_for_the_others(
            counts in proptest::collection::vec(0..40_usize, 1..10), most in 1..16_usize,
        ) {
            let mut waiting = waiting(&counts);
            let mut taken = Vec::new();
            let mut rounds = vec![0; counts.len()];
            while waiting.iter().any(|queue| !queue.is_empty()) {
                for (image, queue) in waiting.iter().enumerate() {
                    rounds[image] += usize::from(!queue.is_empty());
                }
                let some = round(&mut waiting, most);
                prop_assert!(!some.is_empty() && some.len() <= most);
                taken.extend(some);
            }
            taken.sort_unstable();
            prop_assert_eq!(taken, (0..counts.iter().sum()).collect::<Vec<_>>());
            // However large the others are: `own` crops at `share` a round.
            let share = most / counts.len();
            for (image, own) in counts.iter().enumerate() {
                prop_assert!(share == 0 || rounds[image] <= own.div_ceil(share), "{:?}", rounds);
            }
        }
    }
}
