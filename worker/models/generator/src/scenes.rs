//! Places: what fills the image behind everything else.

use tiny_skia::{Pixmap, Transform};

use crate::dice::Dice;
use crate::sketch::{Ink, Sketch};
use crate::stage::{Stage, texture};

/// Names of the places.
pub(crate) const SCENES: [&str; 8] = [
    "beach",
    "forest",
    "city",
    "mountains",
    "desert",
    "snow",
    "night_sky",
    "indoor",
];

/// Labels that come with a place: there is no forest without a tree.
pub(crate) fn implied(scene: usize) -> &'static [&'static str] {
    if SCENES[scene] == "forest" {
        &["tree"]
    } else {
        &[]
    }
}

/// Fills `pixmap` with `SCENES[scene]`, turned by `tilt_degrees` of a few at most.
pub(crate) fn scene(scene: usize, pixmap: &mut Pixmap, tilt_degrees: f32, dice: &mut Dice) {
    let (width, height) = (pixmap.width() as f32, pixmap.height() as f32);
    let tilt = Transform::from_rotate_at(tilt_degrees, width / 2.0, height / 2.0).pre_concat(
        Transform::from_row(1.2, 0.0, 0.0, 1.2, -0.1 * width, -0.1 * height),
    );
    let mut stage = Stage {
        pixmap,
        width,
        height,
        tilt,
    };
    match SCENES[scene] {
        "beach" => beach(&mut stage, dice),
        "forest" => forest(&mut stage, dice),
        "city" => city(&mut stage, dice),
        "mountains" => mountains(&mut stage, dice),
        "desert" => desert(&mut stage, dice),
        "snow" => snow(&mut stage, dice),
        "night_sky" => night_sky(&mut stage, dice),
        _ => indoor(&mut stage, dice),
    }
    let cells = dice.pick(&[10, 24, 60]);
    let strength = dice.range(0.04, 0.16);
    texture(stage.pixmap, cells, strength, dice);
}

fn sky(stage: &mut Stage<'_>, dice: &mut Dice) {
    let top = Ink(70, 140, 225).jitter(dice, 30.0);
    stage.band(0.0, 1.0, top, Ink(200, 225, 245).jitter(dice, 10.0));
    stage.clouds(dice);
}

fn beach(stage: &mut Stage<'_>, dice: &mut Dice) {
    sky(stage, dice);
    stage.sun(Ink(255, 240, 170), dice);
    let (horizon, shore) = (dice.range(0.3, 0.42), dice.range(0.55, 0.68));
    stage.band(
        horizon,
        shore + 0.1,
        Ink(20, 95, 160).jitter(dice, 20.0),
        Ink(60, 190, 200).jitter(dice, 20.0),
    );
    for i in 0..8 {
        let y = (horizon + (shore - horizon) * i as f32 / 8.0) * stage.height;
        let x = dice.range(0.0, 0.7) * stage.width;
        let long = dice.range(0.1, 0.3) * stage.width;
        stage.put(
            &Sketch::new().rect(x, y, long, 0.006 * stage.height, Ink::WHITE),
            0.7,
        );
    }
    stage.hills(shore - 0.015, 0.01, Ink::WHITE, dice);
    stage.hills(
        shore + 0.01,
        0.012,
        Ink(235, 210, 155).jitter(dice, 12.0),
        dice,
    );
    stage.specks(
        90,
        (shore + 0.05, 1.0),
        (1.0, 2.6),
        Ink(190, 160, 110),
        dice,
    );
}

fn forest(stage: &mut Stage<'_>, dice: &mut Dice) {
    stage.band(
        0.0,
        1.0,
        Ink(150, 190, 150).jitter(dice, 25.0),
        Ink(60, 110, 60).jitter(dice, 15.0),
    );
    for layer in 0..3 {
        let depth = layer as f32 / 2.0;
        let level = 0.5 + 0.2 * depth;
        let green = Ink(70, 125, 75)
            .mix(Ink(15, 60, 30), depth)
            .jitter(dice, 12.0);
        for i in 0..(12 - layer * 3) {
            let x = (i as f32 + dice.unit()) / (12 - layer * 3) as f32 * stage.width;
            let tall = stage.height * dice.range(0.35, 0.55) * (0.8 + 0.4 * depth);
            let foot = stage.height * level;
            let mut fir = Sketch::new().rect(
                x - tall * 0.03,
                foot - tall * 0.1,
                tall * 0.06,
                tall * 0.2,
                Ink(75, 50, 30),
            );
            for tier in 0..3 {
                let (wide, y) = (
                    tall * (0.12 + 0.06 * tier as f32),
                    foot - tall * (0.75 - 0.28 * tier as f32),
                );
                fir = fir.polygon(
                    &[
                        (x - wide, y + tall * 0.2),
                        (x, y - tall * 0.2),
                        (x + wide, y + tall * 0.2),
                    ],
                    green,
                );
            }
            stage.put(&fir, 1.0);
        }
        stage.ridge(level, 0.015, 30, green.mix(Ink(70, 60, 30), 0.35), dice);
    }
    stage.specks(80, (0.75, 1.0), (1.0, 4.0), Ink(60, 110, 40), dice);
}

