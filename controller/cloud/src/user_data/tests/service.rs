//! The metadata service, the API and the secret store of all four clouds, as far as the scripts ask them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// What was asked of the service.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) line: String,
    headers: Vec<(String, String)>,
}

/// A small HTTP server on loopback.
pub(super) struct Service {
    pub(super) address: String,
    seen: Arc<Mutex<Vec<Asked>>>,
    identity: Arc<Identity>,
}

/// An instance principal's certificate, made by openssl.
struct Identity {
    folder: tempfile::TempDir,
    /// The public keys that logins brought; the token of the first is `t0ken-0`.
    sessions: Mutex<Vec<String>>,
}

// === impl Asked ===

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }
}

// === impl Service ===

impl Service {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let identity = Arc::new(Identity::make());
        let service = Self {
            address,
            seen: Arc::clone(&seen),
            identity: Arc::clone(&identity),
        };
        // Ends with the test's process: nothing waits for it.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &seen, &identity);
            }
        });
        service
    }

    pub(super) fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }

    /// Checks OCI's signature with the key that the login behind its token brought.
    pub(super) fn verify(&self, asked: &Asked) {
        let authorization = asked.header("authorization");
        let (_, login) = authorization.split_once("keyId=\"ST$t0ken-").unwrap();
        let (login, _) = login.split_once('"').unwrap();
        let login: usize = login.parse().unwrap();
        let (_, signature) = authorization.split_once("signature=\"").unwrap();
        let (verb, target) = asked.line.split_once(' ').unwrap();
        let signed = format!(
            "date: {}\n(request-target): {} {target}\nhost: {}",
            asked.header("date"),
            verb.to_lowercase(),
            asked.header("host")
        );
        let folder = self.identity.folder.path();
        let at = |name: &str| folder.join(name).display().to_string();
        let public = self.identity.sessions.lock().unwrap()[login].clone();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
        fs::write(at("public.pem"), pem).unwrap();
        fs::write(at("signed"), signed).unwrap();
        fs::write(at("signature.b64"), signature.trim_end_matches('"')).unwrap();
        let script = format!(
            "tr -d '\\n' <{0} | fold -w 64 >{0}.folded; echo >>{0}.folded; \
             base64 -d {0}.folded >{1}; \
             {{ echo '-----BEGIN PUBLIC KEY-----'; grep -v -e ----- {2} | fold -w 64; echo '-----END PUBLIC KEY-----'; }} >{2}.folded; \
             openssl dgst -sha256 -verify {2}.folded -signature {1} {3}",
            at("signature.b64"),
            at("signature"),
            at("public.pem"),
            at("signed")
        );
        let judged = Command::new("bash").arg("-c").arg(script).output().unwrap();
        assert!(judged.status.success(), "{judged:?}");
    }
}

// === impl Identity ===

