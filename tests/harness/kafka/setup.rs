//! How brokers are set up: ports, properties, and who may come in how.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Ports of one broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) clients: u16,
    pub(super) controller: u16,
    /// With encryption alone, and with a login.
    pub(super) secure: Option<(u16, u16)>,
}

/// What is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) brokers: usize,
    /// Java's option for the most memory of each.
    pub(super) heap: &'static str,
    pub(super) is_secure: bool,
    /// Whether Java compiles what is called often as well as it can, as brokers that live for long have it.
    pub(super) is_lasting: bool,
}

/// One broker, as most tests want it.
pub(super) const SMALL: Setup = Setup {
    brokers: 1,
    heap: "-Xmx512m",
    is_secure: false,
    is_lasting: false,
};

/// Who may log in by PLAIN and SCRAM.
pub const USER: &str = "reader";
/// With which password.
pub const PASSWORD: &str = "open-sesame";

/// A certificate for `localhost` and its key, made by Java's own tool; the certificate alone for clients.
pub(super) fn certificate(folder: &Path) -> anyhow::Result<PathBuf> {
    let ca = folder.join("ca.pem");
    let keytool = |arguments: &[&str]| -> anyhow::Result<()> {
        let output = Command::new("keytool")
            .args(arguments)
            .args(["-alias", "broker", "-storepass", PASSWORD, "-keystore"])
            .arg(folder.join("keys.p12"))
            .output()
            .context("keytool, a part of Java, could not be run")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "keytool failed: {said}");
        Ok(())
    };
    keytool(&[
        "-genkeypair",
        "-keyalg",
        "EC",
        "-dname",
        "CN=localhost",
        "-ext",
        "san=dns:localhost",
        "-validity",
        "30",
        "-storetype",
        "PKCS12",
    ])?;
    let file = ca.display().to_string();
    keytool(&["-exportcert", "-rfc", "-file", &file])?;
    Ok(ca)
}

pub(super) fn properties(folder: &Path, number: usize, ports: &[Ports]) -> String {
    let (id, mine, copies) = (number + 1, ports[number], ports.len().min(3));
    let voters = ports.iter().enumerate();
    let voters = voters.map(|(other, its)| format!("{}@127.0.0.1:{}", other + 1, its.controller));
    let voters = voters.collect::<Vec<_>>().join(",");
    let (clients, controller) = (mine.clients, mine.controller);
    let (mut listeners, mut advertised, mut protocols) =
        (String::new(), String::new(), String::new());
    let mut more = String::new();
    if let Some((tls, sasl)) = mine.secure {
        listeners = format!(",TLS://127.0.0.1:{tls},LOGIN://127.0.0.1:{sasl}");
        advertised = format!(",TLS://localhost:{tls},LOGIN://localhost:{sasl}");
        protocols = ",TLS:SSL,LOGIN:SASL_SSL".to_owned();
        more.push_str(&logins(folder));
    }
    if copies > 1 {
        // Who is silent for 3 s is out, rather than for 9.
        more.push_str("broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n");
    }
    format!(
        "process.roles=broker,controller\n\
         node.id={id}\n\
         controller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}{listeners}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{clients}{advertised}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n\
         log.dirs={}\n\
         offsets.topic.num.partitions=4\n\
         offsets.topic.replication.factor={copies}\n\
         transaction.state.log.num.partitions=2\n\
         transaction.state.log.replication.factor={copies}\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=2\n\
         share.coordinator.state.topic.replication.factor={copies}\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=1000\n\
         auto.create.topics.enable=true\n\
         log.index.size.max.bytes=262144\n\
         file.delete.delay.ms=100\n\
         {more}",
        folder.join("data").display()
    )
}

/// Who may log in, and how: PLAIN and SCRAM with the password, OAUTHBEARER with a token that nobody has signed.
pub(super) fn logins(folder: &Path) -> String {
    let of = "org.apache.kafka.common.security";
    format!(
        "ssl.keystore.location={}\n\
         ssl.keystore.password={PASSWORD}\n\
         ssl.keystore.type=PKCS12\n\
         listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER\n\
         listener.name.login.plain.sasl.jaas.config={of}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
         listener.name.login.scram-sha-512.sasl.jaas.config={of}.scram.ScramLoginModule required;\n\
         listener.name.login.oauthbearer.sasl.jaas.config={of}.oauthbearer.OAuthBearerLoginModule required \
         unsecuredLoginStringClaim_sub=\"broker\";\n",
        folder.join("keys.p12").display()
    )
}

/// Ports that nobody has. Another process may take one before a broker does: then all are started again.
pub(super) fn free_ports(setup: Setup) -> anyhow::Result<Vec<Ports>> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    // All are held until all are known, so that none comes twice.
    let mut held = Vec::new();
    let mut port = || -> anyhow::Result<u16> {
        let listener = bind()?;
        let port = listener.local_addr()?.port();
        held.push(listener);
        Ok(port)
    };
    (0..setup.brokers)
        .map(|_| {
            Ok(Ports {
                clients: port()?,
                controller: port()?,
                secure: match setup.is_secure {
                    true => Some((port()?, port()?)),
                    false => None,
                },
            })
        })
        .collect()
}
