//! Who signs: a user's key, or a key of our own that OCI vouches for with a session token.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;

use super::config::{OciConfig, OciCredentials};
use super::errors::complaint;
use super::sign::{EXCHANGING, Signer, signed};
use crate::CloudError;
use crate::memory::{Cache, Expires};
use crate::refusal::Trouble;
use crate::rest::{Answer, Http, Net, below, endpoint};
use crate::secret::{RsaKey, Secret};

/// A session token whose end cannot be read is taken to live this long.
const SESSION_OTHERWISE: Duration = Duration::from_secs(300);
/// Names the tenancy in an instance's certificate.
const TENANT: &[u8] = b"opc-tenant:";

/// Gives the signer for the next request.
#[derive(Debug)]
pub(super) struct Auth {
    source: Source,
    sessions: Cache<Session>,
}

#[derive(Debug)]
enum Source {
    Key(Arc<Signer>),
    Instance { metadata: Url, auth: Url },
    Workload { config: Box<Workload> },
}

#[derive(Debug)]
struct Workload {
    url: Url,
    token_file: std::path::PathBuf,
    http: Http,
}

/// A signer that ends.
#[derive(Debug, Clone)]
struct Session {
    signer: Arc<Signer>,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Issued {
    token: String,
}

// === impl Auth ===

impl Auth {
    pub(super) fn new(config: &OciConfig) -> Result<Self, CloudError> {
        let source = match &config.credentials {
            OciCredentials::ApiKey {
                tenancy,
                user,
                fingerprint,
                private_key,
            } => Source::Key(Arc::new(Signer {
                key_id: format!("{tenancy}/{user}/{fingerprint}"),
                key: RsaKey::from_pem(private_key).map_err(|error| refused(&error))?,
            })),
            OciCredentials::InstancePrincipal => Source::Instance {
                metadata: endpoint(&config.metadata())?,
                auth: endpoint(&config.auth())?,
            },
            OciCredentials::WorkloadIdentity {
                token_file,
                ca_file,
            } => {
                let at = config.workload().ok_or_else(|| CloudError::Refused {
                    why: "workload identity needs a pod: KUBERNETES_SERVICE_HOST is not set".into(),
                })?;
                let ca_pem = std::fs::read(ca_file).map_err(|error| CloudError::Refused {
                    why: format!("{} cannot be read: {error}", ca_file.display()),
                })?;
                let net = Net {
                    proxy: None,
                    ca_pem: Some(ca_pem),
                    ..config.net.clone()
                };
                let config = Workload {
                    url: endpoint(&at)?,
                    token_file: token_file.clone(),
                    http: Http::new(&net)?,
                };
                Source::Workload {
                    config: Box::new(config),
                }
            }
        };
        Ok(Self {
            source,
            sessions: Cache::default(),
        })
    }

    /// The signer to use now.
    pub(super) async fn signer(&self, http: &Http) -> Result<Arc<Signer>, Trouble> {
        let session = match &self.source {
            Source::Key(signer) => return Ok(Arc::clone(signer)),
            Source::Instance { metadata, auth } => {
                let fetch = || instance(http, metadata, auth);
                self.sessions.get(http.now(), fetch).await?
            }
            Source::Workload { config } => {
                self.sessions.get(http.now(), || workload(config)).await?
            }
        };
        Ok(session.signer)
    }

