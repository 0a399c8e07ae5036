//! A backend that looks at colours: real answers without libtorch, and failures on demand.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::set::sha256;
use super::{Backend, BackendError, Crop, ModelSet, Recognizer, Rows, Scored, SetError, Staged};
use crate::frame::Frame;

/// An image whose first pixel has this colour spoils its batch.
pub(crate) const POISON: [u8; 3] = [255, 0, 255];
/// An image of this colour ends the process.
pub(crate) const ABORTS: [u8; 3] = [9, 0, 255];
/// One of this colour never ends.
pub(crate) const HANGS: [u8; 3] = [0, 9, 255];
/// One of this colour takes all memory that there is.
pub(crate) const HOGS: [u8; 3] = [9, 9, 255];
/// A batch with an image of this colour waits until the gate is open.
pub(crate) const HELD: [u8; 3] = [0, 255, 0];

const MODEL_SET: &str = "
apiVersion: spillway.dev/v1alpha1
kind: ModelSet
metadata: {name: fake, version: VERSION}
spec:
  golden: {file: golden.jsonl, sha256: GOLDEN}
  frame: {width: 16, height: 12}
  models:
    - name: faces
      subset: humans
      file: weights
      sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      detect: {input: {width: 16, height: 12}, labels: [face], threshold: 0.5, nmsIou: 0.5}
    - name: face-attributes
      subset: humans
      file: weights
      sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      attributes:
        of: faces
        input: {width: 4, height: 4}
        margin: 0.1
        heads: [{name: age, values: [dark, bright]}, {name: gender, values: [a, b]}]
    - name: context
      subset: context
      file: weights
      sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      classify:
        input: {width: 8, height: 6}
        labels:
          - {name: bright, kind: scene, threshold: 0.5}
          - {name: red, kind: object, parents: [colour], threshold: 0.5}
";

/// Opens once.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

/// What the backend answers to the golden image, which is blue.
const GOLDEN: &str = r#"{"file": "blue.png", "sha256": "IMAGE", "models": {
"faces": {"boxes": [{"label": "face", "score": 1.0, "corners": [0.25, 0.25, 0.75, 0.75]}]},
"face-attributes": {"crops": [{"left": 4, "top": 3, "width": 8, "height": 6, "heads":
{"age": {"dark": 0.0, "bright": 1.0}, "gender": {"a": 0.7, "b": 0.3}}}]},
"context": {"scores": {"bright": 1.0, "red": 0.0}}}}"#;

/// Looks at the first pixel of each frame.
pub(crate) struct Fake {
    gate: Arc<Gate>,
    spoilt: Arc<Spoilt>,
    version: String,
}

/// Version of the set whose answers are wrong from now on.
pub(crate) type Spoilt = Mutex<String>;

struct FakeBatch {
    colours: Vec<[u8; 3]>,
    is_spoilt: bool,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let is_open = self.0.lock().unwrap();
        drop(self.1.wait_while(is_open, |is_open| !*is_open).unwrap());
    }
}

/// Writes the fake set into a folder: humans and context; it has no brands.
pub(crate) fn write_set(folder: &Path, version: &str) {
    let mut image = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(16, 12, image::Rgb([0, 0, 255]))
        .write_to(&mut image, image::ImageFormat::Png)
        .unwrap();
    let image = image.into_inner();
    let golden = GOLDEN.replace("IMAGE", &sha256(&image)).replace('\n', "");
    let manifest = MODEL_SET
        .replace("VERSION", version)
        .replace("GOLDEN", &sha256(golden.as_bytes()))
        // So that each version answers for itself.
        .replace("margin: 0.1", &format!("margin: 0.1{}", version.len()));
    put(folder, "blue.png", &image);
    put(folder, "golden.jsonl", golden.as_bytes());
    put(folder, "weights", b"");
    put(folder, "modelset.yaml", manifest.as_bytes());
}

/// Writes a file that is whole at every moment.
pub(crate) fn put(folder: &Path, file: &str, bytes: &[u8]) {
    std::fs::write(folder.join("beside"), bytes).unwrap();
    std::fs::rename(folder.join("beside"), folder.join(file)).unwrap();
}

