use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::breaker::FAILURES_MAX;
use super::guard::{ResolveError, check, is_global, parse, resolver, vet};
use super::*;

// === the guard ===

/// Whether the guard would contact `uri`, if every name led where `behind` says.
fn is_contacted(uri: &str, behind: &[IpAddr]) -> bool {
    let Ok(url) = parse(uri) else {
        return false;
    };
    if check(&url, &[]).is_err() {
        return false;
    }
    let is_literal = url
        .host_str()
        .is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok());
    let addresses = behind.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
    is_literal || vet(addresses).is_ok()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_global_addresses_are_contacted() {
    let cases = [
        ("8.8.8.8", true),
        ("1.1.1.1", true),
        ("100.63.255.254", true),
        ("2606:4700:4700::1111", true),
        ("127.0.0.1", false),
        ("10.1.2.3", false),
        ("172.31.0.1", false),
        ("192.168.0.1", false),
        ("169.254.169.254", false),
        ("168.63.129.16", false),
        ("100.100.100.200", false),
        ("192.0.0.192", false),
        ("0.0.0.0", false),
        ("255.255.255.255", false),
        ("239.1.1.1", false),
        ("::1", false),
        ("::", false),
        ("::ffff:8.8.8.8", false),
        ("::8.8.8.8", false),
        ("64:ff9b::808:808", false),
        ("64:ff9b:1::808:808", false),
        ("2002:0808:0808::1", false),
        ("2001:0:53aa:64c::1", false),
        ("2001:db8::1", false),
        ("2001:20::1", false),
        ("fc00::1", false),
        ("fe80::1", false),
        ("fec0::1", false),
        ("ff02::1", false),
        ("100::1", false),
        ("3fff::1", false),
        ("2606:4700::200:5efe:7f00:1", false),
    ];
    for (address, expected) in cases {
        assert_eq!(is_global(ip(address)), expected, "{address}");
    }
}

#[test]
fn one_private_address_spoils_a_name() {
    assert!(is_contacted("http://images.example.com/", &[ip("8.8.8.8")]));
    for behind in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "10.0.0.1"],
        &["8.8.8.8", "::1"],
        &[],
    ] {
        let behind: Vec<IpAddr> = behind.iter().map(|address| ip(address)).collect();
        assert!(
            !is_contacted("http://images.example.com/", &behind),
            "{behind:?}"
        );
    }
    assert!(matches!(vet(Vec::new()), Err(ResolveError::Blocked)));
}

#[test]
fn an_origin_is_allowed_by_its_exact_host_and_port() {
    let allowed = ["127.0.0.1:8080".parse::<Origin>().unwrap()];
    for (uri, expected) in [
        ("http://127.0.0.1:8080/a.jpg", true),
        ("http://2130706433:8080/a.jpg", true),
        ("http://127.0.0.1:8081/a.jpg", false),
        ("http://127.0.0.1/a.jpg", false),
        ("http://localhost:8080/a.jpg", false),
        ("http://127.0.0.2:8080/a.jpg", false),
        ("ftp://127.0.0.1:8080/a.jpg", false),
        ("http://user@127.0.0.1:8080/a.jpg", false),
    ] {
        let url = Url::parse(uri).unwrap();
        assert_eq!(check(&url, &allowed).is_ok(), expected, "{uri}");
    }
}

