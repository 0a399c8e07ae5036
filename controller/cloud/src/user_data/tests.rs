mod service;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use self::service::Service;
use super::*;
use crate::WorkerSpec;

const CLOUDS: [Cloud; 4] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure, Cloud::Oci];

fn request() -> LaunchRequest {
    let environment = [
        ("SPILLWAY_BROKERS", "kafka.example.com:9094"),
        ("SPILLWAY_GROUP", "spillway-workers"),
        ("QUOTED", "a \"b\" $HOME 'c' #d \\e"),
    ];
    LaunchRequest {
        owner: "site-1".into(),
        policy: "recognition".into(),
        pool: "gpu".into(),
        intent: "gpu-00042".into(),
        attempt: 2,
        worker: WorkerSpec {
            command: vec!["/usr/bin/spillway-worker".into(), "run".into()],
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        },
        lease: Duration::from_secs(900),
    }
}

fn boot(cloud: Cloud) -> Boot {
    let (region, secret, uri) = match cloud {
        Cloud::Aws => (
            "us-east-1",
            "spillway/worker",
            "s3://models.example/set-7.tar.gz",
        ),
        Cloud::Gcp => (
            "us-central1",
            "projects/p/secrets/spillway/versions/latest",
            "gs://models/set-7.tar.gz",
        ),
        Cloud::Azure => (
            "eastus",
            "https://spillway.vault.azure.net/secrets/worker",
            "https://models.blob.core.windows.net/sets/set-7.tar.gz",
        ),
        Cloud::Oci => (
            "us-phoenix-1",
            "ocid1.vaultsecret.oc1.phx.aaaa",
            "https://objectstorage.us-phoenix-1.oraclecloud.com/n/ns/b/models/o/set-7.tar.gz",
        ),
    };
    Boot {
        cloud,
        region: region.into(),
        api: None,
        program: Program::Image(format!(
            "registry.example.com/spillway-worker@sha256:{}",
            "a".repeat(64)
        )),
        model_set: Some(ModelSet {
            uri: uri.into(),
            sha256: "b".repeat(64),
        }),
        secret: Some(secret.into()),
        first_lease: Duration::from_secs(1_200),
    }
}

/// What cloud-init would read: path, permissions, content.
fn files(text: &str) -> Vec<(String, String, String)> {
    let rest = text.strip_prefix("#cloud-config\n").expect("its header");
    let config: serde_yaml::Value = serde_yaml::from_str(rest).unwrap();
    let entries = config["write_files"].as_sequence().unwrap();
    let text = |value: &serde_yaml::Value| value.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|file| {
            (
                text(&file["path"]),
                text(&file["permissions"]),
                text(&file["content"]),
            )
        })
        .collect()
}

fn content(text: &str, path: &str) -> String {
    let found = files(text).into_iter().find(|(at, ..)| at == path);
    found.unwrap_or_else(|| panic!("no {path}")).2
}

#[test]
fn every_cloud_has_its_text() {
    for cloud in CLOUDS {
        insta::assert_snapshot!(cloud.as_str(), boot(cloud).render(&request()));
    }
}

#[test]
fn equal_requests_give_equal_texts_within_every_limit() {
    for cloud in CLOUDS {
        let text = boot(cloud).render(&request());
        assert_eq!(text, boot(cloud).render(&request()));
        assert!(text.len() < BYTES_MAX, "{cloud:?}: {} bytes", text.len());
    }
}

#[test]
fn the_environment_goes_through_as_it_is() {
    let env = content(
        &boot(Cloud::Aws).render(&request()),
        "/etc/spillway/worker.env",
    );
    for line in [
        "SPILLWAY_BROKERS=kafka.example.com:9094",
        "QUOTED=a \"b\" $HOME 'c' #d \\e",
        "SPILLWAY_CLOUD=aws",
        "SPILLWAY_INTENT=gpu-00042",
        "SPILLWAY_ATTEMPT=2",
        "SPILLWAY_LEASE_FILE=/run/spillway/lease",
        "SPILLWAY_ATTEMPTS_FILE=/var/lib/spillway/state/attempts",
        "SPILLWAY_LEASE_SECONDS=900",
    ] {
        assert!(env.lines().any(|it| it == line), "{line} in\n{env}");
    }
}

