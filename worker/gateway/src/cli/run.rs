//! Wiring, and the order in which things end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::ClientConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::args::{KafkaArgs, RunArgs};
use crate::api;
use crate::app::{App, Limits, Usage, Videos, now_ms};
use crate::book::Book;
use crate::catalog::Catalog;
use crate::ids::Ids;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::pressure::Pressure;
use crate::problem::chain;
use crate::replies::{Reader, Replies};
use crate::serve::{Server, tls};
use crate::store::Store;
use crate::tenants::{Secret, Tenants};
use crate::webhook::{self, Wake, Webhooks};

/// How often expired objects are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Videos that are uploaded through one replica at once: each takes some 16 MiB of memory.
const VIDEO_UPLOADS_MAX: usize = 8;
/// Scrapers, probes and a person or two.
const OPERATOR_CONNECTIONS_MAX: usize = 64;

pub(super) fn run(args: RunArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(serve(args));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn serve(args: RunArgs) -> anyhow::Result<()> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificates), Some(key)) => Some(tls(certificates, key)?),
        _ => None,
    };
    let replica = replica();
    let exporting = args.traces.start("spillway-gateway", &replica)?;
    let (wake, woken) = webhook::channel();
    let app = Arc::new(app(&args, replica, wake)?);
    let webhooks = Webhooks::new(app.clone())?;
    let listener = listen(args.listen).await?;
    info!(address = %listener.local_addr()?, tls = tls.is_some(), "listening");
    let operators = operators(&app, args.operator_listen).await?;

    if let Err(error) = app.exchange_usage().await {
        warn!(error = %chain(&error), "usage not exchanged");
    }
    let background = [
        tokio::spawn(usage(app.clone())),
        tokio::spawn(sweep(app.clone())),
        tokio::spawn(webhooks.keep(woken)),
        tokio::spawn(pressure(
            app.clone(),
            args.controller.clone(),
            args.controller_token_file.clone(),
        )),
    ];
    let (stop, stopped) = watch::channel(false);
    let server = Server {
        router: api::router(app.clone(), operators.is_none()),
        tls,
        connections_max: args.limits.connections_max as usize,
        metrics: app.metrics.clone(),
    };
    let serving = tokio::spawn(server.run(listener, stopped, args.limits.drain_timeout));
    signalled().await?;

    // Not ready, while requests still come; then none; then what they wait for is read no more.
    app.is_draining.store(true, Ordering::Relaxed);
    tokio::time::sleep(args.limits.drain_grace).await;
    stop.send_replace(true);
    serving.await.context("the accept loop failed")?;
    if let Some(operators) = operators {
        operators.abort();
    }
    for task in background {
        task.abort();
    }
    if let Err(error) = app.exchange_usage().await {
        warn!(error = %chain(&error), "usage not exchanged");
    }
    app.tell_usage().await;
    let ending = app.clone();
    tokio::task::spawn_blocking(move || {
        ending.jobs.flush();
        ending.reader.end();
    })
    .await
    .context("the end failed")?;
    if let Some(exporting) = exporting {
        tokio::task::spawn_blocking(move || exporting.end())
            .await
            .context("the end of traces failed")?;
    }
    info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address}"))
}

/// Serves operators where they have a place of their own, until it is told to end: they see the drain to its end.
async fn operators(
    app: &Arc<App>,
    address: Option<SocketAddr>,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = listen(address).await?;
    info!(operator_address = %listener.local_addr()?, "operators are served");
    let server = Server {
        router: api::operators(app.clone()),
        tls: None,
        connections_max: OPERATOR_CONNECTIONS_MAX,
        // Its connections are not those of the API.
        metrics: Arc::new(Metrics::new()),
    };
    let (stop, stopped) = watch::channel(false);
    Ok(Some(tokio::spawn(async move {
        server.run(listener, stopped, Duration::ZERO).await;
        drop(stop);
    })))
}

fn app(args: &RunArgs, replica: String, hooks: Wake) -> anyhow::Result<App> {
    let secret = Secret::read(&args.access.secret_file)?;
    let tenants = match &args.access.tenants {
        Some(file) => Tenants::read(file, &secret)?,
        None => Tenants::open(&secret),
    };
    let tenants = Arc::new(tenants);
    let usage = Arc::new(Usage::new(args.kafka.usage_topic.clone()));
    let ids = Arc::new(Ids::new(secret.bytes()));
    let store = Store::open(&args.object_store)?;
    let (book, pressure) = (Arc::new(Book::default()), Arc::new(Pressure::new()));
    let metrics = Arc::new(Metrics::new());
    let client = client(&args.kafka);
    let replies = Replies {
        topic: args.kafka.results_topic.clone(),
        ids: ids.clone(),
        book: book.clone(),
        store: store.clone(),
        pressure: pressure.clone(),
        metrics: metrics.clone(),
        hooks,
        tenants: tenants.clone(),
        usage: usage.clone(),
    };
    let kafka = &args.kafka;
    let reader = Reader::start(replies, &client, &kafka.group, kafka.session_timeout)?;
    Ok(App {
        tenants,
        webhook_keys: secret,
        ids,
        book,
        jobs: Jobs::new(&client, format!("spillway-gateway/{replica}"))?,
        store,
        catalog: Catalog::read(&args.model_set)?,
        pressure,
        metrics,
        owned: reader.owned(),
        reader,
        usage,
        videos: videos(args),
        limits: Limits {
            wait_max: args.limits.wait_max,
            retention: args.limits.retention,
            body_time: args.limits.body_time,
        },
        bodies: Arc::new(Semaphore::new(args.limits.body_memory as usize * 1_024)),
        jobs_topic: args.kafka.jobs_topic.clone(),
        replica,
        next_partition: AtomicUsize::new(0),
        is_draining: AtomicBool::new(false),
    })
}

fn videos(args: &RunArgs) -> Option<Videos> {
    Some(Videos {
        topic: args.kafka.videos_topic.clone()?,
        upload_bytes_max: u64::from(args.limits.video_upload_max) * 1_024 * 1_024,
        uploads: Arc::new(Semaphore::new(VIDEO_UPLOADS_MAX)),
    })
}

fn client(kafka: &KafkaArgs) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &kafka.brokers);
    for (key, value) in &kafka.kafka_config {
        client.set(key, value);
    }
    client
}

/// A name that no other replica has, nor this one after a restart.
fn replica() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}-{}", host.trim(), std::process::id(), now_ms())
}

async fn usage(app: Arc<App>) {
    app.keep_usage().await;
}

async fn sweep(app: Arc<App>) {
    let mut pace = tokio::time::interval(SWEEP_EVERY);
    loop {
        pace.tick().await;
        if let Err(error) = app.store.sweep(now_ms(), app.limits.retention).await {
            warn!(error = %chain(&error), "expired objects not swept");
        }
    }
}

async fn pressure(app: Arc<App>, controller: Option<String>, token: Option<PathBuf>) {
    if let Some(controller) = controller {
        app.pressure.follow(&controller, token.as_deref()).await;
    }
}

/// Waits for SIGTERM or SIGINT; a second one ends the process at once.
async fn signalled() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "signal received");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(1);
    });
    Ok(())
}
