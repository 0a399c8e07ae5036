//! Who asks Google: each way ends in a bearer token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};
use serde::Deserialize;
use serde_json::json;

use super::config::{GceConfig, GceCredentials};
use super::errors::complaint;
use crate::CloudError;
use crate::bearer::{authorize, form, issued, json as json_request, refused};
use crate::memory::{Cache, Token};
use crate::refusal::Trouble;
use crate::rest::{Http, below, endpoint};
use crate::secret::{RsaKey, Secret};

const SCOPE: &str = "https://www.googleapis.com/auth/compute";
/// What a federated token is exchanged for an account's own with.
const PLATFORM_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Google's own address stands in the assertion, wherever that is sent.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const ASSERTION_SECONDS: i64 = 3_600;

/// Gives the token for the next request.
#[derive(Debug)]
pub(super) struct Auth {
    source: Source,
    tokens: Cache<Token>,
}

#[derive(Debug)]
enum Source {
    Account(Box<Account>),
    Metadata(Url),
    Federated {
        config_file: PathBuf,
        token: Option<Url>,
    },
}

#[derive(Debug)]
struct Account {
    email: String,
    key_id: Option<String>,
    key: RsaKey,
    token: Url,
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    #[serde(default = "audience")]
    token_uri: String,
}

fn audience() -> String {
    AUDIENCE.to_owned()
}

/// The part of an `external_account` configuration that is understood.
#[derive(Deserialize)]
struct External {
    audience: String,
    subject_token_type: String,
    token_url: String,
    credential_source: CredentialSource,
    service_account_impersonation_url: Option<String>,
}

#[derive(Deserialize)]
struct CredentialSource {
    file: PathBuf,
}

// === impl Auth ===

impl Auth {
    pub(super) fn new(config: &GceConfig) -> Result<Self, CloudError> {
        let token = config
            .endpoints
            .token
            .as_deref()
            .map(endpoint)
            .transpose()?;
        let source = match &config.credentials {
            GceCredentials::ServiceAccountKey(json) => {
                Source::Account(Box::new(Account::read(json, token)?))
            }
            GceCredentials::Metadata => Source::Metadata(endpoint(config.metadata())?),
            GceCredentials::WorkloadIdentity { config_file } => Source::Federated {
                config_file: config_file.clone(),
                token,
            },
        };
        Ok(Self {
            source,
            tokens: Cache::default(),
        })
    }

    /// The token to use now.
    pub(super) async fn token(&self, http: &Http) -> Result<Secret, Trouble> {
        let token = match &self.source {
            Source::Account(account) => {
                let fetch = || async {
                    let assertion = account.assertion(http.now())?;
                    let fields = [
                        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                        ("assertion", &assertion),
                    ];
                    let request = form(account.token.clone(), &fields);
                    issued(&http.send(request).await?, http.now(), complaint)
                };
                self.tokens.get(http.now(), fetch).await?
            }
            Source::Metadata(at) => self.tokens.get(http.now(), || metadata(http, at)).await?,
            Source::Federated { config_file, token } => {
                let fetch = || federated(http, config_file, token.as_ref());
                self.tokens.get(http.now(), fetch).await?
            }
        };
        Ok(token.secret)
    }

    /// The last token was refused.
    pub(super) async fn renew(&self) {
        self.tokens.forget().await;
    }
}

// === impl Account ===

impl Account {
    fn read(json: &Secret, token: Option<Url>) -> Result<Self, CloudError> {
        let refused = |why: String| CloudError::Refused { why };
        // The error of serde says where, never what.
        let file: KeyFile = serde_json::from_str(json.expose()).map_err(|error| {
            refused(format!(
                "the service account's key is not its JSON: {error}"
            ))
        })?;
        let key = RsaKey::from_pem(&Secret::new(file.private_key));
        Ok(Self {
            email: file.client_email,
            key_id: file.private_key_id,
            key: key.map_err(|error| refused(error.to_string()))?,
            token: match token {
                Some(token) => token,
                None => endpoint(&file.token_uri)?,
            },
        })
    }

    /// A JSON Web Token that says who we are, good for an hour.
    fn assertion(&self, now: Timestamp) -> Result<String, Trouble> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": AUDIENCE,
            "iat": now.as_second(),
            "exp": now.as_second() + ASSERTION_SECONDS,
        });
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(text.as_bytes())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

async fn metadata(http: &Http, at: &Url) -> Result<Token, Trouble> {
    let path = "computeMetadata/v1/instance/service-accounts/default/token";
    let segments: Vec<&str> = path.split('/').collect();
    let mut url = below(at, &segments);
    url.query_pairs_mut().append_pair("scopes", SCOPE);
    let mut request = Request::new(Method::GET, url);
    let google = HeaderValue::from_static("Google");
    request.headers_mut().insert("metadata-flavor", google);
    issued(&http.send_direct(request).await?, http.now(), complaint)
}

/// A token from elsewhere becomes one of Google's, and that, where wished, one of a service account.
async fn federated(http: &Http, config_file: &Path, at: Option<&Url>) -> Result<Token, Trouble> {
    let config = read(config_file).await?;
    let config: External = serde_json::from_str(&config).map_err(|error| Trouble::Denied {
        why: format!("{}: {error}", config_file.display()),
    })?;
    let subject = read(&config.credential_source.file).await?;
    let at = match at {
        Some(at) => at.clone(),
        None => address(&config.token_url)?,
    };
    let fields = [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        ("audience", &config.audience),
        ("scope", PLATFORM_SCOPE),
        ("subject_token_type", &config.subject_token_type),
        ("subject_token", subject.trim()),
    ];
    let answer = http.send(form(at, &fields)).await?;
    let token = issued(&answer, http.now(), complaint)?;
    let Some(account) = config.service_account_impersonation_url else {
        return Ok(token);
    };
    let body = json!({"scope": [SCOPE], "lifetime": "3600s"});
    let mut request = json_request(Method::POST, address(&account)?, Some(&body));
    authorize(&mut request, &token.secret)?;
    let answer = http.send(request).await?;
    if !answer.is_success() {
        return Err(refused(complaint(&answer)));
    }
    impersonated(answer.json()?, http.now())
}

fn impersonated(given: Impersonated, now: Timestamp) -> Result<Token, Trouble> {
    let lives = given.expire_time.duration_since(now);
    let lives = Duration::try_from(lives).unwrap_or(Duration::ZERO);
    Ok(Token::new(given.access_token, now, lives))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    access_token: String,
    expire_time: Timestamp,
}

async fn read(path: &Path) -> Result<String, Trouble> {
    let text = tokio::fs::read_to_string(path).await;
    text.map_err(|error| Trouble::Denied {
        why: format!("{} cannot be read: {error}", path.display()),
    })
}

fn address(text: &str) -> Result<Url, Trouble> {
    endpoint(text).map_err(|error| Trouble::Denied {
        why: error.to_string(),
    })
}

#[cfg(test)]
impl Auth {
    pub(super) fn assertion_at(&self, now: Timestamp) -> String {
        let Source::Account(account) = &self.source else {
            panic!("only accounts assert");
        };
        account.assertion(now).expect("signed")
    }
}
