//! The tenants' file as written, and how it becomes tenants that are trusted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::{Key, Tenant};
use crate::quota::{Allowance, Meter};

const API_VERSION: &str = "spillway.dev/v1alpha1";
const KIND: &str = "Tenants";
pub(super) const DEADLINE_DEFAULT: Duration = Duration::from_secs(15 * 60);
const DEADLINE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
pub(super) const ALLOWANCE_DEFAULT: Allowance = Allowance {
    images_per_second: 1_000.0,
    concurrent_images: 10_000,
    images_per_day: u64::MAX,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    tenants: Vec<RawTenant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawTenant {
    name: String,
    class: Option<String>,
    deadline: Option<String>,
    images_per_second: Option<f64>,
    concurrent_images: Option<u64>,
    images_per_day: Option<u64>,
    webhook: Option<String>,
    #[serde(default)]
    keys: Vec<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    hash: String,
    scopes: Option<Vec<String>>,
    expires: Option<Timestamp>,
}

type Parsed = (Vec<Arc<Tenant>>, HashMap<[u8; 32], Key>);

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn ensure(&mut self, holds: bool, path: &str, says: &str) {
        if !holds {
            self.0.push(format!("{path} {says}"));
        }
    }
}

/// Makes tenants of a file's text, or says all that is wrong with it.
pub(super) fn parse(text: &str) -> Result<Parsed, Vec<String>> {
    let deserializer = serde_yaml::Deserializer::from_str(text);
    let document: Document = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        vec![format!("{path}: {}", error.into_inner())]
    })?;
    let mut problems = Problems::default();
    let is_ours = document.api_version == API_VERSION;
    problems.ensure(is_ours, "apiVersion", "must be spillway.dev/v1alpha1");
    problems.ensure(document.kind == KIND, "kind", "must be Tenants");
    let mut all: Vec<Arc<Tenant>> = Vec::new();
    let mut keys = HashMap::new();
    for (index, raw) in document.spec.tenants.into_iter().enumerate() {
        let path = format!("spec.tenants[{index}]");
        let is_new = all.iter().all(|tenant| tenant.name != raw.name);
        problems.ensure(is_new, &format!("{path}.name"), "is already taken");
        let (tenant, raw_keys) = raw.check(&path, &mut problems);
        for (index, key) in raw_keys.into_iter().enumerate() {
            let path = format!("{path}.keys[{index}]");
            if let Some((hash, key)) = key.check(&path, tenant.clone(), &mut problems) {
                let is_new = keys.insert(hash, key).is_none();
                problems.ensure(is_new, &format!("{path}.hash"), "is already taken");
            }
        }
        all.push(tenant);
    }
    match problems.0.is_empty() {
        true => Ok((all, keys)),
        false => Err(problems.0),
    }
}

impl RawTenant {
    fn check(self, path: &str, problems: &mut Problems) -> (Arc<Tenant>, Vec<RawKey>) {
        let is_plain = |text: &str| {
            let good = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
            (1..=64).contains(&text.len()) && text.chars().all(good)
        };
        let says = "must be letters, digits, dots, dashes";
        problems.ensure(is_plain(&self.name), &format!("{path}.name"), says);
        let class = self.class;
        let is_class = class.as_deref().is_none_or(is_plain);
        problems.ensure(is_class, &format!("{path}.class"), says);
        let given = self.deadline.as_deref().map(duration);
        let is_time = !matches!(given, Some(None));
        let deadline_path = format!("{path}.deadline");
        problems.ensure(is_time, &deadline_path, "must be a time, as 90s or 15m");
        let deadline = given.flatten().unwrap_or(DEADLINE_DEFAULT);
        let is_sane = (Duration::from_secs(1)..=DEADLINE_MAX).contains(&deadline);
        problems.ensure(is_sane, &deadline_path, "must be from 1s to 7 days");
        let rate = self.images_per_second;
        let rate = rate.unwrap_or(ALLOWANCE_DEFAULT.images_per_second);
        let is_rate = rate.is_finite() && rate > 0.0;
        problems.ensure(
            is_rate,
            &format!("{path}.imagesPerSecond"),
            "must be above 0",
        );
        let given = self.webhook.as_deref().map(webhook);
        problems.ensure(
            !matches!(given, Some(None)),
            &format!("{path}.webhook"),
            "must be an https:// address, or http:// on this machine",
        );
        let tenant = Tenant {
            webhook: given.flatten(),
            name: self.name,
            class,
            deadline,
            allowance: Allowance {
                images_per_second: rate,
                concurrent_images: self
                    .concurrent_images
                    .unwrap_or(ALLOWANCE_DEFAULT.concurrent_images),
                images_per_day: self
                    .images_per_day
                    .unwrap_or(ALLOWANCE_DEFAULT.images_per_day),
            },
            meter: Meter::new(),
        };
        (Arc::new(tenant), self.keys)
    }
}

impl RawKey {
    fn check(
        self,
        path: &str,
        tenant: Arc<Tenant>,
        problems: &mut Problems,
    ) -> Option<([u8; 32], Key)> {
        let hash = blake3::Hash::from_hex(&self.hash).ok();
        problems.ensure(
            hash.is_some(),
            &format!("{path}.hash"),
            "must be 64 hexadecimal digits, as `spillway-gateway key` prints them",
        );
        let scopes = self.scopes;
        let known = |scope: &String| matches!(scope.as_str(), "recognize" | "read");
        let are_known = scopes.iter().flatten().all(known);
        problems.ensure(
            are_known,
            &format!("{path}.scopes"),
            "may hold recognize and read",
        );
        let may = |scope: &str| {
            let of_key = scopes.as_ref();
            of_key.is_none_or(|scopes| scopes.iter().any(|it| it == scope))
        };
        let key = Key {
            tenant,
            may_recognize: may("recognize"),
            may_read: may("read"),
            expires: self.expires,
        };
        Some((*hash?.as_bytes(), key))
    }
}

/// An address that may be told of jobs: what it is told is signed, not secret, but keys of `http:` proxies are not ours.
fn webhook(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_good =
        url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && is_here));
    is_good.then_some(url)
}

/// A time as policies write it: `90s`, `15m`, `2h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|it: char| it.is_ascii_alphabetic())?);
    let seconds: u64 = number.parse().ok()?;
    let unit = match unit {
        "ms" => return Some(Duration::from_millis(seconds)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(seconds.checked_mul(unit)?))
}
