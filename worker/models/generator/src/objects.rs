//! Everyday things, each a handful of shapes in colours of chance.

use std::f32::consts::TAU;

use crate::dice::Dice;
use crate::sketch::{Ink, Sketch};

/// Names of what can be drawn.
pub(crate) const OBJECTS: [&str; 16] = [
    "car", "tree", "house", "boat", "ball", "umbrella", "balloon", "cup", "flower", "fish",
    "clock", "chair", "key", "lamp", "kite", "book",
];

const WOOD: Ink = Ink(120, 75, 40);
const STEEL: Ink = Ink(70, 75, 85);

/// `OBJECTS[object]`, about one unit wide and high around 0, 0.
pub(crate) fn object(object: usize, dice: &mut Dice) -> Sketch {
    match OBJECTS[object] {
        "car" => car(dice),
        "tree" => tree(dice),
        "house" => house(dice),
        "boat" => boat(dice),
        "ball" => ball(dice),
        "umbrella" => umbrella(dice),
        "balloon" => balloon(dice),
        "cup" => cup(dice),
        "flower" => flower(dice),
        "fish" => fish(dice),
        "clock" => clock(dice),
        "chair" => chair(dice),
        "key" => key(dice),
        "lamp" => lamp(dice),
        "kite" => kite(dice),
        _ => book(dice),
    }
}

/// A colour that is neither near black nor near white.
fn vivid(dice: &mut Dice) -> Ink {
    const INKS: [Ink; 8] = [
        Ink(205, 40, 45),
        Ink(40, 90, 200),
        Ink(235, 190, 40),
        Ink(60, 150, 70),
        Ink(235, 120, 30),
        Ink(150, 60, 170),
        Ink(230, 110, 170),
        Ink(40, 165, 175),
    ];
    dice.pick(&INKS).jitter(dice, 22.0)
}

fn car(dice: &mut Dice) -> Sketch {
    let paint = vivid(dice);
    let sketch = Sketch::new()
        .polygon(
            &[(-0.28, 0.0), (-0.16, -0.22), (0.16, -0.22), (0.3, 0.0)],
            paint.mix(Ink::BLACK, 0.15),
        )
        .polygon(
            &[
                (-0.21, -0.02),
                (-0.13, -0.17),
                (-0.02, -0.17),
                (-0.02, -0.02),
            ],
            Ink(190, 225, 240),
        )
        .polygon(
            &[(0.03, -0.02), (0.03, -0.17), (0.13, -0.17), (0.22, -0.02)],
            Ink(190, 225, 240),
        )
        .rect(-0.5, -0.02, 1.0, 0.2, paint)
        .rect(0.42, 0.02, 0.08, 0.06, Ink(255, 240, 150));
    [-0.28, 0.28].into_iter().fold(sketch, |sketch, x| {
        sketch
            .disc(x, 0.18, 0.12, Ink::BLACK)
            .disc(x, 0.18, 0.06, Ink(190, 190, 195))
    })
}

fn tree(dice: &mut Dice) -> Sketch {
    let leaf = Ink(50, 140, 50).jitter(dice, 28.0);
    let sketch = Sketch::new().rect(-0.07, 0.0, 0.14, 0.5, WOOD.jitter(dice, 15.0));
    let shade = leaf.mix(Ink::BLACK, 0.2);
    sketch
        .disc(-0.2, -0.05, 0.2, shade)
        .disc(0.2, -0.05, 0.2, shade)
        .disc(0.0, -0.25, 0.25, leaf)
        .disc(-0.14, -0.16, 0.16, leaf)
        .disc(0.15, -0.14, 0.15, leaf)
}

fn house(dice: &mut Dice) -> Sketch {
    let wall = Ink(235, 220, 190).jitter(dice, 20.0);
    let roof = dice
        .pick(&[Ink(175, 50, 40), Ink(130, 60, 40), Ink(70, 80, 120)])
        .jitter(dice, 15.0);
    Sketch::new()
        .rect(0.2, -0.45, 0.1, 0.3, Ink(140, 80, 60))
        .rect(-0.4, -0.1, 0.8, 0.58, wall)
        .polygon(&[(-0.5, -0.08), (0.0, -0.48), (0.5, -0.08)], roof)
        .rect(-0.1, 0.15, 0.2, 0.33, WOOD)
        .rect(-0.32, 0.05, 0.15, 0.16, Ink(110, 170, 220))
        .rect(0.17, 0.05, 0.15, 0.16, Ink(110, 170, 220))
}

fn boat(dice: &mut Dice) -> Sketch {
    let hull = vivid(dice);
    let sail = Ink::WHITE.mix(vivid(dice), 0.25);
    Sketch::new()
        .rect(-0.03, -0.5, 0.05, 0.75, WOOD)
        .polygon(&[(0.05, -0.46), (0.05, 0.12), (0.42, 0.12)], sail)
        .polygon(
            &[(-0.06, -0.36), (-0.06, 0.12), (-0.34, 0.12)],
            sail.mix(Ink::BLACK, 0.12),
        )
        .polygon(
            &[(-0.5, 0.2), (0.5, 0.2), (0.34, 0.42), (-0.36, 0.42)],
            hull,
        )
}

