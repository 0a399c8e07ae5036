//! Pools on Google's cloud, and who asks there.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;
use spillway_cloud::user_data::Cloud;
use spillway_cloud::{
    Gce, GceAccelerator, GceConfig, GceCredentials, GceEndpoints, GceMachine, Provider, Secret,
};
use spillway_core::{Policy, Pool, clouds};

use super::net::Budgets;

/// The longest that any machine lives, by Google's own clock: the last of all ways to end a bill. A burst that lasts
/// longer buys anew.
const RUN_SECONDS_MAX: u64 = 24 * 3_600;

/// The provider of a pool on GCE.
///
/// # Errors
/// When there are no usable credentials, or the policy lacks what machines need.
pub(super) fn provider(
    gcp: &clouds::Gcp,
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    budgets: &Budgets,
) -> anyhow::Result<Arc<dyn Provider>> {
    let boot = super::boot::of(pool, policy, Cloud::Gcp)?;
    let config = GceConfig::new(owner, machine(gcp, pool), boot.user_data(), credentials()?);
    let compute = gcp.endpoint.as_ref().map(|it| format!("{it}/compute/v1"));
    let mut config = GceConfig {
        endpoints: GceEndpoints {
            compute,
            ..GceEndpoints::default()
        },
        net: super::net::net()?,
        ..config
    };
    config.net.budget = Some(budgets.of(config.account()));
    Ok(Arc::new(Gce::new(config)?))
}

/// What the policy describes.
pub(crate) fn machine(gcp: &clouds::Gcp, pool: &Pool) -> GceMachine {
    GceMachine {
        project: gcp.project.clone(),
        zone: gcp.zone.clone(),
        machine_type: gcp.machine_type.clone(),
        accelerator: gcp
            .gpu
            .clone()
            .map(|(kind, count)| GceAccelerator { kind, count }),
        image: gcp.image.clone(),
        disk_gb: gcp.disk_gb,
        disk_type: None,
        subnetwork: gcp.subnetwork.clone(),
        public_ip: false,
        network_tags: Vec::new(),
        service_account: Some(gcp.service_account.clone()),
        market: pool.market,
        run_seconds_max: RUN_SECONDS_MAX,
    }
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

/// As Google's own libraries choose: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, else the metadata service.
fn credentials() -> anyhow::Result<GceCredentials> {
    let Some(file) = std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS") else {
        return Ok(GceCredentials::Metadata);
    };
    of_file(Path::new(&file))
}

fn of_file(file: &Path) -> anyhow::Result<GceCredentials> {
    let at = || format!("GOOGLE_APPLICATION_CREDENTIALS is {}", file.display());
    let text = std::fs::read_to_string(file).with_context(at)?;
    let Kind { kind } = serde_json::from_str(&text).with_context(at)?;
    match kind.as_str() {
        "service_account" => Ok(GceCredentials::ServiceAccountKey(Secret::new(text))),
        "external_account" => Ok(GceCredentials::WorkloadIdentity {
            config_file: file.to_owned(),
        }),
        _ => anyhow::bail!(
            "{}, which is of type {kind}; service_account and external_account are known here",
            at()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credentials_file_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.json");
        for (text, is_good) in [
            (r#"{"type":"service_account","private_key":"k"}"#, true),
            (r#"{"type":"external_account"}"#, true),
            (r#"{"type":"authorized_user"}"#, false),
            ("no json", false),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(of_file(&file).is_ok(), is_good, "{text}");
        }
    }
}
