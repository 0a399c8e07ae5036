//! What single machines ask for, whatever the load: adopt, ask again, end, close.

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use super::fleet::{Fleet, Member, Phase};
use crate::plan::{Action, Plan};
use crate::reason::Reason;
use crate::snapshot::{Machine, Progress, SeenInstance, SeenWorker, WorkerPhase};

/// An order to terminate is given again while the machine is still there.
const REPEAT_TERMINATE: SignedDuration = SignedDuration::from_secs(15);
/// What a worker may take beyond its drain's end, before its machine is ended.
const DRAIN_GRACE: SignedDuration = SignedDuration::from_secs(5);

// === impl Planner ===

impl Planner {
    /// What single machines ask for, whatever the load.
    pub(super) fn settle_intents(&self, fleet: &Fleet, plan: &mut Plan, now: Timestamp) {
        let Some(snapshot) = &self.latest else {
            return;
        };
        let workers = snapshot.workers_by_intent();
        for (instance, member) in snapshot.instances.iter().zip(&fleet.members) {
            if self.in_flight.contains_key(&instance.intent) {
                continue;
            }
            let worker = workers.get(&instance.intent).copied();
            if let Some(action) = self.settle(instance, member, worker, now) {
                plan.actions.push(action);
            }
        }
    }

    fn settle(
        &self,
        instance: &SeenInstance,
        member: &Member,
        worker: Option<&SeenWorker>,
        now: Timestamp,
    ) -> Option<Action> {
        let intent = instance.intent.clone();
        match (&member.phase, &instance.progress) {
            (Phase::Gone, _) => Some(Action::Close {
                intent,
                why: Reason::MachineGone,
            }),
            (Phase::Lost { why }, _) => Some(Action::Terminate {
                intent,
                why: why.clone(),
            }),
            (Phase::Launching, _) => {
                // Only a look that succeeded proves that nothing runs; then the same request goes out again.
                let is_absent = instance.machine == Ok(Machine::NotListed);
                let pool = self.policy.pool(&instance.pool)?;
                (is_absent && self.blocked(pool, now).is_none()).then(|| Action::Launch {
                    intent,
                    pool: instance.pool.clone(),
                    why: Reason::LaunchAgain,
                })
            }
            (Phase::Booting, Progress::Written { .. }) => Some(Action::Adopt {
                intent,
                why: Reason::Adopted,
            }),
            (
                _,
                Progress::Retiring {
                    drain_by,
                    terminating: false,
                    launched_at: _,
                },
            ) => {
                let has_stopped = worker.is_some_and(|worker| worker.phase == WorkerPhase::Stopped);
                if has_stopped {
                    return Some(Action::Terminate {
                        intent,
                        why: Reason::WorkerStopped,
                    });
                }
                let is_over = now >= *drain_by + DRAIN_GRACE;
                let after = self.policy.drain_timeout();
                is_over.then_some(Action::Terminate {
                    intent,
                    why: Reason::DrainTimedOut { after },
                })
            }
            (
                Phase::Leaving,
                Progress::Retiring {
                    terminating: true,
                    drain_by: ordered_at,
                    ..
                },
            ) => {
                // An order may be lost: it is repeated until the machine is seen to be gone.
                let is_due = now >= *ordered_at + REPEAT_TERMINATE;
                let is_alive = matches!(instance.machine, Ok(Machine::Booting | Machine::Running));
                (is_due && is_alive).then_some(Action::Terminate {
                    intent,
                    why: Reason::StillThere,
                })
            }
            _ => None,
        }
    }
}
