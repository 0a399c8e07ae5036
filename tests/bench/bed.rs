//! What is measured on: the same broker, origin and images everywhere.

use std::{fs, path::Path};

use spillway_generator::{Format, Style, draw, encode};
use spillway_tests::{Kafka, Origin, Page};
use spillway_wire::ImageSource;

use crate::cpu;

pub(crate) const IMAGES: u64 = 64;
const SEED: u64 = 11;

/// A broker, and images that an origin serves.
pub(crate) struct Bed<'a> {
    pub(crate) brokers: &'a str,
    /// The broker's process.
    pub(crate) broker: u32,
    pub(crate) origin: &'a Origin,
    /// Of each image.
    pub(crate) addresses: Vec<String>,
}

// === impl Bed ===

impl<'a> Bed<'a> {
    /// Draws the images into `folder` and puts them on the origin.
    ///
    /// # Errors
    /// When they cannot be written, or the broker's process is not found.
    pub(crate) fn make(
        kafka: &'a Kafka,
        origin: &'a Origin,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let addresses = (0..IMAGES).map(|index| {
            let drawn = draw(Style::Mixed, SEED, index);
            let bytes = encode(&drawn.pixels, Format::Jpeg { quality: 85 });
            let name = format!("{index:05}.jpg");
            fs::write(folder.join(&name), &bytes)?;
            Ok(origin.put(&format!("/{name}"), Page::new("image/jpeg", bytes)))
        });
        Ok(Self {
            brokers: kafka.brokers(),
            broker: cpu::descendant("java")?,
            origin,
            addresses: addresses.collect::<anyhow::Result<_>>()?,
        })
    }
    /// Where the images are.
    pub(crate) fn images(&self) -> Vec<ImageSource> {
        self.addresses
            .iter()
            .cloned()
            .map(ImageSource::Uri)
            .collect()
    }
}
