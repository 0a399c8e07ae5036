//! Which provider serves which pool: the one place to add a new kind.

pub(crate) mod aws;
pub(crate) mod azure;
mod boot;
mod counted;
pub(crate) mod gcp;
mod net;
pub(crate) mod oci;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use spillway_cloud::Provider;
use spillway_cloud::process::{Process, ProcessConfig};
use spillway_core::{Policy, Pool, ProviderKind};

pub(crate) use counted::counted;

use crate::run::Providers;

/// The provider of every pool that has one.
///
/// # Errors
/// When a provider cannot be set up.
pub(crate) fn of(policy: &Policy, owner: &str, state: &Path) -> anyhow::Result<Providers> {
    let (mut providers, budgets) = (Providers::new(), net::Budgets::default());
    for pool in std::iter::once(policy.base()).chain(policy.pools()) {
        if let Some(provider) = provider(pool, policy, owner, state, &budgets)? {
            providers.insert(pool.name.clone(), provider);
        }
    }
    Ok(providers)
}

/// The provider of one pool alone, if it has one; not for pools of this machine's processes.
///
/// # Errors
/// When it cannot be set up.
pub(crate) fn of_pool(
    pool: &Pool,
    policy: &Policy,
    owner: &str,
) -> anyhow::Result<Option<Arc<dyn Provider>>> {
    provider(
        pool,
        policy,
        owner,
        Path::new("."),
        &net::Budgets::default(),
    )
}

fn provider(
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    state: &Path,
    budgets: &net::Budgets,
) -> anyhow::Result<Option<Arc<dyn Provider>>> {
    match &pool.provider {
        ProviderKind::Static => Ok(None),
        ProviderKind::Aws(aws) => aws::provider(aws, pool, policy, owner, budgets).map(Some),
        ProviderKind::Azure(azure) => {
            azure::provider(azure, pool, policy, owner, budgets).map(Some)
        }
        ProviderKind::Gcp(gcp) => gcp::provider(gcp, pool, policy, owner, budgets).map(Some),
        ProviderKind::Oci(oci) => oci::provider(oci, pool, policy, owner, budgets).map(Some),
        ProviderKind::Process { boot_delay } => {
            let program = std::env::current_exe().context("cannot find this program")?;
            let machine = [program.display().to_string(), "machine".to_owned()];
            let config = ProcessConfig {
                boot_delay: boot_delay.unsigned_abs(),
                grace: policy.drain_timeout().unsigned_abs(),
                ..ProcessConfig::new(state.join("machines"), owner, machine)
            };
            Ok(Some(Arc::new(Process::new(config)?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_becomes_the_machine_that_the_policy_describes() {
        let text = include_str!("../../policies/clouds.yaml");
        let policy = crate::policy_file::parse("clouds.yaml", text)
            .unwrap_or_else(|report| panic!("{report:?}"));
        for pool in policy.pools() {
            match &pool.provider {
                ProviderKind::Azure(it) => insta::assert_debug_snapshot!(azure::machine(it, pool)),
                ProviderKind::Gcp(it) => insta::assert_debug_snapshot!(gcp::machine(it, pool)),
                ProviderKind::Oci(it) => insta::assert_debug_snapshot!(oci::machine(it, pool)),
                // Only where this program was built with it; its requests are judged in its own crate.
                ProviderKind::Aws(_) => {}
                other => panic!("{other:?} is no cloud"),
            }
        }
    }
}
