//! Flat shapes in layers: what every face, logo and object is made of.

use tiny_skia::{
    Color, FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Shader, Stroke, Transform,
};

use crate::dice::Dice;

/// A colour without transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ink(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// Filled paths, drawn in order; coordinates grow to the right and down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketch {
    parts: Vec<(Path, Ink)>,
}

// === impl Ink ===

impl Ink {
    pub(crate) const WHITE: Self = Self(250, 250, 250);
    pub(crate) const BLACK: Self = Self(25, 25, 30);

    /// Any colour at all.
    pub(crate) fn any(dice: &mut Dice) -> Self {
        Self(dice.byte(), dice.byte(), dice.byte())
    }

    /// Moves each channel by at most `amount`.
    pub(crate) fn jitter(self, dice: &mut Dice, amount: f32) -> Self {
        let mut shift = |channel: u8| (f32::from(channel) + dice.range(-amount, amount)) as u8;
        Self(shift(self.0), shift(self.1), shift(self.2))
    }

    /// `share` of `other` in this.
    pub(crate) fn mix(self, other: Self, share: f32) -> Self {
        let blend = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share) as u8;
        Self(
            blend(self.0, other.0),
            blend(self.1, other.1),
            blend(self.2, other.2),
        )
    }

    pub(crate) fn color(self, alpha: f32) -> Color {
        let mut color = Color::from_rgba8(self.0, self.1, self.2, 255);
        color.set_alpha(alpha.clamp(0.0, 1.0));
        color
    }

    pub(crate) fn paint<'a>(self, alpha: f32) -> Paint<'a> {
        Paint {
            shader: Shader::SolidColor(self.color(alpha)),
            anti_alias: true,
            ..Paint::default()
        }
    }
}

// === impl Sketch ===

impl Sketch {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn with(mut self, path: Option<Path>, ink: Ink) -> Self {
        // A path is missing only when it has no extent: then there is nothing to draw.
        if let Some(path) = path {
            self.parts.push((path, ink));
        }
        self
    }

    pub(crate) fn disc(self, x: f32, y: f32, radius: f32, ink: Ink) -> Self {
        self.with(PathBuilder::from_circle(x, y, radius), ink)
    }

    pub(crate) fn oval(self, x: f32, y: f32, radius_x: f32, radius_y: f32, ink: Ink) -> Self {
        let around = Rect::from_ltrb(x - radius_x, y - radius_y, x + radius_x, y + radius_y);
        self.with(around.and_then(PathBuilder::from_oval), ink)
    }

    /// A circle's line; `radius` is that of the line's middle.
    pub(crate) fn ring(self, x: f32, y: f32, radius: f32, thick: f32, ink: Ink) -> Self {
        let outline = PathBuilder::from_circle(x, y, radius).and_then(|path| stroke(&path, thick));
        self.with(outline, ink)
    }

    pub(crate) fn rect(self, left: f32, top: f32, width: f32, height: f32, ink: Ink) -> Self {
        let rect = Rect::from_xywh(left, top, width, height);
        self.with(rect.map(PathBuilder::from_rect), ink)
    }

    pub(crate) fn polygon(self, corners: &[(f32, f32)], ink: Ink) -> Self {
        self.with(path(corners, true), ink)
    }

    pub(crate) fn line(self, points: &[(f32, f32)], thick: f32, ink: Ink) -> Self {
        let outline = path(points, false).and_then(|path| stroke(&path, thick));
        self.with(outline, ink)
    }

    /// Part of a circle's line between two angles in degrees, 0 to the right, 90 down.
    pub(crate) fn arc(
        self,
        center: (f32, f32),
        radius: f32,
        degrees: (f32, f32),
        thick: f32,
        ink: Ink,
    ) -> Self {
        self.line(&arc(center, radius, radius, degrees), thick, ink)
    }

    /// A regular polygon, its first corner straight up.
    pub(crate) fn regular(self, corners: usize, radius: f32, ink: Ink) -> Self {
        self.polygon(&regular(corners, radius), ink)
    }

    /// The parts of `other` on top of this.
    pub(crate) fn over(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }

    /// The box around everything once transformed; nothing if the sketch is empty.
    pub(crate) fn bounds(&self, transform: Transform) -> Option<Rect> {
        self.parts
            .iter()
            .filter_map(|(path, _)| path.clone().transform(transform)?.compute_tight_bounds())
            .reduce(|a, b| {
                Rect::from_ltrb(
                    a.left().min(b.left()),
                    a.top().min(b.top()),
                    a.right().max(b.right()),
                    a.bottom().max(b.bottom()),
                )
                .unwrap_or(a)
            })
    }

    pub(crate) fn paint(&self, pixmap: &mut Pixmap, transform: Transform, alpha: f32) {
        for (path, ink) in &self.parts {
            pixmap.fill_path(path, &ink.paint(alpha), FillRule::Winding, transform, None);
        }
    }
}

/// Corners of a regular polygon around 0, 0.
pub(crate) fn regular(corners: usize, radius: f32) -> Vec<(f32, f32)> {
    (0..corners)
        .map(|i| {
            let angle = (360.0 * i as f32 / corners as f32 - 90.0).to_radians();
            (radius * angle.cos(), radius * angle.sin())
        })
        .collect()
}

/// Points along an ellipse between two angles in degrees.
pub(crate) fn arc(
    center: (f32, f32),
    radius_x: f32,
    radius_y: f32,
    degrees: (f32, f32),
) -> Vec<(f32, f32)> {
    const STEPS: usize = 16;
    (0..=STEPS)
        .map(|i| {
            let share = i as f32 / STEPS as f32;
            let angle = (degrees.0 + (degrees.1 - degrees.0) * share).to_radians();
            (
                center.0 + radius_x * angle.cos(),
                center.1 + radius_y * angle.sin(),
            )
        })
        .collect()
}

fn path(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

fn stroke(path: &Path, thick: f32) -> Option<Path> {
    // Shapes are built about one unit wide and then enlarged: curves need the finer steps.
    const RESOLUTION: f32 = 200.0;
    path.stroke(
        &Stroke {
            width: thick,
            ..Stroke::default()
        },
        RESOLUTION,
    )
}
