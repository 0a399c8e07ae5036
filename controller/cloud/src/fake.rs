//! A provider in memory that can be told to fail: for tests of what launches, and for simulations.
//!
//! It keeps the contract as a cloud keeps it, no better: an equal request gives the same instance, but another
//! attempt of the same intent is another machine, at once if asked for. At most one for an intent is the caller's doing,
//! and [`Fake::launched_ever`] and [`Fake::alive_at_once_max`] show whether it was done.
//! Time comes from the clock that it is given. Deliberately absent: chance.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::{
    BoxFuture, CloudError, Fault, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
    Scope,
};

/// What befalls a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchTrouble {
    /// Surely nothing was launched.
    NotLaunched {
        /// What stood against it.
        fault: Fault,
        /// How far that reaches.
        scope: Scope,
        /// When asking again makes sense.
        retry_after: Option<Duration>,
    },
    /// The instance is there, the answer was lost.
    TimeoutAfterCreating,
    /// Nothing is there, and the caller cannot know.
    TimeoutBeforeCreating,
}

/// What befalls a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListTrouble {
    /// It cannot be had.
    Unreachable,
    /// Too many calls.
    Throttled {
        /// When asking again makes sense.
        retry_after: Option<Duration>,
    },
    /// The credentials may not do this any more.
    Refused,
}

/// What befalls an order to terminate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminateTrouble {
    /// The order did not arrive.
    Unreachable,
    /// The order was taken, the answer was lost.
    TimeoutAfterTaking,
    /// It says success and does nothing, as clouds do for an instance that they do not see yet.
    Lies,
}

/// How often each call was made, failed ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Launches.
    pub launch: u64,
    /// Lists.
    pub list: u64,
    /// Orders to terminate.
    pub terminate: u64,
}

/// One instance that was launched, at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// What was asked for.
    pub request: LaunchRequest,
    /// As it is now.
    pub instance: Instance,
    /// When its billing ended.
    pub terminated_at: Option<Timestamp>,
}

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct Fake {
    owner: String,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    machines: BTreeMap<String, Machine>,
    launched: u64,
    calls: Calls,
    alive_at_once_max: BTreeMap<String, usize>,
    launch_troubles: VecDeque<LaunchTrouble>,
    list_troubles: VecDeque<ListTrouble>,
    terminate_troubles: VecDeque<TerminateTrouble>,
    boot_time: Duration,
    hidden_for: Duration,
    terminate_time: Duration,
    life_time: Option<Duration>,
    has_dead_man: bool,
}

#[derive(Debug)]
struct Machine {
    request: LaunchRequest,
    id: String,
    launched_at: Timestamp,
    boots_until: Timestamp,
    hidden_until: Timestamp,
    /// When it dies by itself.
    dies_at: Option<Timestamp>,
    /// When it is over, known before for one that is terminating, ill or not renewed.
    ends_at: Option<Timestamp>,
    is_ordered: bool,
}

// === impl Fake ===

impl Fake {
    /// Without troubles: boots at once, shows at once, ends at once, lives until it is terminated.
    pub fn new(
        owner: impl Into<String>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        Self {
            owner: owner.into(),
            clock: Arc::new(clock),
            state: Arc::default(),
        }
    }

    /// The next `count` launches have this trouble, after those that were told before.
    pub fn next_launches(&self, count: usize, trouble: LaunchTrouble) {
        let mut state = self.lock();
        state
            .launch_troubles
            .extend(std::iter::repeat_n(trouble, count));
    }

    /// The next `count` launches find no capacity.
    pub fn no_capacity(&self, count: usize) {
        self.not_launched(count, Fault::NoCapacity, None);
    }

    /// The next `count` launches find the quota used up.
    pub fn quota(&self, count: usize) {
        self.not_launched(count, Fault::Quota, None);
    }

    /// The next `count` launches are too many calls.
    pub fn throttled(&self, count: usize, retry_after: Duration) {
        self.not_launched(count, Fault::Throttled, Some(retry_after));
    }

    /// The next `count` launches work, and their answers are lost.
    pub fn timeout_after_creating(&self, count: usize) {
        self.next_launches(count, LaunchTrouble::TimeoutAfterCreating);
    }

    /// The next `count` launches are lost on the way.
    pub fn timeout_before_creating(&self, count: usize) {
        self.next_launches(count, LaunchTrouble::TimeoutBeforeCreating);
    }

