//! Pools on Oracle's cloud, and who asks there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use spillway_cloud::user_data::Cloud;
use spillway_cloud::{Oci, OciConfig, OciCredentials, OciEndpoints, OciMachine, Provider, Secret};
use spillway_core::{Policy, Pool, clouds};

use super::net::Budgets;

/// What Kubernetes gives every pod.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const POD_CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/// The provider of a pool on OCI.
///
/// # Errors
/// When there are no usable credentials, or the policy lacks what machines need.
pub(super) fn provider(
    oci: &clouds::Oci,
    pool: &Pool,
    policy: &Policy,
    owner: &str,
    budgets: &Budgets,
) -> anyhow::Result<Arc<dyn Provider>> {
    let boot = super::boot::of(pool, policy, Cloud::Oci)?;
    let config = OciConfig::new(owner, machine(oci, pool), boot.user_data(), credentials()?);
    let mut config = OciConfig {
        endpoints: OciEndpoints {
            compute: oci.endpoint.clone(),
            auth: super::boot::emulator(pool),
            ..OciEndpoints::default()
        },
        net: super::net::net()?,
        ..config
    };
    config.net.budget = Some(budgets.of(config.account()));
    Ok(Arc::new(Oci::new(config)?))
}

/// What the policy describes.
pub(crate) fn machine(oci: &clouds::Oci, pool: &Pool) -> OciMachine {
    OciMachine {
        region: oci.region.clone(),
        compartment: oci.compartment_id.clone(),
        availability_domain: oci.availability_domain.clone(),
        fault_domain: oci.fault_domain.clone(),
        shape: oci.shape.clone(),
        flex: None,
        image: oci.image_id.clone(),
        subnet: oci.subnet_id.clone(),
        security_groups: oci.network_security_group_ids.clone(),
        public_ip: false,
        boot_volume_gb: oci.boot_volume_gb,
        market: pool.market,
        capacity_reservation: None,
        ssh_public_key: None,
        defined_tags: BTreeMap::new(),
    }
}

/// As Oracle's own tools choose: what `OCI_CLI_AUTH` says, else a key where there is a configuration file, else the
/// pod's identity in Kubernetes, else the machine's.
fn credentials() -> anyhow::Result<OciCredentials> {
    let named = std::env::var_os("OCI_CLI_CONFIG_FILE").or(std::env::var_os("OCI_CONFIG_FILE"));
    let file = named.map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".oci/config"),
        PathBuf::from,
    );
    let said = std::env::var("OCI_CLI_AUTH").ok();
    let is_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    match said.as_deref() {
        Some("api_key") => api_key(&file),
        Some("instance_principal") => Ok(OciCredentials::InstancePrincipal),
        Some("oke_workload_identity") => Ok(workload()),
        Some(other) => anyhow::bail!(
            "OCI_CLI_AUTH is {other}; api_key, instance_principal and oke_workload_identity are known here"
        ),
        None if file.is_file() => api_key(&file),
        None if is_pod => Ok(workload()),
        None => Ok(OciCredentials::InstancePrincipal),
    }
}

fn workload() -> OciCredentials {
    OciCredentials::WorkloadIdentity {
        token_file: POD_TOKEN.into(),
        ca_file: POD_CA.into(),
    }
}

/// The key that Oracle's configuration file names, in the profile that `OCI_CLI_PROFILE` names or the default one.
fn api_key(file: &Path) -> anyhow::Result<OciCredentials> {
    let profile = std::env::var("OCI_CLI_PROFILE").unwrap_or_else(|_| DEFAULT.to_owned());
    let at = || format!("{} profile {profile}", file.display());
    let text = std::fs::read_to_string(file).with_context(at)?;
    let fields = fields(&text, &profile).with_context(|| format!("{}: there is none", at()))?;
    let field = |name: &str| {
        let found = fields.get(name).cloned();
        found.with_context(|| format!("{}: {name} is missing", at()))
    };
    let key = home(&field("key_file")?);
    let pem = std::fs::read_to_string(&key).with_context(|| key.display().to_string())?;
    Ok(OciCredentials::ApiKey {
        tenancy: field("tenancy")?,
        user: field("user")?,
        fingerprint: field("fingerprint")?,
        private_key: Secret::new(pem),
    })
}

fn home(path: &str) -> PathBuf {
    let home = std::env::var_os("HOME").unwrap_or_default();
    match path.strip_prefix("~/") {
        Some(rest) => Path::new(&home).join(rest),
        None => path.into(),
    }
}

/// The profile whose fields every other one has, unless it has its own.
const DEFAULT: &str = "DEFAULT";

/// The fields of one profile, `name = value` lines below `[profile]`, and of the default one where it has none of
/// its own; none if there is no such profile.
fn fields(text: &str, profile: &str) -> Option<BTreeMap<String, String>> {
    let mut profiles: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            current = Some(profiles.entry(name.trim()).or_default());
        } else if let (Some(fields), Some((name, value))) = (&mut current, line.split_once('=')) {
            fields.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    let own = profiles.remove(profile)?;
    let mut fields = profiles.remove(DEFAULT).unwrap_or_default();
    fields.extend(own);
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_oracle_writes_it() {
        let text = "[OTHER]\nuser=nobody\n\n[DEFAULT]\n# comment\nuser = ocid1.user.oc1..a\nkey_file=~/.oci/k.pem\n[X]\nuser=x\n";
        let default = fields(text, "DEFAULT").unwrap();
        assert_eq!(default["user"], "ocid1.user.oc1..a");
        assert_eq!(default["key_file"], "~/.oci/k.pem");
        assert_eq!(default.len(), 2);
        let other = fields(text, "OTHER").unwrap();
        assert_eq!(
            (other["user"].as_str(), other["key_file"].as_str()),
            ("nobody", "~/.oci/k.pem"),
            "what a profile does not say is the default's"
        );
        assert_eq!(fields(text, "NONE"), None);
    }
}
