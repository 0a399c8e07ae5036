//! How the controller that leads is reached.
//!
//! By a tunnel of `kubectl port-forward` to its pod: it needs no open port, passes the chart's network policy, and is
//! guarded by the cluster's own rights. The address in the Lease is only dialled where somebody says so: from outside of
//! the cluster it may be another machine's, which would get the token.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use spillway_kube::{Client, Holder, lease_holder};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::cluster::lease_name;

/// The longest that a tunnel may take to be there.
const TUNNEL_MAX: Duration = Duration::from_secs(15);
/// Most that is shown of what kubectl complains of.
const COMPLAINT_BYTES_MAX: u64 = 2_000;

/// Where a policy's controller is.
pub(super) struct Place<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    pub(super) context: Option<&'a str>,
    pub(super) policy: &'a str,
}

/// A way to the controller; a tunnel ends when it is dropped.
pub(super) struct Reach {
    url: String,
    _tunnel: Option<Child>,
}

// === impl Place ===

impl Place<'_> {
    async fn holder(&self) -> anyhow::Result<Holder> {
        let name = lease_name(self.policy);
        let holder = lease_holder(self.client, self.namespace, &name).await?;
        holder.with_context(|| {
            let (policy, namespace) = (self.policy, self.namespace);
            format!("no controller leads for the policy {policy} in {namespace}")
        })
    }
}

// === impl Reach ===

impl Reach {
    /// By the address that the leader's Lease says.
    ///
    /// # Errors
    /// When nobody leads, or without an address.
    pub(super) async fn direct(place: &Place<'_>) -> anyhow::Result<Self> {
        let holder = place.holder().await?;
        let address = holder
            .address
            .context("its Lease says no address: the controller has no --advertise")?;
        Ok(Self {
            url: format!("http://{address}"),
            _tunnel: None,
        })
    }

    /// By a tunnel to the leader's pod.
    ///
    /// # Errors
    /// When nobody leads, or kubectl makes none, with what it says.
    pub(super) async fn tunnel(place: &Place<'_>) -> anyhow::Result<Self> {
        let holder = place.holder().await?;
        let (pod, port) = pod_of(&holder);
        let mut command = Command::new("kubectl");
        command
            .args(["port-forward", "--namespace", place.namespace])
            .args(place.context.iter().flat_map(|it| ["--context", *it]))
            .arg(format!("pod/{pod}"))
            .arg(format!(":{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut tunnel = command.spawn().context("kubectl cannot be started")?;
        let said = tunnel.stdout.take().context("kubectl has no output")?;
        let mut lines = BufReader::new(said).lines();
        let first = tokio::time::timeout(TUNNEL_MAX, lines.next_line()).await;
        let first = first.context("kubectl makes no tunnel in time")??;
        let Some(local) = first.as_deref().and_then(local_of) else {
            let mut why = String::new();
            if let Some(errors) = tunnel.stderr.take() {
                let mut errors = errors.take(COMPLAINT_BYTES_MAX);
                let _ = tokio::time::timeout(TUNNEL_MAX, errors.read_to_string(&mut why)).await;
            }
            anyhow::bail!("kubectl makes no tunnel to {pod}: {}", why.trim());
        };
        // It would stop at a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            url: format!("http://{local}"),
            _tunnel: Some(tunnel),
        })
    }

    /// Where its API is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// The pod of a leader, and its port: replicas are called after their host, which is their pod, and their process.
fn pod_of(holder: &Holder) -> (&str, &str) {
    let identity = holder.identity.as_str();
    let pod = match identity.rsplit_once('-') {
        Some((pod, process)) if process.bytes().all(|it| it.is_ascii_digit()) => pod,
        _ => identity,
    };
    let address = holder.address.as_deref().unwrap_or_default();
    let port = address.rsplit_once(':').map_or("8080", |(_, port)| port);
    (pod, port)
}

/// The near end, of `Forwarding from 127.0.0.1:40001 -> 8080`.
fn local_of(said: &str) -> Option<&str> {
    let rest = said.strip_prefix("Forwarding from ")?;
    rest.split_once(" -> ").map(|(local, _)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_its_pod_and_kubectl_says_where_the_near_end_is() {
        let holder = |identity: &str, address: Option<&str>| Holder {
            identity: identity.to_owned(),
            address: address.map(str::to_owned),
        };
        let of = holder("spillway-recognition-7d9c5-x2x4z-1", Some("10.0.0.7:8081"));
        assert_eq!(pod_of(&of), ("spillway-recognition-7d9c5-x2x4z", "8081"));
        assert_eq!(pod_of(&holder("first", None)), ("first", "8080"));
        let said = "Forwarding from 127.0.0.1:40001 -> 8080";
        assert_eq!(local_of(said), Some("127.0.0.1:40001"));
        assert_eq!(local_of("error: pod not found"), None);
    }
}
