//! Real Apache Kafka, one broker or several: fetched, started, shared by the tests of one process.

mod setup;

use std::{
    fs,
    io::Write as _,
    ops::Deref,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};

use crate::{eventually::eventually, guard, topic::Topic};

pub use setup::{PASSWORD, USER};
use setup::{SMALL, Setup, certificate, free_ports, properties};

/// How long a broker may take to answer: 3 s on a free machine.
const START_MAX: Duration = Duration::from_secs(90);
/// How often another pair of ports is tried.
const STARTS_MAX: usize = 3;

/// Format, run, and clean up after the tests, whatever ended them: standard input is a pipe that only the test
/// process holds. `$1` is the broker's folder, the rest is `java` with its options.
///
/// Not `PR_SET_PDEATHSIG` on `java`: then nobody would remove the folder.
const GUARDIAN: &str = r#"
dir=$1; shift
ulimit -n "$(ulimit -Hn)" 2>/dev/null
set -f
"$@" kafka.tools.StorageTool format -t c3BpbGx3YXktdGVzdGJlZA -c "$dir/server.properties" $FORMAT >>"$dir/log" 2>&1 </dev/null
start() {
    "$@" kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid.new"; mv "$dir/pid.new" "$dir/pid"
}
start "$@"
# A line asks for the broker that was killed to be started again, on what it had.
while read -r _; do wait $! 2>/dev/null; start "$@"; done
kill -9 $! 2>/dev/null; wait $! 2>/dev/null
rm -rf "$dir"
"#;

/// Brokers; they end, with their data, when dropped or when this process ends in any way.
pub struct Kafka {
    brokers: String,
    secure: Option<Secure>,
    nodes: Vec<Node>,
    names: AtomicU32,
}

/// One broker's process and folder.
struct Node {
    folder: PathBuf,
    guardian: Mutex<Child>,
}

/// Ways in that are encrypted, and who may log in.
#[derive(Debug, Clone)]
pub struct Secure {
    /// `host:port` for whoever comes with encryption alone.
    pub tls: String,
    /// `host:port` for whoever logs in as well: PLAIN, SCRAM-SHA-512, OAUTHBEARER.
    pub sasl: String,
    /// The certificate to trust.
    pub ca: PathBuf,
}

/// The broker lent to one test: shows the broker's log if the test fails.
pub struct Lease(&'static Kafka);

/// The broker of this test process, started by whoever asks first.
///
/// `None` where Kafka cannot be had: the reason is printed, and the test is to return.
///
/// # Panics
/// Where it cannot be had and `CI` is set.
#[must_use]
pub fn require_kafka() -> Option<Lease> {
    static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Kafka::start().map_err(|error| format!("{error:#}"))) {
        Ok(kafka) => Some(Lease(kafka)),
        Err(why) => crate::skip(&format!("there is no Apache Kafka: {why}")),
    }
}

// === impl Kafka ===

