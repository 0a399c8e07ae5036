use std::path::Path;

use super::super::fake::{self, Gate};
use super::super::{DeviceChoice, ModelSet, Torch};
use super::*;
use crate::frame::Size;

fn frame(pool: &FramePool, colour: [u8; 3]) -> Frame {
    FrameWriter::fill(pool, |pixels| {
        pixels
            .chunks_exact_mut(3)
            .for_each(|pixel| pixel.copy_from_slice(&colour));
        Ok::<(), ()>(())
    })
    .unwrap()
}

#[test]
fn each_image_gets_what_it_wants_and_nothing_of_its_neighbours() {
    let recognizer = fake::recognizer(std::sync::Arc::<Gate>::default());
    let pool = FramePool::new(Size::new(16, 12));
    let blue = frame(&pool, [0, 0, 255]);
    let red = frame(&pool, [255, 0, 0]);
    let black = frame(&pool, [0, 0, 0]);
    let (all, humans) = (recognizer.subset.features, Wants::of([Feature::Humans]));
    let found = recognizer
        .recognize(&[&black, &blue, &red, &blue], &[all, humans, all, all])
        .unwrap();
    assert_eq!(found[0], Findings::default());
    assert_eq!((found[1].faces.len(), found[1].labels.len()), (1, 0));
    assert_eq!((found[2].faces.len(), found[2].labels.len()), (0, 2));
    assert_eq!((found[3].faces.len(), found[3].labels.len()), (1, 1));
    let face = &found[1].faces[0];
    assert_eq!(face.attributes["age"].value, "bright");
    assert_eq!(face.attributes["gender"].value, "a");
    assert!((face.bounds.width - 0.5).abs() < 1e-6);
}

#[test]
fn the_demo_models_answer_the_same_alone_and_in_company() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let subset = ModelSet::load(&folder).unwrap().subset(None).unwrap();
    let torch = Torch::load(&subset, DeviceChoice::Cpu).unwrap();
    let recognizer = Recognizer::new(subset, Box::new(torch), None);
    let _entered = recognizer.backend().enter().unwrap();
    let pool = FramePool::new(recognizer.subset.frame);
    let frames: Vec<Frame> = [[10, 20, 30], [200, 190, 90], [90, 140, 220]]
        .into_iter()
        .map(|colour| frame(&pool, colour))
        .collect();
    let wants = vec![recognizer.subset.features; 3];
    let all = recognizer
        .recognize(&frames.iter().collect::<Vec<_>>(), &wants)
        .unwrap();
    for (frame, together) in frames.iter().zip(&all) {
        let alone = recognizer.recognize(&[frame], &wants[..1]).unwrap();
        let names = |found: &Findings| {
            found
                .labels
                .iter()
                .map(|label| label.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&alone[0]), names(together));
        assert_eq!(alone[0].faces.len(), together.faces.len());
        assert_eq!(alone[0].logos.len(), together.logos.len());
    }
}

/// As many faces in an image as its first pixel is red; counts the crops of each run.
struct Crowd {
    runs: std::sync::Arc<std::sync::Mutex<Vec<usize>>>,
}

struct CrowdBatch {
    faces: Vec<usize>,
    runs: std::sync::Arc<std::sync::Mutex<Vec<usize>>>,
}

impl Backend for Crowd {
    fn enter(&self) -> Result<Box<dyn std::any::Any>, BackendError> {
        Ok(Box::new(()))
    }

    fn stage<'a>(&'a self, frames: &[&Frame]) -> Result<Box<dyn Staged + 'a>, BackendError> {
        let faces = frames.iter().map(|frame| usize::from(frame.pixels()[0]));
        Ok(Box::new(CrowdBatch {
            faces: faces.collect(),
            runs: self.runs.clone(),
        }))
    }

    fn images_max(&self) -> usize {
        4
    }

    fn gpu(&self) -> Option<String> {
        None
    }
}

impl Staged for CrowdBatch {
    fn run(&self, _: usize, images: &[usize]) -> Result<super::super::Rows, BackendError> {
        // 120 places for boxes in a row, apart from one another.
        let of = |image: &usize| {
            let faces = self.faces[*image];
            (0..120).flat_map(move |at: u8| {
                let (x, y) = (f32::from(at % 12) / 12.0, f32::from(at / 12) / 10.0);
                let score = if usize::from(at) < faces { 0.9 } else { 0.0 };
                [x, y, x + 0.08, y + 0.09, score, 0.0]
            })
        };
        Ok(super::super::Rows {
            values: images.iter().flat_map(of).collect(),
            width: 720,
        })
    }

