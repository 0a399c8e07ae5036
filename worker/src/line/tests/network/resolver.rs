//! A name server that lies.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};

const PUBLIC: &str = "93.184.216.34";
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What a name leads to.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// Another name, and where that leads.
    Alias(IpAddr),
    Fail,
    Silence,
}

/// Serves on 127.0.0.53 until the process ends.
pub(super) fn start() {
    let socket = UdpSocket::bind("127.0.0.53:53").unwrap();
    std::thread::spawn(move || {
        // Names that were asked for before.
        let mut asked = BTreeSet::new();
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            if let Some(reply) = reply(&query[..length], &mut asked) {
                let _ = socket.send_to(&reply, from);
            }
        }
    });
}

fn lookup(name: &str, kind: u16, asked: &mut BTreeSet<String>) -> Answer {
    let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
    let host = name.strip_suffix(".example.com").unwrap_or(name);
    if let Some(address) = name.strip_suffix(".nip.io").and_then(|it| it.parse().ok()) {
        return Answer::Addresses(vec![address]);
    }
    let addresses: &[&str] = match host {
        "inside" | "localtest.me" => &["127.0.0.1"],
        "inside-by-alias" => return Answer::Alias(ip("10.0.0.1")),
        "alias" => return Answer::Alias(ip(PUBLIC)),
        "inside-by-v6" => &[PUBLIC, "::1"],
        "mapped" => &["::ffff:169.254.169.254"],
        "mixed_a_records" => &[PUBLIC, "10.0.0.1"],
        "dns_fail" => return Answer::Fail,
        "dns_silent" => return Answer::Silence,
        // Lives for no time, and leads inside the second time.
        _ if host.starts_with("rebind-") && kind == A && !asked.insert(host.to_owned()) => {
            &["127.0.0.1"]
        }
        _ => &[PUBLIC],
    };
    Answer::Addresses(addresses.iter().map(|it| ip(it)).collect())
}

fn reply(query: &[u8], asked: &mut BTreeSet<String>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = query.get(12..at + 4)?;
    let (records, code) = match lookup(&labels.join("."), kind, asked) {
        Answer::Silence => return None,
        Answer::Fail => (Vec::new(), 2),
        Answer::Addresses(addresses) => (
            addresses
                .iter()
                .filter_map(|it| record(&[0xc0, 12], *it, kind))
                .collect(),
            0,
        ),
        Answer::Alias(address) => {
            let target = b"\x05other\x07example\x03com\0";
            let mut alias = vec![
                0xc0,
                12,
                0,
                CNAME as u8,
                0,
                1,
                0,
                0,
                0,
                0,
                0,
                target.len() as u8,
            ];
            alias.extend(target);
            let leads = record(target, address, kind);
            (std::iter::once(alias).chain(leads).collect(), 0)
        }
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    reply.extend(question);
    reply.extend(records.concat());
    Some(reply)
}

/// A record for `name`, if the address is of the kind that was asked for.
fn record(name: &[u8], address: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let (of, bytes) = match address {
        IpAddr::V4(address) => (A, address.octets().to_vec()),
        IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
    };
    let mut record = name.to_vec();
    record.extend([0, of as u8, 0, 1, 0, 0, 0, 0, 0, bytes.len() as u8]);
    record.extend(bytes);
    (of == kind).then_some(record)
}