fn ball(dice: &mut Dice) -> Sketch {
    let (one, two) = (vivid(dice), Ink::WHITE);
    let sketch = Sketch::new().disc(0.0, 0.0, 0.46, two);
    let sketch = (0..3).fold(sketch, |sketch, i| {
        let from = 120.0 * i as f32;
        let mut wedge = crate::sketch::arc((0.0, 0.0), 0.46, 0.46, (from, from + 60.0));
        wedge.push((0.0, 0.0));
        sketch.polygon(&wedge, one)
    });
    sketch
        .disc(0.0, 0.0, 0.09, two)
        .ring(0.0, 0.0, 0.45, 0.03, STEEL)
}

fn umbrella(dice: &mut Dice) -> Sketch {
    let (one, two) = (vivid(dice), vivid(dice).mix(Ink::WHITE, 0.4));
    let dome = |from: f32, to: f32| {
        let mut points = crate::sketch::arc((0.0, 0.0), 0.5, 0.42, (from, to));
        points.push((0.0, 0.0));
        points
    };
    let sketch = Sketch::new().rect(-0.02, -0.05, 0.045, 0.5, STEEL).arc(
        (-0.06, 0.42),
        0.07,
        (0.0, 180.0),
        0.045,
        STEEL,
    );
    (0..4).fold(sketch, |sketch, i| {
        let from = 180.0 + 45.0 * i as f32;
        sketch.polygon(&dome(from, from + 45.0), if i % 2 == 0 { one } else { two })
    })
}

/// A hot-air balloon: the basket tells it from a ball.
fn balloon(dice: &mut Dice) -> Sketch {
    let (one, two) = (vivid(dice), vivid(dice));
    Sketch::new()
        .line(&[(-0.2, 0.05), (-0.07, 0.36)], 0.025, STEEL)
        .line(&[(0.2, 0.05), (0.07, 0.36)], 0.025, STEEL)
        .polygon(
            &[(-0.3, -0.02), (0.3, -0.02), (0.1, 0.24), (-0.1, 0.24)],
            one,
        )
        .disc(0.0, -0.16, 0.34, one)
        .oval(0.0, -0.14, 0.15, 0.36, two)
        .rect(-0.1, 0.34, 0.2, 0.15, WOOD)
}

fn cup(dice: &mut Dice) -> Sketch {
    let clay = vivid(dice);
    Sketch::new()
        .ring(0.3, 0.05, 0.15, 0.07, clay.mix(Ink::BLACK, 0.15))
        .polygon(
            &[(-0.35, -0.28), (0.3, -0.28), (0.24, 0.4), (-0.29, 0.4)],
            clay,
        )
        .oval(-0.025, -0.28, 0.325, 0.09, Ink(80, 45, 25))
        .line(&[(-0.1, -0.38), (-0.05, -0.48)], 0.035, Ink(220, 220, 225))
        .line(&[(0.08, -0.38), (0.12, -0.48)], 0.035, Ink(220, 220, 225))
}

fn flower(dice: &mut Dice) -> Sketch {
    let petal = dice.pick(&[
        Ink(240, 90, 150),
        Ink(250, 250, 250),
        Ink(200, 60, 60),
        Ink(150, 90, 210),
    ]);
    let petal = petal.jitter(dice, 15.0);
    let stem = Ink(45, 130, 45);
    let sketch = Sketch::new()
        .rect(-0.025, 0.0, 0.05, 0.5, stem)
        .oval(0.14, 0.32, 0.13, 0.05, stem)
        .oval(-0.14, 0.4, 0.13, 0.05, stem);
    let sketch = (0..6).fold(sketch, |sketch, i| {
        let angle = (60.0 * i as f32).to_radians();
        sketch.disc(0.2 * angle.cos(), -0.18 + 0.2 * angle.sin(), 0.13, petal)
    });
    sketch.disc(0.0, -0.18, 0.12, Ink(245, 200, 40))
}

fn fish(dice: &mut Dice) -> Sketch {
    let scale = vivid(dice);
    let fin = scale.mix(Ink::BLACK, 0.25);
    Sketch::new()
        .polygon(&[(0.22, 0.0), (0.5, -0.24), (0.5, 0.24)], fin)
        .polygon(&[(-0.1, -0.18), (0.12, -0.36), (0.16, -0.12)], fin)
        .oval(-0.1, 0.0, 0.4, 0.23, scale)
        .line(&[(-0.05, -0.19), (0.0, 0.0), (-0.05, 0.19)], 0.035, fin)
        .line(&[(0.1, -0.15), (0.14, 0.0), (0.1, 0.15)], 0.035, fin)
        .disc(-0.32, -0.06, 0.06, Ink::WHITE)
        .disc(-0.33, -0.06, 0.03, Ink::BLACK)
}

