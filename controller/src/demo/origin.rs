//! The demo's image server: good images, and the bad ones that the world sends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::stream;
use spillway_wire::Reason;

use super::images::Pictures;

/// More than a worker takes of one image.
const OVERSIZED_BYTES: usize = 24 << 20;

/// What a bad input of the demo is, and how it must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bad {
    /// A JPEG that breaks off and holds noise.
    Corrupt,
    /// Nothing is there.
    Missing,
    /// More bytes than anyone wants, without saying so before.
    Oversized,
    /// A small file that says it is 30,000 by 30,000 pixels.
    Bomb,
    /// A private address that is not the image server's.
    Private,
}

// === impl Bad ===

impl Bad {
    pub(super) const ALL: [Self; 5] = [
        Self::Corrupt,
        Self::Missing,
        Self::Oversized,
        Self::Bomb,
        Self::Private,
    ];

    /// The reason that its job must end with.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Corrupt => Reason::CorruptImage,
            Self::Missing => Reason::NotFound,
            Self::Oversized | Self::Bomb => Reason::TooLarge,
            Self::Private => Reason::FetchBlocked,
        }
    }

    /// Where it is.
    pub(super) fn uri(self, origin: SocketAddr) -> String {
        match self {
            Self::Corrupt => format!("http://{origin}/bad/corrupt.jpg"),
            Self::Missing => format!("http://{origin}/bad/missing.jpg"),
            Self::Oversized => format!("http://{origin}/bad/oversized.jpg"),
            Self::Bomb => format!("http://{origin}/bad/bomb.png"),
            // Where clouds keep their machines' credentials: never contacted, refused by its number.
            Self::Private => "http://169.254.169.254/latest/meta-data/".to_owned(),
        }
    }
}

struct Shelf {
    pictures: Arc<Pictures>,
    corrupt: Bytes,
    bomb: Bytes,
}

/// Starts the server on a free port of this machine.
///
/// # Errors
/// When there is no port.
pub(super) async fn serve(pictures: Arc<Pictures>) -> anyhow::Result<SocketAddr> {
    let shelf = Shelf {
        corrupt: corrupt(&pictures),
        bomb: bomb()?,
        pictures,
    };
    let router = Router::new()
        .route("/images/{name}", get(image))
        .route("/bad/{name}", get(bad))
        .with_state(Arc::new(shelf));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(address)
}

async fn image(State(shelf): State<Arc<Shelf>>, Path(name): Path<String>) -> Response {
    let index = name
        .split('.')
        .next()
        .and_then(|index| index.parse::<usize>().ok());
    match index.and_then(|index| shelf.pictures.remote.get(index)) {
        Some(picture) => picture.bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn bad(State(shelf): State<Arc<Shelf>>, Path(name): Path<String>) -> Response {
    match name.as_str() {
        "corrupt.jpg" => shelf.corrupt.clone().into_response(),
        "bomb.png" => shelf.bomb.clone().into_response(),
        "oversized.jpg" => {
            const CHUNK: usize = 64 << 10;
            let mut first = vec![0u8; CHUNK];
            first[..4].copy_from_slice(&[0xff, 0xd8, 0xff, 0xe0]);
            let rest = std::iter::repeat_n(Bytes::from(vec![0u8; CHUNK]), OVERSIZED_BYTES / CHUNK);
            let chunks = std::iter::once(Bytes::from(first)).chain(rest);
            let body = Body::from_stream(stream::iter(chunks.map(Ok::<_, Infallible>)));
            ([(header::CONTENT_TYPE, "image/jpeg")], body).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The head of a real JPEG, then noise.
fn corrupt(pictures: &Pictures) -> Bytes {
    let jpeg = pictures
        .remote
        .iter()
        .find(|picture| picture.extension == "jpg");
    let mut bytes: Vec<u8> = jpeg
        .map(|picture| picture.bytes.iter().copied().take(180).collect())
        .unwrap_or_default();
    bytes.extend((0u32..4_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    Bytes::from(bytes)
}

/// A PNG whose header promises 30,000 × 30,000 pixels.
fn bomb() -> anyhow::Result<Bytes> {
    use image::ImageEncoder as _;
    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.write_image(&[0; 3], 1, 1, image::ExtendedColorType::Rgb8)?;
    // The header chunk: length, "IHDR", width, height, five more bytes, checksum over all but the length.
    const SIDE: [u8; 4] = 30_000u32.to_be_bytes();
    png[16..20].copy_from_slice(&SIDE);
    png[20..24].copy_from_slice(&SIDE);
    let checksum = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    Ok(Bytes::from(png))
}