fn city(stage: &mut Stage<'_>, dice: &mut Dice) {
    stage.band(
        0.0,
        1.0,
        Ink(150, 170, 190).jitter(dice, 25.0),
        Ink(215, 210, 205).jitter(dice, 15.0),
    );
    stage.clouds(dice);
    let unit = stage.height / 480.0;
    let mut x = -10.0 * unit;
    while x < stage.width {
        let (wide, tall) = (
            dice.range(50.0, 110.0) * unit,
            dice.range(150.0, 370.0) * unit,
        );
        let top = stage.height * 0.82 - tall;
        let wall = dice
            .pick(&[
                Ink(110, 115, 125),
                Ink(150, 130, 115),
                Ink(85, 100, 120),
                Ink(170, 165, 160),
            ])
            .jitter(dice, 15.0);
        let glass = if dice.chance(0.3) {
            Ink(250, 225, 140)
        } else {
            Ink(60, 80, 105)
        };
        let mut tower = Sketch::new().rect(x, top, wide, tall, wall);
        let columns = (wide / (22.0 * unit)) as usize;
        for row in 0..(tall / (28.0 * unit)) as usize {
            for column in 0..columns {
                let (wx, wy) = (
                    x + (5.0 + 22.0 * column as f32) * unit,
                    top + (8.0 + 28.0 * row as f32) * unit,
                );
                tower = tower.rect(wx, wy, 12.0 * unit, 16.0 * unit, glass);
            }
        }
        stage.put(&tower, 1.0);
        x += wide + dice.range(0.0, 14.0) * unit;
    }
    stage.band(
        0.82,
        1.0,
        Ink(75, 75, 80).jitter(dice, 10.0),
        Ink(55, 55, 60),
    );
    for i in 0..6 {
        let x = stage.width * i as f32 / 6.0;
        stage.put(
            &Sketch::new().rect(
                x,
                stage.height * 0.905,
                stage.width * 0.09,
                stage.height * 0.012,
                Ink(240, 235, 200),
            ),
            1.0,
        );
    }
}

fn mountains(stage: &mut Stage<'_>, dice: &mut Dice) {
    sky(stage, dice);
    for layer in 0..3 {
        let level = 0.32 + 0.14 * layer as f32;
        let rock = Ink(150, 150, 180)
            .mix(Ink(80, 75, 95), layer as f32 / 2.0)
            .jitter(dice, 10.0);
        let peaks = stage.ridge(level, 0.13, 6 + layer, rock, dice);
        for peak in peaks.windows(3) {
            let ((_, before), (x, y), (_, after)) = (peak[0], peak[1], peak[2]);
            if y < before && y < after {
                let cap = stage.height * 0.045;
                let slope = |other: (f32, f32)| {
                    let share = (cap / (other.1 - y).max(1.0)).min(1.0);
                    (x + (other.0 - x) * share, y + (other.1 - y) * share)
                };
                stage.put(
                    &Sketch::new().polygon(
                        &[(x, y), slope(peak[0]), (x, y + cap * 0.6), slope(peak[2])],
                        Ink::WHITE,
                    ),
                    1.0,
                );
            }
        }
    }
    stage.ridge(0.78, 0.015, 24, Ink(95, 140, 75).jitter(dice, 18.0), dice);
    stage.specks(60, (0.8, 1.0), (1.0, 3.0), Ink(70, 110, 50), dice);
}

