//! HTTP to a cloud, as the adapters need it: bounded in time and size, without redirects, retries or chance.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Proxy, Request, Url, redirect};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::budget::{CallBudget, OverBudget};
use crate::examine;
use crate::{BoxFuture, Clock, CloudError};

/// The longest answer that is read: a page of 500 machines, each with its user data.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;
/// The most pages of one list; a list that goes on is an error.
pub(crate) const PAGES_MAX: usize = 1_000;
/// How much of an answer that cannot be read stands in its error.
const SHOWN_CHARS_MAX: usize = 120;
/// Clouds close what is idle for a minute: one that is closed as it is used again would be a call of unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// First and longest pause between two looks at an operation.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Carries requests to a cloud in place of the network: what makes a whole world out of one process.
pub trait Carrier: Send + Sync {
    /// Carries one request there and its answer back.
    ///
    /// # Errors
    /// When no answer came: what was asked for may have happened.
    fn carry(&self, request: Request) -> BoxFuture<'_, Result<Carried, CarryError>>;
}

/// Why no answer came.
pub type CarryError = Box<dyn StdError + Send + Sync>;

/// An answer, as a [`Carrier`] brings it.
#[derive(Debug, Clone)]
pub struct Carried {
    /// HTTP status.
    pub status: u16,
    /// As on the wire.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// How a cloud is reached from here.
#[derive(Clone)]
pub struct Net {
    /// The proxy for all but metadata services, which are on the machine itself.
    pub proxy: Option<String>,
    /// More certificate authorities to trust, in PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The longest that connecting may take.
    pub connect_timeout: Duration,
    /// The longest that a call may take in all.
    pub timeout: Duration,
    /// What time it is, for signatures and for tokens that end.
    pub clock: Clock,
    /// Instead of the network.
    pub carrier: Option<Arc<dyn Carrier>>,
    /// What all who ask for this account share; without it, calls are not counted.
    pub budget: Option<Arc<CallBudget>>,
}

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    way: Way,
    clock: Clock,
    budget: Option<Arc<CallBudget>>,
    /// How far ours was ahead of the cloud's clock when it last told the time, in seconds.
    skew: Arc<Mutex<Option<SignedDuration>>>,
}

/// By which way requests travel.
#[derive(Clone)]
enum Way {
    Network {
        client: Client,
        /// For the metadata service: never through a proxy.
        direct: Client,
    },
    Carried {
        by: Arc<dyn Carrier>,
        timeout: Duration,
    },
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// Why there is no answer to go by. What was asked for may have happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestError {
    #[error("{host} could not be reached")]
    Unsent {
        host: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{host} did not answer")]
    Unanswered {
        host: String,
        #[source]
        source: CarryError,
    },
    #[error("not sent")]
    Kept(#[from] OverBudget),
    #[error("the answer is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    #[error("the list has more than {PAGES_MAX} pages")]
    Endless,
    #[error("the list is not complete: {why}")]
    Partial { why: String },
    #[error("the answer (status {status}) is not as expected: {why}; it begins with {begin:?}")]
    Garbled {
        status: u16,
        why: String,
        begin: String,
    },
}

/// Looks at something again and again, more slowly each time, until a time is over.
#[derive(Debug)]
pub(crate) struct Pace {
    until: Instant,
    next: Duration,
}

// === impl Net ===

impl Default for Net {
    fn default() -> Self {
        Self {
            proxy: None,
            ca_pem: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            clock: Clock::default(),
            carrier: None,
            budget: None,
        }
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("proxy", &self.proxy)
            .field("timeout", &self.timeout)
            .field("is_carried", &self.carrier.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network { .. } => "network",
            Self::Carried { .. } => "carried",
        })
    }
}

// === impl Http ===

impl Http {
    pub(crate) fn new(net: &Net) -> Result<Self, CloudError> {
        let (clock, budget) = (net.clock.clone(), net.budget.clone());
        if let Some(by) = net.carrier.clone() {
            let timeout = net.timeout;
            return Ok(Self {
                way: Way::Carried { by, timeout },
                clock,
                budget,
                skew: Arc::default(),
            });
        }
        let refused = |what: &str, error: reqwest::Error| CloudError::Refused {
            why: format!("{what}: {error}"),
        };
        let builder = || {
            Client::builder()
                .connect_timeout(net.connect_timeout)
                .timeout(net.timeout)
                .pool_idle_timeout(IDLE_MAX)
                // A redirect would carry credentials to where nobody wanted them; these interfaces have none.
                .redirect(redirect::Policy::none())
                // A lost answer is for the caller to resolve, not for a second sending.
                .retry(reqwest::retry::never())
                .user_agent(concat!("spillway/", env!("CARGO_PKG_VERSION")))
        };
        let mut client = builder();
        if let Some(proxy) = &net.proxy {
            let proxy = Proxy::all(proxy.as_str());
            client = client.proxy(proxy.map_err(|error| refused("the proxy", error))?);
        }
        if let Some(pem) = &net.ca_pem {
            let more = Certificate::from_pem_bundle(pem)
                .map_err(|error| refused("the certificate authorities", error))?;
            client = client.tls_certs_merge(more);
        }
        let made = |error| refused("the HTTP client", error);
        Ok(Self {
            way: Way::Network {
                client: client.build().map_err(made)?,
                direct: builder().no_proxy().build().map_err(made)?,
            },
            clock,
            budget,
            skew: Arc::default(),
        })
    }

