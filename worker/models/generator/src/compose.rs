//! One image: a place, things in it, shapes that mean nothing, faces, logos, and the camera.
//!
//! Faces and logos are drawn last and apart from each other, so each listed one is seen whole.

use image::RgbImage;
use tiny_skia::{Pixmap, Rect, Transform};

use crate::dice::{Dice, Purpose};
use crate::faces::{self, AGES, Attributes, ETHNICITIES, GENDERS};
use crate::logos::{self, BRANDS};
use crate::objects::{self, OBJECTS};
use crate::scenes::{self, SCENES};
use crate::sketch::{Ink, Sketch};
use crate::truth::{Bounds, FaceTruth, LogoTruth, ObjectTruth, Truth};
use crate::{LABELS, effects};

/// What kind of images to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// From 320x240 to 1024x768, mostly lying, with up to three faces and three logos.
    #[default]
    Mixed,
    /// At most 320 px wide and high, without grain: a JPEG of quality 70 stays under 20 kB,
    /// small enough to travel inside a job.
    Small,
}

/// An image and what is on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub pixels: RgbImage,
    pub truth: Truth,
}

/// Sizes are in px of an image that fits 640x480; nothing is drawn smaller than this in its own px.
const FACE_SIDE_MIN_PX: f32 = 18.0;
const LOGO_SIDE_MIN_PX: f32 = 15.0;
/// Share of a thing that later ones may hide.
const HIDDEN_MAX: f32 = 0.25;
/// A place for something is sought this often before it is left out.
const PLACE_TRIES: usize = 40;

/// The image in the making.
struct Sheet {
    pixmap: Pixmap,
    /// Own px for one px of the image that fits 640x480.
    unit: f32,
    /// Taken by objects, which may be hidden a little.
    things: Vec<Rect>,
    /// Taken by faces and logos, which may not.
    kept: Vec<Rect>,
}

/// Draws image `index` of `seed`; the same three arguments give the same image.
#[must_use]
pub fn draw(style: Style, seed: u64, index: u64) -> Drawn {
    let mut dice = Dice::new(seed, index, Purpose::Drawing);
    let (width, height) = canvas(style, &mut dice);
    let mut sheet = Sheet {
        pixmap: Pixmap::new(width, height).expect("every canvas has an extent"),
        unit: (width as f32 / 640.0).max(height as f32 / 480.0),
        things: Vec::new(),
        kept: Vec::new(),
    };

    let scene = dice.below(SCENES.len());
    let tilt_degrees = if dice.chance(0.3) {
        dice.range(-4.0, 4.0)
    } else {
        0.0
    };
    scenes::scene(scene, &mut sheet.pixmap, tilt_degrees, &mut dice);
    let mut names = vec![SCENES[scene]];
    names.extend(scenes::implied(scene));
    let objects = sheet.objects(&mut dice);
    names.extend(objects.iter().map(|object| object.name.as_str()));
    sheet.distractors(&mut dice);
    let faces = sheet.faces(&mut dice);
    let logos = sheet.logos(&mut dice);
    let labels = LABELS
        .iter()
        .map(|label| label.name)
        .filter(|name| names.contains(name))
        .map(String::from)
        .collect();

    let truth = Truth {
        width,
        height,
        faces,
        logos,
        objects,
        labels,
    };
    Drawn {
        pixels: sheet.develop(style, &mut dice),
        truth,
    }
}

fn canvas(style: Style, dice: &mut Dice) -> (u32, u32) {
    const MIXED: [(u32, u32); 12] = [
        (640, 480),
        (640, 480),
        (640, 480),
        (640, 480),
        (800, 600),
        (1024, 768),
        (480, 360),
        (320, 240),
        (640, 360),
        (480, 640),
        (600, 800),
        (512, 512),
    ];
    const SMALL: [(u32, u32); 4] = [(320, 240), (320, 240), (240, 320), (288, 288)];
    match style {
        Style::Mixed => dice.pick(&MIXED),
        Style::Small => dice.pick(&SMALL),
    }
}

// === impl Sheet ===

impl Sheet {
    fn objects(&mut self, dice: &mut Dice) -> Vec<ObjectTruth> {
        let mut truths = Vec::new();
        for _ in 0..dice.below(5) {
            let which = dice.below(OBJECTS.len());
            let sketch = objects::object(which, dice);
            let side = dice.range(110.0, 230.0) * self.unit;
            let turn = dice.range(-12.0, 12.0);
            if let Some((at, bounds)) = self.place(&sketch, side, turn, dice) {
                sketch.paint(&mut self.pixmap, at, 1.0);
                self.things.push(bounds);
                truths.push(ObjectTruth {
                    bounds: self.share(bounds),
                    name: OBJECTS[which].to_owned(),
                });
            }
        }
        truths
    }

    fn distractors(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(6) {
            let sketch = logos::distractor(dice);
            let side = dice.size(14.0, 80.0) * self.unit;
            let turn = dice.range(-40.0, 40.0);
            if let Some((at, _)) = self.place(&sketch, side, turn, dice) {
                sketch.paint(&mut self.pixmap, at, 1.0);
            }
        }
    }

