//! The provider against the emulator of EC2, a program of its own, with botocore as the judge of what was sent.
//!
//! A program and not a library: so the SDK is built once, not again for the emulators' dependencies.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "its EC2 is not needed here, its provider is")]
mod loopback;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use loopback::provider;
use spillway_cloud::conformance::conformance;
use spillway_cloud::{Fault, LaunchError, LaunchRequest, Provider, Sight, Subject, WorkerSpec};

/// The running program; killed when it is dropped.
struct Emulators {
    program: Child,
    addresses: String,
}

// === impl Emulators ===

impl Emulators {
    fn start() -> Self {
        let beside = || {
            let this = std::env::current_exe().unwrap();
            this.parent().unwrap().parent().unwrap().to_owned()
        };
        let folder = std::env::var_os("SPILLWAY_BIN_DIR").map_or_else(beside, PathBuf::from);
        let path = folder.join("spillway-emulators");
        let mut program = Command::new(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}; build it first", path.display()));
        let mut addresses = String::new();
        let stdout = program.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut addresses).unwrap();
        Self { program, addresses }
    }

    fn address(&self, of: &str) -> String {
        let rest = self
            .addresses
            .split(&format!("\"{of}\":\""))
            .nth(1)
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Says something at the control port, and returns the answer's body.
    fn say(&self, method: &str, path: &str, body: &str) -> String {
        let address = self.address("control");
        let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 20"), "{head}\n{body}");
        body.to_owned()
    }

    fn befall(&self, call: &str, trouble: &str, more: &str) {
        let fault = format!("{{\"call\":\"{call}\",\"trouble\":{{{trouble}}}{more}}}");
        self.say("POST", "/aws/faults", &fault);
    }

    /// How many machines there are in a phase.
    fn count(&self, phase: &str) -> usize {
        let machines = self.say("GET", "/machines?cloud=aws", "");
        machines.matches(&format!("\"phase\":\"{phase}\"")).count()
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn request(intent: &str, attempt: u32) -> LaunchRequest {
    LaunchRequest {
        owner: "tests".into(),
        policy: "recognition".into(),
        pool: "aws-g6".into(),
        intent: intent.into(),
        attempt,
        worker: WorkerSpec {
            command: vec!["worker".into()],
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_whatever_the_cloud_says() {
    let emulators = Emulators::start();
    let ec2 = provider(&emulators.address("aws"), true);
    emulators.say("PUT", "/aws/delays", "{\"boot_ms\":200,\"end_ms\":100}");
    conformance(&ec2, request).await;
    emulators.say("PUT", "/aws/delays", "{}");

    emulators.befall("launch", "\"kind\":\"lose_answer\"", ",\"times\":1");
    let lost = ec2.launch(&request("timed-out", 1)).await;
    assert!(matches!(lost, Err(LaunchError::Unknown(_))), "{lost:?}");
    let alive = |all: Vec<spillway_cloud::Instance>| -> Vec<_> {
        all.into_iter().filter(|it| it.state.is_alive()).collect()
    };
    let seen = alive(ec2.list().await.unwrap());
    assert_eq!(seen.len(), 1, "adopted by the list: {seen:?}");
    let again = ec2.launch(&request("timed-out", 1)).await.unwrap();
    assert_eq!(
        (again.id, emulators.count("running")),
        (seen[0].id.clone(), 1)
    );

    for (trouble, fault) in [
        (
            "\"kind\":\"no_capacity\",\"place\":\"answer\"",
            Fault::NoCapacity,
        ),
        ("\"kind\":\"quota\",\"place\":\"answer\"", Fault::Quota),
        ("\"kind\":\"throttled\"", Fault::Throttled),
        ("\"kind\":\"denied\"", Fault::Denied),
    ] {
        emulators.befall("launch", trouble, ",\"times\":1");
        match ec2.launch(&request("refused", 1)).await {
            Err(LaunchError::NotLaunched { fault: said, .. }) => assert_eq!(said, fault),
            other => panic!("{fault:?}, not {other:?}"),
        }
    }

    for i in 0..4 {
        ec2.launch(&request(&format!("many-{i}"), 1)).await.unwrap();
    }
    emulators.say("PUT", "/aws/settings", "{\"page_max\":2}");
    assert_eq!(alive(ec2.list().await.unwrap()).len(), 5, "all pages");
    emulators.befall("list", "\"kind\":\"html\",\"status\":503", ",\"after\":2");
    assert!(
        ec2.list().await.is_err(),
        "a page that fails is no end of the list"
    );
    emulators.say("DELETE", "/aws/faults", "");

    emulators.befall("terminate", "\"kind\":\"not_found\"", ",\"times\":1");
    for instance in alive(ec2.list().await.unwrap()) {
        ec2.terminate(&instance.id).await.unwrap();
    }
    let left = alive(ec2.list().await.unwrap());
    assert_eq!(
        left.len(),
        1,
        "the one that was said not to be there is still shown"
    );
    ec2.terminate(&left[0].id).await.unwrap();
    assert_eq!(
        (emulators.count("running"), emulators.count("gone")),
        (0, 8)
    );
    let machines = emulators.say("GET", "/machines?cloud=aws", "");
    assert_eq!(
        machines.matches("\"orphans\":[]").count(),
        8,
        "no part outlives its machine"
    );
    judge(&emulators.say("GET", "/requests?cloud=aws", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_launch_lacks_is_found_by_a_run_that_launches_nothing() {
    let emulators = Emulators::start();
    let ec2 = provider(&emulators.address("aws"), true);
    let bad = async || {
        let found = ec2.examine().await.into_iter();
        let bad = found.filter(|it| matches!(it.seen, Sight::Bad { .. }));
        bad.map(|it| it.subject).collect::<Vec<_>>()
    };
    assert_eq!(bad().await, [], "nothing is wrong");
    for (settings, subject) in [
        ("{\"absent\":[\"ami-0123456789abcdef0\"]}", Subject::Image),
        (
            "{\"absent\":[\"subnet-0123456789abcdef0\"]}",
            Subject::Subnet,
        ),
        (
            "{\"absent\":[],\"withheld\":[\"ec2:RunInstances\"]}",
            Subject::Launching,
        ),
    ] {
        emulators.say("PUT", "/aws/settings", settings);
        assert_eq!(bad().await, [subject]);
    }
    emulators.befall("list", "\"kind\":\"denied\"", "");
    assert_eq!(bad().await, [Subject::Listing, Subject::Launching]);
    let machines = emulators.say("GET", "/machines?cloud=aws", "");
    assert_eq!(machines, "[]", "and nothing was launched");
}

/// Has botocore's model judge every request, and make every signature again.
fn judge(recorded: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let python = Command::new(tests.join("testbed/judges.sh"))
        .output()
        .unwrap();
    assert!(
        python.status.success(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (requests, keys) = (folder.join("recorded.json"), folder.join("keys.json"));
    std::fs::write(&requests, recorded).unwrap();
    let secrets = "{\"aws\":{\"access_key\":\"AKID\",\"secret_key\":\"secret\"}}";
    std::fs::write(&keys, secrets).unwrap();
    let judged = Command::new(String::from_utf8(python.stdout).unwrap().trim())
        .arg(tests.join("emulators/judges/judge.py"))
        .args([requests, keys])
        .output()
        .unwrap();
    let (says, wrong) = (
        String::from_utf8_lossy(&judged.stdout),
        String::from_utf8_lossy(&judged.stderr),
    );
    assert!(judged.status.success(), "{says}\n{wrong}");
    assert!(says.contains("RunInstances"), "{says}");
}