    /// The next `count` lists have this trouble.
    pub fn next_lists(&self, count: usize, trouble: ListTrouble) {
        let mut state = self.lock();
        state
            .list_troubles
            .extend(std::iter::repeat_n(trouble, count));
    }

    /// The next `count` orders to terminate have this trouble.
    pub fn next_terminates(&self, count: usize, trouble: TerminateTrouble) {
        let mut state = self.lock();
        state
            .terminate_troubles
            .extend(std::iter::repeat_n(trouble, count));
    }

    /// Instances launched from now on boot this long.
    pub fn boots_in(&self, boot_time: Duration) {
        self.lock().boot_time = boot_time;
    }

    /// Instances launched from now on are not listed for this long.
    pub fn hides_for(&self, hidden_for: Duration) {
        self.lock().hidden_for = hidden_for;
    }

    /// Instances that are ordered to end from now on take this long.
    pub fn terminates_in(&self, terminate_time: Duration) {
        self.lock().terminate_time = terminate_time;
    }

    /// Instances launched from now on die by themselves after this time.
    pub fn dies_after(&self, life_time: Duration) {
        self.lock().life_time = Some(life_time);
    }

    /// Instances launched from now on end when their lease is not renewed by [`Fake::renew`].
    pub fn arm_dead_man(&self) {
        self.lock().has_dead_man = true;
    }

    /// Renews an instance's lease, from when on it counts; false if it is gone or on its way out.
    pub fn renew(&self, id: &str) -> bool {
        let now = (self.clock)();
        let mut state = self.lock();
        let Some(machine) = state.machines.get_mut(id) else {
            return false;
        };
        if !machine.is_alive(now) || machine.is_ordered {
            return false;
        }
        let lapses = later(now, machine.request.lease);
        machine.ends_at = Some(machine.dies_at.map_or(lapses, |dies| dies.min(lapses)));
        true
    }

