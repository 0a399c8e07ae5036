use std::collections::BTreeSet;

use crate::{
    AGES, BRANDS, Bounds, ETHNICITIES, Format, GENDERS, LABELS, Style, Truth, draw, encode,
};

const SEED: u64 = 7;

fn truths(count: u64) -> Vec<Truth> {
    (0..count)
        .map(|index| draw(Style::Mixed, SEED, index).truth)
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for style in [Style::Mixed, Style::Small] {
        for index in 0..4 {
            let (one, two) = (draw(style, SEED, index), draw(style, SEED, index));
            assert_eq!(one.truth, two.truth);
            for format in [Format::Jpeg { quality: 80 }, Format::Png, Format::WebP] {
                assert_eq!(
                    encode(&one.pixels, format),
                    encode(&two.pixels, format),
                    "image {index}"
                );
            }
        }
    }
}

#[test]
fn an_image_depends_on_its_index_alone() {
    let alone = draw(Style::Mixed, SEED, 5);
    let in_a_row: Vec<_> = (0..6)
        .map(|index| draw(Style::Mixed, SEED, index))
        .collect();
    assert_eq!(in_a_row[5], alone);
    assert_ne!(in_a_row[4], alone);
    assert_ne!(draw(Style::Mixed, SEED + 1, 5), alone);
}

#[test]
fn every_box_lies_inside_its_image() {
    let inside = |b: Bounds| {
        b.left >= 0.0
            && b.top >= 0.0
            && b.width > 0.0
            && b.height > 0.0
            && b.left + b.width <= 1.0
            && b.top + b.height <= 1.0
    };
    for (index, truth) in truths(100).iter().enumerate() {
        let faces = truth.faces.iter().map(|face| face.bounds);
        let logos = truth.logos.iter().map(|logo| logo.bounds);
        let objects = truth.objects.iter().map(|object| object.bounds);
        for bounds in faces.chain(logos).chain(objects) {
            assert!(inside(bounds), "image {index} of seed {SEED}: {bounds:?}");
        }
    }
}

#[test]
fn no_logo_is_smaller_than_16_px_of_the_frame() {
    for (index, truth) in truths(200).iter().enumerate() {
        let scale = (640.0 / truth.width as f32).min(480.0 / truth.height as f32);
        for logo in &truth.logos {
            let (wide, tall) = (
                logo.bounds.width * truth.width as f32,
                logo.bounds.height * truth.height as f32,
            );
            let side_px = wide.max(tall) * scale;
            assert!(
                (16.0..=162.0).contains(&side_px),
                "image {index} of seed {SEED}: {side_px} px"
            );
        }
    }
}

#[test]
fn a_small_image_fits_into_a_job() {
    for index in 0..100 {
        let drawn = draw(Style::Small, SEED, index);
        let bytes = encode(&drawn.pixels, Format::Jpeg { quality: 70 }).len();
        assert!(
            bytes < 20_000,
            "image {index} of seed {SEED}: {bytes} bytes"
        );
    }
}

#[test]
fn everything_with_a_name_occurs() {
    let truths = truths(300);
    let faces = || truths.iter().flat_map(|truth| &truth.faces);
    let seen: BTreeSet<&str> = faces()
        .flat_map(|face| {
            [
                face.age.as_str(),
                face.gender.as_str(),
                face.ethnicity.as_str(),
            ]
        })
        .chain(
            truths
                .iter()
                .flat_map(|truth| &truth.logos)
                .map(|logo| logo.brand.as_str()),
        )
        .chain(
            truths
                .iter()
                .flat_map(|truth| &truth.labels)
                .map(String::as_str),
        )
        .collect();
    let named: BTreeSet<&str> = AGES
        .into_iter()
        .chain(GENDERS)
        .chain(ETHNICITIES)
        .chain(BRANDS)
        .chain(LABELS.iter().map(|label| label.name))
        .collect();
    assert_eq!(seen, named);
}

#[test]
fn a_mixed_set_has_every_format() {
    let extensions: BTreeSet<&str> = (0..100)
        .map(|index| Format::mixed(SEED, index).extension())
        .collect();
    assert_eq!(extensions, BTreeSet::from(["jpg", "png", "webp"]));
}