    fn run_labels(&self, _: usize, images: &[usize]) -> Result<Vec<Vec<Scored>>, BackendError> {
        Ok(vec![Vec::new(); images.len()])
    }

    fn run_crops(&self, _: usize, crops: &[Crop]) -> Result<super::super::Rows, BackendError> {
        self.runs.lock().unwrap().push(crops.len());
        if crops.len() > CROPS_MAX {
            return Err(BackendError::Failed("too many at once".into()));
        }
        Ok(super::super::Rows {
            values: [0.1, 0.9, 0.7, 0.3].repeat(crops.len()),
            width: 4,
        })
    }
}

#[test]
fn a_crowd_holds_up_itself_alone() {
    let runs = std::sync::Arc::default();
    let fake = fake::recognizer(std::sync::Arc::<Gate>::default());
    let backend = Crowd {
        runs: std::sync::Arc::clone(&runs),
    };
    let recognizer = Recognizer::new(fake.subset, Box::new(backend), None);
    let pool = FramePool::new(Size::new(16, 12));
    let frames = [100, 1, 0, 20].map(|faces| frame(&pool, [faces, 0, 0]));
    let frames: Vec<&Frame> = frames.iter().collect();
    let wants = vec![recognizer.subset.features; 4];
    let mut done: Vec<(usize, usize, usize)> = Vec::new();
    recognizer
        .recognize_each(&frames, &wants, &mut |image, found| {
            let is_told = |face: &&Face| face.attributes.len() == 2;
            assert_eq!(
                found.faces.iter().filter(is_told).count(),
                found.faces.len()
            );
            done.push((image, found.faces.len(), runs.lock().unwrap().len()));
        })
        .unwrap();
    // Image, its faces, and how many runs of crops it has waited for.
    assert_eq!(done, [(2, 0, 0), (1, 1, 1), (3, 20, 1), (0, 100, 2)]);
    assert_eq!(*runs.lock().unwrap(), [64, 57]);
}

#[test]
fn tiles_find_what_is_too_small_in_the_whole_frame() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let text = std::fs::read_to_string(folder.join("modelset.yaml")).unwrap();
    let found = |manifest: String| {
        let set = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.join("logos.pt"), set.path().join("logos.pt")).unwrap();
        std::fs::write(set.path().join("modelset.yaml"), manifest).unwrap();
        let brands = Some(Wants::of([Feature::Brands]));
        let subset = ModelSet::load(set.path()).unwrap().subset(brands).unwrap();
        let torch = Torch::load(&subset, DeviceChoice::Cpu).unwrap();
        let recognizer = Recognizer::new(subset, Box::new(torch), None);
        let _entered = recognizer.backend().enter().unwrap();
        let mut decoder =
            crate::decode::Decoder::new(FramePool::new(recognizer.subset.frame)).unwrap();
        let picture = decoder.decode(&quartered(&folder)).unwrap();
        let wants = [recognizer.subset.features];
        let all = recognizer.recognize(&[&picture.frame], &wants).unwrap();
        all[0].logos.clone()
    };
    let no_golden = text
        .lines()
        .filter(|line| !line.starts_with("  golden:"))
        .fold(String::new(), |text, line| text + line + "\n");
    let whole = found(no_golden.clone());
    let tiled = found(
        no_golden
            .replace(
                "frame: {width: 640, height: 480}",
                "frame: {width: 1280, height: 960}",
            )
            .replace(
                "nmsIou: 0.4",
                "nmsIou: 0.4\n      tiles: {columns: 2, rows: 2}",
            ),
    );
    // Three logos are on the golden image, here at half their size: 82, 16 and 10 px of the smaller frame.
    assert!(tiled.len() > whole.len(), "{whole:?} {tiled:?}");
    assert!(
        tiled
            .iter()
            .all(|logo| logo.bounds.left < 0.5 && logo.bounds.top < 0.5)
    );
}

/// A golden image of 640 × 480 in the corner of one that is twice as large.
fn quartered(folder: &Path) -> Vec<u8> {
    let small = image::open(folder.join("golden/00013.png"))
        .unwrap()
        .to_rgb8();
    let mut large = image::RgbImage::from_pixel(1280, 960, image::Rgb([114; 3]));
    image::imageops::replace(&mut large, &small, 0, 0);
    let mut bytes = std::io::Cursor::new(Vec::new());
    large.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
