//! Who somebody is and what they may do, as the cluster says: TokenReview and SubjectAccessReview.

use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::crd::GROUP;
use crate::error::KubeError;

/// Resource name of policies in access reviews.
const POLICIES: &str = "scalingpolicies";

/// Asks the cluster about access to one policy.
pub struct Access {
    tokens: Api<TokenReview>,
    reviews: Api<SubjectAccessReview>,
    namespace: String,
    policy: String,
}

/// Somebody whom the cluster knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their name, as `system:serviceaccount:NAMESPACE:NAME`.
    pub name: String,
    uid: Option<String>,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

// === impl Access ===

impl Access {
    /// Access to the policy `policy` in `namespace`.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, policy: &str) -> Self {
        Self {
            tokens: Api::all(client.clone()),
            reviews: Api::all(client.clone()),
            namespace: namespace.to_owned(),
            policy: policy.to_owned(),
        }
    }

    /// Whose token it is; none if it is nobody's.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn who(&self, token: &str) -> Result<Option<User>, KubeError> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                audiences: None,
            },
            ..TokenReview::default()
        };
        let answer = self.tokens.create(&PostParams::default(), &review).await;
        let status = answer.map_err(KubeError::of)?.status.unwrap_or_default();
        if status.authenticated != Some(true) {
            return Ok(None);
        }
        Ok(status.user.and_then(|user| {
            Some(User {
                name: user.username.filter(|name| !name.is_empty())?,
                uid: user.uid,
                groups: user.groups.unwrap_or_default(),
                extra: user.extra.unwrap_or_default(),
            })
        }))
    }

    /// Whether `user` may do `verb` to the policy.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn may(&self, user: &User, verb: &str) -> Result<bool, KubeError> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.name.clone()),
                uid: user.uid.clone(),
                groups: Some(user.groups.clone()),
                extra: Some(user.extra.clone()),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    resource: Some(POLICIES.to_owned()),
                    name: Some(self.policy.clone()),
                    namespace: Some(self.namespace.clone()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                non_resource_attributes: None,
            },
            ..SubjectAccessReview::default()
        };
        let answer = self.reviews.create(&PostParams::default(), &review).await;
        let status = answer.map_err(KubeError::of)?.status;
        Ok(status.is_some_and(|status| status.allowed))
    }
}
