//! What places are painted with: bands, ridges, hills, specks and blotches.

use std::f32::consts::TAU;

use tiny_skia::{
    FillRule, FilterQuality, GradientStop, LinearGradient, Paint, PathBuilder, Pixmap, PixmapPaint,
    Point, PremultipliedColorU8, Rect, SpreadMode, Transform,
};

use crate::dice::Dice;
use crate::sketch::{Ink, Sketch};

/// An image in the making; `tilt` turns the place, with enough drawn beyond the edges.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) pixmap: &'a mut Pixmap,
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) tilt: Transform,
}

// === impl Stage ===

impl Stage<'_> {
    /// Fills from `top` to `bottom`, in 0..1 of the height, with a gradient downwards.
    pub(crate) fn band(&mut self, top: f32, bottom: f32, from: Ink, to: Ink) {
        let (top, bottom) = (top * self.height, bottom * self.height + 1.0);
        let shader = LinearGradient::new(
            Point::from_xy(0.0, top),
            Point::from_xy(0.0, bottom),
            vec![
                GradientStop::new(0.0, from.color(1.0)),
                GradientStop::new(1.0, to.color(1.0)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        let (Some(shader), Some(rect)) = (shader, Rect::from_ltrb(0.0, top, self.width, bottom))
        else {
            return;
        };
        let paint = Paint {
            shader,
            anti_alias: true,
            ..Paint::default()
        };
        self.pixmap.fill_rect(rect, &paint, self.tilt, None);
    }

    /// A rough line at `level` of the height, filled down to the lower edge.
    pub(crate) fn ridge(
        &mut self,
        level: f32,
        rough: f32,
        steps: usize,
        ink: Ink,
        dice: &mut Dice,
    ) -> Vec<(f32, f32)> {
        let (width, height) = (self.width, self.height);
        let points: Vec<_> = (0..=steps)
            .map(|i| {
                (
                    width * i as f32 / steps as f32,
                    height * (level + dice.range(-rough, rough)),
                )
            })
            .collect();
        let mut corners = points.clone();
        corners.extend([(width, height), (0.0, height)]);
        self.put(&Sketch::new().polygon(&corners, ink), 1.0);
        points
    }

    /// A smooth line, as of dunes, filled down to the lower edge.
    pub(crate) fn hills(&mut self, level: f32, swing: f32, ink: Ink, dice: &mut Dice) {
        let (phase, waves) = (dice.range(0.0, TAU), dice.range(1.0, 3.0));
        let mut builder = PathBuilder::new();
        builder.move_to(0.0, self.height);
        for i in 0..=40 {
            let x = i as f32 / 40.0;
            builder.line_to(
                x * self.width,
                self.height * (level + swing * (x * waves * TAU + phase).sin()),
            );
        }
        builder.line_to(self.width, self.height);
        builder.close();
        if let Some(path) = builder.finish() {
            self.pixmap
                .fill_path(&path, &ink.paint(1.0), FillRule::Winding, self.tilt, None);
        }
    }

    pub(crate) fn put(&mut self, sketch: &Sketch, alpha: f32) {
        sketch.paint(self.pixmap, self.tilt, alpha);
    }

    /// Small discs between two heights.
    pub(crate) fn specks(
        &mut self,
        count: usize,
        between: (f32, f32),
        radius: (f32, f32),
        ink: Ink,
        dice: &mut Dice,
    ) {
        let unit = self.height / 480.0;
        let sketch = (0..count).fold(Sketch::new(), |sketch, _| {
            let (x, y) = (
                dice.unit() * self.width,
                dice.range(between.0, between.1) * self.height,
            );
            sketch.disc(
                x,
                y,
                dice.range(radius.0, radius.1) * unit,
                ink.jitter(dice, 20.0),
            )
        });
        self.put(&sketch, 0.8);
    }

    pub(crate) fn sun(&mut self, ink: Ink, dice: &mut Dice) {
        let radius = dice.range(0.04, 0.09) * self.height;
        let (x, y) = (
            dice.unit() * self.width,
            dice.range(0.05, 0.25) * self.height,
        );
        self.put(&Sketch::new().disc(x, y, radius * 1.5, ink), 0.3);
        self.put(&Sketch::new().disc(x, y, radius, ink), 0.9);
    }

    pub(crate) fn clouds(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(4) {
            let (x, y) = (
                dice.unit() * self.width,
                dice.range(0.02, 0.28) * self.height,
            );
            let size = dice.range(0.03, 0.07) * self.height;
            let cloud = (0..5).fold(Sketch::new(), |sketch, i| {
                let up = dice.range(-0.5, 0.5) * size;
                sketch.disc(x + i as f32 * size, y + up, size, Ink::WHITE)
            });
            self.put(&cloud, 0.75);
        }
    }
}

/// Smooth blotches of colour, `cells` across.
pub(crate) fn texture(pixmap: &mut Pixmap, cells: u32, strength: f32, dice: &mut Dice) {
    let rows = (cells * pixmap.height() / pixmap.width()).max(2);
    let Some(mut noise) = Pixmap::new(cells, rows) else {
        return;
    };
    for pixel in noise.pixels_mut() {
        let level = dice.byte();
        let warm = dice.byte() / 6;
        let color = PremultipliedColorU8::from_rgba(
            level,
            level.saturating_sub(warm / 2),
            level.saturating_sub(warm),
            255,
        );
        *pixel = color.unwrap_or(PremultipliedColorU8::TRANSPARENT);
    }
    let paint = PixmapPaint {
        opacity: strength,
        quality: FilterQuality::Bilinear,
        ..PixmapPaint::default()
    };
    let scale = Transform::from_scale(
        pixmap.width() as f32 / (cells - 1) as f32,
        pixmap.height() as f32 / (rows - 1) as f32,
    );
    pixmap.draw_pixmap(0, 0, noise.as_ref(), &paint, scale, None);
}
