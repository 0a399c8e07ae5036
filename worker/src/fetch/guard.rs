//! Which addresses may be contacted: only global ones, unless the operator names host and port exactly.
//!
//! The check is repeated for every redirect, and what is checked is what is dialled: names go through
//! [`Vetted`], the client's only resolver, and addresses in the URL, which skip it, through [`check`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use spillway_wire::Reason;
use tokio::sync::Semaphore;

use super::failure;
use crate::work::Failure;

/// Longest time that a name may take to resolve.
const RESOLVE_MAX: Duration = Duration::from_secs(2);

/// Names that are resolved at once; each occupies a thread for as long as the system takes, which may be much longer.
static RESOLVES: Semaphore = Semaphore::const_new(64);

/// Ends of names that only mean something inside a network.
const LOCAL_SUFFIXES: [&str; 12] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "svc",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
];

/// Host and port of an origin, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    host: String,
    port: u16,
}

/// What may be done with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Contact it, if all of its addresses are global.
    Vetted,
    /// Contact it: the operator named it.
    Named,
}

/// Why an address is not contacted; travels inside the client's errors.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the name leads to an address that is not public")]
    Blocked,
    #[error("the name cannot be resolved")]
    Failed(#[source] std::io::Error),
    #[error("the name took too long to resolve")]
    Slow,
}

/// Resolves names to global addresses only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vetted;

// === impl Origin ===

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(&format!("http://{text}/")).map_err(|error| error.to_string())?;
        let is_plain = url.path() == "/" && url.username().is_empty() && url.query().is_none();
        let has_port = text
            .rsplit(':')
            .next()
            .is_some_and(|port| port.parse::<u16>().is_ok());
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) if is_plain && has_port => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err("must be HOST:PORT".to_owned()),
        }
    }
}

/// Reads an address.
pub(super) fn parse(uri: &str) -> Result<Url, Failure> {
    Url::parse(uri).map_err(|error| failure(Reason::FetchBlocked, format!("no address: {error}")))
}

/// Judges a URL by itself; the addresses behind its name are judged when they are dialled.
pub(super) fn check(url: &Url, allowed: &[Origin]) -> Result<Verdict, Failure> {
    let blocked = |message: &str| Err(failure(Reason::FetchBlocked, message));
    if !matches!(url.scheme(), "http" | "https") {
        return blocked("only http and https are fetched");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return blocked("the address holds a user name");
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return blocked("the address has no host");
    };
    let is_named = allowed
        .iter()
        .any(|origin| origin.host == host && origin.port == port);
    if is_named {
        return Ok(Verdict::Named);
    }
    if !matches!(port, 80 | 443) {
        return blocked("only ports 80 and 443 are contacted");
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return if is_global(address) {
            Ok(Verdict::Vetted)
        } else {
            blocked("the address is not public")
        };
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local = !name.contains('.')
        || LOCAL_SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
    if is_local {
        return blocked("the name is local");
    }
    Ok(Verdict::Vetted)
}

/// Judges all addresses of a name: one that is not global spoils them all, since nobody says which is dialled.
pub(super) fn vet(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ResolveError> {
    if addresses.is_empty() || addresses.iter().any(|address| !is_global(address.ip())) {
        return Err(ResolveError::Blocked);
    }
    Ok(addresses)
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let addresses = tokio::time::timeout(RESOLVE_MAX, lookup(name))
                .await
                .map_err(|_| ResolveError::Slow)?
                .map_err(ResolveError::Failed)?;
            let addresses: Addrs = Box::new(vet(addresses)?.into_iter());
            Ok(addresses)
        })
    }
}

/// All addresses of a name, as the system knows them.
async fn lookup(name: String) -> std::io::Result<Vec<SocketAddr>> {
    let place = RESOLVES.acquire().await.map_err(std::io::Error::other)?;
    let resolved = tokio::task::spawn_blocking(move || {
        let addresses = (name.as_str(), 0).to_socket_addrs();
        // Not when the wait is given up: the system goes on resolving, and occupies this thread.
        drop(place);
        addresses.map(Iterator::collect)
    });
    resolved.await.map_err(std::io::Error::other)?
}

/// A shared resolver, as the client wants it.
pub(super) fn resolver() -> Arc<Vetted> {
    Arc::new(Vetted)
}

/// Whether an address belongs to the public internet.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        // "This" network, loopback, multicast and everything above, broadcast included.
        (0 | 127 | 224.., ..) => true,
        // Carrier-grade NAT, RFC 6598; some clouds keep their metadata there.
        (100, 64..=127, _) => true,
        // Protocol assignments, documentation, 6to4 relays, AS112.
        (192, 0, 0 | 2) | (192, 88, 99) | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) => true,
        // Benchmarks, documentation.
        (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    // Azure's wire server is reachable from every VM there, at an address that looks public.
    const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    !is_special && !address.is_private() && !address.is_link_local() && address != AZURE_WIRE_SERVER
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is handed out; that leaves out loopback, mapped and compatible IPv4, NAT64 (64:ff9b::/96),
    // local, link-local, site-local, multicast and discard addresses.
    let is_unicast = a & 0xe000 == 0x2000;
    // Teredo, benchmarks, ORCHID and the like in 2001::/23; documentation; 6to4; documentation again.
    let is_special =
        (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    // ISATAP hides an IPv4 address in the last half.
    let [.., e, f, _, _] = address.segments();
    let is_isatap = matches!(e, 0 | 0x0200) && f == 0x5efe;
    is_unicast && !is_special && !is_isatap
}
