//! A standby's way to the leader: requests go there as they are, and the leader alone judges them.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use spillway_kube::leader_address;
use tokio::time::{Instant, timeout};

use super::problem::{Code, Problem};
use super::{API, ClusterAccess};

/// The leader's address is believed for so long.
const BELIEVED: Duration = Duration::from_secs(2);
/// The longest that the API server may take to show the lease.
const LEASE_DEADLINE: Duration = Duration::from_secs(2);
/// The longest that the leader may take to begin an answer; what-ifs take long.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// The largest body that is passed on.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Says that a request was passed on once: two standbys do not play ball.
const PASSED: HeaderName = HeaderName::from_static("x-spillway-forwarded");

/// Passes requests on.
pub(super) struct Forward {
    cluster: ClusterAccess,
    client: reqwest::Client,
    leader: Mutex<Option<(Instant, SocketAddr)>>,
}

// === impl Forward ===

impl Forward {
    /// # Errors
    /// When no client can be made.
    pub(super) fn new(cluster: ClusterAccess) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            cluster,
            client,
            leader: Mutex::default(),
        })
    }

    /// The leader's answer.
    ///
    /// # Errors
    /// `NO_LEADER` when there is none, or it does not answer.
    pub(super) async fn pass(&self, request: Request) -> Result<Response, Problem> {
        if request.headers().contains_key(&PASSED) {
            return Err(none("the lease is moving"));
        }
        let leader = self.leader().await?;
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX)
            .await
            .map_err(|_| Problem::new(Code::TooLarge, "the body is larger than 1 MiB"))?;
        let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let mut headers = end_to_end(&parts.headers);
        headers.insert(PASSED, HeaderValue::from_static("1"));
        let sent = self
            .client
            .request(parts.method, format!("http://{leader}{API}{path}"))
            .headers(headers)
            .body(body)
            .send();
        let answer = match timeout(ANSWER_DEADLINE, sent).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                // It may have moved: the next one asks anew.
                *self.known() = None;
                tracing::debug!(%error, "leader was not reached");
                return Err(none("the leader cannot be reached"));
            }
            Err(_) => return Err(none("the leader does not answer")),
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = end_to_end(answer.headers());
        *response.body_mut() = Body::from_stream(answer.bytes_stream());
        Ok(response)
    }

    async fn leader(&self) -> Result<SocketAddr, Problem> {
        if let Some((at, leader)) = *self.known()
            && at.elapsed() < BELIEVED
        {
            return Ok(leader);
        }
        let cluster = &self.cluster;
        let look = leader_address(&cluster.client, &cluster.namespace, &cluster.lease);
        let address = match timeout(LEASE_DEADLINE, look).await {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => {
                tracing::debug!(%error, "lease could not be read");
                None
            }
            Err(_) => None,
        };
        let leader = address.ok_or_else(|| none("nobody leads now"))?;
        let leader = leader
            .trim()
            .parse()
            .map_err(|_| none("the leader does not say where it is"))?;
        *self.known() = Some((Instant::now(), leader));
        Ok(leader)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Instant, SocketAddr)>> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn none(detail: &str) -> Problem {
    Problem::new(Code::NoLeader, detail).retry_after(2)
}

/// Headers without those that are about one connection alone.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        HeaderName::from_static("keep-alive"),
    ] {
        kept.remove(name);
    }
    kept
}
