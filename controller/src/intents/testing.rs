//! An intent as any, for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use spillway_cloud::{LaunchRequest, WorkerSpec};
use spillway_core::{Dollars, IntentId};

use super::{Intent, State};

/// A machine of the pool `near`, $3.60 an hour.
pub(crate) fn intent(number: u64, state: State) -> Intent {
    Intent {
        id: IntentId::new("near", number),
        number,
        pool: "near".into(),
        request: LaunchRequest {
            owner: "o".into(),
            policy: "p".into(),
            pool: "near".into(),
            intent: format!("near-{number:05}"),
            attempt: 1,
            worker: WorkerSpec {
                command: vec!["worker".into()],
                environment: BTreeMap::new(),
            },
            lease: Duration::from_secs(60),
        },
        price_per_hour: Dollars(rust_decimal::Decimal::new(360, 2)),
        billing_minimum: SignedDuration::from_secs(60),
        why: "because".into(),
        state,
    }
}
