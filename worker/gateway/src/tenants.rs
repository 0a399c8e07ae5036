//! Who may use the API, by keys of which only keyed hashes are kept.

mod raw;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use url::Url;

use crate::problem::{Cause, Problem};
use crate::quota::{Allowance, Meter};

pub(crate) use raw::duration;

/// What every key begins with, so that scanners for leaked secrets can find it.
const KEY_PREFIX: &str = "spw_";
/// Bytes of randomness in a key.
const KEY_BYTES: usize = 32;
/// Shortest secret that is taken.
const SECRET_MIN: usize = 32;

/// One who uses the API.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    /// Priority class: decides the topic. None is the default one.
    pub(crate) class: Option<String>,
    /// After so long an answer is worth nothing.
    pub(crate) deadline: Duration,
    pub(crate) allowance: Allowance,
    pub(crate) meter: Meter,
    /// Where to tell it that a job is done.
    pub(crate) webhook: Option<Url>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Send images.
    Recognize,
    /// Read one's own jobs.
    Read,
}

/// One key of a tenant.
#[derive(Debug)]
struct Key {
    tenant: Arc<Tenant>,
    may_recognize: bool,
    may_read: bool,
    expires: Option<Timestamp>,
}

/// All tenants, by the hashes of their keys.
#[derive(Debug)]
pub(crate) struct Tenants {
    hashing: [u8; 32],
    keys: HashMap<[u8; 32], Key>,
    all: Vec<Arc<Tenant>>,
    /// Whoever comes without a key, where that is allowed.
    open: Option<Arc<Tenant>>,
}

/// The installation's secret, which all replicas share.
pub(crate) struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

// === impl Secret ===

impl Secret {
    /// Reads it from a file.
    ///
    /// # Errors
    /// If it cannot be read or is too short.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("secret {}", file.display()))?;
        let bytes = bytes.trim_ascii().to_vec();
        anyhow::ensure!(
            bytes.len() >= SECRET_MIN,
            "secret {} must have at least {SECRET_MIN} bytes",
            file.display()
        );
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A new one, as text.
    pub(crate) fn make() -> anyhow::Result<String> {
        random_text()
    }

    fn hashing(&self) -> [u8; 32] {
        blake3::derive_key("spillway gateway 2026 api keys", &self.0)
    }

    /// The key that signs what a tenant's webhook is told.
    pub(crate) fn webhook_key(&self, tenant: &str) -> [u8; 32] {
        let key = blake3::derive_key("spillway gateway 2026 webhooks", &self.0);
        *blake3::keyed_hash(&key, tenant.as_bytes()).as_bytes()
    }

    /// A new API key, and the hash of it that stands in the tenants' file.
    pub(crate) fn make_key(&self) -> anyhow::Result<(String, String)> {
        let key = format!("{KEY_PREFIX}{}", random_text()?);
        let hash = blake3::keyed_hash(&self.hashing(), key.as_bytes());
        Ok((key, hash.to_hex().to_string()))
    }
}

fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(BASE64.encode(bytes))
}

// === impl Tenants ===

