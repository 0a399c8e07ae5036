//! The guard against a network that is made up: every address leads here, a name server lies, and origins misbehave.
//!
//! The test runs in namespaces of its own for network and mounts. There, every IPv4 and IPv6 address is local, so that
//! whatever the worker contacts is contacted here, and seen, with the address that it dialled.

mod origin;
mod resolver;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::alone::{can_start, is_alone};
use super::*;
use crate::fetch::tests::corpora;
use origin::Origins;

/// Makes the network: all addresses are this machine's, and so is the name server.
const MAKE: &str = r#"
set -e
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
conf=$(mktemp)
printf 'nameserver 127.0.0.53\noptions timeout:2 attempts:2\n' > "$conf"
mount --bind "$conf" /etc/resolv.conf
rm "$conf"
exec "$@"
"#;

const UNSHARE: [&str; 9] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--",
    "sh",
    "-c",
    MAKE,
];

/// Longest that all cases may take; what hangs would take for ever.
const ALL_MAX: Duration = Duration::from_secs(240);

/// What a job must end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    /// An image.
    Succeed,
    /// One of these errors.
    Fail(&'static [Reason]),
    /// Whatever, without contacting anything internal.
    End,
}

const DENIED: Must = Must::Fail(&[Reason::FetchBlocked]);
/// Blocked, or no address that anything could be contacted at.
const DENIED_BY_REDIRECT: Must = Must::Fail(&[Reason::FetchBlocked, Reason::FetchFailed]);

struct Case {
    id: String,
    uri: String,
    must: Must,
}

fn case(id: impl Into<String>, uri: impl Into<String>, must: Must) -> Case {
    Case {
        id: id.into(),
        uri: uri.into(),
        must,
    }
}

/// An address that answers with a redirect to `target`.
fn redirect_to(status: u16, target: &str) -> String {
    let target: String = target.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("http://redirects.example.com/redirect/{status}/{target}")
}

/// Addresses that lead inside, beyond those of the corpus. Names are those of the made name server.
const INSIDE: &[&str] = &[
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://0177.0.0.01/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://2130706433./",
    "http://0/",
    "http://0x0/",
    "http://00000000000/",
    "http://１２７.０.０.１/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127｡0｡0｡1/",
    "http://%31%32%37.0.0.1/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::1]/",
    "http://[2606:4700::5efe:7f00:1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://168.63.129.16/",
    "http://100.64.0.1/",
    "http://user@8.8.8.8/",
    "http://user:password@8.8.8.8/",
    "http://8.8.8.8@127.0.0.1/",
    "http://8.8.8.8:80@127.0.0.1/",
    "http://127.0.0.1\\@8.8.8.8/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:6443/",
    "http://8.8.8.8:8080/",
    "https://8.8.8.8:9092/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "ht\ntp://127.0.0.1/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://kubernetes.default.svc/",
    "http://kubernetes.default.svc.cluster.local./",
    "http://inside.example.com/",
    "http://INSIDE.example.com./",
    "http://inside-by-alias.example.com/",
    "http://inside-by-v6.example.com/",
    "http://mapped.example.com/",
];

/// Addresses that are none of ours to fetch, wherever they lead.
const SCHEMES: &[&str] = &[
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://8.8.8.8/a.png",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stats",
    "ldap://127.0.0.1/",
    "jar:http://8.8.8.8/a!/b",
    "unix:///var/run/docker.sock",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "",
];

/// Addresses that look as if they led inside, and do not.
const OUTSIDE: &[&str] = &[
    "http://:@8.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://8.8.8.8#@127.0.0.1:6443/",
    "http://8.8.8.8?@127.0.0.1/",
    "http://8.8.8.8/@127.0.0.1/",
    "http://134744072/",
    "http://0x8.010.8.8/",
    "http://８.８.８.８/",
];

