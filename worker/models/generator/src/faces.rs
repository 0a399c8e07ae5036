//! Cartoon faces whose attributes are drawn, not human.
//!
//! The classes of `ethnicity` are made up, as are their hues and cheek marks: they stand in for
//! an attribute with four values, and nothing about real people can be read from them.
//! Age and gender are cartoon conventions (white hair and glasses; a bow or a flat top).

use crate::dice::Dice;
use crate::sketch::{Ink, Sketch, arc};

/// Age bands, in the order of the model's classes.
pub const AGES: [&str; 3] = ["child", "adult", "senior"];
/// In the order of the model's classes.
pub const GENDERS: [&str; 2] = ["female", "male"];
/// Made-up classes, in the order of the model's.
pub const ETHNICITIES: [&str; 4] = ["amber", "teal", "violet", "coral"];

/// Which attributes to draw, as indices into the lists above.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes {
    pub(crate) age: usize,
    pub(crate) gender: usize,
    pub(crate) ethnicity: usize,
}

/// A face about one unit high, and its oval apart: the oval is what the truth bounds.
#[derive(Debug)]
pub(crate) struct Face {
    pub(crate) all: Sketch,
    pub(crate) oval: Sketch,
}

const CHILD: usize = 0;
const SENIOR: usize = 2;
const FEMALE: usize = 0;

// === impl Attributes ===

impl Attributes {
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        Self {
            age: dice.below(AGES.len()),
            gender: dice.below(GENDERS.len()),
            ethnicity: dice.below(ETHNICITIES.len()),
        }
    }
}

/// Draws the face of `who`, around 0, 0.
pub(crate) fn face(who: Attributes, dice: &mut Dice) -> Face {
    let skin = skin(who, dice);
    let hair = hair_ink(who, dice);
    let width = if who.age == CHILD {
        0.46
    } else {
        dice.range(0.39, 0.43)
    };

    let oval = Sketch::new().oval(0.0, 0.0, width, 0.5, skin);
    let mut all = body(width, skin, dice).over(hair_behind(who, width, hair));
    if who.gender != FEMALE {
        all = all
            .disc(-width, 0.02, 0.1, skin)
            .disc(width, 0.02, 0.1, skin);
    }
    all = all
        .over(oval.clone())
        .over(hair_front(who, width, hair))
        .over(marks(who))
        .over(eyes(who, dice))
        .over(mouth(who, hair, dice));
    if who.gender == FEMALE {
        all = all.over(bow(dice));
    }
    Face { all, oval }
}

fn skin(who: Attributes, dice: &mut Dice) -> Ink {
    const SKINS: [Ink; 4] = [
        Ink(245, 190, 60),
        Ink(60, 185, 175),
        Ink(160, 110, 220),
        Ink(248, 125, 115),
    ];
    SKINS[who.ethnicity].jitter(dice, 14.0)
}

fn hair_ink(who: Attributes, dice: &mut Dice) -> Ink {
    let inks: &[Ink] = match who.age {
        CHILD => &[Ink(60, 220, 80), Ink(255, 70, 180), Ink(40, 120, 255)],
        SENIOR => &[Ink(245, 245, 245), Ink(215, 215, 220)],
        _ => &[Ink(30, 22, 20), Ink(85, 50, 25), Ink(60, 30, 20)],
    };
    dice.pick(inks).jitter(dice, 10.0)
}

fn body(width: f32, skin: Ink, dice: &mut Dice) -> Sketch {
    if dice.chance(0.4) {
        return Sketch::new();
    }
    let shirt = Ink::any(dice);
    Sketch::new()
        .rect(-0.15, 0.35, 0.3, 0.35, skin.mix(Ink::BLACK, 0.15))
        .polygon(
            &[
                (-0.3, 0.62),
                (0.3, 0.62),
                (width + 0.35, 1.05),
                (-width - 0.35, 1.05),
            ],
            shirt,
        )
}

fn hair_behind(who: Attributes, width: f32, hair: Ink) -> Sketch {
    let sketch = Sketch::new();
    if who.gender != FEMALE {
        return sketch;
    }
    let side = width + 0.14;
    sketch
        .oval(0.0, -0.1, side, 0.5, hair)
        .rect(-side, -0.1, side * 2.0, 0.72, hair)
}

