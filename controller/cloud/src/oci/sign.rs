//! OCI's request signature: RSA-SHA256 over chosen headers, in the style of an old HTTP Signatures draft.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};

use crate::refusal::Trouble;
use crate::secret::{KeyError, RsaKey};

/// What a request without body signs.
pub(super) const READING: &[&str] = &["date", "(request-target)", "host"];
/// What a request with a body signs, were it empty.
pub(super) const WRITING: &[&str] = &[
    "date",
    "(request-target)",
    "host",
    "content-length",
    "content-type",
    "x-content-sha256",
];
/// What the exchange of a certificate for a token signs: no host.
pub(super) const EXCHANGING: &[&str] = &[
    "date",
    "(request-target)",
    "content-length",
    "content-type",
    "x-content-sha256",
];

const CONTENT_SHA256: &str = "x-content-sha256";

/// Who signs, and with what.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) key_id: String,
    pub(super) key: RsaKey,
}

/// The text that is signed: a line per name, in their order. `value` gives a header's value.
///
/// `target` is path and query exactly as on the wire.
pub(super) fn signing_string<'v>(
    names: &[&str],
    method: &str,
    target: &str,
    value: impl Fn(&str) -> Option<&'v str>,
) -> String {
    let line = |name: &&str| match *name {
        "(request-target)" => format!("(request-target): {} {target}", method.to_lowercase()),
        name => format!("{name}: {}", value(name).unwrap_or_default()),
    };
    names.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The names that a method's requests sign.
pub(super) fn names(method: &Method) -> &'static [&'static str] {
    if [Method::POST, Method::PUT, Method::PATCH].contains(method) {
        WRITING
    } else {
        READING
    }
}

/// A request that is dated `now` and signed.
pub(super) fn signed(
    signer: &Signer,
    now: Timestamp,
    (method, url): (Method, Url),
    names: &[&str],
    body: Vec<u8>,
) -> Result<Request, Trouble> {
    let mut request = Request::new(method, url);
    let date = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .map_err(|error| denied(&error))?;
    set(&mut request, DATE, &date)?;
    set(&mut request, CONTENT_TYPE, "application/json")?;
    if names.contains(&CONTENT_SHA256) {
        let sum = STANDARD.encode(digest(&SHA256, &body));
        set(&mut request, CONTENT_LENGTH, &body.len().to_string())?;
        set(&mut request, HeaderName::from_static(CONTENT_SHA256), &sum)?;
        *request.body_mut() = Some(body.into());
    }
    let host = host(request.url());
    let target = target(request.url());
    let text = signing_string(
        names,
        request.method().as_str(),
        &target,
        |name| match name {
            "host" => Some(host.as_str()),
            name => request.headers().get(name)?.to_str().ok(),
        },
    );
    let signature = signer.key.sign(text.as_bytes());
    let signature = STANDARD.encode(signature.map_err(|error| denied(&error))?);
    let authorization = format!(
        "Signature version=\"1\",keyId=\"{}\",algorithm=\"rsa-sha256\",headers=\"{}\",signature=\"{signature}\"",
        signer.key_id,
        names.join(" "),
    );
    set(&mut request, AUTHORIZATION, &authorization)?;
    Ok(request)
}

/// As it goes out in `Host`: with the port if that is not the usual one.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

fn set(request: &mut Request, name: HeaderName, value: &str) -> Result<(), Trouble> {
    let mut value = HeaderValue::from_str(value).map_err(|error| denied(&error))?;
    value.set_sensitive(name == AUTHORIZATION);
    request.headers_mut().insert(name, value);
    Ok(())
}

pub(super) fn denied(error: &dyn std::error::Error) -> Trouble {
    Trouble::Denied {
        why: error.to_string(),
    }
}

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        denied(&error)
    }
}