/// All cases, and the addresses that may be contacted.
fn cases(text: &str) -> (Vec<Case>, BTreeSet<IpAddr>) {
    let mut cases = Vec::new();
    let mut public: BTreeSet<IpAddr> = ["93.184.216.34", "8.8.8.8"]
        .map(|address| address.parse().unwrap())
        .into();
    for (index, line) in text.lines().enumerate() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (uri, must) = (row["url"].as_str().unwrap(), row["must"].as_str().unwrap());
        // Nobody here has a certificate for an address: the dialling is what shows that it was allowed.
        let (direct, redirected) = match must {
            "deny" => (DENIED, DENIED_BY_REDIRECT),
            "allow" if uri.starts_with("https") => (FAILED, FAILED),
            "allow" => (Must::Succeed, Must::Succeed),
            _ => (Must::End, Must::End),
        };
        if must == "allow" {
            let host = reqwest::Url::parse(uri)
                .unwrap()
                .host_str()
                .unwrap()
                .to_owned();
            public.insert(host.trim_matches(['[', ']']).parse().unwrap());
        }
        cases.push(case(format!("corpus-{index}"), uri, direct));
        cases.push(case(
            format!("corpus-redirected-{index}"),
            redirect_to(302, uri),
            redirected,
        ));
    }
    let own = INSIDE
        .iter()
        .chain(SCHEMES)
        .map(|uri| (uri, DENIED, DENIED_BY_REDIRECT));
    let outside = OUTSIDE
        .iter()
        .map(|uri| (uri, Must::Succeed, Must::Succeed));
    for (index, (uri, direct, redirected)) in own.chain(outside).enumerate() {
        cases.push(case(format!("own-{index}"), *uri, direct));
        // What is no text of a header, or in a redirect is a path of the same origin, may end in any way.
        let must = match uri.is_ascii() && !is_relative(uri) {
            true => redirected,
            false => Must::End,
        };
        for status in [302, [301, 303, 307, 308][index % 4]] {
            cases.push(case(
                format!("own-{status}-{index}"),
                redirect_to(status, uri),
                must,
            ));
        }
    }
    cases.extend(scenarios());
    (cases, public)
}

fn is_relative(uri: &str) -> bool {
    let starts = ["http:127", "http:/127", "ht\ntp"];
    uri.is_empty() || starts.iter().any(|start| uri.starts_with(start))
}

/// The scenarios of the corpus, by their names, and some of our own.
fn scenarios() -> Vec<Case> {
    let metadata = "http://169.254.169.254/latest/meta-data/";
    let mut cases: Vec<Case> = [301, 302, 303, 307, 308]
        .map(|status| {
            let id = format!("scenario-redirect_{status}_to_imds");
            case(id, redirect_to(status, metadata), DENIED)
        })
        .into();
    let to_file = redirect_to(302, "file:///etc/passwd");
    cases.push(case("scenario-redirect_to_file", to_file, DENIED));
    for (host, path, must) in MISBEHAVIOURS {
        let uri = format!("http://{host}.example.com/{path}");
        cases.push(case(format!("scenario-{host}"), uri, *must));
    }
    // The name's first answer is public and all others are not; each time, another name.
    const REBOUND: Must = Must::Fail(&[
        Reason::FetchBlocked,
        Reason::FetchFailed,
        Reason::FetchTimeout,
    ]);
    cases.extend((0..100).map(|index| {
        let host = format!("rebind-{index}.example.com");
        let id = format!("scenario-rebind_a_then_b-{index}");
        case(id, format!("http://{host}/hop/{host}"), REBOUND)
    }));
    cases
}

const FAILED: Must = Must::Fail(&[Reason::FetchFailed]);
const SLOW: Must = Must::Fail(&[Reason::FetchTimeout]);
const SLOW_OR_FAILED: Must = Must::Fail(&[Reason::FetchTimeout, Reason::FetchFailed]);
const LARGE: Must = Must::Fail(&[Reason::TooLarge]);
const NO_IMAGE: Must = Must::Fail(&[Reason::UnsupportedFormat]);

