//! The server over real sockets: streams that come back, readers that are slow, paths that are tricks.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::api::AppConfig;
use crate::orders::Order;
use crate::view::testing::Made;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    made: Made,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn begin() -> Self {
        let mut made = Made::new().await;
        made.tick();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::new(
            Arc::clone(&made.board),
            &AppConfig::default(),
            address,
            None,
        )
        .unwrap();
        Self {
            made,
            address,
            serving: tokio::spawn(serve(listener, app)),
        }
    }

    async fn send(&self, request: &str) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        // So that a reader that does not read is soon felt.
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// A whole answer.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.send(request).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn follow(&self, last: Option<u64>) -> Follower {
        let last = last.map_or(String::new(), |last| format!("Last-Event-ID: {last}\r\n"));
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        Follower {
            stream: self.send(&request).await,
            seen: String::new(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Follower {
    stream: TcpStream,
    seen: String,
}

impl Follower {
    /// Reads until `wanted` was seen.
    async fn until(&mut self, wanted: &str) {
        let read = async {
            let mut bytes = vec![0; 64 << 10];
            // What was looked through is not looked through again, but for what may have been cut in two.
            let mut from = 0;
            while !self.seen[from..].contains(wanted) {
                from = self.seen.len().saturating_sub(wanted.len());
                while !self.seen.is_char_boundary(from) {
                    from -= 1;
                }
                let count = self.stream.read(&mut bytes).await.unwrap();
                let told = self.seen.get(..500).unwrap_or(&self.seen);
                assert!(count > 0, "it ended before {wanted}: {told}");
                self.seen
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        if tokio::time::timeout(PATIENCE, read).await.is_err() {
            let told = self.seen.get(..500).unwrap_or(&self.seen);
            panic!("no {wanted} in {told}");
        }
    }
}

fn pause() -> Order {
    Order::Pause {
        until: jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1),
    }
}

/// Tells of orders as the API does; their numbers.
fn tell(made: &Made, count: usize, reason: &str) -> Vec<u64> {
    let by = crate::orders::By {
        user: "ada".into(),
        known_by: "token",
        from: "127.0.0.1".into(),
        reason: reason.into(),
    };
    let tell = |_| {
        let id = made.board.history().next_id();
        let view = pause().view(id, jiff::Timestamp::now(), "recognition", &by, None);
        made.board.tell(&view);
        id
    };
    (0..count).map(tell).collect()
}

/// How an order stands in its event.
fn entry(id: u64) -> String {
    format!("\"id\":{id},")
}

/// The event's id of an order that was seen.
fn last_told(seen: &str, order: u64) -> u64 {
    let (before, _) = seen.split_once(&entry(order)).unwrap();
    let (_, id) = before.rsplit_once("id: ").unwrap();
    id.split('\n').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_stream_begins_with_the_state_and_gives_what_was_missed_once() {
    let server = Server::begin().await;
    let mut first = server.follow(None).await;
    first.until("event: state").await;
    assert!(!first.seen.contains("event: replayed"));
    let ids = tell(&server.made, 3, "r");
    first.until(&entry(ids[2])).await;
    let head = first.seen.clone();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("x-accel-buffering: no"), "{head}");
    drop(first);

    let mut again = server.follow(Some(last_told(&head, ids[0]))).await;
    again.until("event: replayed").await;
    let more = tell(&server.made, 1, "r");
    again.until(&entry(more[0])).await;
    let seen = |id: u64| again.seen.matches(&entry(id)).count();
    assert_eq!(seen(ids[0]), 0, "that one it had");
    assert_eq!((seen(ids[1]), seen(ids[2]), seen(more[0])), (1, 1, 1));
    assert!(again.seen.contains("\"left_out\":0"), "{}", again.seen);
}

#[tokio::test]
async fn a_slow_reader_is_told_and_closed_and_misses_nothing_when_it_comes_back() {
    let server = Server::begin().await;
    let mut slow = server.follow(None).await;
    slow.until("event: state").await;
    let before = tell(&server.made, 1, "r");
    slow.until(&entry(before[0])).await;
    // Larger than what sockets and channels hold.
    let large = "x".repeat(100_000);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.extend(tell(&server.made, 15, &large));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    slow.until("event: dropped").await;
    slow.until("\"reason\":\"slow\"").await;
    slow.until("\r\n0\r\n\r\n").await;
    let dropped = server
        .made
        .board
        .streams_dropped
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(dropped, 1);
    let had = ids
        .iter()
        .rfind(|id| slow.seen.contains(&format!("id: {id}\n")));
    let had = had.copied().unwrap_or(before[0]);
    let mut again = server.follow(Some(had)).await;
    again.until("event: replayed").await;
    for id in ids.iter().filter(|id| **id > had) {
        assert_eq!(
            again.seen.matches(&format!("id: {id}\n")).count(),
            1,
            "{id}"
        );
    }
}

#[tokio::test]
async fn there_are_only_so_many_streams_and_a_closed_one_gives_its_place_back() {
    let server = Server::begin().await;
    let open = &server.made.board.streams;
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(server.follow(None).await);
    }
    let all = async {
        while open.load(std::sync::atomic::Ordering::Relaxed) < 256 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    let mut one_more = server.follow(None).await;
    one_more.until("TOO_MANY_STREAMS").await;
    streams.clear();
    let none = async {
        while open.load(std::sync::atomic::Ordering::Relaxed) > 0 {
            // A stream is found closed when something is sent into it.
            tell(&server.made, 1, "r");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, none).await.unwrap();
    server.follow(None).await.until("event: state").await;
}

#[tokio::test]
async fn tricks_with_paths_and_heads_give_nothing_away() {
    let server = Server::begin().await;
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/app.js/..",
        "/.",
        "/index.html%00.css",
        "/api/v1/../../Cargo.toml",
        "/api/v1//state/..",
        "/%",
        "/api/v1/decisions/%ff%fe",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = server.ask(&request).await;
        assert!(
            answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"),
            "{path}: {answer}"
        );
        assert!(
            !answer.contains("root:") && !answer.contains("[package]"),
            "{path}"
        );
    }
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    let answer = server.ask(&long).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let smuggled = "POST /api/v1/policies/recognition/pause HTTP/1.1\r\nHost: localhost\r\n\
        Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n";
    let answer = server.ask(smuggled).await;
    assert!(!answer.contains("spillway_leader"), "{answer}");
}

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy() {
    let server = Server::begin().await;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = server.ask(request).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(
        answer.contains("content-security-policy: default-src 'self'"),
        "{answer}"
    );
    assert!(!answer.contains("unsafe-inline"), "{answer}");
    assert!(!answer.contains("<script>"), "no script in the page itself");
    let metrics = server.ask(&request.replace("GET /", "GET /metrics")).await;
    assert!(
        metrics.contains("spillway_backlog_jobs{policy=\"recognition\"}"),
        "{metrics}"
    );
}
