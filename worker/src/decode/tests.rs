use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::*;

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

#[test]
fn sixteen_bits_and_transparency_are_read() {
    let image = gradient(40, 30);
    for image in [
        DynamicImage::ImageRgb16(image.to_rgb16()),
        DynamicImage::ImageRgba8(image.to_rgba8()),
        DynamicImage::ImageLuma8(image.to_luma8()),
    ] {
        let picture = decode(&encode(&image, ImageFormat::Png)).unwrap();
        assert_eq!(picture.info.width, 40);
    }
}
