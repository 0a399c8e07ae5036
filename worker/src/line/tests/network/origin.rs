//! Origins at every address, on the ports that matter, which note who was contacted and answer by path.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Web, the API server, etcd, Kafka, the kubelet, and others that a guard keeps from.
const PORTS: [u16; 9] = [80, 443, 22, 2379, 6379, 6443, 8080, 9092, 10250];

/// All of them.
pub(super) struct Origins {
    contacted: Arc<Mutex<BTreeSet<SocketAddr>>>,
}

/// How often a path was asked for.
type Asked = Arc<Mutex<BTreeMap<String, u32>>>;

impl Origins {
    pub(super) fn start() -> Self {
        let contacted = Arc::new(Mutex::new(BTreeSet::new()));
        let asked = Asked::default();
        for port in PORTS {
            let listener = TcpListener::bind(("::", port)).unwrap();
            let (contacted, asked) = (contacted.clone(), asked.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let local = stream.local_addr().unwrap();
                    let dialled = SocketAddr::new(local.ip().to_canonical(), local.port());
                    contacted.lock().unwrap().insert(dialled);
                    // No certificate: that it was dialled is all that there is to see.
                    if port == 443 {
                        continue;
                    }
                    let asked = asked.clone();
                    std::thread::spawn(move || drop(serve(stream, &asked)));
                }
            });
        }
        Self { contacted }
    }

    /// Every address and port that a connection was made to.
    pub(super) fn contacted(&self) -> BTreeSet<SocketAddr> {
        self.contacted.lock().unwrap().clone()
    }
}

fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(16, 12, image::Rgb([0, 0, 255]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

fn head(stream: &mut TcpStream, status: &str, headers: &str) -> Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n"
    )
}

fn whole(stream: &mut TcpStream, kind: &str, body: &[u8]) -> Result<()> {
    let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
    head(stream, "200 OK", &headers)?;
    stream.write_all(body)
}

/// Answers one request.
fn serve(mut stream: TcpStream, asked: &Asked) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request
        .split(' ')
        .nth(1)
        .unwrap_or("/")
        .trim_start_matches('/')
        .to_owned();
    let count = {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(path.clone()).or_default();
        *count += 1;
        *count
    };
    let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
    match first {
        "redirect" => {
            let (status, target) = rest.split_once('/').unwrap_or(("302", ""));
            // A relative target leads to such a path too, and then what comes of it does not matter.
            let target: Vec<u8> = (0..target.len() / 2)
                .map_while(|at| u8::from_str_radix(&target[at * 2..at * 2 + 2], 16).ok())
                .collect();
            write!(
                stream,
                "HTTP/1.1 {status} Away\r\nConnection: close\r\nContent-Length: 0\r\n"
            )?;
            stream.write_all(b"Location: ")?;
            stream.write_all(&target)?;
            stream.write_all(b"\r\n\r\n")
        }
        "loop" => head(
            &mut stream,
            "302 Found",
            "Location: /loop\r\nContent-Length: 0\r\n",
        ),
        "chain" => match rest.parse::<u32>() {
            Ok(left @ 1..) => {
                let headers = format!("Location: /chain/{}\r\nContent-Length: 0\r\n", left - 1);
                head(&mut stream, "302 Found", &headers)
            }
            _ => whole(&mut stream, "image/png", &png()),
        },
        // The same host again, by name, over a connection of its own.
        "hop" => {
            let headers = format!("Location: http://{rest}/\r\nContent-Length: 0\r\n");
            head(&mut stream, "302 Found", &headers)
        }
        _ => misbehave(&mut stream, first, count),
    }
}

fn misbehave(stream: &mut TcpStream, path: &str, count: u32) -> Result<()> {
    match path {
        "drip" => {
            head(stream, "200 OK", "Content-Length: 100000\r\n")?;
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        "headers" => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            loop {
                write!(stream, "X-Filler: {}\r\n", "x".repeat(64))?;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "endless" => {
            head(stream, "200 OK", "Transfer-Encoding: chunked\r\n")?;
            let chunk = vec![b'x'; 65_536];
            loop {
                write!(stream, "10000\r\n")?;
                stream.write_all(&chunk)?;
                stream.write_all(b"\r\n")?;
            }
        }
        "longer" => {
            let image = png();
            head(
                stream,
                "200 OK",
                &format!("Content-Length: {}\r\n", image.len()),
            )?;
            stream.write_all(&image)?;
            stream.write_all(&vec![b'x'; 10 << 20])
        }
        "shorter" => {
            head(stream, "200 OK", "Content-Length: 10737418240\r\n")?;
            stream.write_all(&[b'x'; 1024])
        }
        "gzip" => {
            head(
                stream,
                "200 OK",
                "Content-Encoding: gzip\r\nContent-Length: 9\r\n",
            )?;
            stream.write_all(b"\x1f\x8b\x08000000")
        }
        "hang" => {
            // Until the client goes: it says nothing more.
            std::io::copy(stream, &mut std::io::sink()).map(drop)
        }
        "reset" => {
            let image = png();
            head(
                stream,
                "200 OK",
                &format!("Content-Length: {}\r\n", image.len()),
            )?;
            stream.write_all(&image[..image.len() / 2])
        }
        "twice-500" if count <= 2 => head(stream, "500 Oops", "Content-Length: 0\r\n"),
        "missing" => head(stream, "404 Not Found", "Content-Length: 0\r\n"),
        "image-as-html" => whole(stream, "text/html", &png()),
        "html-as-image" => whole(stream, "image/png", b"<html>no image</html>"),
        _ => whole(stream, "image/png", &png()),
    }
}
