//! What a launch on OCI needs.

use serde_json::Value;

use super::Shared;
use crate::examine::Examination;
use crate::{Finding, Sight, Subject};

// === impl Shared ===

impl Shared {
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let (mut found, goes_on) = Examination::begin(&self.http, self.seen(None).await);
        if goes_on {
            let machine = &self.config.machine;
            let image = self
                .read::<Value>(self.at(&["images", &machine.image]))
                .await;
            found.looked(Subject::Image, image);
            let subnet = self
                .read::<Value>(self.at(&["subnets", &machine.subnet]))
                .await;
            found.looked(Subject::Subnet, subnet);
            found.add(
                Subject::Launching,
                Sight::Unknown {
                    why: "OCI does not tell before a launch whether it is allowed".to_owned(),
                },
            );
        }
        found.end()
    }
}
