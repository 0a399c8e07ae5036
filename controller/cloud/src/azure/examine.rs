//! What a launch on Azure needs.

use reqwest::{Method, Url};
use serde::Deserialize;

use super::{AzureImage, Shared, VERSION};
use crate::examine::{Examination, lacking};
use crate::refusal::Trouble;
use crate::rest::below;
use crate::{Finding, Sight, Subject};

/// Of the network's interface.
const NETWORK_VERSION: &str = "2023-09-01";
/// Of the interface for rights.
const RIGHTS_VERSION: &str = "2022-04-01";
/// What launches and their ends need.
const NEEDED: [&str; 3] = [
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/delete",
];

#[derive(Deserialize)]
struct Permissions {
    value: Vec<Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
}

// === impl Shared ===

impl Shared {
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let (mut found, goes_on) = Examination::begin(&self.http, self.seen().await);
        if !goes_on {
            return found.end();
        }
        let machine = &self.config.machine;
        match &machine.image {
            AzureImage::Id(id) => {
                let image = self.call(Method::GET, self.resource(id, VERSION), None);
                found.looked(Subject::Image, image.await);
            }
            AzureImage::Marketplace { .. } => found.add(
                Subject::Image,
                Sight::Unknown {
                    why: "an image of the marketplace is looked at by a launch alone".to_owned(),
                },
            ),
        }
        let subnet = self.resource(&machine.subnet, NETWORK_VERSION);
        found.looked(Subject::Subnet, self.call(Method::GET, subnet, None).await);
        match self.lacks().await {
            Ok(lacks) => found.add(Subject::Launching, lacking(&lacks)),
            Err(trouble) => found.looked::<()>(Subject::Launching, Err(trouble)),
        }
        found.end()
    }

    /// Rights that are needed and not given.
    async fn lacks(&self) -> Result<Vec<&'static str>, Trouble> {
        let machine = &self.config.machine;
        let group = [
            "subscriptions",
            &machine.subscription,
            "resourceGroups",
            &machine.resource_group,
            "providers",
            "Microsoft.Authorization",
            "permissions",
        ];
        let mut url = below(&self.management, &group);
        url.query_pairs_mut()
            .append_pair("api-version", RIGHTS_VERSION);
        let given: Permissions = self.call(Method::GET, url, None).await?.json()?;
        let is_given = |right: &str| given.value.iter().any(|permission| permission.gives(right));
        Ok(NEEDED
            .into_iter()
            .filter(|right| !is_given(right))
            .collect())
    }

    fn resource(&self, id: &str, version: &str) -> Url {
        let segments: Vec<&str> = id.split('/').filter(|part| !part.is_empty()).collect();
        let mut url = below(&self.management, &segments);
        url.query_pairs_mut().append_pair("api-version", version);
        url
    }
}

// === impl Permission ===

impl Permission {
    fn gives(&self, right: &str) -> bool {
        let is_in = |actions: &[String]| actions.iter().any(|action| is_like(action, right));
        is_in(&self.actions) && !is_in(&self.not_actions)
    }
}

/// Whether a right is one of an action, in which `*` stands for anything; Azure minds no capitals.
fn is_like(action: &str, right: &str) -> bool {
    is_glob(&action.to_lowercase(), &right.to_lowercase())
}

fn is_glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((first, rest)) => text.strip_prefix(first).is_some_and(|left| {
            let mut ends = left.char_indices().map(|(at, _)| &left[at..]);
            is_glob(rest, "") || ends.any(|end| is_glob(rest, end))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_given_by_its_name_or_by_a_wider_one() {
        let right = "Microsoft.Compute/virtualMachines/write";
        for (action, is_given) in [
            (right, true),
            ("microsoft.compute/VIRTUALMACHINES/write", true),
            ("*", true),
            ("Microsoft.Compute/*", true),
            ("Microsoft.Compute/*/write", true),
            ("Microsoft.Compute/*/read", false),
            ("Microsoft.Compute/virtualMachines", false),
            ("Microsoft.Network/*", false),
        ] {
            assert_eq!(is_like(action, right), is_given, "{action}");
        }
        let permission = Permission {
            actions: vec!["*".into()],
            not_actions: vec!["Microsoft.Compute/*/write".into()],
        };
        assert!(!permission.gives(right));
    }
}
