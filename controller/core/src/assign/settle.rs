//! Later stages: who has too much is relieved, who has too little is given more, as long as it pays.

use std::collections::BTreeSet;

use crate::assign::deal::Deal;
use crate::assign::layer::{Aim, Exchange, Layer, Wanted};
use crate::assign::model::{Model, at};

/// Turns over all aims until nothing changes; more than a few are never needed.
const TURNS_MAX: usize = 16;
/// Exchanges that `polish` tries to find, at most.
const POLISHED_MAX: usize = 4_096;

/// Everything to be level in: all work first, then the first class, the first two, and so on.
pub(super) fn aims(model: &Model) -> Vec<Aim> {
    let all = Aim::all(model);
    let mut classes: BTreeSet<_> = model.class.iter().copied().collect();
    // That of all classes is that of all work.
    classes.pop_last();
    let classes = classes.into_iter();
    let classes: Vec<_> = classes
        .map(|class| Aim::first_classes(model, class, &all))
        .collect();
    std::iter::once(all).chain(classes).collect()
}

/// Makes what was just given out more even: it moves anyway, so that nothing need pay.
pub(super) fn polish(deal: &mut Deal<'_>, aim: &Aim, orphans: &[u32]) {
    if orphans.is_empty() {
        return;
    }
    let mut free = vec![false; deal.worker_of.len()];
    for partition in orphans {
        free[at(*partition)] = true;
    }
    let held = vec![false; deal.load.len()];
    let mut layer = Layer::new(deal, aim, &held);
    let mut wanted = Wanted {
        swaps: true,
        free: Some(&free),
        giver_min_us: 0,
        receiver_max_us: u64::MAX,
        gain_us: aim.limits.gain,
        enough_us: 0,
    };
    let mut below = None;
    for _ in 0..POLISHED_MAX {
        let busiest = layer.busiest_below(below);
        let Some(busiest) = busiest.filter(|(busy_us, _)| *busy_us > aim.limits.even) else {
            return;
        };
        // Half way is enough: the rest is found in the next turns, and finding the best takes longest.
        wanted.enough_us = aim.limits.even.midpoint(busiest.0);
        match layer.best_from(busiest.1, &wanted) {
            Some(exchange) => layer.make(&exchange),
            None => below = Some(busiest),
        }
    }
}

/// Relieves and fills until nobody calls for it or nothing pays: asked again, it changes nothing.
///
/// It ends: relieving lowers the loads above the limit, the largest first; filling raises those below the limit and
/// no load above it; and what is done for the first classes leaves both as they are, or better.
pub(super) fn settle(deal: &mut Deal<'_>, aims: &[Aim]) {
    let mut held = None;
    for _ in 0..TURNS_MAX {
        let mut changed = false;
        for aim in aims {
            if aim.is_met_by(deal) {
                continue;
            }
            let held = held.get_or_insert_with(|| guessed(deal));
            let mut layer = Layer::new(deal, aim, held);
            changed |= relieve_all(&mut layer);
            changed |= fill_all(&mut layer);
        }
        if !changed {
            return;
        }
    }
}

/// By worker: whether what it has to do is partly a guess. A guess moves nothing.
fn guessed(deal: &Deal<'_>) -> Vec<bool> {
    let mut guessed = vec![false; deal.load.len()];
    for (worker, is_known) in deal.worker_of.iter().zip(&deal.model.is_known) {
        if let (false, Some(guessed)) = (is_known, guessed.get_mut(at(*worker))) {
            *guessed = true;
        }
    }
    guessed
}

fn relieve_all(layer: &mut Layer<'_, '_>) -> bool {
    let mut changed = false;
    let mut below = None;
    while let Some(busiest) = layer.busiest_below(below) {
        if busiest.0 <= layer.aim.limits.over {
            break;
        }
        if relieve(layer, busiest.1) {
            changed = true;
        } else {
            below = Some(busiest);
        }
    }
    changed
}

/// Takes from `worker` until it is near the level; nothing, if that does not pay.
fn relieve(layer: &mut Layer<'_, '_>, worker: u32) -> bool {
    let limits = layer.aim.limits;
    let Some(pays_us) = limits.relieved(layer.busy_us(worker)) else {
        return false;
    };
    let goal_us = limits.near.min(pays_us);
    let moves = Wanted {
        swaps: false,
        free: None,
        giver_min_us: 0,
        receiver_max_us: pays_us,
        gain_us: limits.gain,
        enough_us: goal_us,
    };
    let swaps = Wanted {
        swaps: true,
        gain_us: limits.swap,
        ..moves
    };
    let mut made = Vec::new();
    let mut largest = layer.largest_first(worker).into_iter().peekable();
    while layer.busy_us(worker) > goal_us {
        while largest
            .next_if(|partition| !layer.has(worker, *partition))
            .is_some()
        {}
        // Where only some of the work counts, a move alone would upset the rest.
        let alone = largest.peek().filter(|_| !layer.is_partial());
        let alone = alone.and_then(|largest| {
            let quick = layer.largest_from(worker, *largest, &moves);
            quick.or_else(|| layer.best_from(worker, &moves))
        });
        let Some(exchange) = alone.or_else(|| layer.best_from(worker, &swaps)) else {
            break;
        };
        layer.make(&exchange);
        made.push(exchange);
    }
    // What the receivers have was held below it at every step.
    keep_if(layer, &made, layer.busy_us(worker) <= pays_us)
}

fn fill_all(layer: &mut Layer<'_, '_>) -> bool {
    let mut changed = false;
    let mut above = None;
    while let Some(idlest) = layer.idlest_above(above) {
        if idlest.0 >= layer.aim.limits.under {
            break;
        }
        if fill(layer, idlest.1) {
            changed = true;
        } else {
            above = Some(idlest);
        }
    }
    changed
}

/// Gives to `worker` until it has enough; nothing, if that does not pay.
fn fill(layer: &mut Layer<'_, '_>, worker: u32) -> bool {
    let limits = layer.aim.limits;
    let pays_us = layer.busy_us(worker).saturating_add(limits.pay);
    let mut moves = Wanted {
        swaps: false,
        free: None,
        giver_min_us: pays_us,
        receiver_max_us: u64::MAX,
        gain_us: limits.gain,
        // The largest that fits: fewest moves.
        enough_us: 0,
    };
    let mut made = Vec::new();
    while layer.busy_us(worker) < limits.enough {
        // Else it would only change who of the two lacks work.
        moves.giver_min_us = pays_us.max(layer.busy_us(worker) + 1);
        let Some(exchange) = layer.best_to(worker, &moves) else {
            break;
        };
        layer.make(&exchange);
        made.push(exchange);
    }
    keep_if(layer, &made, layer.busy_us(worker) >= pays_us)
}

/// Keeps what was made if it pays, else takes it back; says whether anything is kept.
fn keep_if(layer: &mut Layer<'_, '_>, made: &[Exchange], pays: bool) -> bool {
    if !pays {
        for exchange in made.iter().rev() {
            layer.unmake(exchange);
        }
    }
    pays && !made.is_empty()
}