fn clock(dice: &mut Dice) -> Sketch {
    let rim = vivid(dice).mix(Ink::BLACK, 0.3);
    let sketch = Sketch::new()
        .disc(0.0, 0.0, 0.47, rim)
        .disc(0.0, 0.0, 0.39, Ink(250, 248, 235));
    let sketch = (0..12).fold(sketch, |sketch, i| {
        let angle = (30.0 * i as f32).to_radians();
        let (x, y) = (angle.cos(), angle.sin());
        sketch.line(
            &[(0.3 * x, 0.3 * y), (0.36 * x, 0.36 * y)],
            0.04,
            Ink::BLACK,
        )
    });
    let (hour, minute) = (dice.range(0.0, TAU), dice.range(0.0, TAU));
    sketch
        .line(
            &[(0.0, 0.0), (0.18 * hour.cos(), 0.18 * hour.sin())],
            0.05,
            Ink::BLACK,
        )
        .line(
            &[(0.0, 0.0), (0.29 * minute.cos(), 0.29 * minute.sin())],
            0.035,
            Ink::BLACK,
        )
}

fn chair(dice: &mut Dice) -> Sketch {
    let wood = dice
        .pick(&[WOOD, Ink(170, 110, 60), Ink(60, 60, 70), Ink(180, 50, 45)])
        .jitter(dice, 12.0);
    let shade = wood.mix(Ink::BLACK, 0.3);
    Sketch::new()
        .rect(-0.32, -0.5, 0.09, 1.0, wood)
        .rect(-0.2, 0.08, 0.07, 0.4, shade)
        .rect(0.26, 0.04, 0.08, 0.46, wood)
        .rect(0.12, 0.08, 0.07, 0.4, shade)
        .rect(-0.32, 0.0, 0.66, 0.1, wood)
        .rect(-0.24, -0.44, 0.1, 0.06, shade)
        .rect(-0.24, -0.28, 0.1, 0.06, shade)
}

fn key(dice: &mut Dice) -> Sketch {
    let metal = dice
        .pick(&[Ink(220, 180, 50), Ink(185, 190, 200), Ink(175, 110, 60)])
        .jitter(dice, 12.0);
    Sketch::new()
        .ring(-0.3, 0.0, 0.15, 0.1, metal)
        .rect(-0.14, -0.05, 0.63, 0.1, metal)
        .rect(0.38, 0.0, 0.08, 0.19, metal)
        .rect(0.22, 0.0, 0.08, 0.15, metal)
}

fn lamp(dice: &mut Dice) -> Sketch {
    let shade = Ink(255, 225, 120).mix(vivid(dice), 0.3);
    Sketch::new()
        .rect(-0.03, -0.1, 0.06, 0.52, STEEL)
        .oval(0.0, 0.44, 0.22, 0.06, STEEL)
        .polygon(
            &[(-0.18, -0.48), (0.18, -0.48), (0.36, -0.06), (-0.36, -0.06)],
            shade,
        )
        .rect(-0.36, -0.1, 0.72, 0.05, shade.mix(Ink::BLACK, 0.3))
}

fn kite(dice: &mut Dice) -> Sketch {
    let (one, two) = (vivid(dice), vivid(dice).mix(Ink::WHITE, 0.3));
    let tail = [(0.0, 0.22), (0.1, 0.3), (-0.04, 0.38), (0.08, 0.48)];
    Sketch::new()
        .line(&tail, 0.03, STEEL)
        .polygon(&[(0.1, 0.3), (0.2, 0.25), (0.2, 0.35)], two)
        .polygon(&[(-0.04, 0.38), (-0.14, 0.33), (-0.14, 0.43)], one)
        .polygon(&[(0.0, -0.5), (0.32, -0.16), (0.0, 0.24)], one)
        .polygon(&[(0.0, -0.5), (-0.32, -0.16), (0.0, 0.24)], two)
        .line(&[(-0.32, -0.16), (0.32, -0.16)], 0.03, Ink::BLACK)
        .line(&[(0.0, -0.5), (0.0, 0.24)], 0.03, Ink::BLACK)
}

fn book(dice: &mut Dice) -> Sketch {
    let cover = vivid(dice).mix(Ink::BLACK, 0.2);
    let sketch = Sketch::new()
        .polygon(
            &[
                (-0.5, -0.26),
                (0.0, -0.18),
                (0.5, -0.26),
                (0.5, 0.32),
                (0.0, 0.4),
                (-0.5, 0.32),
            ],
            cover,
        )
        .polygon(
            &[(-0.44, -0.3), (0.0, -0.2), (0.0, 0.33), (-0.44, 0.24)],
            Ink(245, 240, 225),
        )
        .polygon(
            &[(0.44, -0.3), (0.0, -0.2), (0.0, 0.33), (0.44, 0.24)],
            Ink(232, 226, 210),
        );
    [-0.14, -0.02, 0.1].into_iter().fold(sketch, |sketch, y| {
        sketch
            .line(&[(-0.36, y - 0.02), (-0.08, y + 0.04)], 0.03, STEEL)
            .line(&[(0.36, y - 0.02), (0.08, y + 0.04)], 0.03, STEEL)
    })
}
