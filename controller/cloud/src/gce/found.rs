//! Credentials where Google's own libraries look for them.

use std::path::Path;

use serde::Deserialize;

use super::config::GceCredentials;
use crate::CloudError;
use crate::secret::Secret;

impl GceCredentials {
    /// As Google's libraries find them: the file of `GOOGLE_APPLICATION_CREDENTIALS`, else the metadata service.
    ///
    /// # Errors
    /// When that file cannot be read, or is of a kind that is not understood.
    pub fn from_environment() -> Result<Self, CloudError> {
        match std::env::var("GOOGLE_APPLICATION_CREDENTIALS") {
            Ok(path) if !path.is_empty() => Self::from_file(Path::new(&path)),
            _ => Ok(Self::Metadata),
        }
    }

    /// From a file of credentials: `service_account` or `external_account`.
    ///
    /// # Errors
    /// When it cannot be read, or is of another kind.
    pub fn from_file(path: &Path) -> Result<Self, CloudError> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        let refused = |why: String| CloudError::Refused {
            why: format!("{}: {why}", path.display()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let kind: Kind = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        match kind.r#type.as_str() {
            "service_account" => Ok(Self::ServiceAccountKey(Secret::new(text))),
            "external_account" => Ok(Self::WorkloadIdentity {
                config_file: path.to_owned(),
            }),
            other => Err(refused(format!(
                "credentials of the type {other} cannot be used; make a service account's key"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_kind_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let kind = |text: &str| {
            let path = folder.path().join("credentials.json");
            std::fs::write(&path, text).expect("written");
            GceCredentials::from_file(&path)
        };
        let account = kind(r#"{"type": "service_account"}"#);
        assert!(matches!(account, Ok(GceCredentials::ServiceAccountKey(_))));
        let external = kind(r#"{"type": "external_account"}"#);
        assert!(matches!(
            external,
            Ok(GceCredentials::WorkloadIdentity { .. })
        ));
        let user = kind(r#"{"type": "authorized_user"}"#).expect_err("a person's");
        assert!(user.to_string().contains("authorized_user"));
        assert!(kind("no JSON").is_err());
    }
}
