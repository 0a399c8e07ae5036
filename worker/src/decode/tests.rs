use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::header::Format;
use super::*;
use crate::fetch::tests::corpora;

mod mutated;

const FRAME: Size = Size {
    width: 64,
    height: 48,
};

fn decode(bytes: &[u8]) -> Result<Picture, Failure> {
    Decoder::new(FramePool::new(FRAME)).unwrap().decode(bytes)
}

fn reason(bytes: &[u8]) -> Reason {
    decode(bytes)
        .map(|picture| picture.info)
        .expect_err("should be refused")
        .reason
}

fn gradient(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90])
    })
    .into()
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg_with_exif_orientation(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let jpeg = encode(image, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A PNG whose header promises `width` × `height` pixels and whose data is nearly nothing.
fn png_that_promises(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(&gradient(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&crc);
    bytes
}

/// A JPEG whose frame header promises other dimensions.
fn jpeg_that_promises(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = encode(&gradient(16, 16), ImageFormat::Jpeg);
    let frame_header = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    bytes[frame_header + 5..frame_header + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame_header + 7..frame_header + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn every_format_gives_the_same_picture() {
    let image = gradient(320, 120);
    let reference = decode(&encode(&image, ImageFormat::Png)).unwrap();
    assert_eq!(reference.frame.content, Size::new(64, 24));
    for (format, name, tolerance) in [
        (ImageFormat::Jpeg, "jpeg", 12),
        (ImageFormat::Png, "png", 0),
        (ImageFormat::WebP, "webp", 0),
        (ImageFormat::Bmp, "bmp", 0),
        (ImageFormat::Gif, "gif", 60),
    ] {
        let bytes = encode(&image, format);
        let picture = decode(&bytes).unwrap();
        assert_eq!(picture.info.format, name);
        assert_eq!((picture.info.width, picture.info.height), (320, 120));
        assert_eq!(picture.info.bytes, bytes.len() as u64);
        let pairs = picture.frame.pixels().iter().zip(reference.frame.pixels());
        let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= tolerance, "{name} differs by {worst}");
    }
}

#[test]
fn bombs_are_refused_from_their_header() {
    let cases: [(&str, Vec<u8>, Reason); 6] = [
        (
            "a PNG of 2.5 gigapixels",
            png_that_promises(50_000, 50_000),
            Reason::TooLarge,
        ),
        (
            "a PNG of 60 megapixels",
            png_that_promises(10_000, 6_000),
            Reason::TooLarge,
        ),
        (
            "a PNG side of 17,000",
            png_that_promises(17_000, 10),
            Reason::TooLarge,
        ),
        (
            "a PNG of many pixels per byte",
            png_that_promises(3_000, 3_000),
            Reason::TooLarge,
        ),
        (
            "a JPEG of 4 gigapixels",
            jpeg_that_promises(65_500, 65_500),
            Reason::TooLarge,
        ),
        (
            "a PNG without pixels",
            png_that_promises(0, 10),
            Reason::CorruptImage,
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(reason(&bytes), expected, "{name}");
    }
}

#[test]
fn what_is_no_image_or_half_a_one_is_refused() {
    let jpeg = encode(&gradient(320, 240), ImageFormat::Jpeg);
    let png = encode(&gradient(320, 240), ImageFormat::Png);
    let cases: [(&str, &[u8], Reason); 7] = [
        ("nothing", b"", Reason::UnsupportedFormat),
        (
            "text",
            b"hello, this is no image",
            Reason::UnsupportedFormat,
        ),
        (
            "SVG",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            Reason::UnsupportedFormat,
        ),
        ("half a JPEG", &jpeg[..jpeg.len() / 2], Reason::CorruptImage),
        ("half a PNG", &png[..png.len() / 2], Reason::CorruptImage),
        ("a JPEG's start", &jpeg[..4], Reason::CorruptImage),
        ("a BMP's name", b"BM", Reason::CorruptImage),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(reason(bytes), expected, "{name}");
    }
}

#[test]
fn a_broken_jpeg_does_not_spoil_the_next() {
    let good = encode(&gradient(320, 240), ImageFormat::Jpeg);
    let mut noisy = good[..180].to_vec();
    noisy.extend((0u32..4_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8));
    let mut decoder = Decoder::new(FramePool::new(FRAME)).unwrap();
    // Whether the noise is an error or grey is libjpeg's to say.
    drop(decoder.decode(&noisy));
    decoder.decode(&good).unwrap();
}

#[test]
fn exif_orientation_is_applied() {
    let mut image = RgbImage::new(160, 80);
    for (x, _, pixel) in image.enumerate_pixels_mut() {
        *pixel = image::Rgb(if x < 80 { [250, 0, 0] } else { [0, 0, 250] });
    }
    let turned = decode(&jpeg_with_exif_orientation(&image.into(), 6)).unwrap();
    assert_eq!((turned.info.width, turned.info.height), (80, 160));
    assert_eq!(turned.frame.content, Size::new(24, 48));
    let pixel = |x: usize, y: usize| &turned.frame.pixels()[(y * 64 + x) * 3..][..3];
    assert!(pixel(12, 5)[0] > 200, "left became top");
    assert!(pixel(12, 42)[2] > 200, "right became bottom");
}

#[test]
fn a_jpeg_of_the_frames_size_is_decoded_in_place() {
    let exact = decode(&encode(&gradient(64, 48), ImageFormat::Jpeg)).unwrap();
    let double = decode(&encode(&gradient(128, 96), ImageFormat::Jpeg)).unwrap();
    assert_eq!(exact.frame.content, FRAME);
    let pairs = exact.frame.pixels().iter().zip(double.frame.pixels());
    let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst < 24, "differs by {worst}");
}

fn worst(a: &Picture, b: &Picture) -> u8 {
    let pairs = a.frame.pixels().iter().zip(b.frame.pixels());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn sixteen_bits_and_transparency_give_the_same_pixels() {
    let image = gradient(40, 30);
    let reference = decode(&encode(&image, ImageFormat::Png)).unwrap();
    for (name, image) in [
        ("RGB16", DynamicImage::ImageRgb16(image.to_rgb16())),
        ("RGBA8", DynamicImage::ImageRgba8(image.to_rgba8())),
        ("RGBA16", DynamicImage::ImageRgba16(image.to_rgba16())),
    ] {
        let picture = decode(&encode(&image, ImageFormat::Png)).unwrap();
        assert_eq!(worst(&picture, &reference), 0, "{name}");
    }
    let grey = decode(&encode(&image.to_luma8().into(), ImageFormat::Png)).unwrap();
    let deep = decode(&encode(&image.to_luma16().into(), ImageFormat::Png)).unwrap();
    assert!(worst(&grey, &deep) <= 1, "L8 and L16");
}

#[test]
fn four_colours_become_three() {
    let (width, height) = (64, 48);
    // No cyan, half magenta, full yellow, no black: inverted, as Adobe's files and this library have them.
    let pixels = [255, 128, 0, 255].repeat(width * height);
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 4,
        height,
        format: turbojpeg::PixelFormat::CMYK,
    };
    let jpeg = turbojpeg::compress(image, 95, turbojpeg::Subsamp::None).unwrap();
    let jpeg = jpeg.to_vec();
    assert!(jpeg_header::read(&jpeg).is_adobe);
    let near = |picture: &Picture, expected: [u8; 3]| {
        let pixel = &picture.frame.pixels()[..3];
        let is_near = pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 8);
        assert!(is_near, "{pixel:?} is not {expected:?}");
    };
    near(&decode(&jpeg).unwrap(), [255, 128, 0]);
    // Without Adobe's segment the same numbers are amounts of ink. (YCCK needs the segment: it says so there.)
    let at = jpeg.windows(5).position(|five| five == b"Adobe").unwrap();
    let mut plain = jpeg.clone();
    plain[at..at + 5].copy_from_slice(b"Other");
    near(&decode(&plain).unwrap(), [0, 0, 0]);
}

/// A GIF of a red frame, then a blue one.
fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for colour in [[250, 0, 0, 255], [0, 0, 250, 255]] {
        let frame = image::RgbaImage::from_pixel(64, 48, image::Rgba(colour));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    bytes
}

#[test]
fn of_an_animation_the_first_frame_is_decoded() {
    let picture = decode(&animation()).unwrap();
    let pixel = &picture.frame.pixels()[..3];
    assert!(pixel[0] > 200 && pixel[2] < 50, "{pixel:?}");
}

#[test]
fn a_child_and_this_process_decode_alike() {
    let image = gradient(200, 120);
    let mut here = Decoder::new(FramePool::new(FRAME)).unwrap();
    let pool = FramePool::new(FRAME);
    let counts = DecodeCounts::default();
    let mut apart = Decoder::isolating(pool, Isolation::All, counts.clone()).unwrap();
    for (number, bytes) in [
        encode(&image, ImageFormat::Jpeg),
        encode(&image, ImageFormat::Png),
        jpeg_with_exif_orientation(&image, 6),
        png_that_promises(3_000, 3_000),
        b"BM".to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        let (here, apart) = (here.decode(&bytes), apart.decode(&bytes));
        match (here, apart) {
            (Ok(here), Ok(apart)) => {
                assert_eq!(here.info, apart.info, "{number}");
                assert_eq!(here.frame.content, apart.frame.content, "{number}");
                assert_eq!(worst(&here, &apart), 0, "{number}");
            }
            (Err(here), Err(apart)) => assert_eq!(here, apart, "{number}"),
            (here, apart) => panic!("{number}: {} here, {} apart", here.is_ok(), apart.is_ok()),
        }
    }
    assert_eq!(counts.isolated.get(), 4, "a bomb is refused before");
}

#[test]
fn what_is_plain_stays_here_and_everything_else_does_not() {
    let image = gradient(64, 48);
    let is_plain = |bytes: &[u8]| Header::read(bytes).unwrap().is_plain;
    let jpeg = encode(&image, ImageFormat::Jpeg);
    let png = encode(&image, ImageFormat::Png);
    assert!(is_plain(&jpeg) && is_plain(&png));
    assert!(is_plain(&jpeg_with_exif_orientation(&image, 6)));
    for format in [ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp] {
        assert!(!is_plain(&encode(&image, format)), "{format:?}");
    }
    let at = |marker: u8| {
        let mut pairs = jpeg.windows(2);
        pairs.position(|pair| pair == [0xff, marker]).unwrap()
    };
    let with = |at: usize, byte: u8| {
        let mut bytes = jpeg.clone();
        bytes[at] = byte;
        bytes
    };
    let (frame, table, scan) = (at(0xc0), at(0xc4), at(0xda));
    for (name, bytes) in [
        ("progressive", with(frame + 1, 0xc2)),
        ("lossless", with(frame + 1, 0xc3)),
        ("arithmetic", with(frame + 1, 0xc9)),
        ("of 12 bits", with(frame + 4, 12)),
        ("of two components", with(frame + 9, 2)),
        ("sampled three to one", with(frame + 11, 0x31)),
        (
            "of a quantization table that is not there",
            with(frame + 12, 3),
        ),
        ("of codes that overlap", with(table + 5, 3)),
        ("of a symbol that cannot be", with(table + 21, 99)),
        ("of a part of the coefficients", with(scan + 12, 5)),
        ("of a Huffman table that is not there", with(scan + 6, 0x33)),
        ("cut before its scan", jpeg[..scan].to_vec()),
    ] {
        assert!(!is_plain(&bytes), "a JPEG {name}");
    }
    let mut interlaced = png.clone();
    interlaced[28] = 1;
    assert!(!is_plain(&interlaced));
    assert!(!is_plain(&png_that_promises(2_100, 2_000)), "a large PNG");
}

/// A PNG with a chunk before its pixels.
fn png_with(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let png = encode(&gradient(40, 30), ImageFormat::Png);
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    let crc = crc32(&chunk[4..]).to_be_bytes();
    chunk.extend(crc);
    [&png[..33], &chunk, &png[33..]].concat()
}

#[test]
fn profiles_and_texts_are_bounded_and_never_unpacked() {
    let junk = |bytes: usize| vec![0x5a; bytes];
    // Whatever is in them, since nobody reads them.
    for (kind, data) in [
        (b"iCCP", junk(300_000)),
        (b"zTXt", junk(5)),
        (b"iTXt", junk(99)),
    ] {
        decode(&png_with(kind, &data)).unwrap();
    }
    let jpeg = encode(&gradient(40, 30), ImageFormat::Jpeg);
    // Segments of one kind, numbered as the parts of a profile are.
    let with = |marker: u8, start: &[u8], count: u8| {
        let mut bytes = jpeg[..2].to_vec();
        for number in 1..=count {
            let mut segment = vec![0xff, marker, 0xff, 0xff];
            segment.extend(start);
            segment.extend([number, count]);
            segment.resize(2 + 0xffff, 0);
            bytes.extend(segment);
        }
        bytes.extend(&jpeg[2..]);
        bytes
    };
    decode(&with(0xe2, b"ICC_PROFILE\0", 8)).unwrap();
    decode(&with(0xe1, b"http", 100)).unwrap();
    for (name, bytes) in [
        ("a PNG's profile", png_with(b"iCCP", &junk(5 << 20))),
        ("a PNG's text", png_with(b"tEXt", &junk(9 << 20))),
        ("a JPEG's profile", with(0xe2, b"ICC_PROFILE\0", 80)),
        ("a JPEG's other segments", with(0xe1, b"http", 140)),
    ] {
        assert_eq!(reason(&bytes), Reason::TooLarge, "{name}");
    }
}

#[test]
fn headers_are_read_as_the_decoders_read_them() {
    for format in [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ] {
        let header = Header::read(&encode(&gradient(321, 123), format)).unwrap();
        assert_eq!(header.size, Some(Size::new(321, 123)), "{format:?}");
    }
}
