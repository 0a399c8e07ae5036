//! Signs of made-up brands, and shapes that could be taken for one but are none.
//!
//! Each sign has two colours and a shape of its own, so that at 16 px one of the two is left.

use crate::dice::Dice;
use crate::sketch::{Ink, Sketch, regular};

/// The made-up brands, in the order of the model's classes.
pub const BRANDS: [&str; 10] = [
    "norvik", "tricrest", "hexaly", "lumora", "plusk", "wavely", "arcadio", "zephra", "diamo",
    "orbix",
];

const TEAL: Ink = Ink(0, 150, 140);
const ORANGE: Ink = Ink(250, 130, 20);
const YELLOW: Ink = Ink(255, 215, 30);
const PURPLE: Ink = Ink(110, 40, 150);
const GREEN: Ink = Ink(60, 185, 75);
const NAVY: Ink = Ink(25, 40, 110);
const RED: Ink = Ink(220, 30, 45);
const LIME: Ink = Ink(180, 235, 40);
const BLUE: Ink = Ink(30, 110, 230);
const CYAN: Ink = Ink(50, 205, 235);
const PINK: Ink = Ink(240, 90, 170);

/// The sign of `BRANDS[brand]`, about one unit wide around 0, 0.
pub(crate) fn sign(brand: usize, dice: &mut Dice) -> Sketch {
    let mut ink = |ink: Ink| ink.jitter(dice, 12.0);
    let sketch = Sketch::new();
    match BRANDS[brand] {
        // A ring cut by an upright bar.
        "norvik" => {
            sketch
                .ring(0.0, 0.0, 0.39, 0.2, ink(TEAL))
                .rect(-0.1, -0.5, 0.2, 1.0, ink(ORANGE))
        }
        // Three chevrons on a disc.
        "tricrest" => {
            let chevron = ink(YELLOW);
            let disc = sketch.disc(0.0, 0.0, 0.5, ink(PURPLE));
            [-0.13, 0.08, 0.29].into_iter().fold(disc, |sketch, y| {
                sketch.line(&[(-0.26, y), (0.0, y - 0.2), (0.26, y)], 0.1, chevron)
            })
        }
        // A hexagon in two halves.
        "hexaly" => {
            let corners = regular(6, 0.5);
            let right = [corners[0], corners[1], corners[2], corners[3]];
            sketch
                .regular(6, 0.5, ink(GREEN))
                .polygon(&right, ink(NAVY))
        }
        // Rays around a disc.
        "lumora" => {
            let ray = ink(YELLOW);
            let rays = (0..4).fold(sketch, |sketch, i| {
                let angle = (45.0 * i as f32).to_radians();
                let (x, y) = (0.5 * angle.cos(), 0.5 * angle.sin());
                sketch.line(&[(-x, -y), (x, y)], 0.15, ray)
            });
            rays.disc(0.0, 0.0, 0.26, ink(RED))
        }
        // A plus with a bright middle.
        "plusk" => {
            let arm = ink(PURPLE);
            sketch
                .rect(-0.5, -0.19, 1.0, 0.38, arm)
                .rect(-0.19, -0.5, 0.38, 1.0, arm)
                .rect(-0.19, -0.19, 0.38, 0.38, ink(LIME))
        }
        // Two waves on a square.
        "wavely" => {
            let wave = ink(Ink::WHITE);
            let square = sketch.rect(-0.46, -0.46, 0.92, 0.92, ink(BLUE));
            [-0.18, 0.18].into_iter().fold(square, |sketch, y| {
                let points: Vec<_> = (0..=24)
                    .map(|i| {
                        let x = i as f32 / 24.0;
                        (-0.46 + 0.92 * x, y + 0.1 * (x * 12.6).sin())
                    })
                    .collect();
                sketch.line(&points, 0.13, wave)
            })
        }
        // Two arches over a dot.
        "arcadio" => sketch
            .arc((0.0, 0.25), 0.42, (180.0, 360.0), 0.16, ink(RED))
            .arc((0.0, 0.25), 0.22, (180.0, 360.0), 0.12, ink(Ink::BLACK))
            .rect(-0.5, 0.25, 1.0, 0.14, ink(RED)),
        // A bolt on a dark disc.
        "zephra" => sketch.disc(0.0, 0.0, 0.5, ink(Ink::BLACK)).polygon(
            &[
                (0.12, -0.42),
                (-0.26, 0.06),
                (-0.04, 0.06),
                (-0.12, 0.42),
                (0.26, -0.08),
                (0.04, -0.08),
            ],
            ink(YELLOW),
        ),
        // A diamond of four triangles.
        "diamo" => {
            let (light, dark) = (ink(CYAN), ink(RED));
            let corners = regular(4, 0.5);
            (0..4).fold(sketch, |sketch, i| {
                let ink = if i % 2 == 0 { light } else { dark };
                sketch.polygon(&[(0.0, 0.0), corners[i], corners[(i + 1) % 4]], ink)
            })
        }
        // A dot on its way around a disc.
        _ => sketch
            .ring(0.0, 0.0, 0.42, 0.12, ink(PINK))
            .disc(0.0, 0.0, 0.24, ink(GREEN))
            .disc(0.3, -0.3, 0.17, ink(Ink::WHITE)),
    }
}

/// A plain shape in a brand's colours that is nobody's sign.
pub(crate) fn distractor(dice: &mut Dice) -> Sketch {
    const INKS: [Ink; 11] = [
        TEAL,
        ORANGE,
        YELLOW,
        PURPLE,
        GREEN,
        NAVY,
        RED,
        BLUE,
        CYAN,
        Ink::WHITE,
        Ink::BLACK,
    ];
    let ink = dice.pick(&INKS).jitter(dice, 25.0);
    let sketch = Sketch::new();
    match dice.below(11) {
        0 => sketch.disc(0.0, 0.0, 0.5, ink),
        1 => sketch.ring(0.0, 0.0, 0.4, 0.2, ink),
        2 => sketch.rect(-0.45, -0.45, 0.9, 0.9, ink),
        3 => sketch.regular(3, 0.5, ink),
        4 => sketch.regular(6, 0.5, ink),
        5 => sketch.polygon(&star(5), ink),
        6 => sketch.line(&[(-0.4, 0.2), (0.0, -0.25), (0.4, 0.2)], 0.2, ink),
        7 => sketch
            .rect(-0.5, -0.18, 1.0, 0.36, ink)
            .rect(-0.18, -0.5, 0.36, 1.0, ink),
        8 => sketch.regular(4, 0.5, ink),
        9 => sketch.arc((0.0, 0.2), 0.4, (180.0, 360.0), 0.18, ink),
        // Oval as a face without one: the colour alone must not make a face.
        _ => sketch.oval(0.0, 0.0, 0.42, 0.5, ink),
    }
}

/// Corners of a star around 0, 0.
pub(crate) fn star(points: usize) -> Vec<(f32, f32)> {
    regular(points * 2, 0.5)
        .into_iter()
        .enumerate()
        .map(|(i, (x, y))| {
            if i % 2 == 0 {
                (x, y)
            } else {
                (x * 0.45, y * 0.45)
            }
        })
        .collect()
}
