//! The demo's images: drawn at start, each with the truth about what is on it.

use bytes::Bytes;
use spillway_generator::{Format, Style, Truth, draw, encode};

/// Inline images stay below this: the embedded broker keeps few megabytes of a partition.
const INLINE_BYTES_MAX: usize = 20_000;

/// An image file with its truth.
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) extension: &'static str,
    pub(super) truth: Truth,
}

/// All images of a run.
pub(super) struct Pictures {
    /// Served by the origin: `/images/<index>.<extension>`.
    pub(super) remote: Vec<Picture>,
    /// Small enough to travel inside a job.
    pub(super) inline: Vec<Picture>,
}

// === impl Pictures ===

impl Pictures {
    /// Draws `count` images to be fetched and a third as many to be sent, on every core there is.
    pub(super) async fn draw(seed: u64, count: u64) -> anyhow::Result<Self> {
        let remote = many(Style::Mixed, seed, count, |index| match index % 10 {
            0 => (Format::Png, "png"),
            1 => (Format::WebP, "webp"),
            _ => (
                Format::Jpeg {
                    quality: 60 + (index % 4) as u8 * 10,
                },
                "jpg",
            ),
        });
        let inline = many(Style::Small, seed + 1, count.div_ceil(3), |_| {
            (Format::Jpeg { quality: 70 }, "jpg")
        });
        let (remote, mut inline) = tokio::try_join!(remote, inline)?;
        inline.retain(|picture| picture.bytes.len() < INLINE_BYTES_MAX);
        anyhow::ensure!(
            !inline.is_empty(),
            "no image was small enough to be sent in a job"
        );
        Ok(Self { remote, inline })
    }
}

async fn many(
    style: Style,
    seed: u64,
    count: u64,
    format: fn(u64) -> (Format, &'static str),
) -> anyhow::Result<Vec<Picture>> {
    let hands = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let drawing: Vec<_> = (0..hands)
        .map(|hand| {
            tokio::task::spawn_blocking(move || {
                let mine = (hand..count).step_by(usize::try_from(hands).unwrap_or(1));
                mine.map(|index| (index, picture(style, seed, index, format)))
                    .collect()
            })
        })
        .collect();
    let mut pictures: Vec<(u64, Picture)> = Vec::new();
    for hand in drawing {
        let drawn: Vec<(u64, Picture)> = hand.await?;
        pictures.extend(drawn);
    }
    pictures.sort_by_key(|(index, _)| *index);
    Ok(pictures.into_iter().map(|(_, picture)| picture).collect())
}

fn picture(
    style: Style,
    seed: u64,
    index: u64,
    format: fn(u64) -> (Format, &'static str),
) -> Picture {
    let drawn = draw(style, seed, index);
    let (format, extension) = format(index);
    let bytes = Bytes::from(encode(&drawn.pixels, format));
    Picture {
        bytes,
        extension,
        truth: drawn.truth,
    }
}