impl Identity {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-keyout", "key.pem", "-out", "cert.pem", "-subj"])
            .arg("/CN=ocid1.instance.oc1.phx.aaaa/OU=opc-certtype:instance/OU=opc-tenant:ocid1.tenancy.oc1..aaaa")
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success());
        Self {
            folder,
            sessions: Mutex::default(),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

fn serve(
    mut stream: std::net::TcpStream,
    seen: &Mutex<Vec<Asked>>,
    identity: &Identity,
) -> std::io::Result<()> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let body_at = loop {
        let count = stream.read(&mut buffer)?;
        text.extend_from_slice(&buffer[..count]);
        if let Some(at) = text.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        if count == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&text[..body_at]).into_owned();
    let mut lines = head.lines();
    let line = lines
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let asked = Asked {
        line: line.to_owned(),
        headers,
    };
    let length: usize = asked.header("content-length").parse().unwrap_or(0);
    while text.len() < body_at + length {
        let count = stream.read(&mut buffer)?;
        text.extend_from_slice(&buffer[..count]);
    }
    let body = String::from_utf8_lossy(&text[body_at..]).into_owned();
    let answer = answer(&asked, &body, identity);
    seen.lock().unwrap().push(asked);
    let (status, body) = answer.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What each cloud says; none where the address or its headers are wrong.
fn answer(asked: &Asked, body: &str, identity: &Identity) -> Option<String> {
    let (verb, target) = asked.line.split_once(' ')?;
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let text = |text: &str| Some(text.to_owned());
    let secret = "UEFTU1dPUkQ9InEiPS94ClRXTz0yCg==";
    let is_aws = asked.header("x-aws-ec2-metadata-token") == "aws-t0ken";
    let is_google = asked.header("metadata-flavor") == "Google";
    let is_azure = asked.header("metadata") == "true";
    let is_oracle = asked.header("authorization") == "Bearer Oracle";
    let is_borne = asked.header("authorization") == "Bearer t0ken";
    match (verb, path) {
        ("PUT", "/latest/api/token") => text("aws-t0ken"),
        ("GET", "/latest/meta-data/instance-id") if is_aws => text("i-0abc"),
        ("GET", "/latest/meta-data/iam/security-credentials/") if is_aws => text("role-1\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/role-1") if is_aws => text(
            "{\n  \"Code\" : \"Success\",\n  \"AccessKeyId\" : \"AKID\",\n  \"SecretAccessKey\" : \"sk/+=\",\n  \"Token\" : \"st==\"\n}",
        ),
        ("POST", "/") => {
            let signed = asked.header("authorization");
            let is_signed = signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/")
                && signed.contains("/us-east-1/secretsmanager/aws4_request")
                && signed.contains("x-amz-security-token")
                && asked.header("x-amz-target") == "secretsmanager.GetSecretValue"
                && body == "{\"SecretId\":\"spillway/worker\"}";
            is_signed.then(|| {
                "{\"Name\":\"n\",\"SecretString\":\"PASSWORD=\\\"q\\\"=/x\\nTWO=2\\n\"}".to_owned()
            })
        }
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") if is_google => {
            text("{\"access_token\":\"t0ken\",\"expires_in\":3599,\"token_type\":\"Bearer\"}")
        }
        ("GET", "/computeMetadata/v1/instance/name") if is_google => text("vm-1"),
        ("GET", "/computeMetadata/v1/instance/zone") if is_google => {
            text("projects/1/zones/us-central1-a")
        }
        ("GET", "/computeMetadata/v1/project/project-id") if is_google => text("p-1"),
        ("GET", "/v1/projects/p/secrets/spillway/versions/latest:access") if is_borne => Some(
            format!("{{\n  \"payload\": {{\n    \"data\": \"{secret}\"\n  }}\n}}"),
        ),
        ("GET", "/metadata/identity/oauth2/token") if is_azure => {
            text("{\"access_token\":\"t0ken\",\"token_type\":\"Bearer\"}")
        }
        ("GET", "/metadata/instance/compute/name") if is_azure => text("vm-1"),
        ("GET", "/metadata/instance/compute/resourceId") if is_azure => text(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1",
        ),
        ("GET", "/secrets/worker") if is_borne => {
            text("{\"value\":\"PASSWORD=\\\"q\\\"=/x\\nTWO=2\\n\",\"id\":\"i\"}")
        }
        ("GET", "/opc/v2/instance/id") if is_oracle => text("ocid1.instance.oc1.phx.aaaa"),
        ("GET", "/opc/v2/instance/regionInfo") if is_oracle => {
            text("{\"realmKey\":\"oc1\",\"realmDomainComponent\":\"oraclecloud.com\"}")
        }
        ("GET", "/opc/v2/identity/cert.pem" | "/opc/v2/identity/intermediate.pem") if is_oracle => {
            Some(identity.file("cert.pem"))
        }
        ("GET", "/opc/v2/identity/key.pem") if is_oracle => Some(identity.file("key.pem")),
        ("POST", "/v1/x509") => {
            let signed = asked.header("authorization");
            let (_, public) = body.split_once("\"publicKey\":\"")?;
            let (public, _) = public.split_once('"')?;
            let by = "keyId=\"ocid1.tenancy.oc1..aaaa/fed-x509/";
            if !signed.contains(by) {
                return None;
            }
            let mut sessions = identity.sessions.lock().unwrap();
            sessions.push(public.to_owned());
            Some(format!("{{\"token\": \"t0ken-{}\"}}", sessions.len() - 1))
        }
        ("GET", "/20190301/secretbundles/ocid1.vaultsecret.oc1.phx.aaaa") => {
            let is_signed = asked.header("authorization").contains("keyId=\"ST$t0ken-");
            is_signed.then(|| format!("{{\"secretBundleContent\":{{\"contentType\":\"BASE64\",\"content\":\"{secret}\"}},\"stages\":[]}}"))
        }
        ("DELETE", _) => text(""),
        _ => None,
    }
}
