//! AWS pools, where this program was built with them.

use std::sync::Arc;

use spillway_cloud::Provider;
use spillway_core::clouds::Aws;
use spillway_core::{Policy, Pool};

/// The provider of a pool on AWS.
///
/// # Errors
/// When this program was built without the feature `ec2`, or the policy lacks what machines need.
#[cfg(feature = "ec2")]
pub(super) fn provider(
    aws: &Aws,
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    budgets: &super::net::Budgets,
) -> anyhow::Result<Arc<dyn Provider>> {
    use spillway_cloud::user_data::Cloud;
    use spillway_ec2::{Ec2, Ec2Config, Ec2Credentials};

    let boot = super::boot::of(pool, policy, Cloud::Aws)?;
    let mut config = Ec2Config {
        owner: owner.to_owned(),
        endpoint: aws.endpoint.clone(),
        machine: machine(aws, pool),
        user_data: boot.user_data(),
        credentials: Ec2Credentials::DefaultChain,
        net: super::net::net()?,
    };
    config.net.budget = Some(budgets.of(config.account()));
    Ok(Arc::new(Ec2::new(config)))
}

/// What the policy describes.
#[cfg(feature = "ec2")]
pub(crate) fn machine(aws: &Aws, pool: &Pool) -> spillway_ec2::Ec2Machine {
    spillway_ec2::Ec2Machine {
        region: aws.region.clone(),
        instance_type: aws.instance_type.clone(),
        image_id: aws.image_id.clone(),
        subnet_id: aws.subnet_id.clone(),
        security_group_ids: aws.security_group_ids.clone(),
        instance_profile: Some(aws.instance_profile.clone()),
        volume_gb: aws.volume_gb.and_then(|gb| i32::try_from(gb).ok()),
        root_device: aws.root_device.clone(),
        is_spot: pool.market == spillway_core::Market::Spot,
    }
}

/// Says that it cannot be had.
///
/// # Errors
/// Always.
#[cfg(not(feature = "ec2"))]
pub(super) fn provider(
    _: &Aws,
    pool: &Pool,
    _: &Policy,
    _: &str,
    _: &super::net::Budgets,
) -> anyhow::Result<Arc<dyn Provider>> {
    anyhow::bail!(
        "the pool {} is on AWS, and this program was built without it: build it with `--features ec2`",
        pool.name
    )
}
