//! Views made by hand.

use crate::decider::{MachinePhase, Reading, SeenMachine, View};
use crate::spec::WorldSpec;

/// Something to look at.
#[derive(Debug, Clone)]
pub(super) struct Look {
    at: f64,
    is_blackout: bool,
    pub(super) end: Vec<Option<u64>>,
    pub(super) committed: Vec<Option<u64>>,
    pub(super) machines: Vec<SeenMachine>,
}

// === impl Look ===

impl Look {
    /// Two partitions, nothing written, no machine.
    pub(super) fn at(at: f64) -> Self {
        Self {
            at,
            is_blackout: false,
            end: vec![Some(0), Some(0)],
            committed: vec![Some(0), Some(0)],
            machines: Vec::new(),
        }
    }

    pub(super) fn written(mut self, jobs: u64) -> Self {
        self.end = vec![Some(jobs / 2), Some(jobs - jobs / 2)];
        self
    }

    pub(super) fn done(mut self, jobs: u64) -> Self {
        self.committed = vec![Some(jobs / 2), Some(jobs - jobs / 2)];
        self
    }

    pub(super) fn blackout(mut self) -> Self {
        self.is_blackout = true;
        self
    }

    /// The world's base, all ready.
    pub(super) fn base(mut self, spec: &WorldSpec) -> Self {
        for id in 0..spec.base.workers {
            self.machines
                .push(machine(u64::from(id), None, MachinePhase::Ready));
        }
        self
    }

    pub(super) fn machine(mut self, id: u64, offer: usize, phase: MachinePhase) -> Self {
        self.machines.push(machine(id, Some(offer), phase));
        self
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            reading: (!self.is_blackout).then_some(Reading {
                at: self.at,
                end: &self.end,
                committed: &self.committed,
            }),
            machines: &self.machines,
        }
    }
}

fn machine(id: u64, offer: Option<usize>, phase: MachinePhase) -> SeenMachine {
    SeenMachine {
        id,
        offer,
        launched_at: 0.0,
        phase,
        ready_at: (phase != MachinePhase::Booting).then_some(0.0),
        done: 0,
        saturated_done: 0,
        saturated_ms: 0,
        partitions: 0,
        interruption_at: None,
    }
}
