//! Frames out of what ffmpeg writes: parts of `mpjpeg`, each with its length before it.
//!
//! ```text
//! --ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 3\r\n\r\n···\r\n
//! ```

use std::io::{BufRead, Error, ErrorKind, Read as _, Result};

/// Longest line between frames.
const LINE_BYTES_MAX: u64 = 256;
/// Most lines between two frames.
const LINES_MAX: usize = 8;
/// Longest frame that is read at all: one that is longer than a job may be, and no more than memory has room for.
const FRAME_BYTES_MAX: usize = 8 << 20;

/// The next frame; none at the end.
///
/// # Errors
/// When what comes is no frame, or too long for one.
pub(super) fn next(from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut length = None;
    for _ in 0..LINES_MAX {
        let Some(line) = line(from)? else {
            return match length {
                None => Ok(None),
                Some(_) => Err(ErrorKind::UnexpectedEof.into()),
            };
        };
        let value = line.to_ascii_lowercase();
        if let Some(value) = value.strip_prefix("content-length:") {
            length = Some(value.trim().parse::<usize>().map_err(Error::other)?);
        } else if line.is_empty()
            && let Some(length) = length
        {
            return frame(from, length).map(Some);
        }
    }
    Err(Error::other("no frame where one should be"))
}

fn frame(from: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    if length > FRAME_BYTES_MAX {
        return Err(Error::other("a frame is too long"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

/// The next line without its end; none at the end of all.
pub(super) fn line(from: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let read = from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(Error::other("a line is too long"));
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.trim_end_matches('\r').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        while let Some(frame) = next(&mut bytes)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn part(body: &[u8], length: &str) -> Vec<u8> {
        let head =
            format!("--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: {length}\r\n\r\n");
        [head.as_bytes(), body, b"\r\n"].concat()
    }

    #[test]
    fn frames_are_read_one_by_one() {
        let two = [part(b"abc", "3"), part(b"\r\n\r\n", "4")].concat();
        assert_eq!(all(&two).unwrap(), [b"abc".to_vec(), b"\r\n\r\n".to_vec()]);
        assert_eq!(all(b"").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_is_no_frame_is_not_believed() {
        for bytes in [
            part(b"abc", "30"),
            part(b"abc", "99999999999"),
            part(b"abc", "-1"),
            part(b"abc", "x"),
            vec![b'a'; 1_000],
            b"\n".repeat(50),
            b"Content-length: 5\r\n".to_vec(),
        ] {
            assert!(
                all(&bytes).is_err(),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}