impl Kafka {
    /// Starts a broker of one's own, for tests that stop or kill it.
    ///
    /// # Errors
    /// When its jars cannot be fetched or it does not start.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_as(SMALL)
    }

    /// Starts several brokers that are one cluster: whatever is replicated outlives one of them.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_cluster(brokers: usize) -> anyhow::Result<Self> {
        Self::start_as(Setup {
            brokers,
            heap: "-Xmx256m",
            ..SMALL
        })
    }

    /// Starts a broker as it is where it lives for long: it is slow at first, and then quicker than [`Self::start`]'s.
    /// For measuring.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_lasting() -> anyhow::Result<Self> {
        Self::start_as(Setup {
            is_lasting: true,
            ..SMALL
        })
    }

    /// Starts a broker that has room for ten thousand partitions.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_large() -> anyhow::Result<Self> {
        Self::start_as(Setup {
            heap: "-Xmx2g",
            is_lasting: true,
            ..SMALL
        })
    }

    /// Starts a broker that can also be reached encrypted, and with a login.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_secure() -> anyhow::Result<Self> {
        Self::start_as(Setup {
            is_secure: true,
            ..SMALL
        })
    }

    fn start_as(setup: Setup) -> anyhow::Result<Self> {
        let jars = jars()?;
        let mut last = None;
        for _ in 0..STARTS_MAX {
            match Self::start_once(&jars, setup) {
                Ok(kafka) => return Ok(kafka),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    fn start_once(jars: &Path, setup: Setup) -> anyhow::Result<Self> {
        let started = Instant::now();
        let ports = free_ports(setup)?;
        let mut kafka = Self {
            brokers: ports
                .iter()
                .map(|ports| format!("127.0.0.1:{}", ports.clients))
                .collect::<Vec<_>>()
                .join(","),
            secure: None,
            nodes: Vec::new(),
            names: AtomicU32::new(0),
        };
        for (number, mine) in ports.iter().enumerate() {
            let folder = tempfile::Builder::new()
                .prefix("spillway-kafka-")
                .tempdir()?
                .keep();
            if let Some((tls, sasl)) = mine.secure {
                let ca = certificate(&folder)?;
                let [tls, sasl] = [tls, sasl].map(|port| format!("localhost:{port}"));
                kafka.secure = Some(Secure { tls, sasl, ca });
            }
            fs::write(
                folder.join("server.properties"),
                properties(&folder, number, &ports),
            )?;
            kafka.nodes.push(Node {
                guardian: Mutex::new(guardian(jars, &folder, setup)?),
                folder,
            });
        }
        kafka.answers()?;
        eprintln!(
            "kafka: ready at {} after {:.1} s",
            kafka.brokers,
            started.elapsed().as_secs_f64()
        );
        Ok(kafka)
    }

    /// Waits until every broker answers, or shows why not.
    fn answers(&self) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        let client: BaseConsumer = self
            .client()
            .set("log_level", "0")
            .set("reconnect.backoff.max.ms", "200")
            .create()?;
        loop {
            if client
                .fetch_metadata(None, Duration::from_millis(500))
                .is_ok_and(|metadata| metadata.brokers().len() == self.nodes.len())
            {
                return Ok(());
            }
            let mut nodes = self.nodes.iter();
            let has_ended = nodes.any(|node| node.process().is_some_and(|id| !is_alive(id)));
            if has_ended || Instant::now() >= until {
                let log = guard::tail(&self.log());
                bail!("the broker did not start (ended: {has_ended}); its log ends:\n{log}");
            }
        }
    }

    /// Encrypted ways in, where there are any.
    #[must_use]
    pub fn secure(&self) -> Option<&Secure> {
        self.secure.as_ref()
    }

    /// `host:port`, reachable from every process of this machine.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// A client's configuration that reaches it.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// A name that no other test has: `what` with a number.
    #[must_use]
    pub fn name(&self, what: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("it-{what}-{number}")
    }

    /// Makes a topic with a name of its own.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn topic(&self, what: &str, partitions: i32) -> Topic {
        Topic::create(self.client(), self.name(what), partitions, &[])
            .await
            .unwrap_or_else(|error| panic!("topic {what}: {error:#}"))
    }

    /// Makes a topic with a name of its own whose partitions lie on these brokers, the first of each leading it.
    ///
    /// # Panics
    /// If the brokers refuse.
    pub async fn topic_on(&self, what: &str, replicas: &[&[i32]]) -> Topic {
        Topic::create_on(self.client(), self.name(what), replicas)
            .await
            .unwrap_or_else(|error| panic!("topic {what}: {error:#}"))
    }

    /// Makes a topic named after another one, as that of its dead letters.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn topic_beside(&self, name: &str) -> Topic {
        Topic::create(self.client(), name.to_owned(), 1, &[])
            .await
            .unwrap_or_else(|error| panic!("topic {name}: {error:#}"))
    }

    /// Makes a compacted topic with a name of its own.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn compacted_topic(&self, what: &str, partitions: i32) -> Topic {
        let compact = [("cleanup.policy", "compact")];
        Topic::create(self.client(), self.name(what), partitions, &compact)
            .await
            .unwrap_or_else(|error| panic!("topic {what}: {error:#}"))
    }

    /// What the brokers have logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let logs = self.nodes.iter().map(|node| node.folder.join("log"));
        logs.map(|log| fs::read_to_string(log).unwrap_or_default())
            .collect()
    }

    /// Does something to every broker's process, as the end or a pause of its machine would.
    pub fn signal(&self, signal: guard::Signal) {
        for node in &self.nodes {
            node.signal(signal);
        }
    }

    /// Starts the brokers again that were killed, on the data that they had, and waits until they answer.
    ///
    /// # Errors
    /// If they do not.
    pub fn start_again(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            node.start_again()?;
        }
        self.answers()
    }

    /// Does something to the process of one of several brokers.
    ///
    /// # Panics
    /// If there is none with this id; ids begin with 1.
    pub fn signal_broker(&self, id: i32, signal: guard::Signal) {
        let number = usize::try_from(id - 1).expect("ids begin with 1");
        self.nodes[number].signal(signal);
    }
}

// === impl Node ===

impl Node {
    fn signal(&self, signal: guard::Signal) {
        if let Some(id) = self.process() {
            guard::send(id, signal);
        }
    }

    fn start_again(&self) -> anyhow::Result<()> {
        let before = self.process();
        let mut guardian = self.guardian.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = guardian.stdin.as_mut().context("it has no guardian")?;
        asked.write_all(b"again\n")?;
        asked.flush()?;
        eventually(START_MAX, "another process is the broker", || {
            let now = self.process();
            (now != before)
                .then_some(())
                .ok_or_else(|| format!("{now:?}"))
        });
        Ok(())
    }

    fn process(&self) -> Option<u32> {
        let id = fs::read_to_string(self.folder.join("pid")).ok()?;
        id.trim().parse().ok()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let guardian = self
            .guardian
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // Its input ends, and it cleans up.
        drop(guardian.stdin.take());
        let _ = guardian.wait();
    }
}

/// The folder of the jars, after fetching them where they are missing.
fn jars() -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/kafka.sh");
    let output = Command::new(&script)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{} could not be run", script.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    eprint!("{said}");
    ensure!(
        output.status.success(),
        "tests/testbed/kafka.sh failed: {}",
        said.trim()
    );
    let folder = String::from_utf8(output.stdout)?;
    Ok(Path::new(folder.trim()).join("libs"))
}

fn guardian(jars: &Path, folder: &Path, setup: Setup) -> anyhow::Result<Child> {
    let log4j = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/log4j2.properties");
    let mut format = String::new();
    if setup.is_secure {
        format = format!("--add-scram SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", GUARDIAN, "kafka"])
        .arg(folder)
        .env("FORMAT", format)
        .args(["java", "-Xms128m", setup.heap, "-XX:+UseSerialGC"])
        // Compiled lightly it starts in half the time; most live for minutes.
        .args((!setup.is_lasting).then_some("-XX:TieredStopAtLevel=1"))
        .arg(format!("-Dlog4j2.configurationFile={}", log4j.display()))
        .arg("-cp")
        .arg(jars.join("*"))
        .stdin(Stdio::piped())
        // A terminal's Ctrl-C is for the tests; the guardian cleans up after them.
        .process_group(0);
    guard::spawn_on_lasting_thread(command).context("sh could not be run")
}

fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

// === impl Lease ===

impl Deref for Lease {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "--- the broker, the end of its log:\n{}",
                guard::tail(&self.0.log())
            );
        }
    }
}
