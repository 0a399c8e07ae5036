//! The segments of a JPEG before its first pixel, judged without libjpeg.
//!
//! What is plain reaches libjpeg-turbo inside this process, so this reader is strict: every table that the library
//! would build is checked here first, in safe code, and whatever is rare counts as not plain.

use super::header::u16_be;
use crate::frame::Size;

/// What the segments say.
#[derive(Debug, Default)]
pub(super) struct JpegHeader {
    pub(super) size: Option<Size>,
    /// One sequential Huffman-coded scan of 8 bits, one or three components, whose tables are sound.
    pub(super) is_plain: bool,
    /// Bytes of application segments and comments.
    pub(super) metadata_bytes: usize,
    pub(super) profile_bytes: usize,
    /// Whether Adobe's segment is there, whose four colours are stored inverted.
    pub(super) is_adobe: bool,
}

/// A component of the frame.
struct Component {
    id: u8,
    quantization: u8,
}

/// What a plain scan must find defined.
#[derive(Default)]
struct Tables {
    components: Vec<Component>,
    quantizations: [bool; 4],
    /// Of direct and of alternating coefficients.
    huffmans: [[bool; 4]; 2],
    /// Whether something was seen that plain files do not have.
    is_odd: bool,
}

/// Most segments that are looked at: a photo has some twenty, or a hundred with a large profile.
const SEGMENTS_MAX: usize = 2_048;

/// Reads the segments up to the first scan.
pub(super) fn read(bytes: &[u8]) -> JpegHeader {
    let mut header = JpegHeader::default();
    let mut tables = Tables::default();
    let mut at = 2;
    for _ in 0..SEGMENTS_MAX {
        let Some((kind, segment, next)) = segment(bytes, at) else {
            return header;
        };
        at = next;
        match kind {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                tables.is_odd |= header.size.is_some() || !matches!(kind, 0xc0 | 0xc1);
                tables.frame(segment);
                header.size = size(segment);
            }
            0xc4 => tables.huffman(segment),
            0xdb => tables.quantization(segment),
            0xdd => tables.is_odd |= segment.len() != 2,
            0xda => {
                header.is_plain = header.size.is_some() && tables.suit(segment);
                return header;
            }
            0xe0..=0xef | 0xfe => {
                header.metadata_bytes += segment.len();
                if kind == 0xe2 && segment.starts_with(b"ICC_PROFILE\0") {
                    header.profile_bytes += segment.len();
                }
                header.is_adobe |= kind == 0xee && segment.starts_with(b"Adobe");
            }
            _ => tables.is_odd = true,
        }
    }
    header
}

/// Kind and content of the segment at `at`, and where the next one is; none if it is not whole.
pub(super) fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    if *bytes.get(at)? != 0xff {
        return None;
    }
    // Any number of fill bytes may stand before a marker.
    while *bytes.get(at + 1)? == 0xff {
        at += 1;
    }
    let kind = bytes[at + 1];
    let length = usize::from(u16_be(bytes, at + 2)?);
    let segment = bytes.get(at + 4..at + 2 + length)?;
    Some((kind, segment, at + 2 + length))
}

fn size(frame: &[u8]) -> Option<Size> {
    let (height, width) = (u16_be(frame, 1)?, u16_be(frame, 3)?);
    Some(Size::new(width.into(), height.into()))
}

// === impl Tables ===

impl Tables {
    fn frame(&mut self, frame: &[u8]) {
        let (precision, components) = (frame.first(), frame.get(6..).unwrap_or_default());
        let count = frame.get(5).copied().map(usize::from);
        let is_usual = precision == Some(&8)
            && matches!(count, Some(1 | 3))
            && count.is_some_and(|count| components.len() == count * 3);
        self.is_odd |= !is_usual;
        self.components = components
            .chunks_exact(3)
            .map(|component| {
                let sampling = (component[1] >> 4, component[1] & 15);
                self.is_odd |= !matches!(sampling, (1 | 2, 1 | 2)) || component[2] > 3;
                Component {
                    id: component[0],
                    quantization: component[2] & 3,
                }
            })
            .collect();
        // Colour that is finer than brightness is legal and takes other paths through the library.
        let mut samplings = components.chunks_exact(3).map(|component| component[1]);
        if samplings.len() == 3 {
            samplings.next();
            self.is_odd |= samplings.any(|sampling| sampling != 0x11);
        }
    }

    fn quantization(&mut self, mut tables: &[u8]) {
        while let Some((kind, rest)) = tables.split_first() {
            // Eight bits a value; the rare sixteen are odd.
            let is_usual = kind >> 4 == 0 && *kind < 4 && rest.len() >= 64;
            if !is_usual || rest[..64].contains(&0) {
                self.is_odd = true;
                return;
            }
            self.quantizations[usize::from(*kind)] = true;
            tables = &rest[64..];
        }
    }

    fn huffman(&mut self, mut tables: &[u8]) {
        while let Some((kind, rest)) = tables.split_first() {
            let (class, id) = (usize::from(kind >> 4), usize::from(kind & 15));
            let counts = rest.first_chunk::<16>();
            let symbols = counts.and_then(|counts| {
                let count: usize = counts.iter().map(|count| usize::from(*count)).sum();
                rest.get(16..16 + count)
            });
            let is_sound = class < 2
                && id < 4
                && counts.is_some_and(is_prefix_code)
                && symbols.is_some_and(|symbols| are_symbols(symbols, class));
            let Some(symbols) = symbols.filter(|_| is_sound) else {
                self.is_odd = true;
                return;
            };
            self.huffmans[class][id] = true;
            tables = &rest[16 + symbols.len()..];
        }
    }

    /// Whether a scan of all components can be decoded with what was defined, and nothing was odd.
    fn suit(&self, scan: &[u8]) -> bool {
        let count = self.components.len();
        let is_whole = scan.len() == 4 + count * 2
            && usize::from(scan[0]) == count
            && scan[1 + count * 2..] == [0, 63, 0];
        if self.is_odd || count == 0 || !is_whole {
            return false;
        }
        let parts = scan[1..].chunks_exact(2);
        self.components.iter().zip(parts).all(|(component, part)| {
            let (direct, alternating) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            part[0] == component.id
                && self.quantizations[usize::from(component.quantization)]
                && self.huffmans[0].get(direct) == Some(&true)
                && self.huffmans[1].get(alternating) == Some(&true)
        })
    }
}

/// Whether as many codes of each length exist as are counted.
fn is_prefix_code(counts: &[u8; 16]) -> bool {
    let mut free = 1_i32;
    let mut total = 0_usize;
    for count in counts {
        free = free * 2 - i32::from(*count);
        total += usize::from(*count);
        if free < 0 {
            return false;
        }
    }
    (1..=256).contains(&total)
}

/// Direct coefficients have up to 11 bits in files of 8 bits; alternating ones up to 10, after up to 15 zeros.
fn are_symbols(symbols: &[u8], class: usize) -> bool {
    symbols.iter().all(|symbol| match class {
        0 => *symbol <= 11,
        _ => symbol & 15 <= 10,
    })
}