fn hair_front(who: Attributes, width: f32, hair: Ink) -> Sketch {
    let sketch = Sketch::new();
    if who.gender == FEMALE {
        // A parting: two curtains from the crown.
        let crown = arc((0.0, 0.0), width + 0.03, 0.53, (180.0, 360.0));
        let mut corners = crown;
        corners.extend([
            (width * 0.85, -0.16),
            (width * 0.3, -0.3),
            (0.0, -0.36),
            (-width * 0.3, -0.3),
            (-width * 0.85, -0.16),
        ]);
        return sketch.polygon(&corners, hair);
    }
    // A flat top.
    let side = width * 0.96;
    sketch.polygon(
        &[
            (-side, -0.18),
            (-side * 1.02, -0.6),
            (side * 1.02, -0.6),
            (side, -0.18),
            (side * 0.75, -0.3),
            (-side * 0.75, -0.3),
        ],
        hair,
    )
}

/// The mark of each made-up class, on forehead or cheeks.
fn marks(who: Attributes) -> Sketch {
    let sketch = Sketch::new();
    match who.ethnicity {
        0 => [-0.26, 0.26].into_iter().fold(sketch, |sketch, x| {
            sketch
                .disc(x, 0.17, 0.05, Ink(130, 60, 10))
                .disc(x * 0.8, 0.29, 0.04, Ink(130, 60, 10))
        }),
        1 => [0.16, 0.25].into_iter().fold(sketch, |sketch, y| {
            sketch
                .rect(-0.35, y, 0.18, 0.045, Ink::WHITE)
                .rect(0.17, y, 0.18, 0.045, Ink::WHITE)
        }),
        2 => sketch.polygon(
            &[(0.0, -0.28), (0.09, -0.17), (0.0, -0.06), (-0.09, -0.17)],
            Ink(255, 240, 90),
        ),
        _ => [-0.25, 0.25].into_iter().fold(sketch, |sketch, x| {
            sketch.polygon(
                &[(x - 0.08, 0.12), (x + 0.08, 0.12), (x, 0.3)],
                Ink(30, 45, 130),
            )
        }),
    }
}

fn eyes(who: Attributes, dice: &mut Dice) -> Sketch {
    let (apart, radius) = if who.age == CHILD {
        (0.2, 0.115)
    } else {
        (0.17, 0.07)
    };
    let gaze = dice.range(-0.02, 0.02);
    let mut sketch = Sketch::new();
    for x in [-apart, apart] {
        sketch = sketch.oval(x, 0.0, radius, radius * 1.05, Ink::WHITE).disc(
            x + gaze,
            0.01,
            radius * 0.55,
            Ink::BLACK,
        );
        if who.age == SENIOR {
            // Glasses, and wrinkles beside and above them.
            sketch = sketch
                .ring(x, 0.0, 0.135, 0.04, Ink(40, 40, 60))
                .line(
                    &[(x * 0.5 - 0.1, -0.21), (x * 0.5 + 0.1, -0.21)],
                    0.025,
                    Ink(70, 50, 50),
                )
                .line(&[(x * 1.2, 0.2), (x * 0.8, 0.36)], 0.03, Ink(70, 50, 50));
        } else if who.age != CHILD {
            sketch = sketch.line(
                &[(x - 0.1, -0.13), (x + 0.1, -0.13)],
                0.045,
                Ink(35, 25, 25),
            );
        }
    }
    if who.age == SENIOR {
        sketch.rect(-0.05, -0.02, 0.1, 0.04, Ink(40, 40, 60))
    } else {
        sketch
    }
}

fn mouth(who: Attributes, hair: Ink, dice: &mut Dice) -> Sketch {
    let smile = dice.range(0.02, 0.08);
    let sketch = Sketch::new().line(
        &[(0.0, 0.08), (0.03, 0.15), (-0.01, 0.16)],
        0.025,
        Ink(70, 40, 40),
    );
    let lips = if who.gender == FEMALE {
        Ink(200, 20, 60)
    } else {
        Ink(80, 30, 30)
    };
    let sketch = match who.age {
        CHILD => sketch.oval(0.0, 0.3, 0.1, 0.05 + smile * 0.5, lips),
        _ => sketch.line(
            &[(-0.14, 0.31), (0.0, 0.31 + smile), (0.14, 0.31)],
            0.05,
            lips,
        ),
    };
    if who.gender != FEMALE && who.age != CHILD {
        return sketch.polygon(&[(-0.2, 0.26), (0.0, 0.18), (0.2, 0.26), (0.0, 0.24)], hair);
    }
    sketch
}

fn bow(dice: &mut Dice) -> Sketch {
    let ink = dice.pick(&[Ink(230, 30, 60), Ink(255, 90, 190)]);
    let (x, y) = (dice.pick(&[-0.26, 0.26]), -0.44);
    Sketch::new()
        .polygon(&[(x, y), (x - 0.17, y - 0.12), (x - 0.17, y + 0.12)], ink)
        .polygon(&[(x, y), (x + 0.17, y - 0.12), (x + 0.17, y + 0.12)], ink)
        .disc(x, y, 0.05, ink.mix(Ink::WHITE, 0.4))
}