fn desert(stage: &mut Stage<'_>, dice: &mut Dice) {
    stage.band(
        0.0,
        0.6,
        Ink(235, 150, 80).jitter(dice, 22.0),
        Ink(255, 225, 160).jitter(dice, 10.0),
    );
    stage.sun(Ink(255, 250, 215), dice);
    for layer in 0..4 {
        let sand = Ink(225, 165, 95)
            .mix(Ink(165, 95, 45), layer as f32 / 4.0)
            .jitter(dice, 12.0);
        let swing = dice.range(0.025, 0.06);
        stage.hills(0.5 + 0.13 * layer as f32, swing, sand, dice);
    }
    stage.specks(60, (0.7, 1.0), (0.8, 2.4), Ink(140, 85, 45), dice);
}

fn snow(stage: &mut Stage<'_>, dice: &mut Dice) {
    stage.band(
        0.0,
        0.7,
        Ink(150, 165, 185).jitter(dice, 15.0),
        Ink(210, 218, 230).jitter(dice, 8.0),
    );
    for layer in 0..3 {
        let white = Ink(205, 215, 230).mix(Ink(248, 250, 252), layer as f32 / 2.0);
        stage.hills(
            0.48 + 0.15 * layer as f32,
            dice.range(0.02, 0.05),
            white,
            dice,
        );
    }
    stage.specks(130, (0.0, 1.0), (1.5, 4.5), Ink(235, 235, 235), dice);
}

fn night_sky(stage: &mut Stage<'_>, dice: &mut Dice) {
    stage.band(
        0.0,
        1.0,
        Ink(8, 10, 35).jitter(dice, 7.0),
        Ink(40, 45, 95).jitter(dice, 15.0),
    );
    stage.specks(120, (0.0, 0.8), (0.7, 2.0), Ink(230, 230, 215), dice);
    let (x, y) = (
        dice.unit() * stage.width,
        dice.range(0.08, 0.3) * stage.height,
    );
    let radius = stage.height * dice.range(0.05, 0.09);
    stage.put(&Sketch::new().disc(x, y, radius, Ink(240, 238, 210)), 1.0);
    stage.put(
        &Sketch::new().disc(
            x + radius * 0.5,
            y - radius * 0.2,
            radius * 0.9,
            Ink(15, 18, 48),
        ),
        1.0,
    );
    stage.hills(
        dice.range(0.78, 0.86),
        0.03,
        Ink(12, 16, 26).jitter(dice, 6.0),
        dice,
    );
}

fn indoor(stage: &mut Stage<'_>, dice: &mut Dice) {
    let wall = dice
        .pick(&[
            Ink(215, 200, 180),
            Ink(180, 195, 190),
            Ink(200, 180, 190),
            Ink(170, 175, 200),
        ])
        .jitter(dice, 15.0);
    stage.band(0.0, 1.0, wall, wall.mix(Ink::BLACK, 0.1));
    let stripe = wall.mix(
        if dice.chance(0.5) {
            Ink::WHITE
        } else {
            Ink::BLACK
        },
        0.14,
    );
    let stripes = dice.below(14) + 8;
    for i in 0..stripes {
        let x = stage.width * i as f32 / stripes as f32;
        stage.put(
            &Sketch::new().rect(
                x,
                0.0,
                stage.width * 0.45 / stripes as f32,
                stage.height,
                stripe,
            ),
            1.0,
        );
    }
    let (x, y) = (
        dice.range(0.08, 0.65) * stage.width,
        dice.range(0.06, 0.16) * stage.height,
    );
    let (wide, tall) = (stage.width * 0.24, stage.height * 0.36);
    let window = Sketch::new()
        .rect(
            x - 0.06 * wide,
            y - 0.05 * tall,
            wide * 1.12,
            tall * 1.1,
            Ink(245, 240, 230),
        )
        .rect(x, y, wide * 0.47, tall, Ink(150, 200, 235))
        .rect(x + wide * 0.53, y, wide * 0.47, tall, Ink(150, 200, 235));
    stage.put(&window, 1.0);
    let floor = Ink(150, 105, 65).jitter(dice, 22.0);
    stage.band(0.72, 1.0, floor, floor.mix(Ink::BLACK, 0.2));
    for i in 0..5 {
        let y = stage.height * (0.72 + 0.06 * i as f32);
        stage.put(
            &Sketch::new().rect(
                0.0,
                y,
                stage.width,
                stage.height * 0.006,
                floor.mix(Ink::BLACK, 0.45),
            ),
            1.0,
        );
    }
    stage.put(
        &Sketch::new().rect(
            0.0,
            stage.height * 0.7,
            stage.width,
            stage.height * 0.022,
            Ink(235, 230, 220),
        ),
        1.0,
    );
}