#[test]
fn a_value_cannot_smuggle_in_another_line() {
    let mut request = request();
    request
        .worker
        .environment
        .insert("A".into(), "1\nLD_PRELOAD=/tmp/x".into());
    let env = content(
        &boot(Cloud::Aws).render(&request),
        "/etc/spillway/worker.env",
    );
    assert!(env.lines().any(|line| line == "A=1 LD_PRELOAD=/tmp/x"));
}

#[test]
fn the_dead_man_starts_before_everything_else() {
    let text = boot(Cloud::Oci).render(&request());
    let config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let commands = config["runcmd"].as_sequence().unwrap();
    let starts: Vec<&str> = commands
        .iter()
        .filter(|words| words[1] == "start")
        .map(|words| words.as_sequence().unwrap().last().unwrap())
        .map(|unit| unit.as_str().unwrap())
        .collect();
    assert_eq!(
        starts,
        ["spillway-deadman.service", "spillway-worker.service"]
    );
}

#[test]
fn scripts_are_clean() {
    let shellcheck = Command::new("shellcheck").arg("--version").output();
    for cloud in CLOUDS {
        let machine = Machine::new(&boot(cloud));
        for name in [
            "cloud.sh",
            "deadman.sh",
            "secret.sh",
            "models.sh",
            "worker.sh",
        ] {
            let path = machine.folder.path().join("etc").join(name);
            let parsed = Command::new("bash").arg("-n").arg(&path).status().unwrap();
            assert!(parsed.success(), "{cloud:?} {name}");
            // A judge that is not everywhere; the parser above is.
            if shellcheck.is_ok() {
                let judged = Command::new("shellcheck")
                    .args(["--severity=warning", "--exclude=SC1091", "--shell=bash"])
                    .arg(&path)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&judged.stdout);
                assert!(judged.status.success(), "{cloud:?} {name}:\n{said}");
            }
        }
    }
}

// === the scripts, run for real ===

/// A folder that stands for a machine: its scripts, its `/run`, and stand-ins for what would end it.
struct Machine {
    folder: tempfile::TempDir,
}

// === impl Machine ===