    /// An instance dies on the spot; false if it was gone.
    pub fn kill(&self, id: &str) -> bool {
        let now = (self.clock)();
        let mut state = self.lock();
        match state.machines.get_mut(id) {
            Some(machine) if machine.is_alive(now) => {
                machine.ends_at = Some(now);
                true
            }
            _ => false,
        }
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// Every instance that ever was, in the order of launches, hidden ones too.
    #[must_use]
    pub fn launched_ever(&self) -> Vec<Launched> {
        let now = (self.clock)();
        let state = self.lock();
        let machines = state.machines.values();
        machines
            .map(|machine| Launched {
                request: machine.request.clone(),
                instance: machine.show(now),
                terminated_at: machine.ends_at.filter(|at| *at <= now),
            })
            .collect()
    }

    /// Those that live now, hidden ones too.
    #[must_use]
    pub fn alive(&self) -> Vec<Instance> {
        let ever = self.launched_ever().into_iter();
        ever.map(|launched| launched.instance)
            .filter(|instance| instance.state.is_alive())
            .collect()
    }

    /// The most instances of one intent that ever lived at the same time.
    #[must_use]
    pub fn alive_at_once_max(&self, intent: &str) -> usize {
        let state = self.lock();
        state.alive_at_once_max.get(intent).copied().unwrap_or(0)
    }

    fn not_launched(&self, count: usize, fault: Fault, retry_after: Option<Duration>) {
        let scope = match fault {
            Fault::NoCapacity => Scope::Offer,
            Fault::Quota => Scope::Market,
            Fault::Throttled => Scope::Region,
            Fault::Denied => Scope::Cloud,
            Fault::Invalid { .. } => Scope::Pool,
        };
        self.next_launches(
            count,
            LaunchTrouble::NotLaunched {
                fault,
                scope,
                retry_after,
            },
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch_now(&self, request: &LaunchRequest) -> Result<Instance, LaunchError> {
        let now = (self.clock)();
        let mut state = self.lock();
        state.calls.launch += 1;
        match state.launch_troubles.pop_front() {
            None => self.create(&mut state, now, request),
            Some(LaunchTrouble::NotLaunched {
                fault,
                scope,
                retry_after,
            }) => Err(LaunchError::NotLaunched {
                fault,
                scope,
                retry_after,
            }),
            Some(LaunchTrouble::TimeoutAfterCreating) => {
                self.create(&mut state, now, request)?;
                Err(LaunchError::Unknown(timeout()))
            }
            Some(LaunchTrouble::TimeoutBeforeCreating) => Err(LaunchError::Unknown(timeout())),
        }
    }

    fn create(
        &self,
        state: &mut State,
        now: Timestamp,
        request: &LaunchRequest,
    ) -> Result<Instance, LaunchError> {
        if request.owner != self.owner {
            return Err(invalid("the owner is another one"));
        }
        let token = request.token();
        let before = state
            .machines
            .values()
            .find(|machine| machine.request.token() == token);
        if let Some(machine) = before {
            return if machine.request != *request {
                Err(invalid("another request was made with this token"))
            } else if machine.is_alive(now) {
                Ok(machine.show(now))
            } else {
                Err(invalid("this request's instance was terminated"))
            };
        }
        state.launched += 1;
        let lapses = state.has_dead_man.then(|| later(now, request.lease));
        let dies = state.life_time.map(|life| later(now, life));
        let machine = Machine {
            request: request.clone(),
            id: format!("fake-{:06}", state.launched),
            launched_at: now,
            boots_until: later(now, state.boot_time),
            hidden_until: later(now, state.hidden_for),
            dies_at: dies,
            ends_at: lapses.into_iter().chain(dies).min(),
            is_ordered: false,
        };
        let instance = machine.show(now);
        state.machines.insert(machine.id.clone(), machine);
        let alive = state.machines.values();
        let alive = alive.filter(|m| m.request.intent == request.intent && m.is_alive(now));
        let alive = alive.count();
        let most = state.alive_at_once_max.entry(request.intent.clone());
        most.and_modify(|most| *most = alive.max(*most))
            .or_insert(alive);
        Ok(instance)
    }

    fn list_now(&self) -> Result<Vec<Instance>, CloudError> {
        let now = (self.clock)();
        let mut state = self.lock();
        state.calls.list += 1;
        match state.list_troubles.pop_front() {
            None => {
                let machines = state.machines.values();
                let seen = machines.filter(|machine| machine.hidden_until <= now);
                Ok(seen.map(|machine| machine.show(now)).collect())
            }
            Some(ListTrouble::Unreachable) => Err(CloudError::Unreachable(timeout())),
            Some(ListTrouble::Throttled { retry_after }) => {
                Err(CloudError::Throttled { retry_after })
            }
            Some(ListTrouble::Refused) => Err(CloudError::Refused {
                why: "the credentials may not list".into(),
            }),
        }
    }

    fn terminate_now(&self, id: &str) -> Result<(), CloudError> {
        let now = (self.clock)();
        let mut state = self.lock();
        state.calls.terminate += 1;
        let trouble = state.terminate_troubles.pop_front();
        match trouble {
            Some(TerminateTrouble::Unreachable) => return Err(CloudError::Unreachable(timeout())),
            Some(TerminateTrouble::Lies) => return Ok(()),
            Some(TerminateTrouble::TimeoutAfterTaking) | None => {}
        }
        let ends_at = later(now, state.terminate_time);
        if let Some(machine) = state.machines.get_mut(id)
            && machine.is_alive(now)
            && !machine.is_ordered
        {
            machine.is_ordered = true;
            machine.ends_at = Some(machine.ends_at.map_or(ends_at, |at| at.min(ends_at)));
        }
        match trouble {
            Some(_) => Err(CloudError::Unreachable(timeout())),
            None => Ok(()),
        }
    }
}

impl Provider for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn account(&self) -> String {
        format!("fake {:p}", Arc::as_ptr(&self.state))
    }

    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>> {
        Box::pin(async { self.launch_now(request) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>> {
        Box::pin(async { self.list_now() })
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async { self.terminate_now(id) })
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake")
            .field("owner", &self.owner)
            .field("state", &*self.lock())
            .finish_non_exhaustive()
    }
}

// === impl Machine ===

impl Machine {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }

    fn show(&self, now: Timestamp) -> Instance {
        let state = if !self.is_alive(now) {
            InstanceState::Terminated
        } else if self.is_ordered {
            InstanceState::Terminating
        } else if self.boots_until > now {
            InstanceState::Booting
        } else {
            InstanceState::Running
        };
        Instance {
            id: self.id.clone(),
            intent: self.request.intent.clone(),
            attempt: self.request.attempt,
            policy: self.request.policy.clone(),
            pool: self.request.pool.clone(),
            state,
            launched_at: self.launched_at,
        }
    }
}

// === helpers ===

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn timeout() -> Box<dyn std::error::Error + Send + Sync> {
    Box::new(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}

fn invalid(why: &str) -> LaunchError {
    LaunchError::NotLaunched {
        fault: Fault::Invalid { why: why.into() },
        scope: Scope::Pool,
        retry_after: None,
    }
}
