use std::sync::Mutex;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use super::*;

/// What the service does next; `None` is no notice yet.
#[derive(Clone, Default)]
struct Script {
    /// The notice's body, once there is one.
    notice: Arc<Mutex<Option<String>>>,
    /// Tokens that are still good.
    tokens: Arc<Mutex<u32>>,
    asked: Arc<Mutex<Vec<String>>>,
}

struct World {
    script: Script,
    stats: Arc<Stats>,
    stop: Arc<Stop>,
    metadata: String,
}

async fn answer(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let line = format!("{method} {uri}");
    script.asked.lock().unwrap().push(line);
    let header = |name: &str| headers.get(name).map_or("", |it| it.to_str().unwrap());
    let notice = script.notice.lock().unwrap().clone();
    let none = || (StatusCode::NOT_FOUND, String::new());
    let ok = |text: &str| (StatusCode::OK, text.to_owned());
    match (method.as_str(), uri.path()) {
        ("PUT", "/latest/api/token") => {
            let mut tokens = script.tokens.lock().unwrap();
            *tokens += 1;
            ok(&format!("token-{tokens}"))
        }
        ("GET", "/latest/meta-data/spot/instance-action") => {
            let newest = format!("token-{}", script.tokens.lock().unwrap());
            if header("x-aws-ec2-metadata-token") != newest {
                return (StatusCode::UNAUTHORIZED, String::new());
            }
            notice.map_or_else(none, |text| ok(&text))
        }
        ("GET", "/computeMetadata/v1/instance/preempted")
            if header("metadata-flavor") == "Google" =>
        {
            ok(&notice.unwrap_or_else(|| "FALSE".to_owned()))
        }
        ("GET", "/metadata/instance") if header("metadata") == "true" => {
            ok(r#"{"compute":{"name":"vm-1","vmSize":"s"},"network":{}}"#)
        }
        ("GET", "/metadata/scheduledevents") if header("metadata") == "true" => {
            let none = r#"{"DocumentIncarnation":1,"Events":[]}"#;
            ok(&notice.unwrap_or_else(|| none.to_owned()))
        }
        _ => none(),
    }
}

impl World {
    async fn start() -> Self {
        let script = Script::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metadata = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self {
            script,
            stats: Arc::new(Stats::new(Instant::now())),
            stop: Arc::default(),
            metadata,
        }
    }

    fn watch(&self, cloud: Cloud) -> tokio::task::JoinHandle<()> {
        let watch = Watch {
            cloud,
            metadata: self.metadata.clone(),
            every: Duration::from_millis(5),
            stats: self.stats.clone(),
            stop: self.stop.clone(),
        };
        tokio::spawn(watch.run())
    }

    fn gives(&self, notice: &str) {
        *self.script.notice.lock().unwrap() = Some(notice.to_owned());
    }

    fn asked(&self) -> usize {
        self.script.asked.lock().unwrap().len()
    }

    fn interruption_at_ms(&self) -> Option<UnixMs> {
        self.stats.reading(Instant::now()).interruption_at_ms
    }
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ended(watch: tokio::task::JoinHandle<()>) {
    let ended = tokio::time::timeout(Duration::from_secs(20), watch).await;
    ended.expect("a notice was seen").unwrap();
}

#[tokio::test]
async fn a_notice_is_told_with_its_time_and_drains_before_it() {
    let in_two_minutes = Timestamp::from_millisecond(now_ms() + 120_000).unwrap();
    let at_seconds = in_two_minutes.as_second();
    let written = Timestamp::from_second(at_seconds).unwrap();
    let http = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&written)
        .unwrap();
    let amazon = format!(r#"{{"action":"terminate","time":"{written}"}}"#);
    let microsoft = format!(
        r#"{{"DocumentIncarnation":2,"Events":[{{"EventId":"e","EventType":"Preempt","ResourceType":"VirtualMachine",
            "Resources":["VM-1"],"EventStatus":"Scheduled","NotBefore":"{http}","EventSource":"Platform"}}]}}"#
    );
    for (cloud, notice) in [(Cloud::Aws, amazon), (Cloud::Azure, microsoft)] {
        let world = World::start().await;
        let watch = world.watch(cloud);
        eventually("it looks on while there is none", || world.asked() > 4).await;
        assert_eq!(world.interruption_at_ms(), None);
        assert!(!world.stop.is_asked());
        world.gives(&notice);
        ended(watch).await;
        assert_eq!(
            world.interruption_at_ms(),
            Some(at_seconds * 1_000),
            "{cloud:?}"
        );
        assert_eq!(
            world.stop.by_ms(),
            Some(at_seconds * 1_000 - 5_000),
            "{cloud:?}"
        );
    }
}

#[tokio::test]
async fn a_notice_without_a_time_leaves_what_its_provider_promises() {
    let event = r#"{"Events":[{"EventType":"Preempt","Resources":["vm-1"],"NotBefore":""}]}"#;
    for (cloud, notice, left_ms) in [
        (Cloud::Aws, "gone soon", 120_000),
        (Cloud::Gcp, "TRUE", 30_000),
        (Cloud::Azure, event, 30_000),
    ] {
        let world = World::start().await;
        world.gives(notice);
        let before = now_ms();
        ended(world.watch(cloud)).await;
        let at = world.interruption_at_ms().unwrap();
        assert!(
            (before + left_ms..=now_ms() + left_ms).contains(&at),
            "{cloud:?}"
        );
        assert!(world.stop.is_asked());
    }
}

#[tokio::test]
async fn an_event_of_a_neighbour_or_of_another_kind_is_no_notice() {
    let world = World::start().await;
    world.gives(
        r#"{"Events":[{"EventType":"Preempt","Resources":["vm-2"],"NotBefore":""},
            {"EventType":"Freeze","Resources":["vm-1"],"NotBefore":""}]}"#,
    );
    let watch = world.watch(Cloud::Azure);
    eventually("it has looked often", || world.asked() > 10).await;
    assert!(!world.stop.is_asked());
    watch.abort();
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_replaced() {
    let world = World::start().await;
    let watch = world.watch(Cloud::Aws);
    eventually("it has a token", || world.asked() > 2).await;
    *world.script.tokens.lock().unwrap() += 1;
    world.gives(r#"{"action":"stop","time":"2027-01-01T00:00:00Z"}"#);
    ended(watch).await;
    assert_eq!(world.interruption_at_ms(), Some(1_798_761_600_000));
}

#[tokio::test]
async fn a_notice_of_the_past_drains_at_once() {
    let world = World::start().await;
    world.gives(r#"{"action":"terminate","time":"2020-01-01T00:00:00Z"}"#);
    let before = now_ms();
    ended(world.watch(Cloud::Aws)).await;
    assert!(world.stop.by_ms().unwrap() >= before);
}

#[tokio::test]
async fn where_there_is_nothing_to_ask_nothing_is_asked() {
    let world = World::start().await;
    ended(world.watch(Cloud::Oci)).await;
    assert_eq!((world.asked(), world.stop.is_asked()), (0, false));
}
