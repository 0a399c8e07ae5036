//! The words of the context model, and the wider words each stands under.

use crate::truth::{Label, LabelKind};

/// Every label, in the order of the model's classes.
pub const LABELS: [Label; 24] = [
    scene("beach", &["outdoor"]),
    scene("forest", &["outdoor"]),
    scene("city", &["outdoor"]),
    scene("mountains", &["outdoor"]),
    scene("desert", &["outdoor"]),
    scene("snow", &["outdoor"]),
    scene("night_sky", &["outdoor"]),
    scene("indoor", &[]),
    object("car", &["vehicle"]),
    object("tree", &["plant"]),
    object("house", &["building"]),
    object("boat", &["vehicle"]),
    object("ball", &["toy"]),
    object("umbrella", &["accessory"]),
    object("balloon", &["vehicle"]),
    object("cup", &["household"]),
    object("flower", &["plant"]),
    object("fish", &["animal"]),
    object("clock", &["household"]),
    object("chair", &["furniture"]),
    object("key", &["accessory"]),
    object("lamp", &["furniture"]),
    object("kite", &["toy"]),
    object("book", &["household"]),
];

const fn scene(name: &'static str, parents: &'static [&'static str]) -> Label {
    Label {
        name,
        kind: LabelKind::Scene,
        parents,
    }
}

const fn object(name: &'static str, parents: &'static [&'static str]) -> Label {
    Label {
        name,
        kind: LabelKind::Object,
        parents,
    }
}
