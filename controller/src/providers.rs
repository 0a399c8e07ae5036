//! Which provider serves which pool: the one place to add a new kind.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use spillway_cloud::Provider;
use spillway_cloud::process::{Process, ProcessConfig};
use spillway_core::{Policy, Pool, ProviderKind};

use crate::run::Providers;

/// The provider of every pool that has one.
///
/// # Errors
/// When a provider cannot be set up.
pub(crate) fn of(policy: &Policy, owner: &str, state: &Path) -> anyhow::Result<Providers> {
    let mut providers = Providers::new();
    for pool in std::iter::once(policy.base()).chain(policy.pools()) {
        if let Some(provider) = provider(pool, policy, owner, state)? {
            providers.insert(pool.name.clone(), provider);
        }
    }
    Ok(providers)
}

fn provider(
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    state: &Path,
) -> anyhow::Result<Option<Arc<dyn Provider>>> {
    match &pool.provider {
        ProviderKind::Static => Ok(None),
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
