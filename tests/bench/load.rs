//! Requests over HTTP/1.1 on plain connections, each as soon as the one before is answered.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const BODY: &str = r#"{"images":[{"inline":"AAAA"}]}"#;
/// Connections that are made at once: more do not fit into a listener's queue.
const CONNECTING_MAX: usize = 200;

/// What is sent, and over how many connections.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) key: String,
    pub(crate) connections: usize,
}

/// How long each took, milliseconds, in order.
pub(crate) struct Measured(Vec<f64>);

/// One connection, and what was read of it.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

// === impl Measured ===

impl Measured {
    pub(crate) fn of(mut took_ms: Vec<f64>) -> Self {
        took_ms.sort_by(f64::total_cmp);
        Self(took_ms)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// A percentile; not a number of nothing.
    pub(crate) fn at(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (self.0.len() * percent / 100).min(last);
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }
}

// === impl Load ===

impl Load {
    /// Sends for so long, and keeps what was answered after the warm-up.
    pub(crate) async fn run(
        self,
        warm_up: Duration,
        measure: Duration,
    ) -> anyhow::Result<Measured> {
        self.paced(Duration::ZERO, warm_up, measure).await
    }

    /// The same with a request of each connection no more often than `every`.
    pub(crate) async fn paced(
        self,
        every: Duration,
        warm_up: Duration,
        measure: Duration,
    ) -> anyhow::Result<Measured> {
        let from = Instant::now() + warm_up;
        let until = from + measure;
        let mut lines = JoinSet::new();
        for number in 0..self.connections {
            let mut line = Line::open(&self.address).await?;
            let request = self.request();
            // Not all at the same moment.
            let turn = every.mul_f64(number as f64 / self.connections as f64);
            lines.spawn(async move {
                tokio::time::sleep(turn).await;
                let mut took_ms = Vec::new();
                while Instant::now() < until {
                    let began = Instant::now();
                    line.ask(&request).await?;
                    let ended = Instant::now();
                    if began >= from && ended <= until {
                        took_ms.push((ended - began).as_secs_f64() * 1e3);
                    }
                    tokio::time::sleep_until((began + every).into()).await;
                }
                anyhow::Ok(took_ms)
            });
        }
        let mut all = Vec::new();
        while let Some(took_ms) = lines.join_next().await {
            all.extend(took_ms??);
        }
        Ok(Measured::of(all))
    }

    /// Sends one request on each connection; how many were answered well.
    pub(crate) async fn once(self) -> anyhow::Result<usize> {
        let mut lines = JoinSet::new();
        for number in 0..self.connections {
            let mut line = Line::open(&self.address).await?;
            let request = self.request();
            lines.spawn(async move { line.ask(&request).await });
            if number % CONNECTING_MAX == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut good = 0;
        while let Some(asked) = lines.join_next().await {
            asked??;
            good += 1;
        }
        Ok(good)
    }

    fn request(&self) -> Vec<u8> {
        format!(
            "POST /v1/recognize HTTP/1.1\r\nhost: gateway\r\nx-goog-api-key: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
            self.key,
            BODY.len()
        )
        .into_bytes()
    }
}

// === impl Line ===

impl Line {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(2_048);
        Ok(Self { stream, buffer })
    }

    /// Sends a request and reads its answer, which must be 200.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(length) = whole(&self.buffer)? {
                ensure!(self.buffer.len() >= length, "cut off");
                return Ok(());
            }
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the connection was closed");
        }
    }
}

/// The length of an answer, once all of it is there.
fn whole(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let length = end + 4 + length.context("no content-length")??;
    Ok((bytes.len() >= length).then_some(length))
}
