//! What a launch on GCE needs.

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::examine::{Examination, lacking};
use crate::rest::{below, endpoint};
use crate::{Finding, Subject};

/// What the subnetwork is asked for.
const USE_SUBNET: &str = "compute.subnetworks.use";

#[derive(Default, Deserialize)]
struct Granted {
    #[serde(default)]
    permissions: Vec<String>,
}

// === impl Shared ===

impl Shared {
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let (mut found, goes_on) = Examination::begin(&self.http, self.seen().await);
        if !goes_on {
            return found.end();
        }
        let machine = &self.config.machine;
        let image = self.resource(&machine.image);
        let image = self.call::<Value>(Method::GET, image, None).await;
        found.looked(Subject::Image, image);
        let subnet = self.resource(&machine.subnetwork);
        let is_there = self.call::<Value>(Method::GET, subnet.clone(), None).await;
        found.looked(Subject::Subnet, is_there);
        let test = below(&subnet, &["testIamPermissions"]);
        let asked = json!({"permissions": [USE_SUBNET]});
        match self.call::<Granted>(Method::POST, test, Some(&asked)).await {
            Ok(granted) => {
                let mut needed = vec![USE_SUBNET];
                needed.retain(|right| !granted.permissions.iter().any(|it| it == right));
                found.add(Subject::Launching, lacking(&needed));
            }
            Err(trouble) => found.looked::<()>(Subject::Launching, Err(trouble)),
        }
        found.end()
    }

    /// The address of a resource: by its name in a project, in ours, or as it is.
    fn resource(&self, name: &str) -> Url {
        if let Ok(url) = endpoint(name) {
            return url;
        }
        let parts: Vec<&str> = name.split('/').collect();
        match parts.as_slice() {
            ["projects", project, rest @ ..] => {
                let mut url = self.project.clone();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop().push(project).extend(rest);
                }
                url
            }
            _ => below(&self.project, &parts),
        }
    }
}
