//! Which container a file is, by its first bytes alone, in safe code: ffmpeg is told which and guesses nothing.
//!
//! Deliberately absent: playlists, lists of files, pictures in a row, and everything else that names another file.

/// First bytes of a file that are looked at.
pub(super) const HEAD_BYTES: usize = 1_024;
/// Length of a packet of a transport stream, and what each begins with.
const TS_PACKET: usize = 188;
const TS_SYNC: u8 = 0x47;
/// A transport stream of a camera or a disc: each packet has its time before it.
const M2TS_TIME: usize = 4;
/// Packets that have to be in their places.
const TS_PACKETS: usize = 4;

/// What holds the streams of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Mov,
    Matroska,
    MpegTs,
    Mpeg,
    Avi,
    Flv,
    Ogg,
    Asf,
}

// === impl Container ===

impl Container {
    /// The container that begins with `head`; none where it is none of ours.
    pub(super) fn sniff(head: &[u8]) -> Option<Self> {
        let at = |offset: usize, magic: &[u8]| {
            head.get(offset..).is_some_and(|it| it.starts_with(magic))
        };
        let boxes: [&[u8]; 6] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"];
        if boxes.iter().any(|name| at(4, name)) {
            return Some(Self::Mov);
        }
        if at(0, b"RIFF") && at(8, b"AVI ") {
            return Some(Self::Avi);
        }
        let magics: [(&[u8], Self); 5] = [
            (b"\x1a\x45\xdf\xa3", Self::Matroska),
            (b"FLV\x01", Self::Flv),
            (b"OggS", Self::Ogg),
            (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Self::Asf),
            (b"\x00\x00\x01\xba", Self::Mpeg),
        ];
        let found = magics.iter().find(|(magic, _)| at(0, magic));
        found
            .map(|(_, container)| *container)
            .or_else(|| is_transport_stream(head).then_some(Self::MpegTs))
    }

    /// The name of ffmpeg's demuxer.
    pub(super) fn demuxer(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::Mpeg => "mpeg",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Asf => "asf",
        }
    }

    /// Its name in results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mov => "mov,mp4",
            Self::Matroska => "matroska,webm",
            other => other.demuxer(),
        }
    }

    /// How much earlier than a segment its decoding begins, milliseconds.
    ///
    /// Where the file has an index, the key frame before is found, and so is the frame before the segment, which a change
    /// of scene is judged by. Elsewhere ffmpeg lands on any packet and goes on to the next key frame.
    pub(super) fn lead_ms(self) -> u64 {
        match self {
            Self::Mov | Self::Matroska => 1_000,
            _ => 12_000,
        }
    }
}

fn is_transport_stream(head: &[u8]) -> bool {
    [(0, TS_PACKET), (M2TS_TIME, TS_PACKET + M2TS_TIME)]
        .iter()
        .any(|(first, step)| {
            (0..TS_PACKETS).all(|packet| head.get(first + packet * step) == Some(&TS_SYNC))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_first_bytes() {
        let ts = |first: usize, step: usize| {
            let mut head = vec![0; HEAD_BYTES];
            (0..TS_PACKETS).for_each(|packet| head[first + packet * step] = TS_SYNC);
            head
        };
        let cases: [(&[u8], Option<Container>); 14] = [
            (b"\0\0\0\x20ftypisom", Some(Container::Mov)),
            (b"\0\0\0\x08wide", Some(Container::Mov)),
            (b"\x1a\x45\xdf\xa3\x01", Some(Container::Matroska)),
            (b"RIFF....AVI LIST", Some(Container::Avi)),
            (b"RIFF....WAVEfmt ", None),
            (b"FLV\x01\x05", Some(Container::Flv)),
            (b"\0\0\x01\xba", Some(Container::Mpeg)),
            (&ts(0, 188), Some(Container::MpegTs)),
            (&ts(4, 192), Some(Container::MpegTs)),
            (b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/a.ts", None),
            (b"ffconcat version 1.0\nfile /etc/passwd", None),
            (b"\xff\xd8\xff\xe0", None),
            (b"GGGG", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(Container::sniff(head), expected, "{head:?}");
        }
    }
}
