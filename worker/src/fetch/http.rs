//! http and https with redirects by hand, every wait, size and retry bounded.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Proxy, Response, StatusCode, Url, redirect};
use spillway_wire::Reason;
use tokio::time::timeout;

use super::failure;
use super::guard::{Origin, ResolveError, Verdict, check, is_global, resolver};
use super::hosts::{Hosts, PER_HOST_MAX};
use super::proxy::EgressProxy;
use super::sink::{Bounds, Counted, Sink};
use crate::stats::FetchCounts;
use crate::work::Failure;

const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Until all headers are there.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(5);
/// Most headers of an answer; together they have at most some 400 kB, which is the client's own bound.
const HEADERS_MAX: usize = 100;
const IDLE_MAX: Duration = Duration::from_secs(3);
/// Fewest bytes a second of a body, on average, once it has had some time: slower origins hold a place for nothing.
const BYTES_PER_SECOND_MIN: f64 = 8_192.0;
const RATE_GRACE: Duration = Duration::from_secs(2);
const REDIRECTS_MAX: usize = 3;
/// How long before a failed fetch is tried again, each time; what may pass is tried so often and no more.
const RETRY_WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// Room that is made before a body comes, whatever its length is said to be.
const BYTES_EXPECTED: u64 = 64 * 1024;

/// The clients: connections are shared and kept alive.
pub(super) struct Http {
    /// Dials global addresses only, or the egress proxy only.
    vetted: Client,
    /// Dials anything; used for the operator's origins alone.
    named: Client,
    allowed: Vec<Origin>,
    /// Whether somebody else resolves and dials what is vetted.
    is_proxied: bool,
    hosts: Hosts,
    counts: FetchCounts,
}

/// A failure, and whether it may pass.
struct Failed {
    failure: Failure,
    retry: Retry,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Never,
    /// Not before so long.
    After(Duration),
}

/// What a hop leads to.
enum Hop {
    /// Its body is in the sink.
    Body,
    Redirect(Url),
}

// === impl Http ===

impl Http {
    pub(super) fn new(
        allowed: &[Origin],
        proxy: Option<&EgressProxy>,
        counts: FetchCounts,
    ) -> anyhow::Result<Self> {
        let client = || {
            Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .http1_max_headers(HEADERS_MAX)
                .connect_timeout(CONNECT_MAX)
                .pool_max_idle_per_host(PER_HOST_MAX)
                .user_agent(concat!("spillway-worker/", env!("CARGO_PKG_VERSION")))
        };
        let vetted = match proxy {
            None => client().dns_resolver(resolver()),
            Some(proxy) => client().proxy(Proxy::all(proxy.url())?),
        };
        Ok(Self {
            vetted: vetted.build()?,
            named: client().build()?,
            allowed: allowed.to_vec(),
            is_proxied: proxy.is_some(),
            hosts: Hosts::new(counts.clone()),
            counts,
        })
    }

    /// The body behind a URL, within bounds.
    pub(super) async fn fetch(
        &self,
        url: Url,
        bounds: Bounds,
        to: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + bounds.time;
        let persist = self.persist(url, deadline, bounds.bytes, to);
        match timeout(bounds.time, persist).await {
            Ok(fetched) => fetched.map_err(|failed| failed.failure),
            Err(_) => Err(slow("the origin took too long in all").failure),
        }
    }

    /// Tries again what may pass, as long as there is time.
    async fn persist(
        &self,
        url: Url,
        deadline: Instant,
        bytes_max: u64,
        to: &mut dyn Sink,
    ) -> Result<(), Failed> {
        for wait in RETRY_WAITS {
            let failed = match self.follow(url.clone(), bytes_max, to).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let Retry::After(asked) = failed.retry else {
                return Err(failed);
            };
            let wait = wait.max(asked);
            if Instant::now() + wait >= deadline {
                return Err(failed);
            }
            self.counts.retries.inc();
            tokio::time::sleep(wait).await;
        }
        self.follow(url, bytes_max, to).await
    }

    /// Follows redirects, each of them judged as the first address was.
    async fn follow(&self, mut url: Url, bytes_max: u64, to: &mut dyn Sink) -> Result<(), Failed> {
        for _ in 0..=REDIRECTS_MAX {
            match self.hop(&url, bytes_max, to).await? {
                Hop::Body => return Ok(()),
                Hop::Redirect(next) => url = next,
            }
        }
        let message = format!("more than {REDIRECTS_MAX} redirects");
        Err(lasting(failure(Reason::FetchFailed, message)))
    }

    async fn hop(&self, url: &Url, bytes_max: u64, to: &mut dyn Sink) -> Result<Hop, Failed> {
        let verdict = check(url, &self.allowed).map_err(lasting)?;
        let name = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let host = self.hosts.host(&format!("{name}:{port}"));
        let Some(place) = host.enter().await else {
            let message = "the origin failed too often, and is left alone for a while";
            return Err(lasting(failure(Reason::FetchFailed, message)));
        };
        let answered = self.ask(url, verdict, bytes_max, to).await;
        match &answered {
            Ok(_) => place.succeeded(),
            Err(failed) if failed.is_of_the_host() => place.failed(),
            // What is refused here says nothing of the host, and what it lacks is an answer.
            Err(failed) if failed.failure.reason == Reason::FetchBlocked => {}
            Err(_) => place.succeeded(),
        }
        answered
    }