/// The folder with corpora that are kept outside the tree.
pub(crate) fn corpora() -> Option<PathBuf> {
    let shared = std::env::var_os("SPILLWAY_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let corpora = shared.join("corpora");
    corpora.is_dir().then_some(corpora)
}

#[test]
fn the_hostile_addresses_of_the_corpus_are_not_contacted() {
    let Some(corpora) = corpora() else {
        println!("skipped: set SPILLWAY_SHARED to the folder that holds corpora/ssrf_urls.jsonl");
        return;
    };
    let text = std::fs::read_to_string(corpora.join("ssrf_urls.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let (uri, must) = (
            case["url"].as_str().unwrap(),
            case["must"].as_str().unwrap(),
        );
        // A hostile name server: names that hold an address lead to it, all others to a public one.
        let embedded = uri
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once(".nip.io"))
            .and_then(|(address, _)| address.parse().ok());
        let behind = [embedded.unwrap_or(ip("8.8.8.8"))];
        let is_wrong = match must {
            "deny" => is_contacted(uri, &behind),
            "allow" => !is_contacted(uri, &behind),
            _ => false,
        };
        if is_wrong {
            wrong.push(line.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_smokescreen_denies_is_denied_here() {
    let Some(corpora) = corpora() else {
        println!("skipped: set SPILLWAY_SHARED to the folder that holds corpora/");
        return;
    };
    let text = std::fs::read_to_string(corpora.join("ssrf_smokescreen_ip.tsv")).unwrap();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let is_allowed = match fields[0] {
            // Smokescreen lets pass what is not handed out to anybody.
            "64:ff9c::1" => false,
            _ => fields[2] == "allow",
        };
        assert_eq!(is_global(ip(fields[0])), is_allowed, "{line}");
    }
}

// === over the network ===

/// An origin on this machine that answers by path.
struct TestOrigin {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl TestOrigin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let count = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
                    answer(&mut stream, &path, count).await
                });
            }
        });
        Self { address, requests }
    }

    async fn fetch(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.fetch_within(path, Duration::from_secs(5)).await
    }

    async fn fetch_within(&self, path: &str, time: Duration) -> Result<Vec<u8>, Failure> {
        let fetcher = self.fetcher(FetchCounts::default());
        fetcher.fetch(self.image(path), time).await
    }

    fn image(&self, path: &str) -> ImageSource {
        ImageSource::Uri(format!("http://{}{path}", self.address))
    }

    fn fetcher(&self, counts: FetchCounts) -> Fetcher {
        let sources = Sources {
            allowed_origins: vec![self.address.to_string().parse().unwrap()],
            ..Sources::default()
        };
        Fetcher::new(&sources, counts).unwrap()
    }
}

async fn answer(stream: &mut tokio::net::TcpStream, path: &str, count: usize) {
    let close = "Connection: close\r\n";
    let head = match path {
        "/image" => format!("200 OK\r\nContent-Length: 5\r\n{close}\r\nhello"),
        "/missing" => format!("404 Not Found\r\nContent-Length: 0\r\n{close}\r\n"),
        "/gone" => format!("410 Gone\r\nContent-Length: 0\r\n{close}\r\n"),
        "/forbidden" => format!("403 Forbidden\r\nContent-Length: 0\r\n{close}\r\n"),
        "/flaky" if count <= 1 => format!("500 Oops\r\nContent-Length: 0\r\n{close}\r\n"),
        "/flaky" => format!("200 OK\r\nContent-Length: 2\r\n{close}\r\nok"),
        "/broken" => format!("500 Oops\r\nContent-Length: 0\r\n{close}\r\n"),
        "/later" => {
            format!("503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n{close}\r\n")
        }
        "/loop" => format!("302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n{close}\r\n"),
        "/once" => format!("301 Moved\r\nLocation: /image\r\nContent-Length: 0\r\n{close}\r\n"),
        "/metadata" => format!(
            "307 Away\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n{close}\r\n"
        ),
        "/file" => {
            format!("302 Away\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n{close}\r\n")
        }
        "/packed" => {
            format!("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n{close}\r\nx")
        }
        "/promises" => format!("200 OK\r\nContent-Length: 99000000\r\n{close}\r\nx"),
        "/cut" => format!("200 OK\r\nContent-Length: 100\r\n{close}\r\nhalf"),
        "/endless" => format!("200 OK\r\n{close}\r\n"),
        // Never answers.
        _ => String::new(),
    };
    if head.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream
        .write_all(format!("HTTP/1.1 {head}").as_bytes())
        .await;
    if path == "/endless" {
        while stream.write_all(&[0; 65_536]).await.is_ok() {}
    }
}