/// Hosts of `example.com`, each for itself so that no breaker joins them; a path of theirs; what must come of it.
const MISBEHAVIOURS: &[(&str, &str, Must)] = &[
    ("redirect_loop", "loop", FAILED),
    ("redirect_chain_6", "chain/6", FAILED),
    ("chain", "chain/3", Must::Succeed),
    ("mixed_a_records", "", DENIED),
    ("alias", "", Must::Succeed),
    ("dns_fail", "", FAILED),
    ("dns_silent", "", SLOW_OR_FAILED),
    ("slow_drip", "drip", SLOW),
    ("headers_never_end", "headers", SLOW_OR_FAILED),
    ("infinite_body", "endless", LARGE),
    ("content_length_lie_small", "longer", Must::Succeed),
    ("content_length_lie_big", "shorter", LARGE),
    ("gzip_bomb", "gzip", NO_IMAGE),
    ("hang_after_accept", "hang", SLOW),
    ("rst_mid_body", "reset", FAILED),
    ("http_500_then_200", "twice-500", Must::Succeed),
    ("http_404", "missing", Must::Fail(&[Reason::NotFound])),
    ("wrong_type", "image-as-html", Must::Succeed),
    ("wrong_type_other", "html-as-image", NO_IMAGE),
];

#[test]
fn nothing_inside_is_contacted_whatever_the_address_the_name_or_the_origin() {
    const NAME: &str = "line::tests::network::\
                        nothing_inside_is_contacted_whatever_the_address_the_name_or_the_origin";
    let Some(corpora) = corpora() else {
        println!("skipped: set SPILLWAY_SHARED to the folder that holds corpora/ssrf_urls.jsonl");
        return;
    };
    let starter: Vec<&str> = UNSHARE.into_iter().chain(["sh"]).collect();
    if let Err(why) = can_start(&starter) {
        println!("skipped: no namespaces for network and mounts can be made here: {why}");
        return;
    }
    if !is_alone(NAME, &starter) {
        return;
    }
    let urls = std::fs::read_to_string(corpora.join("ssrf_urls.jsonl")).unwrap();
    let (cases, public) = cases(&urls);

    resolver::start();
    let origins = Origins::start();
    let bed = Bed::new(1);
    let mut config = bed.config("w1");
    config.limits.in_flight_max = 128;
    let worker = bed.start(config);
    let job = |case: &Case| {
        let image = ImageSource::Uri(case.uri.clone());
        Job::new(case.id.clone(), now_ms(), image)
    };
    bed.send_all(&cases.iter().map(job).collect::<Vec<Job>>());
    let endings = bed.endings(cases.len(), ALL_MAX);
    worker.drain();

    let mut wrong = Vec::new();
    for Case { id, uri, must } in &cases {
        let error = endings[id].error.as_ref();
        let is_right = match must {
            Must::Succeed => error.is_none(),
            Must::Fail(reasons) => error.is_some_and(|error| reasons.contains(&error.reason)),
            Must::End => true,
        };
        if !is_right {
            wrong.push(format!("{id} {uri:?} must {must:?}: {error:?}"));
        }
    }
    let contacted = origins.contacted();
    let inside: Vec<_> = contacted
        .iter()
        .filter(|address| !public.contains(&address.ip()))
        .collect();
    println!("{} jobs, contacted {contacted:?}", cases.len());
    assert!(inside.is_empty(), "contacted inside: {inside:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unseen: Vec<_> = public
        .iter()
        .filter(|address| !contacted.iter().any(|it| it.ip() == **address))
        .collect();
    assert!(unseen.is_empty(), "allowed, and not contacted: {unseen:?}");
    let text = std::fs::read_to_string(corpora.join("origin_scenarios.json")).unwrap();
    let scenarios: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    for scenario in scenarios {
        let id = format!("scenario-{}", scenario["name"].as_str().unwrap());
        assert!(
            cases.iter().any(|case| case.id.starts_with(&id)),
            "{id} is not tried"
        );
    }
}