    /// The last signature was refused. Whether another one may be had.
    pub(super) async fn renew(&self) -> bool {
        self.sessions.forget().await;
        !matches!(self.source, Source::Key(_))
    }
}

impl Expires for Session {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

// === impl Session ===

impl Session {
    fn new(token: &str, now: Timestamp, key: RsaKey) -> Self {
        let bare = token.strip_prefix("ST$").unwrap_or(token);
        let expires_at = expiry(bare).unwrap_or_else(|| {
            now.saturating_add(SESSION_OTHERWISE)
                .unwrap_or(Timestamp::MAX)
        });
        let key_id = format!("ST${bare}");
        Self {
            signer: Arc::new(Signer { key_id, key }),
            expires_at,
        }
    }
}

/// `exp` of a JSON Web Token.
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

// === instance principal ===

async fn instance(http: &Http, metadata: &Url, auth: &Url) -> Result<Session, Trouble> {
    let leaf = document(http, metadata, "identity/cert.pem").await?;
    let key = document(http, metadata, "identity/key.pem").await?;
    let intermediate = document(http, metadata, "identity/intermediate.pem").await?;
    let leaf_der = certificate(&leaf)?;
    let tenancy = tenancy(&leaf_der).ok_or_else(|| Trouble::Denied {
        why: "the instance's certificate names no tenancy".into(),
    })?;
    let own = new_key().await?;
    let body = json!({
        "certificate": STANDARD.encode(&leaf_der),
        "publicKey": own.public_base64()?,
        "intermediateCertificates": [STANDARD.encode(certificate(&intermediate)?)],
    });
    let signer = Signer {
        key_id: format!("{tenancy}/fed-x509/{}", fingerprint(&leaf_der)),
        key: RsaKey::from_pem(&Secret::new(key))?,
    };
    let call = (Method::POST, below(auth, &["v1", "x509"]));
    let body = body.to_string().into_bytes();
    let request = signed(&signer, http.now(), call, EXCHANGING, body)?;
    let answer = ok(http.send(request).await?)?;
    let issued: Issued = answer.json()?;
    Ok(Session::new(&issued.token, http.now(), own))
}

async fn document(http: &Http, metadata: &Url, path: &str) -> Result<String, Trouble> {
    let segments: Vec<&str> = path.split('/').collect();
    let mut request = Request::new(Method::GET, below(metadata, &segments));
    let bearer = HeaderValue::from_static("Bearer Oracle");
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let answer = ok(http.send_direct(request).await?)?;
    Ok(answer.text()?.to_owned())
}

fn certificate(pem: &str) -> Result<Vec<u8>, Trouble> {
    match CertificateDer::from_pem_slice(pem.as_bytes()) {
        Ok(der) => Ok(der.to_vec()),
        Err(_) => Err(Trouble::Denied {
            why: "the metadata service gave no certificate".into(),
        }),
    }
}

/// The tenancy in a certificate's subject: `OU=opc-tenant:…`.
///
/// Found by its text, with the length that DER puts before it; a parser of certificates for one field would be ten crates.
pub(super) fn tenancy(der: &[u8]) -> Option<String> {
    let at = der.windows(TENANT.len()).position(|text| text == TENANT)?;
    let length = usize::from(*der.get(at.checked_sub(1)?)?);
    let text = der.get(at + TENANT.len()..at + length)?;
    String::from_utf8(text.to_vec()).ok()
}

/// SHA-1 in upper-case pairs with colons, as OCI wants it.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    let pairs: Vec<String> = sum
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}

// === workload identity ===

async fn workload(config: &Workload) -> Result<Session, Trouble> {
    let token = tokio::fs::read_to_string(&config.token_file).await;
    let token = token.map_err(|error| Trouble::Denied {
        why: format!("{} cannot be read: {error}", config.token_file.display()),
    })?;
    let own = new_key().await?;
    let at = below(&config.url, &["resourcePrincipalSessionTokens"]);
    let mut request = Request::new(Method::POST, at);
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
        .map_err(|error| super::sign::denied(&error))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let json_type = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json_type);
    let body = json!({"podKey": own.public_base64()?}).to_string();
    *request.body_mut() = Some(body.into());
    let answer = ok(config.http.send(request).await?)?;
    // Base64 of JSON, in quotes or without.
    let text = answer.text()?.trim().trim_matches('"');
    let issued = STANDARD
        .decode(text)
        .ok()
        .and_then(|json| serde_json::from_slice::<Issued>(&json).ok())
        .ok_or_else(|| answer.garbled("no session token"))?;
    Ok(Session::new(&issued.token, config.http.now(), own))
}

// === helpers ===

/// A key takes a while to make: away from the threads that answer.
async fn new_key() -> Result<RsaKey, Trouble> {
    match tokio::task::spawn_blocking(RsaKey::generate).await {
        Ok(key) => Ok(key?),
        Err(stopped) => Err(super::sign::denied(&stopped)),
    }
}

fn ok(answer: Answer) -> Result<Answer, Trouble> {
    if answer.is_success() {
        Ok(answer)
    } else {
        Err(crate::bearer::refused(complaint(&answer)))
    }
}

fn refused(error: &dyn std::error::Error) -> CloudError {
    CloudError::Refused {
        why: error.to_string(),
    }
}
