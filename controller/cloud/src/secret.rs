//! What must not be shown, and what signs.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

/// A text that is never printed: a key, a password, a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An RSA key that signs with SHA-256.
pub(crate) struct RsaKey(KeyPair);

/// Why a key is of no use. It never says what the key was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the key is no PEM of a private key without pass phrase")]
    NotPem,
    #[error("the key is no RSA key of at least 2048 bits")]
    NotRsa,
    #[error("the key cannot be made or used")]
    Unusable,
}

// === impl Secret ===

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be sent and not to be shown.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

// === impl RsaKey ===

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(***)")
    }
}

impl RsaKey {
    /// From PEM, `PRIVATE KEY` or `RSA PRIVATE KEY`.
    pub(crate) fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose().as_bytes());
        let pair = match der.map_err(|_| KeyError::NotPem)? {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(KeyError::NotRsa),
        };
        pair.map(Self).map_err(|_| KeyError::NotRsa)
    }

    /// A new one of 2048 bits.
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048);
        pair.map(Self).map_err(|_| KeyError::Unusable)
    }

    /// The signature (PKCS #1 v1.5, SHA-256).
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = SystemRandom::new();
        match self
            .0
            .sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
        {
            Ok(()) => Ok(signature),
            Err(_) => Err(KeyError::Unusable),
        }
    }

    /// The public key's DER (`SubjectPublicKeyInfo`), in base64.
    pub(crate) fn public_base64(&self) -> Result<String, KeyError> {
        let der: Result<PublicKeyX509Der<'_>, _> = self.0.public_key().as_der();
        der.map(|der| STANDARD.encode(der.as_ref()))
            .map_err(|_| KeyError::Unusable)
    }
}

#[cfg(test)]
impl RsaKey {
    /// Its PKCS #8 PEM, for tests that need a key of their own.
    pub(crate) fn to_pem(&self) -> Secret {
        use aws_lc_rs::encoding::Pkcs8V1Der;
        let der: Pkcs8V1Der<'_> = self.0.as_der().expect("a key has a DER");
        let text = STANDARD.encode(der.as_ref());
        Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "***");
    }

    #[test]
    fn a_key_survives_its_pem_and_what_is_no_key_is_refused() {
        let key = RsaKey::generate().expect("made");
        let again = RsaKey::from_pem(&key.to_pem()).expect("read");
        assert_eq!(
            key.sign(b"text").expect("signed"),
            again.sign(b"text").expect("signed")
        );
        assert!(matches!(
            RsaKey::from_pem(&Secret::new("no key")),
            Err(KeyError::NotPem)
        ));
    }
}
