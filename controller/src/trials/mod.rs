//! Trials: the real loop, executor, intents and adapters in made worlds, where they can die at any point.
//!
//! ```text
//!  Stage: lives, one after another, on one state folder ─▶ Made: clouds (emulators), workers, Kafka, time
//!     └ points: before and after everything that is seen outside
//! ```
//!
//! Time is the runtime's, paused: it jumps to the next thing that happens. Nothing here has a socket.
//! AWS is among the clouds where this program is built with its feature `ec2`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a trial that cannot go on ends, and says what it counted"
)]

mod chance;
mod crash;
mod gone;
mod kafka;
mod line;
mod made;
pub(crate) mod points;
mod seeds;
mod stage;
mod storm;

use spillway_emulators::CloudKind;

/// What a trial counted, in one line, also where the output of tests that pass is kept back: a trial that tried nothing
/// passes too.
fn closing(counts: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("trials");
    // Not by a macro, whose output is captured.
    let _ = writeln!(std::io::stderr(), "{test}: {counts}");
}

/// One pool of a trial's policy.
struct PoolSpec {
    name: &'static str,
    kind: CloudKind,
    /// The first or the second zone of its cloud.
    zone: usize,
    cents_per_hour: u64,
    max: u64,
    /// Images a second of a worker.
    rate: u64,
}

/// The policy's text: one base worker of 20 images a second, and these pools.
fn policy(pools: &[PoolSpec], workers_max: u64, dollars_per_hour: u64) -> String {
    let pools: String = pools.iter().map(PoolSpec::text).collect();
    format!(
        r#"apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: trial}}
spec:
  source:
    kafka:
      bootstrapServers: ["kafka:9092"]
      consumerGroup: workers
      assignment: Group
      topics: [{{name: {}}}]
  objective: {{drainWithin: 90s}}
  base: {{static: {{workers: 1}}, pricePerWorkerHour: 0.6, throughputPerWorker: 20}}
  burst:
    maxWorkers: {workers_max}
    join:
      bootstrapServers: ["kafka.example.com:9094"]
      image: registry.example.com/worker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      modelSet: {{uri: "https://models.example.com/set-7.tar.gz", sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}
      secretFrom:
        aws: spillway/worker
        azure: https://spillway.vault.azure.net/secrets/worker
        gcp: projects/my-project/secrets/spillway-worker/versions/latest
        oci: ocid1.vaultsecret.oc1.phx.amaaaaaaexample
    pools:
{pools}  budget: {{perHour: {dollars_per_hour}, perDay: 400}}
  behavior: {{staleAfter: 30s, drainTimeout: 20s, deadManLease: 3m}}
"#,
        made::JOBS
    )
}

// === impl PoolSpec ===

impl PoolSpec {
    fn text(&self) -> String {
        let provider = match self.kind {
            CloudKind::Oci => format!(
                r#"{{oci: {{region: us-phoenix-1, availabilityDomain: "Uocm:PHX-AD-{}", compartmentId: ocid1.compartment.oc1..c, shape: VM.GPU.A10.1, imageId: ocid1.image.oc1.phx.i, subnetId: ocid1.subnet.oc1.phx.s}}}}"#,
                self.zone + 1
            ),
            CloudKind::Gce => format!(
                "{{gcp: {{project: my-project, zone: us-central1-{}, machineType: g2-standard-4, image: projects/my-project/global/images/family/worker, subnetwork: regions/us-central1/subnetworks/default, serviceAccount: worker@my-project.iam.gserviceaccount.com}}}}",
                ["a", "b"][self.zone]
            ),
            CloudKind::Azure => format!(
                r#"{{azure: {{subscription: 00000000-0000-0000-0000-000000000000, resourceGroup: burst, region: eastus, zone: "{}", vmSize: Standard_NC4as_T4_v3, image: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/images/providers/Microsoft.Compute/images/worker, subnetId: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/burst/providers/Microsoft.Network/virtualNetworks/v/subnets/s, identity: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/burst/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker, sshPublicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExam}}}}"#,
                self.zone + 1
            ),
            CloudKind::Aws => format!(
                "{{aws: {{region: us-east-1, instanceType: g6.xlarge, imageId: ami-0123456789abcdef0, subnetId: subnet-0-{}, instanceProfile: spillway-worker}}}}",
                ["a", "b"][self.zone]
            ),
        };
        format!(
            "      - {{name: {}, provider: {provider}, pricePerHour: {}.{:02}, bootTime: 10s, throughputPerWorker: {}, max: {}}}\n",
            self.name,
            self.cents_per_hour / 100,
            self.cents_per_hour % 100,
            self.rate,
            self.max
        )
    }

    /// The cloud's name for its zone.
    fn place(&self) -> &'static str {
        match self.kind {
            CloudKind::Oci => ["Uocm:PHX-AD-1", "Uocm:PHX-AD-2"][self.zone],
            CloudKind::Gce => ["us-central1-a", "us-central1-b"][self.zone],
            CloudKind::Azure => ["1", "2"][self.zone],
            CloudKind::Aws => ["us-east-1a", "us-east-1b"][self.zone],
        }
    }
}

/// A number from the environment, for trials that can be larger.
fn asked_for(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(name).ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(otherwise)
}

/// What this process takes of memory at most, bytes; unknown where Linux does not say.
fn memory_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}
