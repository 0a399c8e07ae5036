//! `spillway-generator`: image files and `truth.jsonl` in a folder.

#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use serde::Serialize;
use spillway_generator::{
    AGES, BRANDS, ETHNICITIES, Format, GENDERS, LABELS, Label, Style, Truth, draw, encode,
};

/// Draws images with the truth about what is on them.
///
/// Writes DIR/00000.jpg and so on, DIR/truth.jsonl with one line for each image (its file and
/// what is on it, boxes in 0..1 of the image), and DIR/vocabulary.json with the names of every
/// class in the order of the models' outputs. The same seed gives the same files; image i is the
/// same however many are drawn. Faces are cartoons and brands are made up.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example: spillway-generator --seed 1 --count 500 --out /tmp/images"
)]
struct Args {
    /// The one number that everything drawn depends on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many images to draw.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// Folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// File format of the images.
    #[arg(long, value_enum, default_value_t = FormatArg::Mixed)]
    format: FormatArg,
    /// Sizes and effects of the images.
    #[arg(long, value_enum, default_value_t = StyleArg::Mixed)]
    style: StyleArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    /// Seven in ten JPEG of quality 55 to 95, the rest PNG and WebP.
    Mixed,
    /// JPEG of quality 85, or 70 with `--style small`.
    Jpeg,
    Png,
    /// WebP without loss.
    Webp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StyleArg {
    /// From 320x240 to 1024x768, mostly lying.
    Mixed,
    /// At most 320 px: small enough to travel inside a job.
    Small,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    truth: &'a Truth,
}

#[derive(Serialize)]
struct Vocabulary {
    ages: &'static [&'static str],
    genders: &'static [&'static str],
    ethnicities: &'static [&'static str],
    brands: &'static [&'static str],
    labels: &'static [Label],
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)
        .with_context(|| format!("could not make {}", args.out.display()))?;
    let vocabulary = Vocabulary {
        ages: &AGES,
        genders: &GENDERS,
        ethnicities: &ETHNICITIES,
        brands: &BRANDS,
        labels: &LABELS,
    };
    fs::write(
        args.out.join("vocabulary.json"),
        serde_json::to_vec_pretty(&vocabulary)?,
    )?;

    let style = match args.style {
        StyleArg::Mixed => Style::Mixed,
        StyleArg::Small => Style::Small,
    };
    let mut truths = BufWriter::new(File::create(args.out.join("truth.jsonl"))?);
    for index in 0..args.count {
        let drawn = draw(style, args.seed, index);
        let format = args.format.of(style, args.seed, index);
        let file = format!("{index:05}.{}", format.extension());
        fs::write(args.out.join(&file), encode(&drawn.pixels, format))
            .with_context(|| format!("could not write {file}"))?;
        serde_json::to_writer(
            &mut truths,
            &Line {
                file: &file,
                truth: &drawn.truth,
            },
        )?;
        truths.write_all(b"\n")?;
        if (index + 1) % 500 == 0 || index + 1 == args.count {
            eprintln!("{} of {} images drawn", index + 1, args.count);
        }
    }
    truths.flush()?;
    Ok(())
}

// === impl FormatArg ===

impl FormatArg {
    fn of(self, style: Style, seed: u64, index: u64) -> Format {
        match self {
            Self::Mixed => Format::mixed(seed, index),
            Self::Jpeg => Format::Jpeg {
                quality: if style == Style::Small { 70 } else { 85 },
            },
            Self::Png => Format::Png,
            Self::Webp => Format::WebP,
        }
    }
}
