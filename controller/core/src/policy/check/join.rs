//! What is wrong with that which all machines in clouds need, against the pools that there are.

use std::collections::BTreeMap;

use super::Problems;
use crate::policy::clouds::Join;
use crate::policy::{Pool, raw};

/// What a name is that holds a secret.
const SECRET_WORDS: [&str; 5] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "PRIVATE_KEY"];

/// The checked part of `spec.burst.join` that only clouds need.
pub(super) fn check(
    problems: &mut Problems,
    raw: &raw::Join,
    servers: &[String],
    pools: &[Pool],
) -> Join {
    let path = "spec.burst.join";
    let clouds: BTreeMap<&str, &Pool> = pools
        .iter()
        .filter(|pool| pool.provider.is_cloud())
        .map(|pool| (pool.place.cloud.as_str(), pool))
        .collect();
    let mut join = Join {
        image: raw.image.clone(),
        binary: raw.binary.clone(),
        model_set: None,
        secret_from: BTreeMap::new(),
    };
    if let Some(image) = &raw.image
        && !is_by_digest(image)
    {
        let help = "write it as registry/name@sha256:…, so that every machine runs the same";
        problems.add(
            &format!("{path}.image"),
            "does not name an image by its digest",
            Some(help.to_owned()),
        );
    }
    if raw.image.is_some() && raw.binary.is_some() {
        let message = "cannot stand beside `image`: choose one";
        problems.add(&format!("{path}.binary"), message, None);
    }
    if let Some(binary) = &raw.binary
        && !binary.starts_with('/')
    {
        problems.add(&format!("{path}.binary"), "must begin with /", None);
    }
    let places = raw.secret_from.clone().unwrap_or_default();
    for (cloud, place) in [
        ("aws", places.aws),
        ("azure", places.azure),
        ("gcp", places.gcp),
        ("oci", places.oci),
    ] {
        let at = format!("{path}.secretFrom.{cloud}");
        match (place, clouds.get(cloud)) {
            (Some(place), _) => {
                secret(problems, &at, cloud, &place);
                join.secret_from.insert(cloud.to_owned(), place);
            }
            (None, Some(pool)) => needed(problems, &at, pool),
            (None, None) => {}
        }
    }
    if let Some(models) = &raw.model_set {
        join.model_set = Some(model_set(problems, models, &clouds));
    }
    let Some((_, first)) = clouds.first_key_value() else {
        return join;
    };
    if raw.image.is_none() && raw.binary.is_none() {
        needed(problems, &format!("{path}.image"), first);
    }
    if raw.model_set.is_none() && !raw.environment.contains_key("SPILLWAY_MODEL_SET") {
        needed(problems, &format!("{path}.modelSet"), first);
    }
    outside(problems, servers, pools);
    environment(problems, &raw.environment);
    join
}

fn needed(problems: &mut Problems, path: &str, pool: &Pool) {
    let help = format!("the machines of `{}` are in a cloud and need it", pool.name);
    problems.add(path, "is required", Some(help));
}

/// Kafka as machines elsewhere reach it.
fn outside(problems: &mut Problems, servers: &[String], pools: &[Pool]) {
    // An API on this machine is an emulator, whose machines are here too.
    let is_elsewhere = |pool: &&Pool| {
        let endpoint = pool.provider.endpoint();
        pool.provider.is_cloud() && !endpoint.is_some_and(|it| is_here(host(it)))
    };
    let Some(pool) = pools.iter().find(is_elsewhere) else {
        return;
    };
    let here = servers.iter().find(|server| is_here(host(server)));
    if let Some(server) = here {
        let message = format!(
            "{server} is this machine, which `{}` cannot reach",
            pool.name
        );
        let help = "name the address that Kafka has from outside".to_owned();
        problems.add("spec.burst.join.bootstrapServers", &message, Some(help));
    }
}

/// The host of `http://host:port/…` or `host:port`.
pub(super) fn host(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

pub(super) fn is_here(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// What a machine is started with can be read by whoever may read its description.
fn environment(problems: &mut Problems, environment: &BTreeMap<String, String>) {
    for (name, value) in environment {
        let path = format!("spec.burst.join.environment.{name}");
        let loud = name.to_ascii_uppercase();
        let is_secret = SECRET_WORDS.iter().any(|word| loud.contains(word))
            || value.contains("sasl.password")
            || value.contains("PRIVATE KEY");
        if is_secret {
            let help = "put it into the secret that `spec.burst.join.secretFrom` names";
            problems.add(
                &path,
                "looks like a secret, and user data is no place for one",
                Some(help.to_owned()),
            );
        } else if value.contains(['\n', '\r']) {
            problems.add(&path, "must be one line", None);
        }
    }
}

fn secret(problems: &mut Problems, path: &str, cloud: &str, place: &str) {
    let (is_good, form) = match cloud {
        "azure" => (
            place.starts_with("https://") && place.contains("/secrets/"),
            "https://VAULT.vault.azure.net/secrets/NAME",
        ),
        "gcp" => (
            place.starts_with("projects/")
                && place.contains("/secrets/")
                && place.contains("/versions/"),
            "projects/PROJECT/secrets/NAME/versions/latest",
        ),
        "oci" => (
            place.starts_with("ocid1.vaultsecret."),
            "ocid1.vaultsecret.oc1.…",
        ),
        _ => (
            !place.is_empty() && !place.contains(['"', '\\', ' ']),
            "a name or an ARN of Secrets Manager",
        ),
    };
    if !is_good {
        problems.add(path, "names no secret", Some(format!("write {form}")));
    }
}

fn model_set(
    problems: &mut Problems,
    raw: &raw::ModelSetChoice,
    clouds: &BTreeMap<&str, &Pool>,
) -> (String, String) {
    let path = "spec.burst.join.modelSet";
    let uri = problems.text(&format!("{path}.uri"), raw.uri.as_deref());
    let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
    let only_in = match scheme {
        "https" | "file" => None,
        "s3" => Some("aws"),
        "gs" => Some("gcp"),
        _ => {
            let help = "write https://…, s3://…, gs://… or file://…".to_owned();
            if !uri.is_empty() {
                let message = "is of a kind that machines cannot fetch";
                problems.add(&format!("{path}.uri"), message, Some(help));
            }
            None
        }
    };
    let elsewhere = clouds
        .iter()
        .find(|(cloud, _)| only_in.is_some_and(|it| it != **cloud));
    if let Some((_, pool)) = elsewhere {
        let message = format!(
            "is read by the identity of a machine in its own cloud, which those of `{}` have not",
            pool.name
        );
        let help = "use https:// where pools are in several clouds".to_owned();
        problems.add(&format!("{path}.uri"), &message, Some(help));
    }
    if uri.contains('?') {
        let help = "give the machine's identity the right to read it instead".to_owned();
        let message = "has a query: a signed address is a secret";
        problems.add(&format!("{path}.uri"), message, Some(help));
    }
    let sha256 = problems.text(&format!("{path}.sha256"), raw.sha256.as_deref());
    if !sha256.is_empty() && !is_sha256(&sha256) {
        let message = "must be 64 hexadecimal digits";
        problems.add(&format!("{path}.sha256"), message, None);
    }
    (uri, sha256)
}

fn is_by_digest(image: &str) -> bool {
    image
        .split_once("@sha256:")
        .is_some_and(|(name, digest)| !name.is_empty() && is_sha256(digest))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
