//! Children of this test program, and what they may not do.

use std::net::{TcpStream, UdpSocket};

use image::{DynamicImage, ImageFormat, RgbImage};

use super::*;
use crate::decode::serve;

/// Tells the test below that it is a child.
pub(super) const AS_CHILD: &str = "SPILLWAY_DECODE_CHILD";
/// The test that is one.
pub(super) const SERVE: &str = "decode::child::tests::serves_where_it_is_started_as_a_child";
/// A file that makes a child of the tests do what a hostile one would.
const ATTACK: &[u8] = b"BM attack: ";

const FRAME: Size = Size {
    width: 64,
    height: 48,
};

#[test]
fn serves_where_it_is_started_as_a_child() {
    if std::env::var_os(AS_CHILD).is_some() {
        serve::serve_with(attack).unwrap();
        std::process::exit(0);
    }
}

/// What a hostile file that has taken a decoder over would try; says what it could do.
fn attack(bytes: &[u8], memory: &File) -> Option<Failure> {
    let name = bytes.strip_prefix(ATTACK)?;
    let parent = std::os::unix::process::parent_id();
    let is_done = match name {
        b"read a file" => File::open("/etc/hostname").is_ok(),
        b"write a file" => File::create("/tmp/spillway-attack").is_ok(),
        b"connect" => TcpStream::connect("127.0.0.1:1").is_err_and(is_refused),
        b"resolve" => UdpSocket::bind("127.0.0.1:0").is_ok(),
        b"start a program" => Command::new("/bin/true").spawn().is_ok(),
        b"start a thread" => std::thread::Builder::new().spawn(|| {}).is_ok(),
        b"look at the worker" => std::fs::read(format!("/proc/{parent}/environ")).is_ok(),
        b"grow the memory" => memory.set_len(1 << 40).is_ok(),
        b"write far away" => memory.write_all_at(b"far", 1 << 40).is_ok(),
        b"hang" => loop {
            std::hint::spin_loop();
        },
        b"abort" => std::process::abort(),
        b"allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 16 << 20]);
                std::hint::black_box(&all);
            }
        }
        b"overflow the stack" => deeper(0) > 0,
        _ => true,
    };
    let message = if is_done { "done" } else { "denied" };
    Some(failure(Reason::UnsupportedFormat, message))
}

/// Whether the network was there to refuse.
fn is_refused(error: Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}

#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(level: u64) -> u64 {
    let room = std::hint::black_box([level; 512]);
    deeper(level + 1) + room[7]
}

fn gif() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_pixel(32, 24, image::Rgb([9, 80, 200])))
        .write_to(&mut bytes, ImageFormat::Gif)
        .unwrap();
    bytes.into_inner()
}

fn try_it(isolated: &mut Isolated, name: &str) -> String {
    let file = [ATTACK, name.as_bytes()].concat();
    let decoded = isolated.decode(&file, &FramePool::new(FRAME));
    decoded
        .map(|_| ())
        .expect_err("an attack is no image")
        .message
}

#[test]
fn a_child_can_do_nothing_but_decode() {
    let mut isolated = Isolated::new(DecodeCounts::default());
    for name in [
        "read a file",
        "write a file",
        "connect",
        "resolve",
        "start a program",
        "start a thread",
        "look at the worker",
        "grow the memory",
    ] {
        assert_eq!(try_it(&mut isolated, name), "denied", "{name}");
    }
    assert_eq!(try_it(&mut isolated, "nothing"), "done", "the attacks run");
    assert_eq!(isolated.counts.isolated.get(), 9);
}

#[test]
fn a_child_that_dies_takes_one_image_along() {
    let mut isolated = Isolated::new(DecodeCounts::default());
    let pool = FramePool::new(FRAME);
    for name in ["abort", "allocate", "overflow the stack", "write far away"] {
        let said = try_it(&mut isolated, name);
        assert_eq!(said, "the decoder died of it", "{name}");
        let Upright { frame, size } = isolated.decode(&gif(), &pool).unwrap();
        assert_eq!((size, frame.content), (Size::new(32, 24), FRAME));
        assert_eq!(frame.pixels()[..3], [9, 80, 200], "after {name}");
    }
}

#[test]
fn a_child_that_hangs_is_killed() {
    let mut isolated = Isolated::new(DecodeCounts::default());
    isolated.image_cpu_max = Duration::from_millis(300);
    assert_eq!(try_it(&mut isolated, "hang"), "the decoder took too long");
    isolated.image_cpu_max = IMAGE_CPU_MAX;
    isolated.decode(&gif(), &FramePool::new(FRAME)).unwrap();
}

#[test]
fn a_child_ends_with_its_worker() {
    let mut child = Child::start(FRAME).unwrap();
    child.socket.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(child.process.wait().unwrap().success());
}
