//! The accept loop: connections, their bounds, TLS, and an end that lets requests finish.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

use crate::metrics::Metrics;

/// Longest time for a request's head, and for a connection to begin its first request.
const HEAD_MAX: Duration = Duration::from_secs(15);
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;
/// Requests of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 128;
/// Streams that a client opens and takes back before they are looked at ("rapid reset").
const RESETS_MAX: usize = 32;
const PING_EVERY: Duration = Duration::from_secs(30);
/// Pause after a failed accept: mostly there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What the accept loop needs.
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) connections_max: usize,
    pub(crate) metrics: Arc<Metrics>,
}

/// One connection's way to the routes.
#[derive(Clone)]
struct Connection {
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    tls: Option<TlsAcceptor>,
    metrics: Arc<Metrics>,
}

// === impl Server ===

impl Server {
    /// Serves until `stop` says so, and then until every request is answered or `longest` is over.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
        longest: Duration,
    ) {
        let places = Arc::new(Semaphore::new(self.connections_max));
        let graceful = GracefulShutdown::new();
        let connection = Connection {
            builder: Arc::new(builder()),
            router: self.router,
            tls: self.tls,
            metrics: self.metrics,
        };
        loop {
            // Without a place a client waits in the listener's queue.
            let accepted = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                accepted = accepted => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match (place, accepted) {
                (Ok(place), Ok((stream, _))) => {
                    let serve = connection.clone().serve(stream, place, graceful.watcher());
                    tokio::spawn(serve);
                }
                (_, Err(error)) => {
                    warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
                (Err(_), _) => break,
            }
        }
        drop(listener);
        let open = graceful.count();
        info!(count = open, "no more connections; requests finish");
        if tokio::time::timeout(longest, graceful.shutdown())
            .await
            .is_err()
        {
            warn!("requests did not finish in time");
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(HEAD_MAX);
    builder
}

// === impl Connection ===

impl Connection {
    async fn serve(self, stream: TcpStream, place: OwnedSemaphorePermit, watcher: Watcher) {
        self.metrics.connections.inc();
        // Answers are small and complete: they shall not wait for each other.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            None => self.clone().speak(stream, watcher).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.clone().speak(stream, watcher).await,
                Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
                Err(_) => debug!("TLS handshake was too slow"),
            },
        }
        self.metrics.connections.dec();
        drop(place);
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: Watcher,
    ) {
        let has_begun = Arc::new(AtomicBool::new(false));
        let router = self.router;
        let begun = has_begun.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            begun.store(true, Ordering::Relaxed);
            let router = router.clone();
            async move {
                let answer: Response<axum::body::Body> = match router.oneshot(request).await {
                    Ok(answer) => answer,
                    Err(never) => match never {},
                };
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        let connection = watcher.watch(connection.into_owned());
        // hyper's time for a head begins only when it knows the protocol.
        let silence = async {
            tokio::time::sleep(HEAD_MAX).await;
            if has_begun.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            done = connection => {
                if let Err(error) = done {
                    debug!(%error, "connection ended");
                }
            }
            () = silence => debug!("connection began no request"),
        }
    }
}

/// TLS with a certificate chain and its key, PEM files, for HTTP/1.1 and HTTP/2.
///
/// # Errors
/// If a file cannot be read or the two do not belong together.
pub(crate) fn tls(certificates: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .with_context(|| format!("certificates {}", certificates.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("key {}", key.display()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not fit")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
