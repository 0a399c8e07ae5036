//! Credentials where OCI's own tools look for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::OciCredentials;
use crate::CloudError;
use crate::secret::Secret;

/// Where Kubernetes puts a pod's identity.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl OciCredentials {
    /// As OCI's tools find them: `OCI_CLI_AUTH`, else the profile `OCI_CLI_PROFILE` of `OCI_CLI_CONFIG_FILE` or
    /// `~/.oci/config`, else the pod that this runs in, else the instance.
    ///
    /// # Errors
    /// When what is named there cannot be read.
    pub fn from_environment() -> Result<Self, CloudError> {
        Self::found(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
    }

    pub(super) fn found(var: impl Fn(&str) -> Option<String>) -> Result<Self, CloudError> {
        let home = || var("HOME").map(|home| Path::new(&home).join(".oci/config"));
        let named = var("OCI_CLI_CONFIG_FILE").map(PathBuf::from);
        let file = named
            .clone()
            .or_else(|| home().filter(|file| file.exists()));
        match (var("OCI_CLI_AUTH").as_deref(), file) {
            (Some("instance_principal"), _) => Ok(Self::InstancePrincipal),
            (Some("oke_workload_identity"), _) => Ok(pod()),
            (None | Some("api_key"), Some(file)) => {
                let profile = var("OCI_CLI_PROFILE").unwrap_or_else(|| "DEFAULT".into());
                profiled(&file, &profile, &var)
            }
            (None, None) if var("KUBERNETES_SERVICE_HOST").is_some() => Ok(pod()),
            (None, None) => Ok(Self::InstancePrincipal),
            (Some(other), _) => Err(refused(format!("OCI_CLI_AUTH={other} is not understood"))),
        }
    }
}

fn pod() -> OciCredentials {
    let folder = Path::new(SERVICE_ACCOUNT);
    OciCredentials::WorkloadIdentity {
        token_file: folder.join("token"),
        ca_file: folder.join("ca.crt"),
    }
}

fn profiled(
    file: &Path,
    profile: &str,
    var: impl Fn(&str) -> Option<String>,
) -> Result<OciCredentials, CloudError> {
    let text = read(file)?;
    let entries = section(&text, profile)
        .ok_or_else(|| refused(format!("{} has no profile {profile}", file.display())))?;
    let entry = |name: &str| {
        let missing = || refused(format!("{}: [{profile}] has no {name}", file.display()));
        entries.get(name).cloned().ok_or_else(missing)
    };
    if entries.contains_key("pass_phrase") {
        return Err(refused(format!(
            "{}: a key with a pass phrase cannot be used",
            file.display()
        )));
    }
    let key_file = entry("key_file")?;
    let key_file = match (key_file.strip_prefix("~/"), var("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(key_file),
    };
    Ok(OciCredentials::ApiKey {
        tenancy: entry("tenancy")?,
        user: entry("user")?,
        fingerprint: entry("fingerprint")?,
        private_key: Secret::new(read(&key_file)?),
    })
}

/// The entries of a profile, over those of `DEFAULT`.
fn section(text: &str, profile: &str) -> Option<BTreeMap<String, String>> {
    let (mut at, mut is_there) = (String::new(), false);
    let (mut own, mut default) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            name.trim().clone_into(&mut at);
            is_there |= at == profile;
        } else if !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            let entries = if at == profile {
                &mut own
            } else {
                &mut default
            };
            if at == profile || at == "DEFAULT" {
                entries.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
    default.extend(own);
    is_there.then_some(default)
}

fn read(path: &Path) -> Result<String, CloudError> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| refused(format!("{} cannot be read: {error}", path.display())))
}

fn refused(why: String) -> CloudError {
    CloudError::Refused { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(vars: &[(&str, &str)]) -> Result<OciCredentials, CloudError> {
        let vars: BTreeMap<_, _> = vars.iter().copied().collect();
        OciCredentials::found(|name| vars.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn a_profile_is_read_over_the_default_one_and_says_what_it_lacks() {
        let home = tempfile::tempdir().expect("a folder");
        let config = home.path().join("config");
        std::fs::write(home.path().join("key.pem"), "hush").expect("written");
        let text = "[DEFAULT]\ntenancy = t\nuser=u\n# a = comment\n[burst]\nuser=v\nfingerprint=f\nkey_file=~/key.pem\n";
        std::fs::write(&config, text).expect("written");
        let (home, config) = (
            home.path().display().to_string(),
            config.display().to_string(),
        );
        let vars = [
            ("HOME", home.as_str()),
            ("OCI_CLI_CONFIG_FILE", &config),
            ("OCI_CLI_PROFILE", "burst"),
        ];
        let OciCredentials::ApiKey {
            tenancy,
            user,
            private_key,
            ..
        } = found(&vars).expect("found")
        else {
            panic!("a key");
        };
        assert_eq!(
            (tenancy.as_str(), user.as_str(), private_key.expose()),
            ("t", "v", "hush")
        );
        let lacking = found(&vars[..2]).expect_err("no key").to_string();
        assert!(lacking.contains("[DEFAULT] has no key_file"), "{lacking}");
        let other = [
            ("OCI_CLI_CONFIG_FILE", config.as_str()),
            ("OCI_CLI_PROFILE", "other"),
        ];
        assert!(
            found(&other)
                .expect_err("none")
                .to_string()
                .contains("no profile other")
        );
    }

    #[test]
    fn without_a_file_it_is_the_pod_or_the_instance() {
        assert!(matches!(found(&[]), Ok(OciCredentials::InstancePrincipal)));
        let pod = found(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
        assert!(matches!(pod, Ok(OciCredentials::WorkloadIdentity { .. })));
        assert!(found(&[("OCI_CLI_AUTH", "security_token")]).is_err());
    }
}