    /// How far our clock is ahead of the cloud's, as of its last answer.
    pub(crate) fn skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a request when its account's turn comes; any status is an answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, RestError> {
        if let Some(budget) = &self.budget {
            budget.turn(request.method() == Method::GET).await?;
        }
        let answer = match &self.way {
            Way::Network { client, .. } => exchange(client, request).await,
            Way::Carried { by, timeout } => carry(&**by, *timeout, request).await,
        }?;
        if let Some(skew) = examine::skew(&answer, self.now()) {
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
        }
        Ok(answer)
    }

    /// The same, to the machine's own metadata service, which is no account's.
    pub(crate) async fn send_direct(&self, request: Request) -> Result<Answer, RestError> {
        match &self.way {
            Way::Network { direct, .. } => exchange(direct, request).await,
            Way::Carried { by, timeout } => carry(&**by, *timeout, request).await,
        }
    }
}

async fn carry(by: &dyn Carrier, timeout: Duration, request: Request) -> Result<Answer, RestError> {
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let carried = match tokio::time::timeout(timeout, by.carry(request)).await {
        Ok(carried) => carried,
        Err(over) => Err(over.into()),
    };
    let carried = carried.map_err(|source| RestError::Unanswered { host, source })?;
    Ok(Answer {
        status: carried.status,
        headers: carried.headers,
        body: carried.body,
    })
}

async fn exchange(client: &Client, request: Request) -> Result<Answer, RestError> {
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let unanswered = |source: reqwest::Error| {
        let is_unsent = source.is_connect();
        let (host, source) = (host.clone(), source.without_url());
        if is_unsent {
            RestError::Unsent { host, source }
        } else {
            let source = source.into();
            RestError::Unanswered { host, source }
        }
    };
    let mut response = client.execute(request).await.map_err(&unanswered)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(&unanswered)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(RestError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: body.freeze(),
    })
}

// === impl Answer ===

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body; what is not such JSON is an error, never an empty answer.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, RestError> {
        serde_json::from_slice(&self.body).map_err(|error| self.garbled(&error.to_string()))
    }

    pub(crate) fn text(&self) -> Result<&str, RestError> {
        str::from_utf8(&self.body).map_err(|error| self.garbled(&error.to_string()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When asking again makes sense: `Retry-After`, in seconds or as a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = rfc2822::parse(text).ok()?.timestamp();
        // A date that is over means now.
        Some(Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO))
    }

    /// The first of the body, fit for an error.
    pub(crate) fn begin(&self) -> String {
        shown(&String::from_utf8_lossy(&self.body), SHOWN_CHARS_MAX)
    }

    pub(crate) fn garbled(&self, why: &str) -> RestError {
        RestError::Garbled {
            status: self.status,
            why: why.to_owned(),
            begin: self.begin(),
        }
    }
}

/// A foreign text made short and harmless.
pub(crate) fn shown(text: &str, chars_max: usize) -> String {
    let tame = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    tame.take(chars_max).collect()
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(within: Duration) -> Self {
        Self {
            until: Instant::now() + within,
            next: PAUSE_FIRST,
        }
    }

    /// Pauses, as long as the other side wishes if that is longer; false, at once, when the time would be over.
    pub(crate) async fn pause(&mut self, wish: Option<Duration>) -> bool {
        let pause = self.next.max(wish.unwrap_or_default());
        if Instant::now() + pause > self.until {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.next = (self.next * 2).min(PAUSE_MAX);
        true
    }
}

// === addresses ===

/// The address of `segments` below `base`, each of them encoded.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// An endpoint from a configuration.
pub(crate) fn endpoint(text: &str) -> Result<Url, CloudError> {
    let refused = |why: String| CloudError::Refused {
        why: format!("the endpoint {text:?} is no web address: {why}"),
    };
    let url = Url::parse(text).map_err(|error| refused(error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(refused("it is not http or https".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &str)], body: &'static str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (
                name.parse().expect("a name"),
                value.parse().expect("a value"),
            )
        });
        Answer {
            status: 200,
            headers: headers.collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn a_time_to_ask_again_is_seconds_or_a_date() {
        let after = |text: &str| answer(&[("retry-after", text)], "").retry_after();
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("Sun, 22 Nov 2015 09:28:27 GMT"), Some(Duration::ZERO));
        let far = after("Tue, 22 Nov 2095 09:28:27 GMT").expect("a time");
        assert!(far > Duration::from_secs(3_600));
        assert_eq!(after("soon"), None);
        assert_eq!(answer(&[], "").retry_after(), None);
    }

    #[test]
    fn what_is_not_the_json_that_was_expected_is_an_error() {
        assert!(answer(&[], "[1]").json::<Vec<u8>>().is_ok());
        for body in ["", "<html>", "{}", "[1", "[\"a\"]"] {
            let error = answer(&[], body).json::<Vec<u8>>();
            let error = error.expect_err("garbled").to_string();
            assert!(error.contains("status 200"), "{error}");
        }
    }

    #[test]
    fn an_address_below_another_has_its_parts_encoded() {
        let base = endpoint("http://127.0.0.1:81/base/").expect("an endpoint");
        let url = below(&base, &["a/b", "../c"]);
        assert_eq!(url.as_str(), "http://127.0.0.1:81/base/a%2Fb/..%2Fc");
        for no in ["", "iaas.example.com", "ftp://a", "http://"] {
            assert!(endpoint(no).is_err(), "{no}");
        }
    }

    #[tokio::test]
    async fn a_pace_slows_down_and_ends() {
        tokio::time::pause();
        let mut pace = Pace::new(Duration::from_secs(1));
        let start = Instant::now();
        assert!(pace.pause(None).await);
        assert!((PAUSE_FIRST..PAUSE_FIRST * 2).contains(&start.elapsed()));
        assert!(!pace.pause(Some(Duration::from_secs(5))).await);
        while pace.pause(None).await {}
        assert!(start.elapsed() <= Duration::from_secs(1));
    }
}
