//! What commands without Kafka may be told.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::ModelArgs;

pub(super) const BENCH_EXAMPLE: &str = "\
Example:
  spillway-worker bench --model-set worker/models/demo --images photos --price-per-hour 0.64";
pub(super) const VERIFY_EXAMPLE: &str = "\
Example:
  python worker/models/reference.py --models my-set --images photos --out reference
  spillway-worker verify --model-set my-set --reference reference";
pub(super) const MODELS_EXAMPLE: &str = "\
Examples:
  spillway-worker models --model-set worker/models/demo
  spillway-worker models --model-set my-set --models humans --device cuda:0 --json

A set that a worker should take over while it works needs golden inputs:
  python worker/models/reference.py --models my-set --images some-png-images --golden";

#[derive(Debug, Args)]
pub(in crate::cli) struct RecognizeArgs {
    #[command(flatten)]
    pub(in crate::cli) models: ModelArgs,
    /// Image files.
    #[arg(required = true)]
    pub(in crate::cli) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImagesArgs {
    #[command(flatten)]
    pub(in crate::cli) models: ModelArgs,
    /// Folder of images.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) images: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArgs {
    #[command(flatten)]
    pub(in crate::cli) models: ModelArgs,
    /// Folder of images like those that the worker will get; the first 64 are used.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) images: PathBuf,
    /// How long the whole is run; the stages take about half a minute besides.
    #[arg(long, default_value = "10s", value_parser = super::seconds)]
    pub(in crate::cli) duration: Duration,
    /// What the machine costs, in dollars an hour.
    #[arg(long, value_name = "DOLLARS", value_parser = super::rate)]
    pub(in crate::cli) price_per_hour: Option<f64>,
    /// Labels of a head with random weights, measured beside its bare matrix.
    #[arg(long, default_value_t = 7_500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) head_labels: u32,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    pub(in crate::cli) models: ModelArgs,
    /// Folder that `worker/models/reference.py --out` wrote.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) reference: PathBuf,
    /// Most mean difference of a colour, in levels of 255, for each format and scale.
    #[arg(long, default_value = "1.5", value_name = "LEVELS", value_parser = super::rate)]
    pub(in crate::cli) pixels_max: f64,
    /// Most mean difference of a score, for each model.
    #[arg(long, default_value = "0.01", value_name = "SCORE", value_parser = super::rate)]
    pub(in crate::cli) scores_max: f64,
    /// Largest share of boxes that only one of the two finds.
    #[arg(long, default_value = "0.02", value_name = "SHARE", value_parser = super::rate)]
    pub(in crate::cli) astray_max: f64,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ModelsArgs {
    #[command(flatten)]
    pub(in crate::cli) models: ModelArgs,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
