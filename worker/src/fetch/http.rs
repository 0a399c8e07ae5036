//! http and https with redirects by hand, every wait and every size bounded.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, LOCATION};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use spillway_wire::Reason;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::guard::{Origin, ResolveError, Verdict, check, is_global, resolver};
use super::{BYTES_MAX, failure};
use crate::work::Failure;

const CONNECT_MAX: Duration = Duration::from_secs(2);
const FIRST_BYTE_MAX: Duration = Duration::from_secs(5);
const IDLE_MAX: Duration = Duration::from_secs(3);
const TOTAL_MAX: Duration = Duration::from_secs(10);
const REDIRECTS_MAX: usize = 3;
/// Most fetches from one host at once.
const PER_HOST_MAX: usize = 32;
/// Most hosts that are remembered before those without fetches are forgotten.
const HOSTS_MAX: usize = 1_024;
/// How long before a failed fetch is tried once more.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// Room that is made before a body comes, whatever its length is said to be.
const BYTES_EXPECTED: usize = 64 * 1024;

/// The clients: connections are shared and kept alive.
pub(super) struct Http {
    /// Dials global addresses only.
    vetted: Client,
    /// Dials anything; used for the operator's origins alone.
    named: Client,
    allowed: Vec<Origin>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A failure, and whether trying again at once may help.
struct Failed {
    failure: Failure,
    is_worth_a_retry: bool,
}

/// What a hop leads to.
enum Hop {
    Body(Vec<u8>),
    Redirect(Url),
}

// === impl Http ===

impl Http {
    pub(super) fn new(allowed: &[Origin]) -> anyhow::Result<Self> {
        let client = || {
            Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .connect_timeout(CONNECT_MAX)
                .pool_max_idle_per_host(PER_HOST_MAX)
                .user_agent(concat!("spillway-worker/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            vetted: client().dns_resolver(resolver()).build()?,
            named: client().build()?,
            allowed: allowed.to_vec(),
            hosts: Mutex::default(),
        })
    }

    /// The body behind a URL, within `time` and never longer than the limit of all fetches.
    pub(super) async fn fetch(&self, url: Url, time: Duration) -> Result<Vec<u8>, Failure> {
        let began = Instant::now();
        let time = time.min(TOTAL_MAX);
        let tried = timeout(time, async {
            match self.follow(url.clone()).await {
                Err(failed) if failed.is_worth_a_retry && began.elapsed() + RETRY_AFTER < time => {
                    tokio::time::sleep(RETRY_AFTER).await;
                    self.follow(url).await
                }
                first => first,
            }
        });
        match tried.await {
            Ok(fetched) => fetched.map_err(|failed| failed.failure),
            Err(_) => Err(slow("the origin took too long in all").failure),
        }
    }

    /// Follows redirects, each of them judged as the first address was.
    async fn follow(&self, mut url: Url) -> Result<Vec<u8>, Failed> {
        for _ in 0..=REDIRECTS_MAX {
            match self.hop(&url).await? {
                Hop::Body(bytes) => return Ok(bytes),
                Hop::Redirect(next) => url = next,
            }
        }
        let message = format!("more than {REDIRECTS_MAX} redirects");
        Err(lasting(failure(Reason::FetchFailed, message)))
    }

    async fn hop(&self, url: &Url) -> Result<Hop, Failed> {
        let verdict = check(url, &self.allowed).map_err(lasting)?;
        let client = match verdict {
            Verdict::Vetted => &self.vetted,
            Verdict::Named => &self.named,
        };
        let host = self.host(url);
        let _place = host.acquire().await;
        let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        let response = timeout(FIRST_BYTE_MAX, request.send())
            .await
            .map_err(|_| slow("the origin did not answer in time"))?
            .map_err(explain)?;
        // The resolver has refused such addresses already; this holds should it ever be gone around.
        let is_private = response
            .remote_addr()
            .is_some_and(|address| !is_global(address.ip()));
        if verdict == Verdict::Vetted && is_private {
            let message = "the name leads to an address that is not public";
            return Err(lasting(failure(Reason::FetchBlocked, message)));
        }
        if let Some(next) = redirect(url, &response)? {
            return Ok(Hop::Redirect(next));
        }
        judge_status(response.status())?;
        body(response).await.map(Hop::Body)
    }

    /// The places of a host.
    fn host(&self, url: &Url) -> Arc<Semaphore> {
        let name = url.host_str().unwrap_or_default();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        hosts
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(PER_HOST_MAX)))
            .clone()
    }
}

fn redirect(url: &Url, response: &Response) -> Result<Option<Url>, Failed> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !is_redirect {
        return Ok(None);
    }
    let broken = || lasting(failure(Reason::FetchFailed, "a redirect leads nowhere"));
    let location = response.headers().get(LOCATION).ok_or_else(broken)?;
    let location = location.to_str().map_err(|_| broken())?;
    let next = url.join(location).map_err(|_| broken())?;
    if url.scheme() == "https" && next.scheme() == "http" {
        let message = "a redirect leads from https to http";
        return Err(lasting(failure(Reason::FetchBlocked, message)));
    }
    Ok(Some(next))
}

fn judge_status(status: StatusCode) -> Result<(), Failed> {
    if status == StatusCode::OK {
        return Ok(());
    }
    let message = format!("the origin answered {status}");
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Err(lasting(failure(Reason::NotFound, message)));
    }
    Err(Failed {
        failure: failure(Reason::FetchFailed, message),
        is_worth_a_retry: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
    })
}

/// The body, counted as it comes: what its header says of its length is only good for refusing it sooner.
async fn body(mut response: Response) -> Result<Vec<u8>, Failed> {
    let is_encoded = response
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    if is_encoded {
        let message = "the origin compressed the body, which was not asked for";
        return Err(lasting(failure(Reason::UnsupportedFormat, message)));
    }
    let too_large = || {
        let message = format!("the file is larger than {BYTES_MAX} bytes");
        lasting(failure(Reason::TooLarge, message))
    };
    let declared = response.content_length().unwrap_or(0);
    if declared > BYTES_MAX as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity((declared as usize).min(BYTES_EXPECTED));
    loop {
        let chunk = timeout(IDLE_MAX, response.chunk())
            .await
            .map_err(|_| slow("the origin stopped sending"))?
            .map_err(explain)?;
        let Some(chunk) = chunk else {
            return Ok(bytes);
        };
        if bytes.len() + chunk.len() > BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// What an error of the client means.
fn explain(error: reqwest::Error) -> Failed {
    let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
    let mut deepest = error.to_string();
    while let Some(cause) = source {
        match cause.downcast_ref::<ResolveError>() {
            Some(blocked @ ResolveError::Blocked) => {
                return lasting(failure(Reason::FetchBlocked, blocked.to_string()));
            }
            Some(ResolveError::Slow) => return slow("the name took too long to resolve"),
            _ => deepest = cause.to_string(),
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return slow("the origin could not be reached in time");
    }
    Failed {
        failure: failure(Reason::FetchFailed, format!("the origin failed: {deepest}")),
        is_worth_a_retry: true,
    }
}

fn lasting(failure: Failure) -> Failed {
    Failed {
        failure,
        is_worth_a_retry: false,
    }
}

fn slow(message: &str) -> Failed {
    lasting(failure(Reason::FetchTimeout, message))
}
