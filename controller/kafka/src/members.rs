//! Who is in a group, as its coordinator describes it: for consumers that say nothing to us themselves.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use spillway_core::PartitionId;

use crate::{
    cluster, ffi,
    lag::{GroupLag, Look},
    offsets::Isolation,
};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Kafka's name for it: another one after each start, unless it is a static member.
    pub id: String,
    /// What it calls itself (`client.id`).
    pub client: String,
    /// Where it comes from, as its broker sees it.
    pub host: String,
    /// What it reads, in order.
    pub partitions: Vec<PartitionId>,
}

// === impl GroupLag ===

impl GroupLag {
    /// The group's members. Asks the broker that answered for the group at the last look.
    ///
    /// # Errors
    /// Why they are unknown: in words, for a reason. None of it means that there are none.
    pub(crate) async fn described(&self, deadline: Duration) -> Result<Vec<Member>, String> {
        let look = self.look();
        let until = Instant::now() + deadline;
        tokio::task::spawn_blocking(move || look.members(until))
            .await
            .map_err(|error| error.to_string())?
    }
}

// === impl Look ===

impl Look {
    fn members(&self, deadline: Instant) -> Result<Vec<Member>, String> {
        let broker = self
            .known_coordinator()
            .ok_or("no broker answers for the group yet")?;
        let admin = self
            .cluster()
            .admin(Isolation::default())
            .map_err(|error| error.to_string())?;
        let timeout = deadline.saturating_duration_since(Instant::now());
        let mut members = ffi::describe_group(admin.client(), broker, self.group(), timeout)
            .and_then(|request| request.wait_members(deadline))
            .map_err(|error| error.to_string())?;
        cluster::hear(admin);
        for member in &mut members {
            member.partitions.sort();
        }
        members.sort();
        Ok(members)
    }
}