/// The set in a folder, with this backend.
pub(crate) fn load(
    folder: &Path,
    gate: Arc<Gate>,
    spoilt: Arc<Spoilt>,
) -> Result<Recognizer, SetError> {
    let subset = ModelSet::load(folder)?.subset(None)?;
    let golden = subset.golden()?;
    let backend = Fake {
        gate,
        spoilt,
        version: subset.set.clone(),
    };
    Ok(Recognizer::new(subset, Box::new(backend), golden))
}

/// All models of the fake set.
pub(crate) fn recognizer(gate: Arc<Gate>) -> Recognizer {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path(), "v");
    load(folder.path(), gate, Arc::default()).unwrap()
}

impl Backend for Fake {
    fn enter(&self) -> Result<Box<dyn std::any::Any>, BackendError> {
        Ok(Box::new(()))
    }

    fn stage<'a>(&'a self, frames: &[&Frame]) -> Result<Box<dyn Staged + 'a>, BackendError> {
        let colours: Vec<[u8; 3]> = frames
            .iter()
            .map(|frame| frame.pixels()[..3].try_into().unwrap())
            .collect();
        if colours.contains(&HELD) {
            self.gate.pass();
        }
        if colours.contains(&ABORTS) {
            std::process::abort();
        }
        while colours.contains(&HANGS) {
            std::thread::park();
        }
        if colours.contains(&HOGS) {
            let all: Vec<Vec<u64>> = (0..1_000).map(|_| Vec::with_capacity(1 << 27)).collect();
            return Err(BackendError::Failed(format!("{} GB", all.len())));
        }
        if colours.contains(&POISON) {
            return Err(BackendError::Failed("this colour is poison".into()));
        }
        let is_spoilt = *self.spoilt.lock().unwrap() == self.version;
        Ok(Box::new(FakeBatch { colours, is_spoilt }))
    }

    fn images_max(&self) -> usize {
        4
    }

    fn gpu(&self) -> Option<String> {
        None
    }
}

impl Staged for FakeBatch {
    fn run(&self, model: usize, images: &[usize]) -> Result<Rows, BackendError> {
        let share = |value: u8| f32::from(value) / 255.0;
        let rows = images.iter().map(|image| self.colours[*image]);
        Ok(match model {
            // A face where it is blue, in the middle, and again a little beside it.
            0 => Rows {
                values: rows
                    .flat_map(|[_, _, blue]| {
                        let near = share(blue) * 0.9;
                        [
                            0.25,
                            0.25,
                            0.75,
                            0.75,
                            share(blue),
                            0.0,
                            0.26,
                            0.25,
                            0.76,
                            0.75,
                            near,
                            0.0,
                        ]
                    })
                    .collect(),
                width: 12,
            },
            _ => Rows {
                values: rows
                    .flat_map(|[red, green, blue]| [share(red.max(green).max(blue)), share(red)])
                    .map(|score| if self.is_spoilt { 1.0 - score } else { score })
                    .collect(),
                width: 2,
            },
        })
    }

    fn run_labels(&self, model: usize, images: &[usize]) -> Result<Vec<Vec<Scored>>, BackendError> {
        let rows = self.run(model, images)?;
        let reaching = |row: &[f32]| {
            let scored = row.iter().enumerate();
            scored
                .map(|(label, score)| Scored {
                    label,
                    score: *score,
                })
                .filter(|scored| scored.score >= 0.5)
                .collect()
        };
        Ok(rows.iter().map(reaching).collect())
    }

    fn run_crops(&self, _: usize, crops: &[Crop]) -> Result<Rows, BackendError> {
        let values = crops.iter().flat_map(|crop| {
            let bright = f32::from(self.colours[crop.image][2]) / 255.0;
            [1.0 - bright, bright, 0.7, 0.3]
        });
        Ok(Rows {
            values: values.collect(),
            width: 4,
        })
    }
}
