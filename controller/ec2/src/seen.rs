//! An instance as EC2 shows it, in our words.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, InstanceStateName};
use jiff::Timestamp;
use spillway_cloud::{Instance, InstanceState, tags};

/// An instance of `owner`; none if it is another's or has no name, state or time.
pub(crate) fn instance(seen: &types::Instance, owner: &str) -> Option<Instance> {
    let at = seen.launch_time()?;
    let launched_at = Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()?;
    let id = seen.instance_id()?.to_owned();
    tags::instance(&tags_of(seen), owner, id, state(seen)?, launched_at)
}

/// Its tags.
pub(crate) fn tags_of(seen: &types::Instance) -> BTreeMap<String, String> {
    let tags = seen.tags().iter();
    tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
        .collect()
}

fn state(seen: &types::Instance) -> Option<InstanceState> {
    Some(match seen.state()?.name()? {
        InstanceStateName::Pending => InstanceState::Booting,
        // Somebody stopped it: it works no more, and its disk still costs.
        InstanceStateName::ShuttingDown
        | InstanceStateName::Stopping
        | InstanceStateName::Stopped => InstanceState::Terminating,
        InstanceStateName::Terminated => InstanceState::Terminated,
        // A state that is new to us: as long as it is not known to be gone, it costs.
        _ => InstanceState::Running,
    })
}
