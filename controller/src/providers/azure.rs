//! Pools on Microsoft's cloud, and who asks there.

use std::env;
use std::sync::Arc;

use spillway_cloud::user_data::Cloud;
use spillway_cloud::{
    Azure, AzureConfig, AzureCredentials, AzureEndpoints, AzureImage, AzureMachine, Provider,
    Secret,
};
use spillway_core::{Policy, Pool, clouds};

use super::net::Budgets;

/// What Azure's own images have; quick enough for an image and a model set.
const DISK_TYPE: &str = "Premium_LRS";

/// The provider of a pool on Azure.
///
/// # Errors
/// When there are no usable credentials, or the policy lacks what machines need.
pub(super) fn provider(
    azure: &clouds::Azure,
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    budgets: &Budgets,
) -> anyhow::Result<Arc<dyn Provider>> {
    let boot = super::boot::of(pool, policy, Cloud::Azure)?;
    let config = AzureConfig::new(
        owner,
        machine(azure, pool),
        boot.user_data(),
        credentials()?,
    );
    let mut config = AzureConfig {
        endpoints: AzureEndpoints {
            management: azure.endpoint.clone(),
            login: super::boot::emulator(pool),
            ..AzureEndpoints::default()
        },
        net: super::net::net()?,
        ..config
    };
    config.net.budget = Some(budgets.of(config.account()));
    Ok(Arc::new(Azure::new(config)?))
}

/// What the policy describes.
pub(crate) fn machine(azure: &clouds::Azure, pool: &Pool) -> AzureMachine {
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
///
/// # Errors
/// When a secret or a token is named and not whose: another identity would be asked for in its place.
fn credentials() -> anyhow::Result<AzureCredentials> {
    chosen(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}

fn chosen(of: impl Fn(&str) -> Option<String>) -> anyhow::Result<AzureCredentials> {
    let (tenant, client) = (of("AZURE_TENANT_ID"), of("AZURE_CLIENT_ID"));
    let secret = of("AZURE_CLIENT_SECRET");
    let token_file = of("AZURE_FEDERATED_TOKEN_FILE");
    match (tenant, client, secret, token_file) {
        (Some(tenant), Some(client), Some(secret), _) => Ok(AzureCredentials::ClientSecret {
            tenant,
            client,
            secret: Secret::new(secret),
        }),
        (Some(tenant), Some(client), None, Some(file)) => Ok(AzureCredentials::WorkloadIdentity {
            tenant,
            client,
            token_file: file.into(),
        }),
        (tenant, client, Some(_), _) => anyhow::bail!(
            "AZURE_CLIENT_SECRET is set, and {} not",
            lacking(&tenant, &client)
        ),
        (tenant, client, None, Some(_)) => anyhow::bail!(
            "AZURE_FEDERATED_TOKEN_FILE is set, and {} not",
            lacking(&tenant, &client)
        ),
        (_, client, None, None) => Ok(AzureCredentials::ManagedIdentity { client }),
    }
}

fn lacking(tenant: &Option<String>, client: &Option<String>) -> &'static str {
    match (tenant, client) {
        (None, None) => "AZURE_TENANT_ID and AZURE_CLIENT_ID",
        (None, _) => "AZURE_TENANT_ID",
        _ => "AZURE_CLIENT_ID",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_without_its_tenant_is_refused_and_not_passed_over() {
        let choose = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(|name| format!("AZURE_{name}")).collect();
            chosen(|name| set.iter().any(|it| it == name).then(|| "x".to_owned()))
        };
        let whole = choose(&["TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"]);
        assert!(matches!(whole, Ok(AzureCredentials::ClientSecret { .. })));
        let pod = choose(&["TENANT_ID", "CLIENT_ID", "FEDERATED_TOKEN_FILE"]);
        assert!(matches!(pod, Ok(AzureCredentials::WorkloadIdentity { .. })));
        for (set, client) in [(&[][..], None), (&["CLIENT_ID"], Some("x"))] {
            let machine = choose(set).unwrap();
            let AzureCredentials::ManagedIdentity { client: chosen } = machine else {
                panic!("{machine:?}");
            };
            assert_eq!(chosen.as_deref(), client);
        }
        for (set, says) in [
            (&["CLIENT_SECRET", "CLIENT_ID"][..], "AZURE_TENANT_ID"),
            (&["CLIENT_SECRET", "TENANT_ID"], "AZURE_CLIENT_ID"),
            (
                &["FEDERATED_TOKEN_FILE"],
                "AZURE_TENANT_ID and AZURE_CLIENT_ID",
            ),
        ] {
            let error = choose(set).unwrap_err().to_string();
            assert!(error.contains(says), "{set:?}: {error}");
        }
    }
}