    async fn ask(
        &self,
        url: &Url,
        verdict: Verdict,
        bytes_max: u64,
        to: &mut dyn Sink,
    ) -> Result<Hop, Failed> {
        let client = match verdict {
            Verdict::Vetted => &self.vetted,
            Verdict::Named => &self.named,
        };
        let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        let response = timeout(HEADERS_TIME_MAX, request.send())
            .await
            .map_err(|_| slow("the origin did not answer in time"))?
            .map_err(explain)?;
        // The resolver has refused such addresses already; this holds should it ever be gone around.
        let is_private = response
            .remote_addr()
            .is_some_and(|address| !is_global(address.ip()));
        if verdict == Verdict::Vetted && is_private && !self.is_proxied {
            let message = "the name leads to an address that is not public";
            return Err(lasting(failure(Reason::FetchBlocked, message)));
        }
        if let Some(next) = redirect(url, &response)? {
            return Ok(Hop::Redirect(next));
        }
        judge_status(response.status(), response.headers())?;
        body(response, bytes_max, to).await?;
        Ok(Hop::Body)
    }
}

// === impl Failed ===

impl Failed {
    /// Whether it counts against the host: it is gone, slow or broken.
    fn is_of_the_host(&self) -> bool {
        self.retry != Retry::Never || self.failure.reason == Reason::FetchTimeout
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

fn judge_status(status: StatusCode, headers: &HeaderMap) -> Result<(), Failed> {
    if status == StatusCode::OK {
        return Ok(());
    }
    let message = format!("the origin answered {status}");
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Err(lasting(failure(Reason::NotFound, message)))
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let message = "the egress proxy refuses this address";
            Err(lasting(failure(Reason::FetchBlocked, message)))
        }
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            // Dates are not read: who means seconds can say so.
            let seconds = headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok());
            let seconds = seconds.and_then(|it| it.parse().ok()).unwrap_or(0);
            Err(Failed {
                failure: failure(Reason::FetchFailed, message),
                retry: Retry::After(Duration::from_secs(seconds)),
            })
        }
        _ => Err(lasting(failure(Reason::FetchFailed, message))),
    }
}

/// The body, counted as it comes: what its header says of its length is only good for refusing it sooner.
async fn body(mut response: Response, bytes_max: u64, to: &mut dyn Sink) -> Result<(), Failed> {
    let is_encoded = response
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    if is_encoded {
        let message = "the origin compressed the body, which was not asked for";
        return Err(lasting(failure(Reason::UnsupportedFormat, message)));
    }
    let declared = response.content_length().unwrap_or(0);
    let expected = if declared > bytes_max {
        declared
    } else {
        declared.min(BYTES_EXPECTED)
    };
    let mut to = Counted::begin(to, expected, bytes_max).map_err(lasting)?;
    let began = Instant::now();
    loop {
        let chunk = timeout(IDLE_MAX, response.chunk())
            .await
            .map_err(|_| slow("the origin stopped sending"))?
            .map_err(explain)?;
        let Some(chunk) = chunk else {
            return Ok(());
        };
        to.put(&chunk).map_err(lasting)?;
        if is_too_slow(to.bytes, began.elapsed()) {
            return Err(slow("the origin sends too slowly"));
        }
    }
}

/// Whether so many bytes in so long a time are too few.
fn is_too_slow(bytes: u64, time: Duration) -> bool {
    time > RATE_GRACE && (bytes as f64) < BYTES_PER_SECOND_MIN * time.as_secs_f64()
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
    // The client's own text for 407 to CONNECT; it has no kind.
    if deepest.ends_with("proxy authorization required") {
        let message = "the egress proxy refuses this address";
        return lasting(failure(Reason::FetchBlocked, message));
    }
    if error.is_timeout() {
        return slow("the origin could not be reached in time");
    }
    Failed {
        failure: failure(Reason::FetchFailed, format!("the origin failed: {deepest}")),
        retry: Retry::After(Duration::ZERO),
    }
}

fn lasting(failure: Failure) -> Failed {
    Failed {
        failure,
        retry: Retry::Never,
    }
}

fn slow(message: &str) -> Failed {
    lasting(failure(Reason::FetchTimeout, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_drips_is_too_slow_only_after_its_grace() {
        let seconds = Duration::from_secs;
        assert!(!is_too_slow(0, RATE_GRACE));
        assert!(is_too_slow(3, seconds(3)));
        assert!(!is_too_slow(3 * 8_192, seconds(3)));
        assert!(is_too_slow(9 * 8_192, seconds(10)));
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_as_late_as_the_origin_asks() {
        let retry = |status: StatusCode, after: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]);
            judge_status(status, &headers).unwrap_err().retry
        };
        let seconds = |seconds| Retry::After(Duration::from_secs(seconds));
        assert_eq!(retry(StatusCode::SERVICE_UNAVAILABLE, "7"), seconds(7));
        assert_eq!(retry(StatusCode::TOO_MANY_REQUESTS, "soon"), seconds(0));
        assert_eq!(retry(StatusCode::BAD_GATEWAY, "-1"), seconds(0));
        assert_eq!(retry(StatusCode::NOT_FOUND, "7"), Retry::Never);
        assert_eq!(retry(StatusCode::FORBIDDEN, "7"), Retry::Never);
        assert_eq!(retry(StatusCode::PARTIAL_CONTENT, "7"), Retry::Never);
    }
}
