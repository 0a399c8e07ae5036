//! What light and a camera add: shading, grain and softness. Loss comes with the encoding.

use std::f32::consts::TAU;

use image::{DynamicImage, RgbImage, RgbaImage};
use tiny_skia::{
    BlendMode, Color, FilterQuality, GradientStop, LinearGradient, Paint, Pattern, Pixmap, Point,
    PremultipliedColorU8, Rect, SpreadMode, Transform,
};

use crate::dice::Dice;

/// Side of the tile of grain that is repeated over the image, in px.
const GRAIN_TILE_PX: u32 = 128;

/// A wash of light from one side and dark on the other.
pub(crate) fn lighting(pixmap: &mut Pixmap, dice: &mut Dice) {
    let (width, height) = (pixmap.width() as f32, pixmap.height() as f32);
    let angle = dice.range(0.0, TAU);
    let reach = width.max(height) * 0.6;
    let (x, y) = (angle.cos() * reach, angle.sin() * reach);
    let dark = Color::from_rgba(0.0, 0.0, 0.05, dice.range(0.0, 0.35));
    let light = Color::from_rgba(1.0, 0.98, 0.9, dice.range(0.0, 0.22));
    let (Some(dark), Some(light)) = (dark, light) else {
        return;
    };
    let shader = LinearGradient::new(
        Point::from_xy(width / 2.0 - x, height / 2.0 - y),
        Point::from_xy(width / 2.0 + x, height / 2.0 + y),
        vec![GradientStop::new(0.0, dark), GradientStop::new(1.0, light)],
        SpreadMode::Pad,
        Transform::identity(),
    );
    if let (Some(shader), Some(rect)) = (shader, Rect::from_xywh(0.0, 0.0, width, height)) {
        let paint = Paint {
            shader,
            ..Paint::default()
        };
        pixmap.fill_rect(rect, &paint, Transform::identity(), None);
    }
}

/// Adds grain of `amount` levels at most, coarser in the middle tones.
pub(crate) fn grain(pixmap: &mut Pixmap, amount: f32, dice: &mut Dice) {
    let Some(mut tile) = Pixmap::new(GRAIN_TILE_PX, GRAIN_TILE_PX) else {
        return;
    };
    for pixel in tile.pixels_mut() {
        // Hard light leaves what lies under middle grey as it is.
        let mut level = || (128.0 + amount * (dice.unit() + dice.unit() - 1.0)) as u8;
        let color = PremultipliedColorU8::from_rgba(level(), level(), level(), 255);
        *pixel = color.unwrap_or(PremultipliedColorU8::TRANSPARENT);
    }
    let everything = Rect::from_xywh(0.0, 0.0, pixmap.width() as f32, pixmap.height() as f32);
    let Some(everything) = everything else { return };
    let paint = Paint {
        shader: Pattern::new(
            tile.as_ref(),
            SpreadMode::Repeat,
            FilterQuality::Nearest,
            1.0,
            Transform::identity(),
        ),
        blend_mode: BlendMode::HardLight,
        ..Paint::default()
    };
    pixmap.fill_rect(everything, &paint, Transform::identity(), None);
}

/// The finished pixels, softened by a blur of `sigma_px`; 0 leaves them sharp.
pub(crate) fn develop(pixmap: Pixmap, sigma_px: f32) -> RgbImage {
    let (width, height) = (pixmap.width(), pixmap.height());
    let rgba = RgbaImage::from_raw(width, height, pixmap.take())
        .expect("a pixmap holds four bytes for each of its pixels");
    // Through `DynamicImage`, not `imageops`: those are generic, and so as slow as the
    // crate that calls them in an unoptimized build.
    let opaque = DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(rgba).into_rgb8());
    if sigma_px <= 0.0 {
        opaque.into_rgb8()
    } else {
        opaque.fast_blur(sigma_px).into_rgb8()
    }
}
