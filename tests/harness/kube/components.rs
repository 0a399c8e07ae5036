//! The programs of a control plane, and who ends them.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::guard;

pub(super) const ADMIN_TOKEN: &str = "admin-of-the-testbed";
pub(super) const NAMES: [&str; 5] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
];

/// Runs one script line per program, and ends them all when its input does: a pipe that only the test process holds.
/// `$1` is the folder, `$2` is `remove` for the one that removes it, the rest are script lines.
///
/// Not `PR_SET_PDEATHSIG` on each: then nobody would remove the folder.
const GUARDIAN: &str = r#"
dir=$1; last=$2; shift 2
pids=
for line in "$@"; do
  name=${line%% *}; name=${name##*/}
  sh -c "exec $line" >>"$dir/$name.log" 2>&1 </dev/null &
  pids="$pids $!"
done
cat >/dev/null
kill -9 $pids 2>/dev/null; wait $pids 2>/dev/null
[ "$last" = remove ] && rm -rf "$dir"
"#;

/// Ends its programs when dropped.
pub(super) struct Guardian(Child);

/// Ports of this machine.
pub(super) struct Ports {
    pub(super) etcd: u16,
    pub(super) peers: u16,
    pub(super) apiserver: u16,
}

/// Three ports that nobody has.
pub(super) fn free_ports() -> anyhow::Result<Ports> {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = Vec::new();
    for listener in listeners {
        ports.push(listener?.local_addr()?.port());
    }
    Ok(Ports {
        etcd: ports[0],
        peers: ports[1],
        apiserver: ports[2],
    })
}

/// etcd and the apiserver.
pub(super) fn store(programs: &Path, folder: &Path, ports: &Ports) -> anyhow::Result<Guardian> {
    let key = folder.join("service-accounts.key");
    let made = Command::new("openssl")
        .args(["genrsa", "-out"])
        .arg(&key)
        .arg("2048")
        .stderr(Stdio::null())
        .status()
        .context("openssl could not be run")?;
    ensure!(made.success(), "openssl made no key");
    let user = format!("{ADMIN_TOKEN},admin,admin,system:masters\n");
    fs::write(folder.join("tokens.csv"), user)?;
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n";
    fs::write(folder.join("audit.yaml"), policy)?;
    let (programs, dir) = (programs.display(), folder.display());
    let (etcd_port, peers, port) = (ports.etcd, ports.peers, ports.apiserver);
    let etcd = format!(
        "{programs}/etcd --data-dir={dir}/etcd --unsafe-no-fsync --log-level=warn \
         --listen-client-urls=http://127.0.0.1:{etcd_port} --advertise-client-urls=http://127.0.0.1:{etcd_port} \
         --listen-peer-urls=http://127.0.0.1:{peers} --initial-advertise-peer-urls=http://127.0.0.1:{peers} \
         --initial-cluster=default=http://127.0.0.1:{peers}"
    );
    let apiserver = format!(
        "{programs}/kube-apiserver --etcd-servers=http://127.0.0.1:{etcd_port} --cert-dir={dir}/certs \
         --bind-address=127.0.0.1 --secure-port={port} --service-cluster-ip-range=10.96.0.0/16 \
         --authorization-mode=RBAC --token-auth-file={dir}/tokens.csv \
         --service-account-issuer=https://kubernetes.default.svc --service-account-key-file={dir}/service-accounts.key \
         --service-account-signing-key-file={dir}/service-accounts.key \
         --audit-policy-file={dir}/audit.yaml --audit-log-path={dir}/audit.log --endpoint-reconciler-type=none"
    );
    Guardian::begin(folder, "remove", &[etcd, apiserver])
}

/// What makes pods of workloads, puts them on nodes, and plays the nodes.
pub(super) fn managers(programs: &Path, folder: &Path, stages: &Path) -> anyhow::Result<Guardian> {
    let (programs, dir, stages) = (programs.display(), folder.display(), stages.display());
    let manager = format!(
        "{programs}/kube-controller-manager --kubeconfig={dir}/kubeconfig --leader-elect=false --secure-port=0 \
         --service-account-private-key-file={dir}/service-accounts.key --root-ca-file={dir}/certs/apiserver.crt \
         --kube-api-qps=200 --kube-api-burst=400"
    );
    let scheduler = format!(
        "{programs}/kube-scheduler --kubeconfig={dir}/kubeconfig --leader-elect=false --secure-port=0 \
         --kube-api-qps=200 --kube-api-burst=400"
    );
    let kwok = format!(
        "{programs}/kwok --kubeconfig={dir}/kubeconfig --config={stages} --manage-all-nodes \
         --node-lease-duration-seconds=40"
    );
    Guardian::begin(folder, "keep", &[manager, scheduler, kwok])
}

// === impl Guardian ===

impl Guardian {
    fn begin(folder: &Path, last: &str, lines: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", GUARDIAN, "kube"])
            .arg(folder)
            .arg(last)
            .args(lines)
            .stdin(Stdio::piped())
            // A terminal's Ctrl-C is for the tests; the guardian cleans up after them.
            .process_group(0);
        let child = guard::spawn_on_lasting_thread(command).context("sh could not be run")?;
        Ok(Self(child))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // Its input ends, and it cleans up.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
