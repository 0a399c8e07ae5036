//! `kubectl spillway`, as kubectl itself finds and runs it.

use std::process::Command;

use spillway_tests::{Signal, eventually, program, require_kube};

use crate::world::{ACCOUNT, POLICY, QUICK, SOON, Workload, World};

/// kubectl with our program among its plugins.
struct Kubectl<'a> {
    world: &'a World,
    plugins: tempfile::TempDir,
}

impl<'a> Kubectl<'a> {
    fn new(world: &'a World) -> Self {
        let plugins = tempfile::tempdir().unwrap();
        let name = plugins.path().join("kubectl-spillway");
        std::os::unix::fs::symlink(program("spillway").unwrap(), name).unwrap();
        Self { world, plugins }
    }

    /// Runs `kubectl spillway …`; gives what it says, or what it complains of.
    fn spillway(&self, arguments: &[&str]) -> Result<String, String> {
        let known = self.world.space.kubectl_command(&[]);
        let kubectl = std::path::Path::new(known.get_program());
        let mut path = vec![self.plugins.path().to_owned()];
        // It calls kubectl itself.
        path.extend(kubectl.parent().map(ToOwned::to_owned));
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = Command::new(kubectl);
        // A plugin's flags stand behind its name.
        command
            .arg("spillway")
            .args(arguments)
            .args(["--namespace", self.world.space.name()])
            .env("PATH", std::env::join_paths(path).unwrap());
        for (name, value) in known.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(text(&output.stderr)),
        }
    }

    /// The same, straight to the controller, which is a process of this host and no pod.
    fn direct(&self, arguments: &[&str]) -> Result<String, String> {
        let mut all = arguments.to_vec();
        all.push("--direct");
        self.spillway(&all)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_policies_and_gives_orders_that_the_controller_follows() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, Workload::Deployment).await else {
        return;
    };
    let kubectl = Kubectl::new(&world);
    let none = kubectl.direct(&["top", "--once"]).unwrap_err();
    assert!(none.contains("has no policy"), "{none}");
    world.apply_policy();
    let status = kubectl.spillway(&["status"]).unwrap();
    assert!(status.contains("nobody leads"), "{status}");
    let away = kubectl.direct(&["top", "--once"]).unwrap_err();
    assert!(away.contains("no controller leads"), "{away}");

    let mut controller = world.controller("first", ACCOUNT, &[]);
    eventually(SOON, "the policy is led", || {
        let status = kubectl.spillway(&["status", "--policy", POLICY])?;
        let is_so = status.contains("led by first") && status.contains("backlog 0");
        if is_so { Ok(()) } else { Err(status) }
    });
    let shown = kubectl.direct(&["top", "--once"]).unwrap();
    assert!(shown.starts_with(POLICY), "{shown}");
    let told = kubectl.direct(&["explain", "--last", "5"]).unwrap();
    assert!(told.contains("#") && told.contains(": "), "{told}");

    let order = ["pause", "--for", "10m", "--reason", "moving racks"];
    let said = kubectl.direct(&order).unwrap();
    assert!(said.contains("pause is ordered"), "{said}");
    let is_paused = |wanted: bool| {
        eventually(QUICK, "the order is followed", || {
            let shown = kubectl.direct(&["top", "--once"])?;
            let first = shown.lines().next().unwrap_or_default();
            match first.ends_with("Paused") == wanted {
                true => Ok(()),
                false => Err(shown),
            }
        });
    };
    is_paused(true);
    kubectl.direct(&["resume", "--reason", "done"]).unwrap();
    is_paused(false);
    let again = kubectl
        .direct(&["resume", "--reason", "again"])
        .unwrap_err();
    assert!(again.contains("nothing is paused"), "{again}");
    let order = [
        "override",
        "far",
        "--workers",
        "1",
        "--for",
        "10m",
        "--reason",
        "r",
    ];
    let unknown = kubectl.direct(&order).unwrap_err();
    assert!(unknown.contains("no pool called far"), "{unknown}");

    // Its controller is no pod here: what kubectl says against a tunnel is shown.
    let tunnel = kubectl.spillway(&["top", "--once"]).unwrap_err();
    assert!(tunnel.contains("makes no tunnel to first"), "{tunnel}");
    controller.signal(Signal::Term);
    assert!(controller.wait(QUICK).success());
}
