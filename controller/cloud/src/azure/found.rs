//! Credentials where Azure's own libraries look for them.

use std::path::PathBuf;

use super::config::AzureCredentials;
use crate::CloudError;
use crate::secret::Secret;

impl AzureCredentials {
    /// As Azure's libraries find them: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` or with
    /// `AZURE_FEDERATED_TOKEN_FILE`, else the machine's identity (`AZURE_CLIENT_ID` says which).
    ///
    /// # Errors
    /// When a secret or a token is given without saying whose.
    pub fn from_environment() -> Result<Self, CloudError> {
        Self::found(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
    }

    fn found(var: impl Fn(&str) -> Option<String>) -> Result<Self, CloudError> {
        let whose = |what: &str| match (var("AZURE_TENANT_ID"), var("AZURE_CLIENT_ID")) {
            (Some(tenant), Some(client)) => Ok((tenant, client)),
            _ => Err(CloudError::Refused {
                why: format!("{what} is set without AZURE_TENANT_ID and AZURE_CLIENT_ID"),
            }),
        };
        if let Some(secret) = var("AZURE_CLIENT_SECRET") {
            let (tenant, client) = whose("AZURE_CLIENT_SECRET")?;
            return Ok(Self::ClientSecret {
                tenant,
                client,
                secret: Secret::new(secret),
            });
        }
        if let Some(token_file) = var("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from) {
            let (tenant, client) = whose("AZURE_FEDERATED_TOKEN_FILE")?;
            return Ok(Self::WorkloadIdentity {
                tenant,
                client,
                token_file,
            });
        }
        let client = var("AZURE_CLIENT_ID");
        Ok(Self::ManagedIdentity { client })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn found(vars: &[(&str, &str)]) -> Result<AzureCredentials, CloudError> {
        let vars: BTreeMap<_, _> = vars.iter().copied().collect();
        AzureCredentials::found(|name| vars.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn a_secret_goes_before_a_token_and_a_token_before_the_machine() {
        let all = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/token"),
            ("AZURE_CLIENT_SECRET", "hush"),
        ];
        assert!(matches!(
            found(&all),
            Ok(AzureCredentials::ClientSecret { .. })
        ));
        assert!(matches!(
            found(&all[..3]),
            Ok(AzureCredentials::WorkloadIdentity { .. })
        ));
        let machine = found(&all[..2]);
        assert!(matches!(
            machine,
            Ok(AzureCredentials::ManagedIdentity { client: Some(_) })
        ));
        assert!(matches!(
            found(&[]),
            Ok(AzureCredentials::ManagedIdentity { client: None })
        ));
        assert!(found(&all[2..]).is_err());
    }
}
