//! What went wrong with Kubernetes, by what the caller can do about it.

/// A request that did not work.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// Somebody has changed it since it was read: read it again and think again.
    #[error("it was changed meanwhile: {0}")]
    Conflict(String),
    /// There is no such object.
    #[error("{0}")]
    Missing(String),
    /// The account may not do this.
    #[error("{0}")]
    Denied(String),
    /// The API server's schema or rules refuse it.
    #[error("{0}")]
    Invalid(String),
    /// No answer, or none that is understood: it may have worked.
    #[error("no answer from Kubernetes: {0}")]
    Unknown(String),
    /// There is no cluster to connect to.
    #[error("cannot find a cluster: {0}")]
    Config(String),
}

// === impl KubeError ===

impl KubeError {
    pub(crate) fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                404 => Self::Missing(status.message.clone()),
                409 => Self::Conflict(status.message.clone()),
                401 | 403 => Self::Denied(status.message.clone()),
                400 | 422 => Self::Invalid(status.message.clone()),
                _ => Self::Unknown(status.message.clone()),
            },
            other => Self::Unknown(chain(&other)),
        }
    }

    pub(crate) fn kubeconfig(error: kube::config::KubeconfigError) -> Self {
        Self::Config(chain(&error))
    }

    pub(crate) fn config(error: kube::config::InferConfigError) -> Self {
        Self::Config(chain(&error))
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
