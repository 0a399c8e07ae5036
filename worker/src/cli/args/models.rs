//! Which models, and where they run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use spillway_wire::Feature;

use crate::models::DeviceChoice;

/// Which models, and where they run.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArgs {
    /// Folder with a `modelset.yaml`, or such a file. Its models' digests are checked before they are loaded.
    #[arg(long, env = "SPILLWAY_MODEL_SET", value_name = "DIR_OR_YAML")]
    pub(in crate::cli) model_set: PathBuf,
    /// Only these models of the set; all that it declares if left out.
    #[arg(long, env = "SPILLWAY_MODELS", value_delimiter = ',', value_enum)]
    pub(in crate::cli) models: Vec<FeatureArg>,
    /// Where the models run: `auto` (a GPU if there is one), `cpu`, or `cuda:N`. With `none` they do not run and find
    /// nothing: for tests of all the rest.
    #[arg(long, env = "SPILLWAY_DEVICE", default_value = "auto", value_parser = device)]
    pub(in crate::cli) device: DeviceChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FeatureArg {
    Humans,
    Brands,
    Context,
}

// === impl ModelArgs ===

impl ModelArgs {
    pub(in crate::cli) fn features(&self) -> impl Iterator<Item = Feature> {
        self.models.iter().map(|feature| match feature {
            FeatureArg::Humans => Feature::Humans,
            FeatureArg::Brands => Feature::Brands,
            FeatureArg::Context => Feature::Context,
        })
    }
}

fn device(text: &str) -> Result<DeviceChoice, String> {
    let number = |text: &str| text.parse::<usize>().ok();
    match text {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "none" => Ok(DeviceChoice::None),
        "cuda" => Ok(DeviceChoice::Cuda(0)),
        _ => text
            .strip_prefix("cuda:")
            .and_then(number)
            .map(DeviceChoice::Cuda)
            .ok_or_else(|| "must be auto, cpu, cuda:N or none".to_owned()),
    }
}
