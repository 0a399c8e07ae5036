use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use spillway_cloud::{Fault, LaunchError, LaunchRequest, Net, Scope, UserData, WorkerSpec};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// How long a launch may wait for a late refusal in these stories.
pub(crate) const LAUNCH_WAIT: Duration = Duration::from_secs(2);
/// Longer than any call may take in these stories.
const LOST: Duration = Duration::from_secs(60);

/// What the cloud made, as it shows it.
#[derive(Clone, Default)]
pub(crate) struct Made(Arc<Mutex<Vec<Value>>>);

pub(crate) fn request(intent: &str) -> LaunchRequest {
    LaunchRequest {
        owner: "owner-1".into(),
        policy: "recognition".into(),
        pool: "burst".into(),
        intent: intent.into(),
        attempt: 1,
        worker: WorkerSpec {
            command: vec!["worker".into()],
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

pub(crate) fn user_data() -> UserData {
    Arc::new(|request| format!("#cloud-config\n# {}\n", request.intent))
}

pub(crate) fn net() -> Net {
    Net {
        timeout: Duration::from_secs(2),
        ..Net::default()
    }
}

/// Answers a method and a path from now on.
pub(crate) async fn on(
    server: &MockServer,
    verb: &str,
    path: &str,
    answer: impl Respond + 'static,
) {
    let mock = Mock::given(method(verb)).and(path_regex(path));
    mock.respond_with(answer).mount(server).await;
}

/// Answers the next call of a method and a path, before whatever else does.
pub(crate) async fn once(
    server: &MockServer,
    verb: &str,
    path: &str,
    answer: impl Respond + 'static,
) {
    let mock = Mock::given(method(verb)).and(path_regex(path));
    let mock = mock.respond_with(answer).up_to_n_times(1).with_priority(1);
    mock.mount(server).await;
}

pub(crate) fn json(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// The call is taken and never answered.
pub(crate) fn lost() -> ResponseTemplate {
    ResponseTemplate::new(200).set_delay(LOST)
}

pub(crate) fn html() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw("<html>maintenance</html>", "text/html")
}

pub(crate) async fn calls(server: &MockServer, verb: &str, path_end: &str) -> usize {
    let all = server.received_requests().await.expect("recorded");
    let called = |request: &&Request| {
        request.method.as_str() == verb && request.url.path().ends_with(path_end)
    };
    all.iter().filter(called).count()
}

/// The fault and the scope of a launch that surely made nothing.
pub(crate) fn not_launched<T: std::fmt::Debug>(result: Result<T, LaunchError>) -> (Fault, Scope) {
    match result {
        Err(LaunchError::NotLaunched { fault, scope, .. }) => (fault, scope),
        other => panic!("surely nothing was launched, but: {other:?}"),
    }
}

pub(crate) fn assert_invalid<T: std::fmt::Debug>(result: Result<T, LaunchError>) {
    let (fault, _) = not_launched(result);
    assert!(matches!(fault, Fault::Invalid { .. }), "{fault:?}");
}

pub(crate) fn assert_unknown<T: std::fmt::Debug>(result: Result<T, LaunchError>) {
    assert!(
        matches!(result, Err(LaunchError::Unknown(_))),
        "something may run, but: {result:?}"
    );
}

/// The body that was answered to a path in recorded requests; `None`, with the reason printed, where they are not there.
pub(crate) fn recorded(name: &str, path: &str) -> Option<String> {
    let folder = std::env::var_os("SPILLWAY_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let file = folder.join("cloud-samples").join(name);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return None;
    };
    let samples: Value = serde_json::from_str(&text).expect("samples are JSON");
    let mut requests = samples["requests"].as_array().expect("requests").iter();
    let found = requests.find(|request| request["path"] == path);
    let body = &found.expect("a recorded request")["response"]["body"];
    Some(body.as_str().expect("text").to_owned())
}

// === impl Made ===

impl Made {
    pub(crate) fn add(&self, shown: Value) {
        self.lock().push(shown);
    }

    pub(crate) fn all(&self) -> Vec<Value> {
        self.lock().clone()
    }

    /// Changes a field, at a JSON pointer, of all that was made.
    pub(crate) fn set(&self, pointer: &str, value: &str) {
        for shown in self.lock().iter_mut() {
            *shown.pointer_mut(pointer).expect("a field") = value.into();
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