#[tokio::test]
async fn an_origin_that_answers_is_read() {
    let origin = TestOrigin::start().await;
    assert_eq!(origin.fetch("/image").await.unwrap(), b"hello");
    assert_eq!(origin.fetch("/once").await.unwrap(), b"hello");
}

#[tokio::test]
async fn what_an_origin_does_wrong_has_its_reason() {
    let origin = TestOrigin::start().await;
    let cases = [
        ("/missing", Reason::NotFound),
        ("/gone", Reason::NotFound),
        ("/forbidden", Reason::FetchFailed),
        ("/loop", Reason::FetchFailed),
        ("/metadata", Reason::FetchBlocked),
        ("/file", Reason::FetchBlocked),
        ("/packed", Reason::UnsupportedFormat),
        ("/promises", Reason::TooLarge),
        ("/endless", Reason::TooLarge),
        ("/cut", Reason::FetchFailed),
    ];
    for (path, expected) in cases {
        let failure = origin.fetch(path).await.expect_err(path);
        assert_eq!(failure.reason, expected, "{path}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_silent_origin_is_given_up_in_time() {
    let origin = TestOrigin::start().await;
    let time = Duration::from_millis(200);
    let failure = origin.fetch_within("/silent", time).await.unwrap_err();
    assert_eq!(failure.reason, Reason::FetchTimeout);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again() {
    let origin = TestOrigin::start().await;
    assert_eq!(origin.fetch("/flaky").await.unwrap(), b"ok");
    assert_eq!(origin.requests.load(Ordering::SeqCst), 3);
    let origin = TestOrigin::start().await;
    origin.fetch("/missing").await.unwrap_err();
    assert_eq!(
        origin.requests.load(Ordering::SeqCst),
        1,
        "what is lasting is not"
    );
}

#[tokio::test]
async fn an_origin_that_asks_for_more_time_than_there_is_is_not_asked_again() {
    let origin = TestOrigin::start().await;
    let failure = origin.fetch("/later").await.unwrap_err();
    assert_eq!(failure.reason, Reason::FetchFailed);
    assert_eq!(origin.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_host_that_fails_too_often_is_not_asked_any_more() {
    let origin = TestOrigin::start().await;
    let counts = FetchCounts::default();
    let fetcher = origin.fetcher(counts.clone());
    let fetch = |path| fetcher.fetch(origin.image(path), Duration::from_secs(5));
    let fails = std::iter::repeat_with(|| fetch("/broken")).take(FAILURES_MAX as usize);
    for failed in futures::future::join_all(fails).await {
        assert_eq!(failed.unwrap_err().reason, Reason::FetchFailed);
    }
    let asked = origin.requests.load(Ordering::SeqCst);
    let failure = fetch("/image").await.unwrap_err();
    assert!(failure.message.contains("left alone"), "{failure:?}");
    assert!(Reason::FetchFailed.is_retryable(), "others may try later");
    assert_eq!(origin.requests.load(Ordering::SeqCst), asked);
    assert_eq!(counts.breakers_now("open"), 1);
    assert!(counts.refused.get() > 0 && counts.retries.get() > 0);
}

/// A proxy that answers for every origin and lets nobody tunnel; and what it was asked for.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 2048];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            let answer = if line.starts_with("GET http://images.example.com/") {
                "200 OK\r\nContent-Length: 5\r\n\r\nproxy"
            } else {
                "407 Not That\r\nContent-Length: 0\r\n\r\n"
            };
            log.lock().unwrap().push(line);
            let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let answer = format!("HTTP/1.1 {answer}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn with_a_proxy_names_are_its_to_resolve_and_addresses_still_judged_here() {
    let (address, asked) = proxy().await;
    let origin = TestOrigin::start().await;
    let sources = Sources {
        allowed_origins: vec![origin.address.to_string().parse().unwrap()],
        egress_proxy: Some(format!("http://{address}").parse().unwrap()),
        ..Sources::default()
    };
    let fetcher = Fetcher::new(&sources, FetchCounts::default()).unwrap();
    let fetch = async |uri: &str| {
        let source = ImageSource::Uri(uri.to_owned());
        let fetched = fetcher.fetch(source, Duration::from_secs(5)).await;
        fetched.map_err(|failure| failure.reason)
    };
    let blocked = Err(Reason::FetchBlocked);
    let through = fetch("http://images.example.com/a.png").await;
    assert_eq!(through, Ok(b"proxy".to_vec()));
    // What the proxy refuses, by an answer and by a tunnel that it does not dig.
    assert_eq!(fetch("http://refused.example.com/").await, blocked);
    assert_eq!(fetch("https://images.example.com/a.png").await, blocked);
    let count = asked.lock().unwrap().len();
    for inside in [
        "http://10.0.0.1/",
        "http://metadata.google.internal/",
        "http://8.8.8.8:22/",
    ] {
        assert_eq!(fetch(inside).await, blocked, "{inside}");
    }
    let named = format!("http://{}/image", origin.address);
    assert_eq!(fetch(&named).await, Ok(b"hello".to_vec()));
    assert_eq!(
        asked.lock().unwrap().len(),
        count,
        "the proxy heard of none of these"
    );
}

#[tokio::test]
async fn a_name_that_leads_here_is_refused_when_it_is_dialled() {
    // Judged by its address alone: the name has a dot and no local end, and leads to 127.0.0.1 where it resolves.
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(resolver())
        .build()
        .unwrap();
    let error = client.get("http://localhost:80/").send().await.unwrap_err();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    let mut is_blocked = false;
    while let Some(cause) = source {
        is_blocked |= matches!(cause.downcast_ref(), Some(ResolveError::Blocked));
        source = cause.source();
    }
    assert!(is_blocked, "{error:?}");
}

// === files ===

#[tokio::test]
async fn files_are_read_below_the_root_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("a b.png"), b"inside").unwrap();
    std::fs::write(folder.path().join("outside.png"), b"outside").unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside.png"), root.join("link.png")).unwrap();
    let sources = Sources {
        file_root: Some(root.clone()),
        ..Sources::default()
    };
    let fetcher = Fetcher::new(&sources, FetchCounts::default()).unwrap();
    let (inside, outside) = (root.display(), folder.path().display());
    let blocked = Err(Reason::FetchBlocked);
    for (uri, expected) in [
        (format!("file://{inside}/a%20b.png"), Ok(b"inside".to_vec())),
        (format!("file://{inside}/none.png"), Err(Reason::NotFound)),
        (format!("file://{outside}/outside.png"), blocked.clone()),
        (format!("file://{outside}/none.png"), blocked.clone()),
        (format!("file://{inside}/../outside.png"), blocked.clone()),
        (
            format!("file://{inside}/%2e%2e/outside.png"),
            blocked.clone(),
        ),
        (format!("file://{inside}/link.png"), blocked.clone()),
        (format!("file://{inside}"), blocked.clone()),
        ("file:///etc/passwd".to_owned(), blocked.clone()),
        ("file://elsewhere/etc/passwd".to_owned(), blocked.clone()),
    ] {
        let source = ImageSource::Uri(uri.clone());
        let fetched = fetcher.fetch(source, Duration::from_secs(1)).await;
        assert_eq!(fetched.map_err(|failure| failure.reason), expected, "{uri}");
    }
}

#[tokio::test]
async fn without_a_root_or_a_store_there_are_no_files_and_no_objects() {
    let fetcher = Fetcher::new(&Sources::default(), FetchCounts::default()).unwrap();
    for source in [
        ImageSource::Uri("file:///etc/passwd".into()),
        ImageSource::Object("a/b".into()),
        ImageSource::Uri("not an address".into()),
    ] {
        let failure = fetcher
            .fetch(source, Duration::from_secs(1))
            .await
            .unwrap_err();
        assert_eq!(failure.reason, Reason::FetchBlocked);
    }
}