    fn faces(&mut self, dice: &mut Dice) -> Vec<FaceTruth> {
        let mut truths = Vec::new();
        for _ in 0..dice.pick(&[0, 0, 1, 1, 1, 2, 2, 3]) {
            let who = Attributes::roll(dice);
            let face = faces::face(who, dice);
            let side = (dice.size(25.0, 220.0) * self.unit).max(FACE_SIDE_MIN_PX);
            let turn = dice.range(-18.0, 18.0);
            let Some((at, bounds)) = self.place(&face.oval, side, turn, dice) else {
                continue;
            };
            face.all.paint(&mut self.pixmap, at, 1.0);
            // Hair and shoulders are kept free as well, so that nothing hides the attributes.
            self.kept.push(grown(bounds, 0.25));
            truths.push(FaceTruth {
                bounds: self.share(bounds),
                age: AGES[who.age].to_owned(),
                gender: GENDERS[who.gender].to_owned(),
                ethnicity: ETHNICITIES[who.ethnicity].to_owned(),
            });
        }
        truths
    }

    fn logos(&mut self, dice: &mut Dice) -> Vec<LogoTruth> {
        let mut truths = Vec::new();
        for _ in 0..dice.below(4) {
            let brand = dice.below(BRANDS.len());
            let sketch = logos::sign(brand, dice);
            let side = (dice.size(16.5, 160.0) * self.unit).max(LOGO_SIDE_MIN_PX);
            let turn = dice.range(-25.0, 25.0);
            let Some((at, bounds)) = self.place(&sketch, side, turn, dice) else {
                continue;
            };
            if dice.chance(0.35) {
                plate(dice).paint(&mut self.pixmap, at, 1.0);
            }
            sketch.paint(&mut self.pixmap, at, 1.0);
            self.kept.push(grown(bounds, 0.15));
            truths.push(LogoTruth {
                bounds: self.share(bounds),
                brand: BRANDS[brand].to_owned(),
            });
        }
        truths
    }

    /// Where `sketch` goes so that the longer side of its box is `side` px, and that box.
    /// Nothing if no free place was found.
    fn place(
        &self,
        sketch: &Sketch,
        side: f32,
        turn_degrees: f32,
        dice: &mut Dice,
    ) -> Option<(Transform, Rect)> {
        let turned = Transform::from_rotate(turn_degrees);
        let unit = sketch.bounds(turned)?;
        let scale = side / unit.width().max(unit.height());
        let (wide, tall) = (unit.width() * scale, unit.height() * scale);
        let (free_x, free_y) = (
            self.pixmap.width() as f32 - wide - 2.0,
            self.pixmap.height() as f32 - tall - 2.0,
        );
        if free_x <= 0.0 || free_y <= 0.0 {
            return None;
        }
        (0..PLACE_TRIES).find_map(|_| {
            let (left, top) = (1.0 + dice.unit() * free_x, 1.0 + dice.unit() * free_y);
            let bounds = Rect::from_xywh(left, top, wide, tall)?;
            let hides = |thing: &Rect| {
                overlap(bounds, *thing) > HIDDEN_MAX * thing.width() * thing.height()
            };
            let touches = |kept: &Rect| overlap(bounds, *kept) > 0.0;
            if self.things.iter().any(hides) || self.kept.iter().any(touches) {
                return None;
            }
            let moved =
                Transform::from_translate(left - unit.left() * scale, top - unit.top() * scale);
            Some((moved.pre_scale(scale, scale).pre_concat(turned), bounds))
        })
    }

    fn share(&self, bounds: Rect) -> Bounds {
        let (width, height) = (self.pixmap.width() as f32, self.pixmap.height() as f32);
        Bounds {
            left: bounds.left() / width,
            top: bounds.top() / height,
            width: bounds.width() / width,
            height: bounds.height() / height,
        }
    }

    fn develop(mut self, style: Style, dice: &mut Dice) -> RgbImage {
        if dice.chance(0.5) {
            effects::lighting(&mut self.pixmap, dice);
        }
        let blurred = dice.chance(0.3);
        let sigma_px = if blurred {
            dice.range(0.3, 0.9) * self.unit.min(1.2)
        } else {
            0.0
        };
        if style == Style::Mixed && dice.chance(0.6) {
            let amount = dice.range(4.0, 26.0);
            effects::grain(&mut self.pixmap, amount, dice);
        }
        effects::develop(self.pixmap, sigma_px)
    }
}

/// A board behind a logo, plain or striped.
fn plate(dice: &mut Dice) -> Sketch {
    let ink = Ink::any(dice);
    let board = Sketch::new().rect(-0.62, -0.62, 1.24, 1.24, ink);
    if dice.chance(0.5) {
        return board;
    }
    let stripe = Ink::any(dice).mix(ink, 0.5);
    (0..5).fold(board, |sketch, i| {
        sketch.rect(-0.62 + 0.25 * i as f32, -0.62, 0.12, 1.24, stripe)
    })
}

/// Shared area of two boxes, in square px.
fn overlap(a: Rect, b: Rect) -> f32 {
    let wide = a.right().min(b.right()) - a.left().max(b.left());
    let tall = a.bottom().min(b.bottom()) - a.top().max(b.top());
    wide.max(0.0) * tall.max(0.0)
}

/// `rect` with `share` of its size added on every side.
fn grown(rect: Rect, share: f32) -> Rect {
    let (x, y) = (rect.width() * share, rect.height() * share);
    Rect::from_ltrb(
        rect.left() - x,
        rect.top() - y,
        rect.right() + x,
        rect.bottom() + y,
    )
    .unwrap_or(rect)
}
