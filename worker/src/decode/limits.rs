//! What an image may cost, judged from its header alone.

use std::sync::{Condvar, Mutex, PoisonError};

use spillway_wire::Reason;

use super::{PIXELS_MAX, SIDE_MAX, failure};
use crate::frame::Size;
use crate::work::Failure;

/// Most pixels for each byte of a file; what no photo reaches, but a bomb does.
const PIXELS_PER_BYTE_MAX: u64 = 1_000;
/// Below this many pixels no image is a bomb.
const PIXELS_HARMLESS: u64 = 2_000_000;
/// Most pixels being decoded at once by all threads together: what bounds their memory.
const PIXELS_AT_ONCE_MAX: u64 = 2 * PIXELS_MAX;

/// Refuses what is too large, from its header alone.
pub(super) fn check_size(size: Size, bytes: usize) -> Result<(), Failure> {
    let Size { width, height } = size;
    if width == 0 || height == 0 {
        return Err(failure(Reason::CorruptImage, "the image has no pixels"));
    }
    if width > SIDE_MAX || height > SIDE_MAX {
        let message = format!("{width} × {height} pixels; a side may have {SIDE_MAX}");
        return Err(failure(Reason::TooLarge, message));
    }
    let pixels = size.pixels();
    if pixels > PIXELS_MAX {
        let message = format!("{pixels} pixels; {PIXELS_MAX} are allowed");
        return Err(failure(Reason::TooLarge, message));
    }
    if pixels > PIXELS_HARMLESS && pixels / (bytes as u64).max(1) > PIXELS_PER_BYTE_MAX {
        let message = format!("{pixels} pixels from {bytes} bytes: a decompression bomb");
        return Err(failure(Reason::TooLarge, message));
    }
    Ok(())
}

/// Pixels of all images that are being decoded now.
static PIXELS_NOW: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// A share of [`PIXELS_AT_ONCE_MAX`], given back when dropped.
pub(super) struct PixelsHeld(u64);

/// Waits until `pixels` more may be decoded.
pub(super) fn hold_pixels(pixels: u64) -> PixelsHeld {
    let (now, freed) = &PIXELS_NOW;
    let held = now.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held = freed
        .wait_while(held, |held| {
            *held > 0 && *held + pixels > PIXELS_AT_ONCE_MAX
        })
        .unwrap_or_else(PoisonError::into_inner);
    *held += pixels;
    PixelsHeld(pixels)
}

impl Drop for PixelsHeld {
    fn drop(&mut self) {
        let (now, freed) = &PIXELS_NOW;
        *now.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        freed.notify_all();
    }
}
