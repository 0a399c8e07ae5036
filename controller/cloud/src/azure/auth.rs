//! Who asks Azure: each way ends in a bearer token.

use std::path::PathBuf;

use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};

use super::config::{AzureConfig, AzureCredentials};
use super::errors::complaint;
use crate::CloudError;
use crate::bearer::{form, issued};
use crate::memory::{Cache, Token};
use crate::refusal::Trouble;
use crate::rest::{Http, below, endpoint};
use crate::secret::Secret;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const IDENTITY_VERSION: &str = "2018-02-01";

/// Gives the token for the next request.
#[derive(Debug)]
pub(super) struct Auth {
    source: Source,
    tokens: Cache<Token>,
}

#[derive(Debug)]
enum Source {
    Application {
        token: Url,
        client: String,
        scope: String,
        proof: Proof,
    },
    Machine {
        token: Url,
    },
}

#[derive(Debug)]
enum Proof {
    Secret(Secret),
    TokenFile(PathBuf),
}

// === impl Auth ===

impl Auth {
    pub(super) fn new(config: &AzureConfig) -> Result<Self, CloudError> {
        let endpoints = &config.endpoints;
        let application = |tenant: &str, client: &str, proof| -> Result<Source, CloudError> {
            let login = endpoint(endpoints.login())?;
            Ok(Source::Application {
                token: below(&login, &[tenant, "oauth2", "v2.0", "token"]),
                client: client.to_owned(),
                scope: format!("{}/.default", endpoints.audience()),
                proof,
            })
        };
        let source = match &config.credentials {
            AzureCredentials::ClientSecret {
                tenant,
                client,
                secret,
            } => application(tenant, client, Proof::Secret(secret.clone()))?,
            AzureCredentials::WorkloadIdentity {
                tenant,
                client,
                token_file,
            } => application(tenant, client, Proof::TokenFile(token_file.clone()))?,
            AzureCredentials::ManagedIdentity { client } => {
                let metadata = endpoint(endpoints.metadata())?;
                let mut token = below(&metadata, &["metadata", "identity", "oauth2", "token"]);
                token
                    .query_pairs_mut()
                    .append_pair("api-version", IDENTITY_VERSION)
                    .append_pair("resource", endpoints.audience());
                if let Some(client) = client {
                    token.query_pairs_mut().append_pair("client_id", client);
                }
                Source::Machine { token }
            }
        };
        Ok(Self {
            source,
            tokens: Cache::default(),
        })
    }

    /// The token to use now.
    pub(super) async fn token(&self, http: &Http) -> Result<Secret, Trouble> {
        let token = self.tokens.get(http.now(), || self.fetch(http)).await?;
        Ok(token.secret)
    }

    /// The last token was refused.
    pub(super) async fn renew(&self) {
        self.tokens.forget().await;
    }

    async fn fetch(&self, http: &Http) -> Result<Token, Trouble> {
        let (token, client, scope, proof) = match &self.source {
            Source::Machine { token } => {
                let mut request = Request::new(Method::GET, token.clone());
                let yes = HeaderValue::from_static("true");
                request.headers_mut().insert("metadata", yes);
                let answer = http.send_direct(request).await?;
                return issued(&answer, http.now(), complaint);
            }
            Source::Application {
                token,
                client,
                scope,
                proof,
            } => (token.clone(), client, scope, proof),
        };
        let mut fields = vec![
            ("client_id", client.as_str()),
            ("grant_type", "client_credentials"),
            ("scope", scope),
        ];
        let assertion;
        match proof {
            Proof::Secret(secret) => fields.push(("client_secret", secret.expose())),
            Proof::TokenFile(path) => {
                let text = tokio::fs::read_to_string(path).await;
                assertion = text.map_err(|error| Trouble::Denied {
                    why: format!("{} cannot be read: {error}", path.display()),
                })?;
                fields.push(("client_assertion_type", ASSERTION));
                fields.push(("client_assertion", assertion.trim()));
            }
        }
        let answer = http.send(form(token, &fields)).await?;
        issued(&answer, http.now(), complaint)
    }
}
