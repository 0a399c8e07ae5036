//! Good and bad files, damaged at random with a fixed seed: each ends in a picture or a typed error, and no child dies.

use proptest::prelude::*;

use super::*;

/// Damaged files; more make the test longer than a test may be.
const FILES: usize = 4_000;
const SEED: u64 = 0x5EED_0014;

/// Xorshift: the same numbers everywhere.
struct Lots(u64);

impl Lots {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most.max(1)
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, 0xda, 0xc4];
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.below(256) as u8),
                2 if !bytes.is_empty() => {
                    bytes.remove(at);
                }
                // Headers are short and matter most.
                3 if !bytes.is_empty() => {
                    let at = self.below(bytes.len().min(64));
                    bytes[at] = EDGES[self.below(8)];
                }
                4 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                5 => {
                    let from = self.below(other.len());
                    let part = &other[from..(from + self.below(200)).min(other.len())];
                    bytes.splice(at..at, part.iter().copied());
                }
                6 => {
                    let end = (at + self.below(64)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                _ if !bytes.is_empty() => bytes[at] = EDGES[self.below(8)],
                _ => {}
            }
        }
    }
}

/// Files to start from: our own, and those of the corpora where they are.
fn seeds() -> Vec<Vec<u8>> {
    let image = gradient(48, 36);
    let mut seeds: Vec<Vec<u8>> = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ]
    .map(|format| encode(&image, format))
    .into();
    seeds.push(animation());
    seeds.push(jpeg_with_exif_orientation(&image, 8));
    seeds.push(png_with(b"iCCP", b"profile\0\0x"));
    let Some(corpora) = corpora() else {
        println!("without the corpora: SPILLWAY_SHARED is not set");
        return seeds;
    };
    let folder = tempfile::tempdir().unwrap();
    for set in ["img-imagers-valid", "img-pngsuite"] {
        let mut tar = std::process::Command::new("tar");
        tar.arg("xzf").arg(corpora.join(format!("{set}.tar.gz")));
        tar.arg("-C").arg(folder.path());
        assert!(tar.status().unwrap().success(), "{set}");
        let files = std::fs::read_dir(folder.path().join(set))
            .unwrap()
            .flatten();
        let mut files: Vec<_> = files
            .map(|file| file.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        // Large ones teach nothing more, and slowly.
        let files = files.iter().map(|path| std::fs::read(path).unwrap());
        seeds.extend(files.filter(|bytes| bytes.len() < 60_000));
    }
    seeds
}

#[test]
fn damaged_files_end_in_a_picture_or_a_typed_error() {
    let seeds = seeds();
    let mut lots = Lots(SEED);
    let counts = DecodeCounts::default();
    let pool = FramePool::new(FRAME);
    let mut decoder = Decoder::isolating(pool, Isolation::Unusual, counts.clone()).unwrap();
    let (mut pictures, mut errors) = (0, 0);
    for number in 0..FILES {
        let mut bytes = seeds[lots.below(seeds.len())].clone();
        let other = &seeds[lots.below(seeds.len())];
        lots.damage(&mut bytes, other);
        match decoder.decode(&bytes) {
            Ok(picture) => {
                pictures += 1;
                let upright = Size::new(picture.info.width, picture.info.height);
                assert_eq!(
                    picture.frame.content,
                    upright.fitted(FRAME),
                    "file {number}"
                );
            }
            Err(failure) => {
                errors += 1;
                let is_typed = matches!(
                    failure.reason,
                    Reason::TooLarge | Reason::CorruptImage | Reason::UnsupportedFormat
                );
                assert!(is_typed, "file {number}: {failure:?}");
                let is_childs = failure.message.starts_with("the decoder");
                assert!(!is_childs, "file {number}: {failure:?}");
            }
        }
    }
    println!(
        "{pictures} pictures, {errors} errors, {} apart",
        counts.isolated.get()
    );
    assert!(pictures > FILES / 20 && errors > FILES / 20);
}

fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let magic = prop_oneof![
        Just(b"\xff\xd8\xff".to_vec()),
        Just(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec()),
        Just(b"GIF89a".to_vec()),
        Just(b"BM".to_vec()),
        Just(b"RIFF\0\0\0\0WEBPVP8X".to_vec()),
        Just(b"RIFF\0\0\0\0WEBPVP8L".to_vec()),
        Just(b"RIFF\0\0\0\0WEBPVP8 ".to_vec()),
    ];
    (magic, proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(magic, rest)| [magic, rest].concat())
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(bytes in any_header()) {
        if let Ok(header) = Header::read(&bytes) {
            prop_assert_eq!(Some(header.format), Format::sniff(&bytes));
            prop_assert!(!header.is_plain || header.size.is_some());
        }
    }
}
