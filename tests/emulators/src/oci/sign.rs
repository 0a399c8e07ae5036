//! Signatures of requests, checked byte for byte once a key is registered.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Oci;
use crate::dialect::Dialect as _;
use crate::http::{Asked, Reply};
use crate::state::Cloud;

/// How far a request's clock may be off.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);
const SESSION_SECONDS: i64 = 1_200;

/// Takes a request in, or says why not.
pub(super) fn check(cloud: &Cloud, now: Timestamp, asked: &Asked) -> Result<(), Reply> {
    verify(&cloud.keys, now, asked).map_err(|why| refused(&why))
}

fn refused(why: &str) -> Reply {
    let said =
        "The required information to complete authentication was not provided or was incorrect.";
    // The reason is for whoever reads the record: OCI itself does not tell.
    Oci::error(401, "NotAuthenticated", said).with("x-emulator-why", why)
}

fn verify(keys: &BTreeMap<String, Vec<u8>>, now: Timestamp, asked: &Asked) -> Result<(), String> {
    let given = asked
        .get("authorization")
        .and_then(|value| value.strip_prefix("Signature "))
        .ok_or("no signature")?;
    let given = fields(given);
    let field = |name: &str| given.get(name).copied().ok_or(format!("no {name}"));
    if keys.is_empty() {
        return Ok(());
    }
    if field("version")? != "1" || field("algorithm")? != "rsa-sha256" {
        return Err("version or algorithm is unknown".to_owned());
    }
    let key = keys
        .get(field("keyId")?)
        .ok_or("the key is not registered")?;
    let signed: Vec<&str> = field("headers")?.split_ascii_whitespace().collect();
    let has_body = matches!(asked.method.as_str(), "POST" | "PUT" | "PATCH");
    let needed: &[&str] = if has_body {
        &[
            "date",
            "(request-target)",
            "host",
            "content-length",
            "content-type",
            "x-content-sha256",
        ]
    } else {
        &["date", "(request-target)", "host"]
    };
    if let Some(missing) = needed.iter().find(|needed| !signed.contains(needed)) {
        return Err(format!("{missing} is not signed"));
    }
    is_on_time(now, asked)?;
    if has_body
        && asked.get("x-content-sha256") != Some(&STANDARD.encode(Sha256::digest(&asked.body)))
    {
        return Err("the body is not the one that was signed".to_owned());
    }
    let signature = STANDARD
        .decode(field("signature")?)
        .map_err(|_| "the signature is not base64")?;
    let message = signing_string(asked, &signed)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(message.as_bytes(), &signature)
        .map_err(|_| "the signature does not verify".to_owned())
}

fn is_on_time(now: Timestamp, asked: &Asked) -> Result<(), String> {
    let date = asked.get("date").ok_or("no date")?;
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .map_err(|_| "the date is none")?;
    if now.duration_since(date).abs() > SKEW_MAX {
        return Err("the date is more than five minutes off".to_owned());
    }
    Ok(())
}

fn signing_string(asked: &Asked, signed: &[&str]) -> Result<String, String> {
    let mut lines = Vec::new();
    for name in signed {
        lines.push(if *name == "(request-target)" {
            let method = asked.method.to_ascii_lowercase();
            format!("(request-target): {method} {}", asked.target())
        } else {
            let value = asked.get(name).ok_or(format!("no {name}"))?;
            format!("{name}: {value}")
        });
    }
    Ok(lines.join("\n"))
}

/// `a="1",b="2"` as a map.
fn fields(given: &str) -> BTreeMap<&str, &str> {
    given
        .split("\",")
        .filter_map(|field| field.trim().split_once("=\""))
        .map(|(name, value)| (name, value.trim_end_matches('"')))
        .collect()
}

/// Gives an instance a session for its certificate. The certificate's own signature is not checked.
pub(super) fn exchange(cloud: &mut Cloud, now: Timestamp, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let key = body["publicKey"].as_str().and_then(key_of);
    let (Some(key), true) = (key, body["certificate"].is_string()) else {
        return Oci::error(
            400,
            "InvalidParameter",
            "certificate or publicKey is missing",
        );
    };
    let number = cloud.number();
    let until = now.as_second() + SESSION_SECONDS;
    let claims = json!({"exp": until, "iat": now.as_second(), "ttype": "x509", "jti": number});
    let part = |value: &serde_json::Value| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let token = format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(&claims));
    if !cloud.keys.is_empty() {
        cloud.keys.insert(format!("ST${token}"), key);
    }
    Reply::json(200, &json!({"token": token}))
}

// === impl Cloud ===

impl Cloud {
    /// Lets the holder of a key ask; from then on signatures are checked. Returns whether it is a public key in PEM.
    #[must_use]
    pub fn register(&mut self, key_id: String, pem: &str) -> bool {
        let Some(der) = key_of(pem) else {
            return false;
        };
        self.keys.insert(key_id, der);
        true
    }
}

/// A public key's DER, from PEM or bare base64.
fn key_of(pem: &str) -> Option<Vec<u8>> {
    let bare: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
        .collect();
    STANDARD.decode(bare).ok().filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_header_is_read_in_any_order() {
        let given = r#"algorithm="rsa-sha256",headers="date (request-target) host",keyId="a/b/c",signature="eA==",version="1""#;
        let fields = fields(given);
        assert_eq!(fields["keyId"], "a/b/c");
        assert_eq!(fields["headers"], "date (request-target) host");
        assert_eq!(fields["signature"], "eA==");
        assert_eq!(fields["version"], "1");
    }
}
