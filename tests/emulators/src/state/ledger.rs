//! What machines cost: from the launch until the cloud stops counting.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Cloud, CloudKind, Machine, Why};

const SECONDS_PER_HOUR: i64 = 3_600;

/// One machine's bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// Whose.
    pub cloud: CloudKind,
    /// Whose.
    pub id: String,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; nothing while it goes on.
    pub until: Option<Timestamp>,
    /// Dollars so far.
    pub dollars: Decimal,
}

// === impl Cloud ===

impl Cloud {
    /// The bills of all machines ever launched, as of `now`.
    #[must_use]
    pub fn bills(&self, now: Timestamp) -> Vec<Bill> {
        let machines = self.machines.values();
        machines.map(|machine| self.bill(now, machine)).collect()
    }

    fn bill(&self, now: Timestamp, machine: &Machine) -> Bill {
        let until = self.billed_until(machine).filter(|until| *until <= now);
        let seconds = until
            .unwrap_or(now)
            .duration_since(machine.launched_at)
            .as_secs();
        Bill {
            cloud: self.kind,
            id: machine.id.clone(),
            from: machine.launched_at,
            until,
            dollars: machine.price_per_hour * Decimal::from(seconds.max(0))
                / Decimal::from(SECONDS_PER_HOUR),
        }
    }

    /// A failed launch costs nothing; a stop ends the bill on some clouds; the end does everywhere, once it is reached.
    fn billed_until(&self, machine: &Machine) -> Option<Timestamp> {
        if machine.fails.is_some()
            || machine
                .ending
                .as_ref()
                .is_some_and(|end| end.why == Why::Failed)
        {
            return Some(machine.launched_at);
        }
        let stopped = machine
            .stopped_at
            .filter(|_| !self.kind.bills_while_stopped());
        let ended = machine.ending.as_ref().and_then(|ending| ending.gone_at);
        [stopped, ended].into_iter().flatten().min()
    }
}
