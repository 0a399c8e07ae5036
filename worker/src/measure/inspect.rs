//! What a model set declares, and whether it is true.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::frame::{Frame, FramePool};
use crate::models::{Crop, Drift, ModelSummary, Recognizer, blank};

/// Images, or boxes, of one run while a model is timed.
const BATCH: usize = 8;
const LOOP_TIME: Duration = Duration::from_millis(300);

/// A set that was loaded, warmed and checked.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    set: String,
    subset: String,
    digest: String,
    manifest: std::path::PathBuf,
    frame: [u32; 2],
    preprocessing: &'static str,
    golden_images: usize,
    models: Vec<Inspected>,
}

#[derive(Debug, Serialize)]
struct Inspected {
    #[serde(flatten)]
    summary: ModelSummary,
    /// Of one image, or one box; in batches of 8.
    ms: f64,
    /// Largest difference from a golden score; none where nothing was compared.
    golden_off_max: Option<f32>,
}

/// Warms the models, compares their answers with golden inputs, and times each.
///
/// # Errors
/// Which model does not answer as the set declares, and why.
pub(crate) fn inspect(recognizer: &Recognizer) -> anyhow::Result<Inspection> {
    let (_entered, _) = recognizer.enter()?;
    let golden = recognizer.golden();
    let drifts: BTreeMap<String, Drift> = match golden {
        Some(golden) => golden.check(recognizer)?,
        None => BTreeMap::new(),
    };
    let subset = &recognizer.subset;
    let pool = FramePool::new(subset.frame);
    let frames: Vec<Frame> = (0..BATCH).map(|_| blank(&pool)).collect();
    let frames: Vec<&Frame> = frames.iter().collect();
    let images: Vec<usize> = (0..BATCH).collect();
    let mut models = Vec::with_capacity(subset.models.len());
    for (index, model) in subset.models.iter().enumerate() {
        let crop = |image| Crop {
            image,
            left: 0,
            top: 0,
            width: subset.frame.width.div_ceil(4),
            height: subset.frame.height.div_ceil(4),
        };
        let crops: Vec<Crop> = images.iter().map(|image| crop(*image)).collect();
        let (began, mut runs) = (Instant::now(), 0_usize);
        while began.elapsed() < LOOP_TIME {
            let staged = recognizer.backend().stage(&frames)?;
            if model.is_on_crops() {
                staged.run_crops(index, &crops)?;
            } else {
                staged.run(index, &images)?;
            }
            runs += BATCH;
        }
        models.push(Inspected {
            summary: model.summary(),
            ms: began.elapsed().as_secs_f64() * 1e3 / runs as f64,
            golden_off_max: drifts.get(&model.name).map(|drift| drift.score_max),
        });
    }
    Ok(Inspection {
        set: subset.set.clone(),
        subset: subset.name.clone(),
        digest: subset.digest.clone(),
        manifest: subset.path.clone(),
        frame: [subset.frame.width, subset.frame.height],
        preprocessing: crate::models::PREPROCESSING,
        golden_images: golden.map_or(0, crate::models::Golden::count),
        models,
    })
}

// === impl Inspection ===

impl Inspection {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("times are finite numbers")
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [width, height] = self.frame;
        writeln!(f, "{} ({}), digest {}", self.set, self.subset, self.digest)?;
        writeln!(
            f,
            "{}, frame {width}x{height}, {}\n",
            self.manifest.display(),
            self.preprocessing
        )?;
        writeln!(
            f,
            "{:18} {:8} {:34} {:>9} {:>8} {:>9}   golden scores off by",
            "model", "subset", "finds", "input", "MB", "ms"
        )?;
        for model in &self.models {
            let ModelSummary {
                name,
                subset,
                finds,
                input,
                bytes,
                ..
            } = &model.summary;
            let input = format!("{}x{}", input[0], input[1]);
            let megabytes = *bytes as f64 / 1e6;
            write!(
                f,
                "{name:18} {subset:8} {finds:34} {input:>9} {megabytes:8.2} {:9.2}   ",
                model.ms
            )?;
            match model.golden_off_max {
                Some(off) => writeln!(f, "{off:.4} at most")?,
                None => writeln!(f, "not compared")?,
            }
        }
        match self.golden_images {
            0 => write!(
                f,
                "\nno golden inputs: a running worker does not take this set over"
            ),
            count => write!(f, "\nall {count} golden images are answered as expected"),
        }
    }
}
