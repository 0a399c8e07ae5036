//! Pools on Microsoft's cloud, and who asks there.

use std::env;
use std::sync::Arc;

use spillway_cloud::user_data::Cloud;
use spillway_cloud::{
    Azure, AzureConfig, AzureCredentials, AzureEndpoints, AzureImage, AzureMachine, Provider,
    Secret,
};
use spillway_core::{Policy, Pool, clouds};

/// What Azure's own images have; quick enough for an image and a model set.
const DISK_TYPE: &str = "Premium_LRS";

/// The provider of a pool on Azure.
///
/// # Errors
/// When the policy lacks what machines need.
pub(super) fn provider(
    azure: &clouds::Azure,
    pool: &Pool,
    policy: &Policy,
    owner: &str,
) -> anyhow::Result<Arc<dyn Provider>> {
    let boot = super::boot::of(pool, policy, Cloud::Azure)?;
    let config = AzureConfig::new(owner, machine(azure, pool), boot.user_data(), credentials());
    Ok(Arc::new(Azure::new(AzureConfig {
        endpoints: AzureEndpoints {
            management: azure.endpoint.clone(),
            login: super::boot::emulator(pool),
            ..AzureEndpoints::default()
        },
        net: super::net::net()?,
        ..config
    })?))
}

/// What the policy describes.
pub(super) fn machine(azure: &clouds::Azure, pool: &Pool) -> AzureMachine {
    AzureMachine {
        subscription: azure.subscription.clone(),
        resource_group: azure.resource_group.clone(),
        region: azure.region.clone(),
        zone: azure.zone.clone(),
        size: azure.vm_size.clone(),
        image: image(&azure.image),
        disk_gb: azure.disk_gb,
        disk_type: DISK_TYPE.to_owned(),
        subnet: azure.subnet_id.clone(),
        identity: Some(azure.identity.clone()),
        ssh_public_key: azure.ssh_public_key.clone(),
        market: pool.market,
    }
}

/// An id, or `publisher:offer:sku:version`.
fn image(text: &str) -> AzureImage {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [publisher, offer, sku, version] => AzureImage::Marketplace {
            publisher: (*publisher).to_owned(),
            offer: (*offer).to_owned(),
            sku: (*sku).to_owned(),
            version: (*version).to_owned(),
        },
        _ => AzureImage::Id(text.to_owned()),
    }
}

/// As Azure's own libraries choose from the environment: a secret, a pod's token, else the machine's identity.
fn credentials() -> AzureCredentials {
    let client = env::var("AZURE_CLIENT_ID").ok();
    match (env::var("AZURE_TENANT_ID"), client) {
        (Ok(tenant), Some(client)) => {
            if let Ok(secret) = env::var("AZURE_CLIENT_SECRET") {
                let secret = Secret::new(secret);
                return AzureCredentials::ClientSecret {
                    tenant,
                    client,
                    secret,
                };
            }
            if let Some(token_file) = env::var_os("AZURE_FEDERATED_TOKEN_FILE") {
                return AzureCredentials::WorkloadIdentity {
                    tenant,
                    client,
                    token_file: token_file.into(),
                };
            }
            AzureCredentials::ManagedIdentity {
                client: Some(client),
            }
        }
        (_, client) => AzureCredentials::ManagedIdentity { client },
    }
}
