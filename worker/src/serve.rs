//! `/livez`, `/readyz` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use spillway_wire::Phase;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::stats::Stats;

/// After so long without a poll a worker that should consume is stuck.
const POLL_SILENCE_MAX: Duration = Duration::from_secs(30);

/// Serves in the background; returns the address that it listens on.
///
/// # Errors
/// When the address cannot be listened on.
pub(crate) async fn start(listen: SocketAddr, stats: Arc<Stats>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(stats);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            warn!(%error, "health server ended");
        }
    });
    info!(%address, "listening");
    Ok(address)
}

async fn livez(State(stats): State<Arc<Stats>>) -> impl IntoResponse {
    let is_consuming = matches!(stats.phase(), Phase::Ready | Phase::Draining);
    if is_consuming && stats.since_polled(Instant::now()) > POLL_SILENCE_MAX {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the consumer is not polled\n",
        );
    }
    (StatusCode::OK, "alive\n")
}

async fn readyz(State(stats): State<Arc<Stats>>) -> impl IntoResponse {
    match stats.unready() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn metrics(State(stats): State<Arc<Stats>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], stats.metrics())
}