impl Machine {
    fn new(boot: &Boot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["etc", "bin", "run"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let machine = Self { folder };
        for (path, _, content) in files(&boot.render(&request())) {
            let name = Path::new(&path).file_name().unwrap();
            fs::write(machine.folder.path().join("etc").join(name), content).unwrap();
        }
        let attempts = machine.path("var/state/attempts").display().to_string();
        machine.set("SPILLWAY_ATTEMPTS_FILE", &attempts);
        for name in ["shutdown", "systemctl"] {
            machine.stand_in(
                name,
                &format!("echo \"{name} $*\" >>{}\n", machine.path("calls").display()),
            );
        }
        // What a person may not do to this machine, whatever a script asks for.
        machine.stand_in("sleep", "exec /bin/sleep 0.05\n");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stand_in(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Changes a line of `worker.env`, where the machine's own places are not ours.
    fn set(&self, name: &str, value: &str) {
        let path = self.path("etc/worker.env");
        let mut env = fs::read_to_string(&path).unwrap();
        env.push_str(&format!("{name}={value}\n"));
        fs::write(path, env).unwrap();
    }

    fn leases(&self, first: u64, lease: u64) {
        self.set("SPILLWAY_FIRST_LEASE_SECONDS", &first.to_string());
        self.set("SPILLWAY_LEASE_SECONDS", &lease.to_string());
        let file = self.path("run/lease").display().to_string();
        self.set("SPILLWAY_LEASE_FILE", &file);
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").unwrap()
        );
        command
            .arg(self.path("etc").join(script))
            .env("PATH", path)
            .stderr(Stdio::null());
        command
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until it is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_machine_that_is_never_renewed_ends_after_its_first_lease() {
    let machine = Machine::new(&boot(Cloud::Aws));
    machine.leases(1, 600);
    let _running = Running(machine.command("deadman.sh").spawn().unwrap());
    eventually("the machine shuts down", || {
        machine.calls().contains("shutdown -h now")
    });
    assert!(
        machine
            .calls()
            .starts_with("systemctl stop --no-block spillway-worker.service\n")
    );
}

#[test]
fn a_renewed_machine_lives_on_and_ends_when_renewals_do() {
    let machine = Machine::new(&boot(Cloud::Aws));
    machine.leases(3, 3);
    let _running = Running(machine.command("deadman.sh").spawn().unwrap());
    let began = Instant::now();
    // Twice as long as it would live unrenewed, with the clock of the file far in the past: only its change counts.
    let mut renewals = 0;
    while began.elapsed() < Duration::from_secs(7) {
        let file = fs::File::create(machine.path("run/lease")).unwrap();
        let at = std::time::UNIX_EPOCH + Duration::from_secs(1_000 + renewals);
        file.set_modified(at).unwrap();
        renewals += 1;
        let next = began.elapsed() + Duration::from_millis(500);
        eventually("the time of the next renewal", || began.elapsed() >= next);
        assert_eq!(machine.calls(), "", "it ended though it was renewed");
    }
    eventually("the machine shuts down", || {
        machine.calls().contains("shutdown -h now")
    });
}

#[test]
fn a_restart_of_the_dead_man_renews_nothing() {
    let machine = Machine::new(&boot(Cloud::Aws));
    machine.leases(600, 2);
    fs::write(machine.path("run/lease"), "").unwrap();
    let state = machine.path("run/deadman");
    let first = Running(machine.command("deadman.sh").spawn().unwrap());
    eventually("the lease was seen", || {
        fs::read_to_string(&state)
            .is_ok_and(|text| text.lines().nth(1).is_some_and(|it| !it.is_empty()))
    });
    let deadline = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    drop(first);
    let before = fs::read_to_string(&state).unwrap();
    let _second = Running(machine.command("deadman.sh").spawn().unwrap());
    eventually("the machine shuts down", || {
        machine.calls().contains("shutdown -h now")
    });
    let after = fs::read_to_string(&state).unwrap();
    assert_eq!(deadline(&before), deadline(&after));
}

#[test]
fn where_a_stopped_machine_costs_it_deletes_itself_again_and_again_until_it_is_gone() {
    for (cloud, wanted) in [
        (
            Cloud::Gcp,
            "DELETE /compute/v1/projects/p-1/zones/us-central1-a/instances/vm-1",
        ),
        (
            Cloud::Azure,
            "DELETE /subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1?api-version=2024-07-01&forceDeletion=true",
        ),
        (
            Cloud::Oci,
            "DELETE /20160918/instances/ocid1.instance.oc1.phx.aaaa?preserveBootVolume=false",
        ),
    ] {
        let service = Service::start();
        let machine = Machine::new(&boot(cloud));
        machine.leases(1, 1);
        machine.set("SPILLWAY_METADATA", &service.address);
        machine.set("SPILLWAY_CLOUD_API", &service.address);
        let running = Running(machine.command("deadman.sh").spawn().unwrap());
        let asked = || {
            let seen = service.seen();
            seen.iter().filter(|it| it.line == wanted).count()
        };
        // It says yes each time, and the machine is still there: so it goes on asking.
        eventually(&format!("{cloud:?} is asked twice"), || asked() >= 2);
        drop(running);
        let seen = service.seen();
        let deletion = seen.iter().find(|it| it.line == wanted).unwrap();
        let authorization = deletion.header("authorization");
        match cloud {
            Cloud::Oci => service.verify(deletion),
            _ => assert_eq!(authorization, "Bearer t0ken"),
        }
    }
}

#[test]
fn every_cloud_gives_its_secret_to_the_machine_and_only_into_memory() {
    if !Path::new("/dev/shm").is_dir() {
        panic!("this machine has no /dev/shm to stand for /run");
    }
    for cloud in CLOUDS {
        let service = Service::start();
        let machine = Machine::new(&boot(cloud));
        machine.set("SPILLWAY_METADATA", &service.address);
        machine.set("SPILLWAY_CLOUD_API", &service.address);
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let file = memory.path().join("secret/secret.env");
        machine.set("SPILLWAY_SECRET_FILE", &file.display().to_string());
        let done = machine.command("secret.sh").status().unwrap();
        assert!(done.success(), "{cloud:?}: {:?}", service.seen());
        let secret = fs::read_to_string(&file).unwrap();
        assert_eq!(secret, "PASSWORD=\"q\"=/x\nTWO=2\n", "{cloud:?}");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{cloud:?}");

        let on_disk = machine.path("run/secret.env");
        machine.set("SPILLWAY_SECRET_FILE", &on_disk.display().to_string());
        let is_tmpfs = Command::new("stat")
            .args(["-f", "-c", "%T"])
            .arg(machine.folder.path())
            .output()
            .unwrap();
        if is_tmpfs.stdout != b"tmpfs\n" {
            let done = machine.command("secret.sh").status().unwrap();
            assert!(!done.success() && !on_disk.exists(), "{cloud:?}");
        }
    }
}

#[test]
fn a_model_set_with_another_digest_is_refused() {
    let machine = Machine::new(&boot(Cloud::Aws));
    let set = machine.path("models");
    fs::create_dir(&set).unwrap();
    fs::write(set.join("modelset.yaml"), "name: demo\n").unwrap();
    machine.set("SPILLWAY_MODEL_SET", &set.display().to_string());
    let uri = format!("file://{}", set.display());
    machine.set("SPILLWAY_MODEL_SET_URI", &uri);
    let done = || machine.command("models.sh").status().unwrap().success();
    assert!(!done());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"name: demo\n");
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    machine.set("SPILLWAY_MODEL_SET_SHA256", &digest);
    assert!(done());
}

#[test]
fn the_worker_gets_its_machines_name_and_the_secret() {
    for (cloud, name) in [
        (Cloud::Aws, "i-0abc"),
        (Cloud::Gcp, "us-central1-a/vm-1"),
        (Cloud::Azure, "vm-1"),
        (Cloud::Oci, "ocid1.instance.oc1.phx.aaaa"),
    ] {
        let service = Service::start();
        let machine = Machine::new(&boot(cloud));
        machine.stand_in(
            "worker",
            &format!("{{ echo \"$*\"; env; }} >{}", machine.path("ran").display()),
        );
        let program = machine.path("bin/worker").display().to_string();
        machine.set("SPILLWAY_PROGRAM", &program);
        machine.set("SPILLWAY_METADATA", &service.address);
        let secret = machine.path("run/secret.env");
        fs::write(&secret, "PASSWORD=\"q\" $x\n").unwrap();
        machine.set("SPILLWAY_SECRET_FILE", &secret.display().to_string());
        let done = machine.command("worker.sh").arg("run").status().unwrap();
        assert!(done.success(), "{cloud:?}: {:?}", service.seen());
        let ran = fs::read_to_string(machine.path("ran")).unwrap();
        for line in [
            "run".to_owned(),
            format!("SPILLWAY_INSTANCE={name}"),
            format!("SPILLWAY_WORKER_ID={name}"),
            "SPILLWAY_INTENT=gpu-00042".to_owned(),
            "PASSWORD=\"q\" $x".to_owned(),
            "QUOTED=a \"b\" $HOME 'c' #d \\e".to_owned(),
        ] {
            assert!(ran.lines().any(|it| it == line), "{cloud:?} {line}\n{ran}");
        }
    }
}

#[test]
fn a_container_runs_by_digest_on_the_hosts_network() {
    let service = Service::start();
    let machine = Machine::new(&boot(Cloud::Aws));
    let ran = machine.path("ran");
    machine.stand_in("podman", &format!("echo \"$*\" >{}", ran.display()));
    machine.set("SPILLWAY_METADATA", &service.address);
    let secret = machine.path("run/secret.env");
    fs::write(&secret, "").unwrap();
    machine.set("SPILLWAY_SECRET_FILE", &secret.display().to_string());
    let done = machine.command("worker.sh").arg("run").status().unwrap();
    assert!(done.success());
    let ran = fs::read_to_string(ran).unwrap();
    let image = format!(
        "registry.example.com/spillway-worker@sha256:{} run\n",
        "a".repeat(64)
    );
    assert!(ran.ends_with(&image), "{ran}");
    assert!(ran.contains("--network host") && ran.contains("--device nvidia.com/gpu=all"));
    // What it was at outlives the container.
    let state = machine.path("var/state");
    let state = state.display();
    assert!(ran.contains(&format!("--volume {state}:{state}")), "{ran}");
}
