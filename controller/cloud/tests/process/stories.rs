use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use spillway_cloud::conformance::conformance;
use spillway_cloud::process::{Process, ProcessConfig};
use spillway_cloud::{CloudError, Fault, InstanceState, LaunchError, Provider};

use crate::harness::{
    POLITE, RENEWING, STUBBORN, World, eventually, request, signal, this_program_as, zombies,
};

async fn states(provider: &Process) -> Vec<InstanceState> {
    let all = provider.list().await.unwrap();
    all.iter().map(|instance| instance.state).collect()
}

async fn is_terminated(provider: &Process) {
    eventually("it is listed as terminated", async || {
        states(provider).await == [InstanceState::Terminated]
    })
    .await;
}

async fn never_launches(provider: &Process) {
    let again = provider.launch(&request("one", 1, POLITE)).await;
    assert!(
        matches!(again, Err(LaunchError::NotLaunched { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let mut world = World::new();
    world.config.boot_delay = Duration::from_millis(300);
    conformance(&world.provider(), |intent, attempt| {
        request(intent, attempt, POLITE)
    })
    .await;
    world.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_launches_of_one_intent_make_one_machine() {
    let world = World::new();
    let launches: Vec<_> = (0..8)
        .map(|_| {
            let provider = world.provider();
            tokio::spawn(async move { provider.launch(&request("one", 1, POLITE)).await })
        })
        .collect();
    for launch in launches {
        let instance = launch.await.unwrap().unwrap();
        assert_eq!(instance.id, "one.1");
    }
    eventually("the losers are gone", async || world.machines().len() == 1).await;
    assert_eq!(world.provider().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_attempts_at_once_make_one_machine() {
    let world = World::new();
    let (left, right) = (world.provider(), world.provider());
    let (first, second) = (request("one", 1, POLITE), request("one", 2, POLITE));
    let _ = tokio::join!(left.launch(&first), right.launch(&second));
    eventually("the loser is gone", async || world.machines().len() <= 1).await;
    let all = left.list().await.unwrap();
    assert!(
        all.iter().filter(|i| i.state.is_alive()).count() <= 1,
        "{all:?}"
    );
}

#[tokio::test]
async fn a_launcher_killed_at_any_moment_leaves_at_most_one_machine_and_it_is_found() {
    for after_ms in [0, 1, 2, 4, 8, 16, 32, 64] {
        let world = World::new();
        let mut program = this_program_as("the_launcher");
        program.extend(["--launch".into(), world.config.root.display().to_string()]);
        let mut launcher = Command::new(&program[0])
            .args(&program[1..])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the request is written", async || {
            world.file("one/1/request.json").exists()
        })
        .await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        launcher.kill().unwrap();
        launcher.wait().unwrap();

        let provider = world.provider();
        let found = provider.launch(&request("one", 1, POLITE)).await.unwrap();
        assert_eq!(found.id, "one.1", "after {after_ms} ms");
        eventually("one machine", async || world.machines().len() == 1).await;
        assert_eq!(
            provider
                .terminate_all(Duration::from_secs(5))
                .await
                .unwrap(),
            1
        );
        world.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_restarted_controller_finds_and_ends_what_the_last_one_launched() {
    let world = World::new();
    let (before, launched) = world.launch_and_run(POLITE).await;
    drop(before);
    let after = world.provider();
    let found = after.list().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].launched_at, launched.launched_at);
    assert_eq!(found[0].state, InstanceState::Running);
    after.terminate(&launched.id).await.unwrap();
    is_terminated(&after).await;
    world.nothing_is_left().await;
    never_launches(&world.provider()).await;
}

#[tokio::test]
async fn a_killed_worker_ends_its_machine() {
    let world = World::new();
    let (provider, _) = world.launch_and_run(POLITE).await;
    signal(world.worker().pid, Signal::KILL);
    is_terminated(&provider).await;
    world.nothing_is_left().await;
    never_launches(&provider).await;
}

#[tokio::test]
async fn a_killed_machine_takes_its_worker_along() {
    let world = World::new();
    let (provider, _) = world.launch_and_run(STUBBORN).await;
    let worker = world.worker().pid;
    signal(world.machine().pid, Signal::KILL);
    // By the kernel alone: nobody lists meanwhile.
    eventually("the worker is gone", async || {
        world.live().iter().all(|process| process.pid != worker)
    })
    .await;
    is_terminated(&provider).await;
    world.nothing_is_left().await;
    never_launches(&provider).await;
    eventually("no zombies", async || zombies() == 0).await;
}

#[tokio::test]
async fn what_a_worker_started_dies_with_it_even_in_a_session_of_its_own() {
    let helper = "setsid sleep 600 & ";
    for victim in ["machine", "worker", "nobody"] {
        let world = World::new();
        let (provider, launched) = world.launch_and_run(&format!("{helper}{STUBBORN}")).await;
        eventually("the helper runs", async || {
            let session = world.machine().session;
            world
                .live()
                .iter()
                .any(|process| process.session != session)
        })
        .await;
        match victim {
            "machine" => signal(world.machine().pid, Signal::KILL),
            "worker" => signal(world.worker().pid, Signal::KILL),
            _ => provider.terminate(&launched.id).await.unwrap(),
        }
        is_terminated(&provider).await;
        assert_eq!(world.live(), [], "{victim} killed");
    }
}

#[tokio::test]
async fn a_lapsed_lease_leaves_nothing_though_no_controller_lives() {
    let world = World::new();
    for worker in [POLITE, STUBBORN] {
        let intent = format!("lease-{}", worker.len());
        let mut request = request(&intent, 1, worker);
        request.lease = Duration::from_secs(1);
        drop(world.provider().launch(&request).await.unwrap());
    }
    assert_eq!(world.machines().len(), 2);
    world.nothing_is_left().await;
    let why = fs::read_to_string(world.file(&format!("lease-{}/1/terminated.json", POLITE.len())));
    assert!(why.unwrap().contains("LeaseLapsed"));
}

#[tokio::test]
async fn a_lease_counts_from_the_launch_also_while_booting() {
    let mut world = World::new();
    world.config.boot_delay = Duration::from_secs(600);
    let mut request = request("one", 1, POLITE);
    request.lease = Duration::from_secs(1);
    world.provider().launch(&request).await.unwrap();
    world.nothing_is_left().await;
    assert!(!world.file("one/1/worker.log").exists());
}

#[tokio::test]
async fn a_renewed_lease_keeps_the_instance() {
    let world = World::new();
    let provider = world.provider();
    let mut request = request("one", 1, RENEWING);
    request.lease = Duration::from_secs(1);
    provider.launch(&request).await.unwrap();
    let until = Instant::now() + 3 * request.lease;
    eventually("three leases have passed", async || Instant::now() > until).await;
    assert_eq!(states(&provider).await, [InstanceState::Running]);
}

#[tokio::test]
async fn an_order_during_the_boot_delay_means_that_no_worker_ever_starts() {
    let mut world = World::new();
    world.config.boot_delay = Duration::from_secs(600);
    let (provider, launched) = world.launch(POLITE).await;
    assert_eq!(states(&provider).await, [InstanceState::Booting]);
    provider.terminate(&launched.id).await.unwrap();
    is_terminated(&provider).await;
    world.nothing_is_left().await;
    assert!(!world.file("one/1/worker.log").exists());
}

#[tokio::test]
async fn a_stubborn_worker_is_terminating_for_its_grace_and_then_killed() {
    let world = World::new();
    let (provider, launched) = world.launch_and_run(STUBBORN).await;
    let ordered = Instant::now();
    provider.terminate(&launched.id).await.unwrap();
    assert_eq!(states(&provider).await, [InstanceState::Terminating]);
    is_terminated(&provider).await;
    assert!(ordered.elapsed() >= world.config.grace);
    world.nothing_is_left().await;
}

#[tokio::test]
async fn a_machine_that_cannot_obey_is_killed_with_its_worker() {
    let mut world = World::new();
    world.config.grace = Duration::from_millis(200);
    let (provider, launched) = world.launch_and_run(STUBBORN).await;
    signal(world.machine().pid, Signal::STOP);
    provider.terminate(&launched.id).await.unwrap();
    is_terminated(&provider).await;
    world.nothing_is_left().await;
}

#[tokio::test]
async fn a_reused_process_number_cannot_kill_a_stranger() {
    let world = World::new();
    let (provider, launched) = world.launch_and_run(POLITE).await;
    signal(world.machine().pid, Signal::KILL);
    world.nothing_is_left().await;

    // The machine's number now belongs to a stranger; the record still names it.
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let path = world.file("one/1/instance.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["machine"]["pid"] = stranger.id().into();
    fs::write(&path, record.to_string()).unwrap();

    provider.terminate(&launched.id).await.unwrap();
    provider.list().await.unwrap();
    provider.terminate_all(Duration::ZERO).await.unwrap();
    is_terminated(&provider).await;
    assert_eq!(stranger.try_wait().unwrap(), None, "the stranger lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_second_machine_of_an_intent_exits_at_once_and_one_that_comes_too_late_too() {
    let world = World::new();
    let program = this_program_as("the_machine");
    let second = |start_by: &str| {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).arg("--dir");
        command.arg(world.config.root.canonicalize().unwrap().join("one/1"));
        command.env("SPILLWAY_MACHINE_START_BY", start_by);
        command.stdout(Stdio::null()).status().unwrap().code()
    };
    let in_time = "9999999999999";
    let (provider, launched) = world.launch_and_run(POLITE).await;
    assert_eq!(second(in_time), Some(75), "locked");
    provider.terminate(&launched.id).await.unwrap();
    is_terminated(&provider).await;
    assert_eq!(second(in_time), Some(77), "used up");
    for file in ["instance.json", "terminated.json", "order"] {
        fs::remove_file(world.file("one/1").join(file)).unwrap();
    }
    assert_eq!(second("1"), Some(76), "late");
    assert_eq!(world.live(), []);
}

#[tokio::test]
async fn a_machine_that_comes_after_the_order_never_starts() {
    let world = World::new();
    let (provider, launched) = world.launch_and_run(POLITE).await;
    provider.terminate(&launched.id).await.unwrap();
    is_terminated(&provider).await;
    // As if it had been ordered before the machine could say anything.
    for file in ["instance.json", "terminated.json"] {
        fs::remove_file(world.file("one/1").join(file)).unwrap();
    }
    never_launches(&provider).await;
    assert_eq!(world.live(), []);
}

#[tokio::test]
async fn only_one_attempt_of_an_intent_lives() {
    let world = World::new();
    let (provider, first) = world.launch_and_run(POLITE).await;
    let second = request("one", 2, POLITE);
    let early = provider.launch(&second).await;
    assert!(
        matches!(early, Err(LaunchError::NotLaunched { .. })),
        "{early:?}"
    );
    provider.terminate(&first.id).await.unwrap();
    is_terminated(&provider).await;
    provider.launch(&second).await.unwrap();
    assert_eq!(world.machines().len(), 1);
    never_launches(&provider).await;
}

#[tokio::test]
async fn a_machine_has_a_session_of_its_own_and_no_terminal_ends_it() {
    let world = World::new();
    let (provider, _) = world.launch_and_run(POLITE).await;
    let machine = world.machine();
    assert_eq!(machine.session, machine.pid);
    signal(machine.pid, Signal::HUP);
    let until = Instant::now() + Duration::from_millis(500);
    eventually("it had its time", async || Instant::now() > until).await;
    assert_eq!(states(&provider).await, [InstanceState::Running]);
}

#[tokio::test]
async fn a_worker_knows_who_it_is_and_sees_nothing_of_the_controllers_environment() {
    let world = World::new();
    let mut request = request("one", 1, "env; exec sleep 600");
    let environment = &mut request.worker.environment;
    environment.insert("GREETING".into(), "hello".into());
    environment.insert("SPILLWAY_INTENT".into(), "forged".into());
    world.provider().launch(&request).await.unwrap();
    let log = world.file("one/1/worker.log");
    let seen = || fs::read_to_string(&log).unwrap_or_default();
    eventually("it has said", async || seen().contains("PATH=")).await;
    eventually("it has said all", async || {
        seen().contains("GREETING=hello")
    })
    .await;
    let seen = seen();
    for expected in [
        "SPILLWAY_WORKER_ID=one.1",
        "SPILLWAY_INSTANCE=one.1",
        "SPILLWAY_INTENT=one",
        "SPILLWAY_POOL=burst",
        "SPILLWAY_LEASE_FILE=/",
    ] {
        assert!(
            seen.lines().any(|line| line.starts_with(expected)),
            "{seen}"
        );
    }
    let harmless = [
        "CUDA_VISIBLE_DEVICES",
        "HOME",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "LIBTORCH",
        "PATH",
        "RUST_BACKTRACE",
        "RUST_LOG",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
        // What sh adds by itself.
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "GREETING",
        "SPILLWAY_WORKER_ID",
        "SPILLWAY_INSTANCE",
        "SPILLWAY_INTENT",
        "SPILLWAY_POOL",
        "SPILLWAY_LEASE_FILE",
    ];
    for line in seen.lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(harmless.contains(&name), "{name} got through");
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error_that_names_it_and_never_an_empty_list() {
    for name in ["request.json", "instance.json", "terminated.json"] {
        let world = World::new();
        let (provider, launched) = world.launch_and_run(POLITE).await;
        provider.terminate(&launched.id).await.unwrap();
        is_terminated(&provider).await;
        fs::write(world.file("one/1").join(name), "{").unwrap();
        match provider.list().await {
            Err(CloudError::Refused { why }) => assert!(why.contains(name), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(provider.launch(&request("one", 1, POLITE)).await.is_err());
        assert_eq!(world.live(), []);
    }
}

#[tokio::test]
async fn one_damaged_folder_does_not_keep_the_others_alive_at_shutdown() {
    let world = World::new();
    let (provider, _) = world.launch_and_run(POLITE).await;
    fs::create_dir_all(world.file("broken/1")).unwrap();
    fs::write(world.file("broken/1/request.json"), "{").unwrap();
    assert!(
        provider
            .terminate_all(Duration::from_secs(5))
            .await
            .is_err()
    );
    world.nothing_is_left().await;
}

#[tokio::test]
async fn a_state_folder_that_vanished_is_an_error_and_not_an_empty_list() {
    let world = World::new();
    let provider = world.provider();
    assert_eq!(provider.list().await.unwrap(), []);
    fs::remove_dir(&world.config.root).unwrap();
    assert!(provider.list().await.is_err());
    fs::create_dir(&world.config.root).unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_is_invalid_and_leaves_nothing() {
    let world = World::new();
    for machine in ["/nonexistent/program", "false"] {
        let config = ProcessConfig::new(&world.config.root, "tests", [machine.to_owned()]);
        let provider = Process::new(config).unwrap();
        let launch = provider
            .launch(&request(&machine.replace('/', ""), 1, POLITE))
            .await;
        assert!(
            matches!(
                launch,
                Err(LaunchError::NotLaunched {
                    fault: Fault::Invalid { .. },
                    ..
                })
            ),
            "{launch:?}"
        );
        assert_eq!(provider.list().await.unwrap(), []);
    }
    let provider = world.provider();
    let mut request = request("one", 1, POLITE);
    request.worker.command = vec!["/nonexistent/worker".into()];
    // Its machine lives for a moment, which the launch may or may not see.
    let _ = provider.launch(&request).await;
    is_terminated(&provider).await;
    match provider.launch(&request).await {
        Err(LaunchError::NotLaunched {
            fault: Fault::Invalid { why },
            ..
        }) => assert!(why.contains("could not be started"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn terminate_all_ends_ours_and_says_how_many_there_were() {
    let mut world = World::new();
    world.config.grace = Duration::from_secs(60);
    let provider = world.provider();
    let mut config = world.config.clone();
    config.owner = "others".into();
    let others = Process::new(config).unwrap();
    let mut foreign = request("foreign", 1, POLITE);
    foreign.owner = "others".into();
    others.launch(&foreign).await.unwrap();
    for (intent, worker) in [("a", POLITE), ("b", STUBBORN), ("c", POLITE)] {
        provider.launch(&request(intent, 1, worker)).await.unwrap();
    }
    let stubborn = world.file("b/1/worker.json");
    eventually("the stubborn one runs", async || stubborn.exists()).await;

    // The grace of the stubborn one is longer than we wait.
    let ended = provider
        .terminate_all(Duration::from_secs(2))
        .await
        .unwrap();
    assert_eq!(ended, 3);
    assert_eq!(provider.terminate_all(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(world.machines().len(), 1, "the others' machine lives");
    assert_eq!(
        others.terminate_all(Duration::from_secs(5)).await.unwrap(),
        1
    );
    world.nothing_is_left().await;
}

#[tokio::test]
async fn what_finished_long_ago_is_forgotten() {
    let world = World::new();
    let (provider, launched) = world.launch_and_run(POLITE).await;
    provider.terminate(&launched.id).await.unwrap();
    is_terminated(&provider).await;
    let path = world.file("one/1/terminated.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["at"] = "2020-01-01T00:00:00Z".into();
    fs::write(&path, record.to_string()).unwrap();
    provider.list().await.unwrap();
    assert_eq!(provider.list().await.unwrap(), []);
    assert!(!world.file("one").exists());
}
