//! The ports: one for each cloud, one for control, one for metadata.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::http::{Asked, Delivery, Reply};
use crate::runner::Runner;
use crate::state::CloudKind;
use crate::world::World;
use crate::{control, metadata};

/// Bytes of a request.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// How long a machine that waits for a change of its metadata is left waiting.
const CHANGE_WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the emulators are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// Amazon EC2.
    pub aws: String,
    /// Oracle Cloud Infrastructure.
    pub oci: String,
    /// Google Compute Engine, with its token endpoint.
    pub gce: String,
    /// Azure Resource Manager, with its token endpoint.
    pub azure: String,
    /// What tests speak to.
    pub control: String,
    /// Metadata of any machine, below `/{cloud}/{number}`.
    pub metadata: String,
}

/// Running emulators. Dropping them closes the ports and kills the workers.
pub struct Emulators {
    /// Where they are reached.
    pub addresses: Addresses,
    /// What they emulate.
    pub world: Arc<World>,
    tasks: JoinSet<()>,
}

/// Why a connection is closed without an answer: it was said to be so.
#[derive(Debug)]
struct Lost;

// === impl Emulators ===

impl Emulators {
    /// Opens the ports on this machine alone, and runs workers where a runner is given.
    ///
    /// # Errors
    /// If there are no free ports.
    pub async fn start(world: Arc<World>, runner: Option<Runner>) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let mut cloud = async |kind: CloudKind| -> io::Result<String> {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = address(&listener)?;
            let world = Arc::clone(&world);
            tasks.spawn(serve(listener, move |asked| {
                let reply = world.ask(kind, &asked);
                let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&world.now());
                let reply = match date {
                    Ok(date) => reply.with("date", date),
                    Err(_) => reply,
                };
                async move { reply }
            }));
            Ok(address)
        };
        let (aws, oci) = (cloud(CloudKind::Aws).await?, cloud(CloudKind::Oci).await?);
        let (gce, azure) = (cloud(CloudKind::Gce).await?, cloud(CloudKind::Azure).await?);
        let for_control = TcpListener::bind(("127.0.0.1", 0)).await?;
        let for_metadata = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addresses = Addresses {
            aws,
            oci,
            gce,
            azure,
            control: address(&for_control)?,
            metadata: address(&for_metadata)?,
        };
        let router = control::router(Arc::clone(&world));
        tasks.spawn(async move {
            let _ = axum::serve(for_control, router).await;
        });
        tasks.spawn(serve_machines(Arc::clone(&world), for_metadata));
        if let Some(runner) = runner {
            tasks.spawn(runner.run(Arc::clone(&world)));
        }
        Ok(Self {
            addresses,
            world,
            tasks,
        })
    }

    /// Ends everything and waits for it.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

// === impl Lost ===

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer, as was said")
    }
}

impl std::error::Error for Lost {}

fn address(listener: &TcpListener) -> io::Result<String> {
    let address: SocketAddr = listener.local_addr()?;
    Ok(format!("http://{address}"))
}

/// Serves the metadata of one machine, at the root, as on the machine itself.
pub(crate) async fn serve_machine(
    world: Arc<World>,
    kind: CloudKind,
    number: u64,
    listener: TcpListener,
) {
    serve(listener, move |asked| {
        answer_machine(Arc::clone(&world), kind, number, asked)
    })
    .await;
}

async fn serve_machines(world: Arc<World>, listener: TcpListener) {
    serve(listener, move |mut asked| {
        let world = Arc::clone(&world);
        async move {
            let mut parts = asked.path.splitn(4, '/').skip(1);
            let kind = parts.next().and_then(CloudKind::named);
            let number = parts.next().and_then(|number| number.parse().ok());
            let path = format!("/{}", parts.next().unwrap_or_default());
            let (Some(kind), Some(number)) = (kind, number) else {
                return Reply::empty(404);
            };
            asked.path = path;
            answer_machine(world, kind, number, asked).await
        }
    })
    .await;
}

async fn answer_machine(world: Arc<World>, kind: CloudKind, number: u64, asked: Asked) -> Reply {
    let ask = || {
        world.with(kind, |cloud, now| {
            metadata::answer(cloud, now, number, &asked)
        })
    };
    let first = ask();
    if kind != CloudKind::Gce || asked.asked_for("wait_for_change").as_deref() != Some("true") {
        return first;
    }
    let seconds = asked.asked_for("timeout_sec");
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    let wait = seconds.map_or(CHANGE_WAIT_MAX, Duration::from_secs);
    let until = Instant::now() + wait.min(CHANGE_WAIT_MAX);
    loop {
        let now = ask();
        // What is already true is told at once: whoever asks late must not wait for ever.
        if now != first || now.body == b"TRUE" || Instant::now() >= until {
            return now;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Answers requests until it is dropped.
async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, answer.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse<F, A>(stream: TcpStream, answer: F)
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move {
            let asked = match read(request).await {
                Ok(asked) => asked,
                Err(infallible) => match infallible {},
            };
            send(answer(asked).await).await
        }
    });
    // An error here is a caller that went away, or an answer that was to be lost.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn read(request: Request<Incoming>) -> Result<Asked, Infallible> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter();
    let headers = headers
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let body = Limited::new(body, BODY_MAX).collect().await;
    Ok(Asked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        // One that is cut short is no request that a cloud would understand.
        body: body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec()),
    })
}

async fn send(reply: Reply) -> Result<Response<Full<Bytes>>, Lost> {
    if let Delivery::Lost { hold_ms } = reply.delivery {
        tokio::time::sleep(Duration::from_millis(hold_ms)).await;
        return Err(Lost);
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(reply.body)))
        .map_err(|_| Lost)
}