impl Tenants {
    /// Tenants of a file.
    ///
    /// # Errors
    /// With all that is wrong with it, each with its path.
    pub(crate) fn read(file: &Path, secret: &Secret) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("tenants {}", file.display()))?;
        Self::parse(&text, secret).map_err(|problems| {
            anyhow::anyhow!("tenants {}: {}", file.display(), problems.join("; "))
        })
    }

    fn parse(text: &str, secret: &Secret) -> Result<Self, Vec<String>> {
        let hashing = secret.hashing();
        let (all, keys) = raw::parse(text)?;
        Ok(Self {
            hashing,
            keys,
            all,
            open: None,
        })
    }

    /// One tenant, `default`, for whoever comes: for a machine of one's own.
    pub(crate) fn open(secret: &Secret) -> Self {
        let tenant = Arc::new(Tenant {
            name: "default".to_owned(),
            class: None,
            deadline: raw::DEADLINE_DEFAULT,
            allowance: raw::ALLOWANCE_DEFAULT,
            meter: Meter::new(),
            webhook: None,
        });
        Self {
            hashing: secret.hashing(),
            keys: HashMap::new(),
            all: vec![tenant.clone()],
            open: Some(tenant),
        }
    }

    pub(crate) fn all(&self) -> &[Arc<Tenant>] {
        &self.all
    }

    /// The tenant of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.all.iter().find(|tenant| tenant.name == name)
    }

    /// Whose key this is, if it may do that.
    pub(crate) fn authorize(
        &self,
        key: Option<&str>,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Arc<Tenant>, Problem> {
        if let Some(tenant) = &self.open {
            return Ok(tenant.clone());
        }
        let Some(key) = key else {
            let detail =
                "give an API key as header `x-goog-api-key`, as bearer token, or as `?key=`";
            return Err(Problem::new(Cause::KeyMissing, detail));
        };
        // The map is asked for a keyed hash: how long that takes says nothing of any key.
        let hash = blake3::keyed_hash(&self.hashing, key.as_bytes());
        let known = self.keys.get(hash.as_bytes());
        let Some(known) = known.filter(|key| key.expires.is_none_or(|end| now < end)) else {
            return Err(Problem::new(
                Cause::KeyInvalid,
                "the API key is unknown or has expired",
            ));
        };
        let may = match scope {
            Scope::Recognize => known.may_recognize,
            Scope::Read => known.may_read,
        };
        if !may {
            return Err(Problem::new(
                Cause::ScopeMissing,
                "the API key may not do this",
            ));
        }
        Ok(known.tenant.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret(b"0123456789abcdef0123456789abcdef".to_vec())
    }

    #[test]
    fn a_key_opens_what_its_scopes_say_until_it_ends() {
        let secret = secret();
        let [(full, full_hash), (reading, reading_hash), (old, old_hash)] =
            [(); 3].map(|()| secret.make_key().unwrap());
        let text = format!(
            "apiVersion: spillway.dev/v1alpha1\n\
             kind: Tenants\n\
             spec:\n\
             \x20 tenants:\n\
             \x20 - name: acme\n\
             \x20   class: gold\n\
             \x20   deadline: 2m\n\
             \x20   imagesPerSecond: 50\n\
             \x20   keys:\n\
             \x20   - {{hash: {full_hash}}}\n\
             \x20   - {{hash: {reading_hash}, scopes: [read]}}\n\
             \x20   - {{hash: {old_hash}, expires: 2026-01-01T00:00:00Z}}\n"
        );
        let tenants = Tenants::parse(&text, &secret).unwrap();
        let now: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let cause = |key: Option<&str>, scope| {
            let tenant = tenants.authorize(key, scope, now);
            tenant.map(|it| it.name.clone()).map_err(|it| it.cause)
        };
        let acme = || Ok("acme".to_owned());
        assert_eq!(cause(Some(&full), Scope::Recognize), acme());
        assert_eq!(cause(Some(&full), Scope::Read), acme());
        assert_eq!(cause(Some(&reading), Scope::Read), acme());
        assert_eq!(
            cause(Some(&reading), Scope::Recognize),
            Err(Cause::ScopeMissing)
        );
        assert_eq!(cause(Some(&old), Scope::Read), Err(Cause::KeyInvalid));
        assert_eq!(cause(Some(&full_hash), Scope::Read), Err(Cause::KeyInvalid));
        assert_eq!(cause(None, Scope::Read), Err(Cause::KeyMissing));
        let tenant = &tenants.all()[0];
        assert_eq!(tenant.deadline, Duration::from_secs(120));
        assert_eq!(tenant.class.as_deref(), Some("gold"));
    }

    #[test]
    fn all_that_is_wrong_with_a_file_is_said_at_once() {
        let text = "apiVersion: spillway.dev/v1alpha1\nkind: Tenants\nspec:\n  tenants:\n  \
                    - {name: a, deadline: 5x, keys: [{hash: abc, scopes: [fly]}]}\n  \
                    - {name: a, class: 'a/b', imagesPerSecond: 0, keys: []}\n";
        let problems = Tenants::parse(text, &secret()).unwrap_err();
        let expected = [
            "spec.tenants[0].deadline must be a time, as 90s or 15m",
            "spec.tenants[0].keys[0].hash must be 64 hexadecimal digits, as `spillway-gateway key` prints them",
            "spec.tenants[0].keys[0].scopes may hold recognize and read",
            "spec.tenants[1].name is already taken",
            "spec.tenants[1].class must be letters, digits, dots, dashes",
            "spec.tenants[1].imagesPerSecond must be above 0",
        ];
        assert_eq!(problems, expected);
        let unknown = "apiVersion: x\nkind: Tenants\nspec: {tenants: [{names: a}]}\n";
        let problem = Tenants::parse(unknown, &secret()).unwrap_err().join("");
        assert!(problem.contains("spec.tenants[0]"), "{problem}");
    }
}
